"""Which connection a request gets: one that is alive, and in the order in which requests came."""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeAlias, cast
from weakref import WeakKeyDictionary

from .deadlines import Wire

_HANG_UP: int = getattr(select, "POLLRDHUP", 0) | getattr(select, "POLLHUP", 0) | getattr(select, "POLLERR", 0)
_READABLE: int = getattr(select, "POLLIN", 0)

Look: TypeAlias = Callable[[int], Sequence[object]]
"""Looks at a connection for so many milliseconds: what has come in, or that it was closed. Nothing: it is quiet."""


class _Transport(Protocol):
    def get_extra_info(self, name: str) -> Any: ...


class _KeptWire(Wire, Protocol):
    @property
    def transport(self) -> _Transport | None: ...


class KeptConnections:
    """Tells which kept connections of a pool must not carry another request.

    One may hold a response to no request of ours: the HTTP client would take it for the response to the next request,
    which is another call's, and so on for all that follow. Or the server has closed it, or sent something, and the
    event loop has had no time to notice: a request would be written into nothing, and its fate would be unknown.
    """

    __slots__ = ("_all_are_ours", "looks")

    def __init__(self, *, all_are_ours: bool) -> None:
        """
        Args:
            all_are_ours: every request of the pool comes through here, so that a connection seen for the first time was
                just made: what comes in on that one is nothing old.
        """
        self._all_are_ours = all_are_ours
        self.looks: WeakKeyDictionary[object, Look] = WeakKeyDictionary()
        """How to look at the connections that have carried a request. They are forgotten when they are gone."""

    def add(self, wire: object) -> Look:
        """Know a connection from now on."""
        look = self.looks[wire] = _look_at(cast("_KeptWire", wire))
        return look

    def usable(self, wire: object) -> bool:
        """Whether a connection may carry a request."""
        if wire is None:
            return False
        look = self.looks.get(wire)
        if look is None:
            look = self.add(wire)
            if self._all_are_ours:
                return True
        return not (len(cast("_KeptWire", wire)) or look(0))


def _look_at(wire: _KeptWire) -> Look:
    """Ask the operating system. The object that asks is kept: making it costs three times what asking does."""
    transport = wire.transport
    found = None if transport is None else transport.get_extra_info("socket")
    if transport is None or found is None or not _READABLE:
        return _nothing
    # Under TLS there may be bytes that mean nothing, such as session tickets.
    signs = _HANG_UP if transport.get_extra_info("ssl_object") is not None else _HANG_UP | _READABLE
    poll = select.poll()
    try:
        poll.register(found, signs)
    except (OSError, ValueError, TypeError):
        return _nothing
    return poll.poll


def _nothing(milliseconds: int) -> Sequence[object]:
    """Where there is nothing to ask."""
    return ()


class Places:
    """A number of places, given first come, first served.

    The HTTP client's own bound gives a connection that comes free to the task that asks at that moment, which mostly is
    the task that has just given it back: with many tasks in loops, some would never get one.
    """

    __slots__ = ("free", "waiting")

    def __init__(self, count: int) -> None:
        self.free: int = count
        """Free places; a task that finds one takes it by counting it off."""
        self.waiting: deque[asyncio.Future[None]] = deque()
        """Those who wait. Without any, a place is given back by counting it."""

    def queue(self) -> asyncio.Future[None]:
        """Wait for a place: await what this gives, and then call `left` in any case. Not a coroutine that does both:
        many tasks wait at once, and each of its frames would wait with them."""
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        return turn

    def left(self, turn: asyncio.Future[None]) -> bool:
        """The wait is over. True: there is a place, also where it came in the same moment as a cancellation."""
        if turn.done() and not turn.cancelled():
            return True
        with suppress(ValueError):  # the task that released a slot has already skipped it
            self.waiting.remove(turn)
        return False

    def give_back(self) -> None:
        """Hand the place to the task that waits longest."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1
