"""The stateful handlers, one module per family of resources.

A new family is one file here: its kinds (`@kind`), views (`@view`), clean-ups (`@before_delete`) and handlers
(`@handles`) become known when the package is loaded.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def load_all() -> None:
    """Import every module of this package."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
