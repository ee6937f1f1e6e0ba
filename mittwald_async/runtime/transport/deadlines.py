"""Deadlines for many exchanges from one timer.

A timer per exchange (aiohttp's `total`) costs about 5 µs of a call of 100 µs, and so do the two that bound silence (its
`sock_read`). Here a call's deadline is one entry in a set, and one timer looks at all of them every half second; only
exchanges that it still finds under way then get a timer for silence. Limits shorter than `COARSE` get exact timers.

Deadlines follow the client's clock. A clock that was handed in is looked at often: nothing says when it is moved. Real
time counts as well, so that one that stands still hangs nothing. Silence and the making of connections are the
network's, and are measured in real time only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from math import inf
from typing import Any, Protocol

import msgspec

from ..clock import SYSTEM_CLOCK, Clock

COARSE = 5.0
"""Seconds: shorter limits need more precision than the shared timer offers. (aiohttp rounds longer ones, too.)"""
_TICK = 0.5
_TICK_OF_OTHER_CLOCKS = 0.02
"""Real seconds between looks at an injected clock, which may have been moved by hours."""


class Wire(Sized, Protocol):
    """The reading end of a connection: as many responses as it is long have come in and wait to be taken."""

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


class Deadline(msgspec.Struct, eq=False):
    """One exchange. (A task may have several, one inside another: where a session's own middleware makes calls.)"""

    task: asyncio.Task[Any] | None = None
    """`None`: nothing bounds it."""
    deadline: float = inf
    cancelling: int = 0
    """Cancellations of the task that were asked for before."""
    silence: float | None = None
    """Seconds without a byte that are too many; `None` where another part bounds it."""
    late: bool = False
    """The watch has cancelled it."""
    by_clock: float = inf
    """When it ends by an injected clock."""
    timer: asyncio.TimerHandle | None = None
    """Its own, where it is short."""
    request: object = None
    """The HTTP client's, as soon as there is one."""

    @property
    def never_sent(self) -> bool:
        """Nothing of it can have left: it still waited for a connection. (A request has a response once it was
        sent.)"""
        return self.request is not None and getattr(self.request, "response", self) is None

    def expire(self) -> None:
        """Cancel the task."""
        if not self.late and self.task is not None:
            self.late = True
            self.task.cancel()

    def bound_silence(self) -> None:
        """Set the timer for silence, late by the time the exchange has been under way."""
        # A request has a response once it was sent, and that a connection until all of it has come in.
        response: object = getattr(self.request, "response", None)
        connection: Connection | None = getattr(response, "connection", None)
        wire = None if connection is None else connection.protocol
        # Where a response has come in, the timer was stopped for good: it must not tick on an idle connection.
        if wire is not None and not len(wire):
            wire.read_timeout, self.silence = self.silence, None
            wire.start_timeout()


class Deadlines:
    """The running exchanges of one event loop and when they are to end."""

    __slots__ = ("_clock", "_loop", "_running", "_ticking")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock = SYSTEM_CLOCK) -> None:
        self._loop = loop
        self._clock = None if clock is SYSTEM_CLOCK else clock
        self._running: set[Deadline] = set()
        self._ticking = False

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, seconds: float | None, silence: float | None = None) -> Deadline:
        """Cancel the running task if it has not called `end` within this time; bound silence once its `request` was
        sent.

        Args:
            seconds: `None`: nothing is bounded.
            silence: seconds without a byte that are too many; `None` where another part bounds it.
        """
        task = asyncio.current_task(self._loop)
        if seconds is None or task is None:
            return Deadline()
        watched = Deadline(task, self._loop.time() + seconds, task.cancelling(), silence)
        self._running.add(watched)
        short, clock = seconds < COARSE, self._clock
        if short:
            watched.timer = self._loop.call_later(seconds, watched.expire)
        if clock is not None:
            watched.by_clock = clock.now() + seconds
        if not self._ticking and (clock is not None or not short):
            self._ticking = True
            self._tick_later()
        return watched

    def end(self, watched: Deadline) -> bool:
        """The exchange is over; True if its deadline cancelled it, and nothing else did. Counts once."""
        if watched not in self._running:
            return False
        self._running.discard(watched)
        if watched.timer is not None:
            watched.timer.cancel()
        task = watched.task
        return watched.late and task is not None and task.uncancel() <= watched.cancelling

    def _tick(self) -> None:
        now = self._loop.time()
        moved_to = -inf if self._clock is None else self._clock.now()
        for watched in self._running:
            if watched.silence is not None:
                watched.bound_silence()
            if watched.deadline <= now or watched.by_clock <= moved_to:
                watched.expire()
        self._ticking = bool(self._running)
        if self._ticking:
            self._tick_later()

    def _tick_later(self) -> None:
        self._loop.call_later(_TICK if self._clock is None else _TICK_OF_OTHER_CLOCKS, self._tick)
