"""Functions that callers hand in."""

from __future__ import annotations

import inspect
from collections.abc import Callable


def is_async(function: Callable[..., object]) -> bool:
    """Whether what a call of it gives has to be awaited: an async function, or an object that is called like one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
