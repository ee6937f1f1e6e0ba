"""Read your own writes: which event a request has to wait for. Pure bookkeeping; no I/O, no loop.

A write answers with an opaque event id. It is remembered under every *scope* the write touched: the ids in its path
and query, the ids in its response (what it created), and, for a thing created through this client, the scope it was
created in. A later request waits for the events of the ids in its own path and query:

- A list or read under project A never carries an event of project B.
- A list without any id (`GET /projects`) waits for the writes of its own group.
- A list under a project also waits for writes of its group whose project is not known, as when a database of an
  earlier session was changed by its own id.

Event ids cannot be compared, so of several *concurrent* writes under one scope it is unknown which is last. A write
replaces those events that were complete before it started; the others stay side by side. A reader that is itself one
of the writers waits for its own event. Any other reader waits for each in turn (at most `TOGETHER`), which costs a
request per event, and only once per group.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Any, TypeAlias

from ..error_bodies import json_object

EXPIRY = 120.0
"""Seconds an event is remembered. The server catches up within seconds; it holds a request for 10 s at most."""
FRESH = 30.0
"""Seconds during which 403 and 404 for an object created here count as lag."""
CAPACITY = 4096
"""Scopes, and created things, that are remembered. The oldest go first."""
TOGETHER = 8
"""Concurrent events kept per scope."""

_BODY_LIMIT = 1 << 16
"""Bytes of a response that is searched for ids: what was created is named in short ones."""

Scope: TypeAlias = str

_ANY: Scope = "any group"
"""Every write. A blank keeps this and the next two apart from ids."""


class WriteEvent:
    """One write: its event, when it ran, and by which task."""

    __slots__ = ("done", "event", "reached", "started", "task")

    def __init__(self, event: str, started: float, done: float, task: weakref.ref[asyncio.Task[Any]] | None) -> None:
        self.event: str = event
        self.started: float = started
        self.done: float = done
        self.task: weakref.ref[asyncio.Task[Any]] | None = task
        self.reached: set[str] = set()
        """Groups in which a request has already waited for it."""

    def mine(self) -> bool:
        """Did the running task do it?"""
        return self.task is not None and self.task() is asyncio.current_task()


class _Created:
    """Something created here: when, and within which scopes."""

    __slots__ = ("at", "within")

    def __init__(self, at: float, within: tuple[Scope, ...]) -> None:
        self.at = at
        self.within = within


class EventLog:
    """The events of one client and its clones. Bounded in number and age."""

    __slots__ = ("_created", "_roots", "scopes")

    def __init__(self, roots: Collection[str] = ()) -> None:
        """
        Args:
            roots: path parameters of what other things belong to: a write that names one is placed.
        """
        self._roots = roots
        self.scopes: OrderedDict[Scope, list[WriteEvent]] = OrderedDict()
        """What may have to be waited for; empty most of the time."""
        self._created: OrderedDict[str, _Created] = OrderedDict()

    def __len__(self) -> int:
        return len(self.scopes) + len(self._created)

    def events(self, ids: Iterable[str], group: str, listing: bool, now: float) -> list[str]:
        """The events a request about these ids waits for, in the order to wait for them; mostly none or one."""
        found: dict[int, WriteEvent] = {}
        named = False
        for scope in ids:
            named = True
            self._collect(scope, now, found)
        if not named:
            # A route that is in no document may list anything, and a write to one may have changed anything.
            self._collect(_group(group) if group else _ANY, now, found)
            if group:
                self._collect(_group(""), now, found)
        elif listing:
            self._collect(_unplaced(group), now, found)
        if not found:
            return []
        writes = sorted(found.values(), key=lambda write: write.done)
        own = [write for write in writes if write.mine()]
        if own:
            return [own[-1].event]
        *others, last = writes
        waiting = [write.event for write in others if group not in write.reached]
        return [*waiting[-(TOGETHER - 1) :], last.event]

    def reached(self, ids: Iterable[str], group: str, event: str) -> None:
        """A request of this group got its response after waiting for the event."""
        for scope in (*ids, _group(group), _unplaced(group), _ANY):
            for write in self.scopes.get(scope, ()):
                if write.event == event:
                    write.reached.add(group)

    def wrote(
        self,
        event: str | None,
        *,
        method: str,
        group: str,
        names: Iterable[str],
        ids: tuple[str, ...],
        body: bytes,
        started: float,
        now: float,
    ) -> None:
        """A write was answered. `names` are the parameters `ids` came under; `body` is the answer."""
        made = () if method == "DELETE" else created_ids(body)
        around = self._around(ids)
        if method == "DELETE":
            if ids:
                self._created.pop(ids[-1], None)
        else:
            for identity in made:
                if identity not in ids:
                    self._remember(identity, now, around)
        if event is None:
            return
        task = asyncio.current_task()
        write = WriteEvent(event, started, now, None if task is None else weakref.ref(task))
        placed = any(name in self._roots for name in names) or len(around) > len(ids)
        scopes = dict.fromkeys((*around, *made, _group(group), _ANY))
        if not placed:
            scopes[_unplaced(group)] = None
        for scope in scopes:
            self._add(scope, write)

    def fresh(self, ids: Iterable[str], now: float) -> bool:
        """Did this client create one of these things moments ago?"""
        return any((made := self._created.get(i)) is not None and now - made.at <= FRESH for i in ids)

    def _around(self, ids: tuple[str, ...]) -> tuple[Scope, ...]:
        """The ids and, for things created here, the scopes they were created in."""
        scopes = dict.fromkeys(ids)
        for identity in ids:
            made = self._created.get(identity)
            if made is not None:
                scopes.update(dict.fromkeys(made.within))
        return tuple(scopes)

    def _remember(self, identity: str, now: float, within: tuple[Scope, ...]) -> None:
        self._created[identity] = _Created(now, within)
        self._created.move_to_end(identity)
        while len(self._created) > CAPACITY:
            self._created.popitem(last=False)

    def _add(self, scope: Scope, write: WriteEvent) -> None:
        kept = [
            old
            for old in self.scopes.get(scope, ())
            if old.done > write.started and write.done - old.done < EXPIRY and old.event != write.event
        ]
        kept.append(write)
        self.scopes[scope] = kept[-TOGETHER:]
        self.scopes.move_to_end(scope)
        while self.scopes:
            oldest, writes = next(iter(self.scopes.items()))
            if len(self.scopes) <= CAPACITY and write.done - writes[-1].done < EXPIRY:
                break
            del self.scopes[oldest]

    def _collect(self, scope: Scope, now: float, found: dict[int, WriteEvent]) -> None:
        writes = self.scopes.get(scope)
        if writes is None:
            return
        if now - writes[-1].done >= EXPIRY:
            del self.scopes[scope]
            return
        found.update((id(write), write) for write in writes if now - write.done < EXPIRY)


def created_ids(body: bytes) -> tuple[str, ...]:
    """The ids a response to a write names at its top: what was created."""
    if not body or len(body) > _BODY_LIMIT:
        return ()
    return tuple(
        value
        for name, value in json_object(body).items()
        if isinstance(value, str) and value and (name == "id" or name.endswith("Id"))
    )


def _group(group: str) -> Scope:
    """Every write of a group."""
    return f"group {group}"


def _unplaced(group: str) -> Scope:
    """Writes of a group of which it is unknown whose thing they changed."""
    return f"unplaced {group}"
