"""Deadlines for many exchanges from one timer.

A timer per exchange (aiohttp's `total`) costs about 5 µs of a call of 100 µs. Here a call's deadline is one entry in a
dict, and one timer looks at all of them every half second. Deadlines nearer than `COARSE` are left to exact timers.
"""

from __future__ import annotations

import asyncio
from typing import Any

COARSE = 5.0
"""Seconds: shorter deadlines need more precision than this offers. (aiohttp rounds longer ones to whole seconds, too.)"""
_TICK = 0.5


class Watch:
    """The running exchanges of one event loop and when they are to end."""

    __slots__ = ("_late", "_loop", "_running", "_ticking")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: dict[asyncio.Task[Any], tuple[float, int]] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._ticking = False

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, task: asyncio.Task[Any], seconds: float) -> None:
        """Cancel the task if it has not called `end` within this time."""
        self._running[task] = (self._loop.time() + seconds, task.cancelling())
        if not self._ticking:
            self._ticking = True
            self._loop.call_later(_TICK, self._tick)

    def end(self, task: asyncio.Task[Any]) -> bool:
        """The exchange is over; True if it was this watch that cancelled it, and nobody else."""
        _, cancelled = self._running.pop(task)
        if not self._late or task not in self._late:
            return False
        self._late.discard(task)
        return task.uncancel() <= cancelled

    def _tick(self) -> None:
        now = self._loop.time()
        for task, (deadline, _) in self._running.items():
            if deadline <= now and task not in self._late:
                self._late.add(task)
                task.cancel()
        self._ticking = bool(self._running)
        if self._ticking:
            self._loop.call_later(_TICK, self._tick)
