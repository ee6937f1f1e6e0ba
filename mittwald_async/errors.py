"""The exceptions of the client: those of `mittwald_async.runtime.errors`, where they are drawn as a tree.

`MittwaldError` is the name that `ApiClientError`, the base of all of them, has in this package.
"""

from __future__ import annotations

from .runtime import errors
from .runtime.errors import *  # noqa: F403
from .runtime.errors import ApiClientError as MittwaldError

__all__ = ["MittwaldError"]
__all__ += errors.__all__
