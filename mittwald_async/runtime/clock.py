"""Time and randomness as injectable objects, so that tests neither sleep nor depend on chance."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

import anyio


class Clock(Protocol):
    """What limiter, retry and waiters know of time. Seconds throughout."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Suspend the task; zero or less only yields."""
        ...


class SystemClock:
    """The machine's own clock."""

    now: staticmethod[[], float] = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(max(0.0, seconds))


SYSTEM_CLOCK = SystemClock()

_LOOK_EVERY = 0.02
"""Real seconds between looks at an injected clock, which does not announce when it is moved."""


@asynccontextmanager
async def time_limit(clock: Clock, seconds: float | None) -> AsyncGenerator[None, None]:
    """Bound a block by a clock's time. Real time counts as well, so that a clock that stands still cannot hang it.

    Args:
        clock: what the seconds are measured by.
        seconds: until the running task is interrupted; `None`: no bound.

    Raises:
        TimeoutError: the time is over.
    """
    limit = asyncio.timeout(seconds)
    timer: asyncio.TimerHandle
    if seconds is None or clock is SYSTEM_CLOCK:
        async with limit:
            yield
        return
    loop = asyncio.get_running_loop()
    end = clock.now() + seconds

    def look() -> None:
        nonlocal timer
        if clock.now() >= end:
            limit.reschedule(loop.time())
        else:
            timer = loop.call_later(_LOOK_EVERY, look)

    async with limit:
        timer = loop.call_later(_LOOK_EVERY, look)
        try:
            yield
        finally:
            timer.cancel()
