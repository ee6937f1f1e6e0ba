"""Functions that callers pass."""

from __future__ import annotations

import inspect
from collections.abc import Callable


def takes(function: Callable[..., object], count: int) -> bool:
    """Whether it can be called with so many arguments, as far as it says which ones it takes."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # Some functions written in C do not say.
        return True
    return True


def is_async(function: Callable[..., object]) -> bool:
    """Whether what a call of it gives has to be awaited: an async function, or an object that is called like one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
