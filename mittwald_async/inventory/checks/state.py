"""An inventory file as checks see it: the views `v_<resource>`, now or as they were at the sweep before."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from ..coverage import Coverage, Place
from ..plan import Target
from ..schema import swept_views
from .check import Check, Hit, InventoryReader

T = TypeVar("T")

_WHOSE = ("r.customer_id", "r.project_id", "r.unseen_since")
"""Whose a row is, and since when it was not seen: that of an earlier state is what is known of it now."""
_TEXT = "coalesce(CAST(({}) AS TEXT), '')"
_ENDED = "state IN ('done', 'incomplete')"
_BEYOND_ROW = re.compile(
    r":[a-z]|\bv_|\bstate_sweep\b|\bmain\.|\br\.(customer|project|project_short_id|verified_at|unseen_since)\b"
)
"""In an expression: the time or another parameter, other rows, or what changes without the row."""


def of_row(check: Check) -> bool:
    """Whether a check by SQL says the same of the same row always: it depends neither on the time nor on other rows."""
    if check.find is not None or check.needs != (check.table,):
        return False
    return not any(map(_BEYOND_ROW.search, (check.subject, check.detail, check.where)))


Rows = Iterable[tuple[Any, ...]]
_Asked = tuple[str, tuple[str, ...], str]
"""View, columns and condition."""


class StateSweep(NamedTuple):
    """The sweep that an account's state is from."""

    id: int
    seen_at: str
    previous: int | None
    """The complete sweep before it."""


class InventoryState:
    """Read-only queries over one state of an inventory.

    Besides the views, they may use the temporary table `state_sweep`: for each `account` its sweep's `id`, when that was
    begun (`seen_at`) and the complete sweep before (`previous`).

    Args:
        db: the inventory file.
        now: as the attribute.
        sweeps: the sweep of each account.
        later: of an earlier state, the present one of the same file: what that has read of rows that have not changed
            since is not read again.

    Attributes:
        now: when that state was seen, ISO 8601; what "expires soon" counts from.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        now: str,
        sweeps: Mapping[str, StateSweep],
        later: InventoryState | None = None,
    ) -> None:
        self._db = db
        self._later = later
        self._kept: dict[_Asked, list[tuple[Any, ...]]] = {}
        self._begun: dict[str, frozenset[tuple[str, str]]] = {}
        self.now: str = now
        self.sweeps: Mapping[str, StateSweep] = sweeps
        self._views = {name.removeprefix("v_") for name in swept_views(db)}
        db.execute("DROP TABLE IF EXISTS temp.state_sweep")
        db.execute(
            "CREATE TEMP TABLE state_sweep (account TEXT PRIMARY KEY, id INTEGER, seen_at TEXT, previous INTEGER)"
        )
        db.executemany("INSERT INTO state_sweep VALUES (?, ?, ?, ?)", [(name, *one) for name, one in sweeps.items()])
        self._days: dict[int | None, str | None] = dict(
            db.execute("SELECT id, substr(started_at, 1, 10) FROM main.sweeps").fetchall()
        )
        self._made: dict[object, object] = {}
        self._asked: dict[tuple[str, str], list[Coverage]] = {}
        self._coverage: dict[int, Coverage] = {}

    def has(self, resource: str) -> bool:
        """Was the resource ever swept into this file?"""
        return resource in self._views

    def has_of(self, resource: str, account: str) -> bool:
        """Has a sweep of this account ever asked for the resource?"""
        return self.has(resource) and bool(self._sweeps_of(resource, account))

    def read(self, resource: str, account: str, customer: str | None = None, project: str | None = None) -> bool:
        """Were the lists of a resource read to their end, when they were last asked for?

        Args:
            resource: its name.
            account: whose.
            customer, project: whose lists; without both, all of the account.
        """
        place = Place(None, customer, project)
        for coverage in self._sweeps_of(resource, account):
            if customer is None and project is None:
                return coverage.complete(resource) and coverage.whole
            if coverage.asked(resource, place):
                return coverage.lists_read(resource, place)
        return False

    def _sweeps_of(self, resource: str, account: str) -> list[Coverage]:
        """What sweeps of an account that asked for a resource could see, newest first."""
        found = self._asked.get((resource, account))
        if found is None:
            newest = self.sweeps[account].id if account in self.sweeps else 0
            rows = self._db.execute(
                "SELECT s.id, s.target FROM sweeps s JOIN coverage c ON c.sweep = s.id AND c.resource = ? "
                "WHERE s.account = ? AND s.id <= ? ORDER BY s.id DESC",
                (resource, account, newest),
            ).fetchall()
            found = [self._coverage_of(number, account, target) for number, target in rows]
            self._asked[resource, account] = found
        return found

    def _coverage_of(self, sweep: int, account: str, target: str) -> Coverage:
        if sweep not in self._coverage:
            self._coverage[sweep] = Coverage(self._db, sweep, account, msgspec.json.decode(target, type=Target))
        return self._coverage[sweep]

    def unread(self) -> list[tuple[str, str, str, int]]:
        """What could not be seen: account, resource, reason, number of lists (0: not known)."""
        return unread(self._db, {account: sweep.id for account, sweep in self.sweeps.items()})

    def query(self, sql: str, **values: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a query; `:now` is bound."""
        return iter(self._db.execute(sql, {"now": self.now, **values}))

    def rows(self, table: str, *columns: str, where: str = "1") -> Rows:
        """Account, key and further columns of a resource's view.

        Args:
            table: the resource.
            columns: SQL expressions over its row `r`.
            where: SQL condition over `r`.
        """
        asked = (table, columns, where)
        if any(_BEYOND_ROW.search(part) for part in (*columns, where) if part not in _WHOSE):
            return self._select(asked)
        if self._later is None:
            self._kept[asked] = self._select(asked).fetchall()
            return self._kept[asked]
        known = self._later.kept(asked)
        return self._select(asked) if known is None else self._carried(known, asked)

    def kept(self, asked: _Asked) -> list[tuple[Any, ...]] | None:
        """What was read for the check that is asked."""
        return self._kept.get(asked)

    def _select(self, asked: _Asked, view: str = "v", values: Mapping[str, object] | None = None) -> sqlite3.Cursor:
        table, columns, where = asked
        picked = ", ".join(("r.account", "r.key", *columns))
        sql = f'SELECT {picked} FROM "{view}_{table}" r WHERE {where}'
        return self._db.execute(sql, {"now": self.now, **(values or {})})

    def _carried(self, known: Rows, asked: _Asked) -> Rows:
        """What the present state has read, without what has begun since, and with what has ended since."""
        begun = self._begun_since(asked[0])
        yield from (row for row in known if (row[0], row[1]) not in begun and row[0] in self.sweeps)
        yield from self._select(asked, "ended")

    def _begun_since(self, table: str) -> frozenset[tuple[str, str]]:
        """Account and key of everything of which a version was stored after this state."""
        if table not in self._begun:
            # The plus keeps SQLite from making an index of all accounts: by its own one there are few to look at.
            found = self._db.execute(
                f'SELECT h.account, h.key FROM state_sweep p CROSS JOIN main."{table}" h '
                "WHERE +h.account = p.account AND h.from_sweep > p.id"
            )
            self._begun[table] = frozenset((account, key) for account, key in found)
        return self._begun[table]

    def forget(self) -> None:
        """Drop what was kept for an earlier state."""
        self._kept.clear()

    def hits(self, table: str, subject: str, detail: str, where: str, **values: object) -> Iterator[Hit]:
        """Rows of a resource's view as hits.

        Args:
            table: the resource.
            subject, detail: SQL expressions over its row `r`.
            where: SQL condition over `r`.
            values: what further `:names` in them stand for.
        """
        columns = (*_WHOSE, _TEXT.format(subject), _TEXT.format(detail))
        rows = (
            self._select((table, columns, where), values=values) if values else self.rows(table, *columns, where=where)
        )
        hit = self._hit_maker()
        for *whose, what, details in rows:
            yield hit(*whose, what, details)

    def hits_of_each(self, table: str, checks: Sequence[Check]) -> list[list[Hit]]:
        """The hits of several checks by SQL, by one walk through their table: reading it is what takes the time."""
        columns: list[str] = []
        for one in checks:
            columns += [
                f"CASE WHEN {one.where} THEN {_TEXT.format(one.subject)} END",
                f"CASE WHEN {one.where} THEN {_TEXT.format(one.detail)} END",
            ]
        found: list[list[Hit]] = [[] for _ in checks]
        condition = " OR ".join(f"({one.where})" for one in checks)
        hit = self._hit_maker()
        for account, key, customer, project, unseen, *texts in self.rows(table, *_WHOSE, *columns, where=condition):
            for hits, what, details in zip(found, texts[::2], texts[1::2], strict=True):
                if what is not None:
                    hits.append(hit(account, key, customer, project, unseen, what, details))
        return found

    def _hit_maker(self) -> Callable[..., Hit]:
        """Makes a hit of a row: account, key, `_WHOSE`, subject and detail. It is called for each of 10⁵ rows."""
        customers, projects = self.once(_customer_names).get, self.once(_project_names).get
        days = self._days.get

        def hit(
            account: str, key: str, customer: Any, project: Any, unseen: int | None, what: str, details: str
        ) -> Hit:
            names = customers((account, customer)), projects((account, project))
            return Hit(account, key, customer, project, *names, what, details, days(unseen))

        return hit

    def once(self, make: Callable[[InventoryReader], T]) -> T:
        """The result of a function of this state, computed once for all checks that need it."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast("T", self._made[make])


Names = dict[tuple[str, str], str]
"""By account and id. Looked up here: a subquery for each of 10⁵ hits would take longer than all checks together."""


def _customer_names(state: InventoryReader) -> Names:
    if not state.has("customer"):
        return {}
    return {(account, own): name for account, own, name in state.rows("customer", "CAST(r.name AS TEXT)")}


def _project_names(state: InventoryReader) -> Names:
    if not state.has("project"):
        return {}
    return {(account, own): name for account, own, name in state.rows("project", "CAST(r.description AS TEXT)")}


def current(db: sqlite3.Connection, now: str) -> InventoryState:
    """What each account's last sweep knew."""
    sweeps: dict[str, StateSweep] = {}
    rows = db.execute(f"SELECT account, id, started_at FROM sweeps WHERE {_ENDED} ORDER BY id").fetchall()
    for account, number, at in rows:
        sweeps[account] = StateSweep(number, at, _done_before(db, account, number))
    return InventoryState(db, now, sweeps)


def before(db: sqlite3.Connection, later: InventoryState | None = None) -> InventoryState | None:
    """The state that each account's previous complete sweep saw, as temporary views that hide the current ones.

    Args:
        db: a connection that nothing else uses.
        later: the present state, over another connection, where that is asked the same before this one.

    Returns:
        `None` where no account has been swept twice.
    """
    sweeps: dict[str, StateSweep] = {}
    for account, sweep in current(db, "").sweeps.items():
        if sweep.previous is not None:
            (at,) = db.execute("SELECT started_at FROM sweeps WHERE id = ?", (sweep.previous,)).fetchone()
            sweeps[account] = StateSweep(sweep.previous, at, _done_before(db, account, sweep.previous))
    if not sweeps:
        return None
    earlier = InventoryState(db, max(sweep.seen_at for sweep in sweeps.values()), sweeps, later)
    for name in [view for view in swept_views(db) if view.endswith("_history")]:
        resource = name.removeprefix("v_").removesuffix("_history")
        # CROSS JOIN keeps the order: rows are looked up by what the check asks for, never all of an account.
        db.execute(
            f'CREATE TEMP VIEW "{name.removesuffix("_history")}" AS SELECT h.* FROM main."{name}" h '
            "CROSS JOIN temp.state_sweep p WHERE p.account = h.account "
            "AND h.from_sweep <= p.id AND (h.to_sweep IS NULL OR h.to_sweep > p.id)"
        )
        db.execute(
            f'CREATE TEMP VIEW "ended_{resource}" AS SELECT h.* FROM temp.state_sweep p CROSS JOIN main."{name}" h '
            "WHERE +h.account = p.account AND +h.from_sweep <= p.id AND h.to_sweep > p.id"
        )
    return earlier


def _done_before(db: sqlite3.Connection, account: str, sweep: int) -> int | None:
    (found,) = db.execute(
        "SELECT max(id) FROM sweeps WHERE state = 'done' AND account = ? AND id < ?", (account, sweep)
    ).fetchone()
    return None if found is None else int(found)


def unread(db: sqlite3.Connection, sweeps: Mapping[str, int]) -> list[tuple[str, str, str, int]]:
    """What sweeps could not see: account, resource, reason, and the number of lists (0: not known); most lists first.

    Args:
        db: an inventory file.
        sweeps: the sweep of each account.
    """
    found: list[tuple[str, str, str, int]] = []
    for account, sweep in sweeps.items():
        failed = db.execute(
            "SELECT resource, error, count(*) FROM failures WHERE sweep = ? GROUP BY 1, 2", (sweep,)
        ).fetchall()
        found += [(account, resource, error, number) for resource, error, number in failed]
        explained = {resource for resource, _, _ in failed}
        for resource, lists, done in db.execute(
            "SELECT resource, lists, done FROM coverage WHERE sweep = ? AND NOT complete", (sweep,)
        ).fetchall():
            if resource not in explained:
                reason = (
                    "was not read to its end"
                    if done < lists
                    else "changed while it was read, or was not asked for everywhere"
                )
                found.append((account, resource, reason, lists - done))
    return sorted(found, key=lambda one: (-one[3], one[:3]))
