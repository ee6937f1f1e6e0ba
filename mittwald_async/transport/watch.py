"""Deadlines for many exchanges from one timer.

A timer per exchange (aiohttp's `total`) costs about 5 µs of a call of 100 µs, and so do the two that bound silence (its
`sock_read`). Here a call's deadline is one entry in a dict, and one timer looks at all of them every half second; only
exchanges that it still finds under way then get a timer for silence. Limits shorter than `COARSE` are left to exact
timers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from typing import Any, Protocol

COARSE = 5.0
"""Seconds: shorter limits need more precision than this offers. (aiohttp rounds longer ones to whole seconds, too.)"""
_TICK = 0.5


class Wire(Sized, Protocol):
    """The reading end of a connection: as many answers as it is long have come in and wait to be taken."""

    @property
    def read_timeout(self) -> float | None: ...

    @read_timeout.setter
    def read_timeout(self, read_timeout: float | None) -> None: ...

    def start_timeout(self) -> None: ...


class Connection(Protocol):
    """What a request went out on."""

    @property
    def protocol(self) -> Wire | None:
        """`None` once it is given back."""
        ...


class Watched:
    """One exchange."""

    __slots__ = ("cancelling", "deadline", "request", "silence")

    def __init__(self, deadline: float, cancelling: int, silence: float | None) -> None:
        self.deadline: float = deadline
        self.cancelling: int = cancelling
        self.silence: float | None = silence
        """Seconds without a byte that are too many; `None` where somebody else sees to that."""
        self.request: object = None
        """The HTTP client's, as soon as there is one."""

    def bound_silence(self) -> None:
        """Set the timer for silence, late by the time the exchange has been under way."""
        # A request has a response once it was sent, and that a connection until all of it has come in.
        response: object = getattr(self.request, "response", None)
        connection: Connection | None = getattr(response, "connection", None)
        wire = None if connection is None else connection.protocol
        # Where an answer has come in, the timer was stopped for good: it must not tick on an idle connection.
        if wire is not None and not len(wire):
            wire.read_timeout, self.silence = self.silence, None
            wire.start_timeout()


class Watch:
    """The running exchanges of one event loop and when they are to end."""

    __slots__ = ("_late", "_loop", "_running", "_ticking")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: dict[asyncio.Task[Any], Watched] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._ticking = False

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, task: asyncio.Task[Any], seconds: float, silence: float | None = None) -> Watched:
        """Cancel the task if it has not called `end` within this time; bound silence once its `request` was sent."""
        watched = self._running[task] = Watched(self._loop.time() + seconds, task.cancelling(), silence)
        if not self._ticking:
            self._ticking = True
            self._loop.call_later(_TICK, self._tick)
        return watched

    def end(self, task: asyncio.Task[Any]) -> bool:
        """The exchange is over; True if it was this watch that cancelled it, and nobody else."""
        watched = self._running.pop(task)
        if not self._late or task not in self._late:
            return False
        self._late.discard(task)
        return task.uncancel() <= watched.cancelling

    def _tick(self) -> None:
        now = self._loop.time()
        for task, watched in self._running.items():
            if watched.silence is not None:
                watched.bound_silence()
            if watched.deadline <= now and task not in self._late:
                self._late.add(task)
                task.cancel()
        self._ticking = bool(self._running)
        if self._ticking:
            self._loop.call_later(_TICK, self._tick)
