"""Time and chance as things that can be handed in, so that tests neither sleep nor roll dice."""

from __future__ import annotations

import time
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
