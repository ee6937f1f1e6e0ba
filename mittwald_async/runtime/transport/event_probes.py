"""One call asks whether an event was reached, on behalf of all that wait for it."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Asking(Protocol):
    """What has to be known of a call."""

    event: str | None
    """The event it waits for."""
    probing: str | None
    """The event it asks for again on behalf of others."""


class EventProbes:
    """The events that were not reached when a call asked, and which are being asked for again."""

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends: dict[str, asyncio.Future[bool]] = {}

    def __bool__(self) -> bool:
        return bool(self._ends)

    def begin(self, call: Asking) -> bool:
        """Whether this call is the one that asks again for its event."""
        event = call.event
        if event is None or event == call.probing:
            return True
        if event in self._ends:
            return False
        self.end(call, reached=False)
        self._ends[event] = asyncio.get_running_loop().create_future()
        call.probing = event
        return True

    def end(self, call: Asking, *, reached: bool) -> None:
        """The call asks no more: the event was reached, or one of the others has to ask."""
        event, call.probing = call.probing, None
        end = None if event is None else self._ends.pop(event, None)
        if end is not None and not end.done():
            end.set_result(reached)

    async def wait(self, call: Asking) -> None:
        """Wait while another call asks for the event, until it was reached or it is this call's turn to ask."""
        while call.event is not None and (end := self._ends.get(call.event)) is not None:
            await asyncio.wait((end,))
            if end.result() or self.begin(call):
                return
