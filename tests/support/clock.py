"""An event loop with virtual time: it jumps to the next timer as soon as nothing else is ready.

`asyncio.sleep`, timeouts, `loop.call_later` and everything based on `loop.time()` (aiolimiter, anyio) agree on it, so
hours of waiting pass in milliseconds and every instant can be worked out by hand. Sockets may be open, but time does
not wait for them: use it for code that only computes and sleeps.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

START = 1000.0
"""Initial value of `loop.time()`; not zero, so that a forgotten default of zero is noticed."""

_STUCK_AFTER = 5.0
"""Real seconds without an event or a timer after which a test counts as stuck."""

_TURN = 1e-9
"""Seconds per turn of the loop, so that code which waits for a rounding error to pass does not wait forever."""


class _JumpingSelector(selectors.DefaultSelector):
    """Polls real events without waiting, and advances the virtual clock instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            events = super().select(_STUCK_AFTER)
            if not events:
                raise RuntimeError("stuck: every task waits and no timer is set")
            return events
        events = super().select(0)
        self.now += _TURN + (0.0 if events else max(0.0, timeout))
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with its own `time()`; `advance` takes the place of waiting."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Threads run in real time; a limit in virtual seconds, as set by Python 3.12 and later, would expire."""
        await super().shutdown_default_executor()


class VirtualClock:
    """The running loop's time as a `Clock` to inject."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


def run_virtual(main: Coroutine[Any, Any, R]) -> R:
    """`asyncio.run` on a virtual loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def virtual(test: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """Decorator: run the async test or function on a fresh virtual loop. Async fixtures run outside it."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return run_virtual(test(*args, **kwargs))

    return run


def close_to(value: float, expected: float, within: float = 1e-6) -> bool:
    """Whether two instants or durations are equal except for rounding."""
    return abs(value - expected) <= within
