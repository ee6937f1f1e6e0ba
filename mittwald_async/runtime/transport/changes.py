"""What a client changed lately: a waiter must not take the state before the change for the one after."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime

from ..headers import http_date
from .consistency import created_ids

CAPACITY = 4096
"""Things that are remembered. The oldest go first."""


class ChangeLog:
    """When a client and its clones last changed which thing. Bounded in number."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def wrote(self, method: str, path: Sequence[object], body: bytes, now: float, moment: datetime) -> None:
        """A write was answered: it changed the things its path names, unless it created another one below them.

        Args:
            method, path: of the call.
            body: of the response.
            now: clock reading.
            moment: when that was, by the server's clock.
        """
        ids = [value for value in path if isinstance(value, str)]
        if method == "DELETE" or (method == "POST" and not set(created_ids(body)) <= set(ids)):
            return
        for identity in ids:
            self._changes[identity] = (now, moment)
            self._changes.move_to_end(identity)
        while len(self._changes) > CAPACITY:
            self._changes.popitem(last=False)

    def last(self, identity: str) -> tuple[float, datetime] | None:
        """Clock reading and server time of the last change; `None`: none is remembered."""
        return self._changes.get(identity)


def server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """When a response was written by the server's clock, to the second; `now` where its headers do not say."""
    return http_date(headers.get("Date", "")) or now
