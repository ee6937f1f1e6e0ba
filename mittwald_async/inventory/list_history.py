"""When each list was read last, and how often things changed in it: what a rolling sweep chooses by."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from math import ceil
from statistics import median

import msgspec

from .catalog import ListRoute, Resource, catalog
from .fields import changed_fields
from .frontier import ListId
from .plan import Plan
from .rolling import DAY, ListState, seen_change
from .schema import tables
from .versions import stamped

_COMPARED = 1_000
"""Changed items of one resource that are compared property by property: where more have changed, the list is busy
anyway."""

_GAPS = 7
"""How many sweeps back the time between sweeps is measured."""

_EVERYTHING = ("customer", "project")
"""Resources that the lists of most others hang below."""


class _Known(msgspec.Struct, frozen=True, gc=False):
    """A line of the table `list_reads`."""

    scope: str
    verified_sweep: int | None
    verified_at: datetime | None
    tried_at: datetime
    changes: float
    days: float


class ListHistory:
    """The readings of an account's lists. What is changed here is part of the caller's transaction.

    Args:
        db: the inventory file.
        account: whose lists.
    """

    def __init__(self, db: sqlite3.Connection, account: str) -> None:
        self._db = db
        self._account = account

    # After a sweep

    def note(self, sweep: int, at: datetime) -> None:
        """Take over what a sweep has read, before what it needed for going on is forgotten.

        Args:
            sweep: its number.
            at: when it ended.
        """
        stamp = stamped(at)
        known = self._known()
        if known:
            self._note_again(sweep, at, known)
        self._db.execute(
            "INSERT OR IGNORE INTO list_reads SELECT ?, resource, operation, owner, scope, sweep, ?, ?, 0, 0 "
            "FROM lists WHERE sweep = ? AND done AND NOT moved",
            (self._account, stamp, stamp, sweep),
        )
        self._note_failures(sweep, stamp)
        self._forget_owners(sweep)

    def _note_again(self, sweep: int, at: datetime, known: dict[ListId, _Known]) -> None:
        """Learn from lists that have been read before, or tried, how often things change in them."""
        read: list[tuple[ListId, str]] = []
        for resource, operation, owner, scope in self._db.execute(
            "SELECT resource, operation, owner, scope FROM lists WHERE sweep = ? AND done AND NOT moved", (sweep,)
        ):
            own = (resource, operation, owner or None)
            if own in known and known[own].verified_sweep != sweep:
                read.append((own, scope))
        changes = self._changes(sweep, {own for own, _ in read})
        stamp = stamped(at)
        lines: list[tuple[object, ...]] = []
        for own, scope in read:
            before = known[own]
            learned = (before.changes, before.days)
            if before.verified_at is not None:
                elapsed = (at - before.verified_at).total_seconds() / DAY
                learned = seen_change(*learned, items=changes[own], elapsed=elapsed)
            lines.append((self._account, *own[:2], own[2] or "", scope, sweep, stamp, stamp, *learned))
        self._db.executemany("INSERT OR REPLACE INTO list_reads VALUES (?,?,?,?,?,?,?,?,?,?)", lines)

    def _note_failures(self, sweep: int, stamp: str) -> None:
        """Also lists that fail have been tried."""
        scopes = {
            (route.operation_id, route.parameter is None): route.scope
            for resource in catalog().values()
            for route in resource.routes
        }
        for resource, operation, owner in self._db.execute(
            "SELECT resource, operation, owner FROM failures WHERE sweep = ?", (sweep,)
        ).fetchall():
            scope = scopes.get((operation, owner is None), "account")
            self._db.execute(
                "INSERT INTO list_reads VALUES (?,?,?,?,?,NULL,NULL,?,0,0) "
                "ON CONFLICT DO UPDATE SET tried_at = excluded.tried_at",
                (self._account, resource, operation, owner or "", scope, stamp),
            )

    def _forget_owners(self, sweep: int) -> None:
        """Lists of projects and customers that are gone are dropped."""
        present = set(tables(self._db))
        for name in _EVERYTHING:
            if name in present:
                self._db.execute(
                    f"DELETE FROM list_reads WHERE account = ? AND scope = ? AND EXISTS (SELECT 1 FROM coverage "
                    "WHERE sweep = ? AND resource = ? AND complete) AND owner NOT IN "
                    f'(SELECT id FROM "{name}" WHERE account = ? AND to_sweep IS NULL)',
                    (self._account, name, sweep, name, self._account),
                )

    def _changes(self, sweep: int, lists: set[ListId]) -> Counter[ListId]:
        """Items of each list that differ from before; changes of volatile properties do not count."""
        found: Counter[ListId] = Counter()
        present = set(tables(self._db))
        for resource in {own[0] for own in lists} & present:
            compared = 0
            for operation, *owners, old, new in self._changed(resource, sweep):
                if old is not None and new is not None:
                    compared += 1
                    if compared > _COMPARED:
                        break
                    if not changed_fields(old, new):
                        continue
                for own in ((resource, str(operation), owner) for owner in (None, *owners)):
                    if own in lists:
                        found[own] += 1
                        break
        return found

    def _changed(self, resource: str, sweep: int) -> Iterator[Sequence[str | None]]:
        """Operation, owners, old and new JSON of what a sweep saw changed. Null where there was none, or is none."""
        pairs = (
            f'SELECT n.operation, n.project_id, n.customer_id, n.parent_id, o.data, n.data FROM "{resource}" n '
            f'LEFT JOIN "{resource}" o ON o.account = n.account AND o.key = n.key AND o.to_sweep = n.from_sweep '
            "WHERE n.account = ? AND n.from_sweep = ?"
        )
        yield from self._db.execute(pairs, (self._account, sweep))
        gone = (
            f'SELECT o.operation, o.project_id, o.customer_id, o.parent_id, o.data, NULL FROM "{resource}" o '
            f'WHERE o.account = ? AND o.to_sweep = ? AND NOT EXISTS (SELECT 1 FROM "{resource}" n '
            "WHERE n.account = o.account AND n.key = o.key AND n.from_sweep = o.to_sweep)"
        )
        yield from self._db.execute(gone, (self._account, sweep))

    # Before a sweep

    def states(self, plan: Plan, now: datetime) -> list[ListState]:
        """All lists that a sweep of this plan has, as far as their owners are known.

        Args:
            plan: what is to be swept, of the whole account.
            now: the moment that ages count from.
        """
        known = self._known()
        by_resource: defaultdict[str, list[ListId]] = defaultdict(list)
        for own in known:
            by_resource[own[0]].append(own)
        present = set(tables(self._db))
        states: list[ListState] = []
        for step in plan.steps:
            resource = catalog()[step.resource]
            owners = self._owners(resource, step.route, present)
            wanted = dict(owners)
            # Where the credentials are refused the list of the plan, others take its place.
            spare = {route.operation_id for route in step.spare}
            planned = {(step.resource, step.route.operation_id, owner) for owner in wanted}
            other = [own for own in by_resource[step.resource] if own[1] in spare and own not in planned]
            read = any(own in known and known[own].verified_at is not None for own in planned)
            lists = {own: wanted[own[2]] for own in planned} | ({} if read else dict.fromkeys(other))
            for own, feeder in lists.items():
                states.append(self._state(own, known.get(own), now, feeder, self._price(step.route, own, present)))
        return states

    def _state(self, own: ListId, line: _Known | None, now: datetime, feeder: ListId | None, price: int) -> ListState:
        always = own[0] in _EVERYTHING and own[2] is None
        if line is None:
            return ListState(id=own, price=price, feeder=feeder, always=always)
        return ListState(
            id=own,
            price=price,
            age=None if line.verified_at is None else _days(now, line.verified_at),
            tried=_days(now, line.tried_at),
            changes=line.changes,
            days=line.days,
            feeder=feeder,
            always=always,
        )

    def _price(self, route: ListRoute, own: ListId, present: set[str]) -> int:
        if own[2] is not None or not route.page_size or own[0] not in present:
            return 1
        (items,) = self._db.execute(
            f'SELECT count(*) FROM "{own[0]}" WHERE account = ? AND to_sweep IS NULL', (self._account,)
        ).fetchone()
        return max(1, ceil(int(items) / route.page_size))

    def _owners(
        self, resource: Resource, route: ListRoute, present: set[str]
    ) -> Iterable[tuple[str | None, ListId | None]]:
        """Owners of a route's lists, each with the list that shows it; those of projects and customers are always
        asked."""
        if route.scope == "account":
            return [(None, None)]
        if route.scope == "parent":
            if resource.parent is None or resource.parent not in present:
                return []
            return {own: list_of for own, _, _, list_of in self.owned(resource.parent) if own}.items()
        if route.scope == "project" and resource.requires is not None and resource.requires in present:
            return {project: list_of for _, _, project, list_of in self.owned(resource.requires) if project}.items()
        if route.scope not in present:
            return []
        found = self._db.execute(
            f'SELECT id FROM "{route.scope}" WHERE account = ? AND to_sweep IS NULL AND id IS NOT NULL',
            (self._account,),
        )
        return [(own, None) for (own,) in found]

    def owned(self, resource: str) -> Iterator[tuple[str | None, str | None, str | None, ListId]]:
        """Id, customer and project of everything there is of a resource, and the list it is in."""
        known = set(self._known(resource))
        for own, customer, project, parent, operation in self._db.execute(
            f'SELECT id, customer_id, project_id, parent_id, operation FROM "{resource}" '
            "WHERE account = ? AND to_sweep IS NULL",
            (self._account,),
        ).fetchall():
            candidates = [(resource, str(operation), owner) for owner in (parent, project, customer, None)]
            list_of = next((one for one in candidates if one in known), candidates[-1])
            yield own, customer, project, list_of

    def interval(self) -> float:
        """Days between the account's last sweeps; a day where there are none to learn it from."""
        begun = [
            datetime.fromisoformat(at)
            for (at,) in self._db.execute(
                "SELECT started_at FROM sweeps WHERE account = ? ORDER BY id DESC LIMIT ?", (self._account, _GAPS)
            )
        ]
        gaps = [_days(later, earlier) for later, earlier in pairwise(begun)]
        return median(gaps) if gaps else 1.0

    def _known(self, resource: str | None = None) -> dict[ListId, _Known]:
        found = self._db.execute(
            "SELECT resource, operation, owner, scope, verified_sweep, verified_at, tried_at, changes, days "
            "FROM list_reads WHERE account = ? AND (? IS NULL OR resource = ?)",
            (self._account, resource, resource),
        )
        return {
            (name, operation, owner or None): _Known(
                scope,
                sweep,
                None if at is None else datetime.fromisoformat(at),
                datetime.fromisoformat(tried),
                changes,
                days,
            )
            for name, operation, owner, scope, sweep, at, tried, changes, days in found
        }


def _days(later: datetime, earlier: datetime) -> float:
    return (later - earlier).total_seconds() / DAY
