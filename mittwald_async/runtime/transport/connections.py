"""Which connection a request gets: one that is alive, and in the order in which requests came."""

from __future__ import annotations

import asyncio
import select
from collections import deque
from contextlib import suppress
from typing import Any, Protocol, cast

import aiohttp

from .deadlines import Wire

_HANG_UP: int = getattr(select, "POLLRDHUP", 0) | getattr(select, "POLLHUP", 0) | getattr(select, "POLLERR", 0)
_READABLE: int = getattr(select, "POLLIN", 0)


class _Transport(Protocol):
    def get_extra_info(self, name: str) -> Any: ...


class _KeptWire(Wire, Protocol):
    @property
    def transport(self) -> _Transport | None: ...


def unusable(wire: object) -> bool:
    """Whether a kept connection must not carry another request.

    It may hold a response to no request of ours: the HTTP client would take it for the response to the next request,
    which is another call's, and so on for all that follow. Or the server has closed it, or sent something, and the event
    loop has had no time to notice: a request would be written into nothing, and nobody could say what became of it.
    """
    kept = cast("_KeptWire | None", wire)
    if kept is None or len(kept):
        return True
    transport = kept.transport
    found = None if transport is None else transport.get_extra_info("socket")
    if found is None or not _READABLE:
        return False
    # Under TLS there may be bytes that mean nothing, such as session tickets.
    signs = _HANG_UP if cast("_Transport", transport).get_extra_info("ssl_object") is not None else _HANG_UP | _READABLE
    poll = select.poll()
    try:
        poll.register(found, signs)
        return any(event & (signs | select.POLLNVAL) for _, event in poll.poll(0))
    except (OSError, ValueError, TypeError):
        return False


class Connections(aiohttp.TCPConnector):
    """A pool that gives out no connection that is `unusable`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType] - the HTTP client types one argument in part
        self._made: set[int] = set()
        """Connections that were just made, by identity: what comes in on them is nothing old."""

    async def _create_connection(self, req: aiohttp.ClientRequest, traces: list[Any], timeout: Any) -> Any:
        wire = await super()._create_connection(req, traces, timeout)
        self._made.add(id(wire))
        return wire

    async def connect(self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout) -> Any:
        while True:
            connection = await super().connect(req, traces, timeout)
            wire = connection.protocol
            if id(wire) in self._made:
                self._made.discard(id(wire))
                return connection
            if not unusable(wire):
                return connection
            connection.close()


class Places:
    """A number of places, given first come, first served.

    The HTTP client's own bound gives a connection that comes free to whoever asks at that moment, which mostly is the task
    that has just given it back: with many tasks in loops, some would never get one.
    """

    __slots__ = ("_free", "_waiting")

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_now(self) -> bool:
        """Take a place if one is free."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def take(self) -> None:
        """Wait for a place."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.give_back()  # the place came in the same moment as the cancellation
            else:
                with suppress(ValueError):  # whoever gave a place back has passed over it already
                    self._waiting.remove(turn)
            raise

    def give_back(self) -> None:
        """Hand the place to whoever waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
