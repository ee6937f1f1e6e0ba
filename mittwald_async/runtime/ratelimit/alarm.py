"""One wake-up at a time, on the loop's own time or on an injected clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Protocol

from ..clock import Clock


class Alarm(Protocol):
    """Calls back once, at the instant set last."""

    def set(self, at: float) -> None:
        """Ring at this instant instead of any other; `inf`: not at all."""
        ...


class LoopAlarm:
    """Rings by a timer of the event loop.

    Args:
        loop: the loop; `now` and the instants are of its time.
        ring: what to call.
    """

    __slots__ = ("_at", "_loop", "_ring", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._at = inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at: float) -> None:
        if at == self._at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._at = at
        self._timer = None if at == inf else self._loop.call_at(at, self._rung)

    def _rung(self) -> None:
        self._at, self._timer = inf, None
        self._ring()


class ClockAlarm:
    """Rings by a task that sleeps on the clock. It exists only while an instant is set."""

    __slots__ = ("_at", "_clock", "_loop", "_ring", "_task")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._clock = clock
        self._ring = ring
        self._at = inf
        self._task: asyncio.Task[None] | None = None

    def set(self, at: float) -> None:
        if at == self._at:
            return
        if self._task is not None:
            self._task.cancel()
        self._at = at
        self._task = None if at == inf else self._loop.create_task(self._sleep(at), name="request budget alarm")

    async def _sleep(self, at: float) -> None:
        while (left := at - self._clock.now()) > 0:
            await self._clock.sleep(left)
        self._at, self._task = inf, None
        self._ring()
