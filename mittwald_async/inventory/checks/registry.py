"""Every check there is: one module of `rules` each, found by being there."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from . import rules
from .check import Check


@cache
def all_checks() -> tuple[Check, ...]:
    """The checks in the order of family and id."""
    found: list[Check] = [
        import_module(f"{rules.__name__}.{module.name}").CHECK
        for module in pkgutil.iter_modules(rules.__path__)
        if not module.name.startswith("_")
    ]
    return tuple(sorted(found, key=lambda check: (check.family, check.id)))
