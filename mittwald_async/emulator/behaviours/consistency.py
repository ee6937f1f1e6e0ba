"""Eventual consistency: a write is an event, and reads see it only when it has arrived.

Every write gets an event id (the answer's `etag`). Until the lag has passed, a read that does not ask for the event
sees the world before it: what was created is 404 or 403 and missing in lists, what was changed or deleted reads as it
was. `if-event-reached: <id>` makes the server wait for the event, up to a limit, then 412.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ..clock import EmulatorClock
from ..options import EmulatorOptions
from ..replies import Fail, Lazy


class _WriteEvent:
    __slots__ = ("arrives", "before", "created", "number")

    def __init__(self, number: int, arrives: float, created: frozenset[str], before: tuple[str, bytes] | None) -> None:
        self.number = number
        self.arrives = arrives
        self.created = created
        self.before = before
        """Path and answer of the resource as it was."""


class Visibility:
    """What one read may see."""

    __slots__ = ("_blocked", "_events")

    def __init__(self, events: list[_WriteEvent], blocked: frozenset[str]) -> None:
        self._events = events
        self._blocked = blocked

    @property
    def whole(self) -> bool:
        """Nothing is hidden."""
        return not self._events and not self._blocked

    def refuse(self, values: Iterable[str]) -> None:
        """Raise Fail if one of the path's ids is not there yet: 403 or 404, by the id."""
        for value in values:
            if value in self._blocked or any(value in event.created for event in self._events):
                raise Fail.forbidden() if _coin(value) else Fail.not_found("resource", value)

    def before(self, path: str) -> bytes | None:
        """The answer of this path before the first event that is still hidden."""
        for event in self._events:
            if event.before is not None and event.before[0] == path:
                return event.before[1]
        return None

    def without_new(self, items: Lazy) -> Lazy:
        """A list without what hidden events created."""
        hidden = self._blocked.union(*(event.created for event in self._events))
        if not hidden:
            return items
        if len(items) > _WHOLE_LIST:
            return _Without(items, hidden)
        return [item for item in items[0 : len(items)] if item_id(item) not in hidden]


class _Without:
    """A long list that is not made only to look for a few new items in it: pages are cleaned one by one, and what comes
    after a hidden item may be seen twice or not at all, as in any list that changes while it is read."""

    __slots__ = ("_hidden", "_items")

    def __init__(self, items: Lazy, hidden: frozenset[str]) -> None:
        self._items = items
        self._hidden = hidden

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, part: slice, /) -> list[Any]:
        start, stop, _ = part.indices(len(self._items))
        more = self._items[start : stop + len(self._hidden)]
        return [item for item in more if item_id(item) not in self._hidden][: stop - start]


class Events:
    """The events of one emulator. Configured by replacing `options`."""

    def __init__(self, options: EmulatorOptions, clock: EmulatorClock, account: int = 0) -> None:
        self.options = options
        self._clock = clock
        self._account = account
        self._count = 0
        self.recent: deque[dict[str, Any]] = deque(maxlen=options.log_size)
        """What the control API shows."""
        self._known: dict[str, _WriteEvent] = {}
        self._pending: list[_WriteEvent] = []
        """Not yet arrived, or their permissions not yet, oldest first."""

    @property
    def on(self) -> bool:
        return self.options.lag > 0

    def wrote(
        self, created: Iterable[str], before: tuple[str, bytes] | None, about: dict[str, Any] | None = None
    ) -> str:
        """Record a write and return the event's id. `about` is its description for the control API."""
        self._count += 1
        event_id = self._new_id()
        event = _WriteEvent(self._count, self._clock.now() + self.options.lag, frozenset(created), before)
        self._known[event_id] = event
        self.recent.append(
            {"id": event_id, "arrives": event.arrives, "created": sorted(event.created), **(about or {})}
        )
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        if self.on:
            self._pending.append(event)
        return event_id

    def _new_id(self) -> str:
        """A decimal number that grows with time: milliseconds, then a count, then the account."""
        milliseconds = int((self._clock.now() - _FIRST_EVENT) * 1000)
        return str((milliseconds << 22) | (self._count & 0xFFFF) << 6 | (self._account & 0x3F))

    async def reach(self, event_id: str, trace_id: Callable[[], str]) -> int:
        """Wait until the event has arrived; gives its number. Raises Fail (412) if that takes too long."""
        event = self._known.get(event_id.strip('"'))
        wait = self.options.event_wait
        left = wait + 1.0 if event is None else event.arrives - self._clock.now()
        if left > 0:
            await self._clock.sleep(min(left, wait))
        if event is None or event.arrives > self._clock.now():
            raise NotReached(trace_id())
        return event.number

    def view(self, reached: int) -> Visibility:
        """What a read sees that waited for the event of this number (0: for none)."""
        if not self._pending:
            return _WHOLE
        now = self._clock.now()
        permission_lag = self.options.permission_lag
        if self._pending[0].arrives + permission_lag <= now:
            self._forget(now - permission_lag)
        hidden = [event for event in self._pending if event.number > reached and event.arrives > now]
        if permission_lag:
            return Visibility(hidden, frozenset[str]().union(*(event.created for event in self._pending)))
        return Visibility(hidden, frozenset())

    def _forget(self, arrived: float) -> None:
        """Drop what events kept to be hidden; their arrival is still known."""
        for event in self._pending:
            if event.arrives <= arrived:
                event.created, event.before = frozenset(), None
        self._pending = [event for event in self._pending if event.arrives > arrived]


class NotReached(Fail):
    """The 412 that may be repeated."""

    def __init__(self, trace_id: str) -> None:
        super().__init__(412, "FailedPrecondition", "lastEventID not reached")
        self.trace_id = trace_id


_FIRST_EVENT = 1_700_000_000
"""Unix seconds from which event ids count."""
_REMEMBERED = 100_000
"""Event ids that can be waited for; older ones count as never heard of."""
_WHOLE_LIST = 2000
"""Items of the longest list that is searched whole for what is hidden."""
_WHOLE = Visibility([], frozenset())


def _coin(value: str) -> bool:
    return hashlib.blake2b(value.encode(), digest_size=1).digest()[0] & 1 == 1


class _Identified(msgspec.Struct):
    id: Any = None


def item_id(item: Any) -> Any:
    """The `id` of an object, plain or already JSON; `None` where there is none."""
    if isinstance(item, msgspec.Raw):
        return msgspec.json.decode(item, type=_Identified).id
    if not isinstance(item, dict):
        return None
    fields: dict[str, Any] = item  # pyright: ignore[reportUnknownVariableType]
    return fields.get("id")
