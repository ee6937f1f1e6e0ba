"""The exceptions of the client: those of `mittwald_async.runtime.errors`, where they are drawn as a tree.

`MittwaldError` is the name that `ApiClientError`, the base of all of them, has in this package.
"""

from __future__ import annotations

from .runtime.errors import *  # noqa: F403
from .runtime.errors import ApiClientError as MittwaldError
from .runtime.errors import __all__ as _runtime_names

__all__ = ["MittwaldError"]
__all__ += _runtime_names
