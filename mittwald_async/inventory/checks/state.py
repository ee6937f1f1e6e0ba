"""An inventory file as checks see it: the views `v_<resource>`, now or as they were at the sweep before."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from ..coverage import Coverage, Place
from ..plan import Target
from ..schema import NOW, swept_views
from .check import Hit, InventoryReader

T = TypeVar("T")

WHOSE = ("r.customer_id", "r.project_id", "r.unseen_since")
"""Whose a row is, and since when it was not seen: that of an earlier state is what is known of it now."""
TEXT = "coalesce(CAST(({}) AS TEXT), '')"
"""What a finding says, from an expression; of SQL's types only text is shown."""
BEYOND_ROW = re.compile(
    r":(?!now\b)[a-z]|\bv_|\bstate_sweep\b|\bmain\.|\br\.(customer|project|project_short_id|verified_at|unseen_since)\b"
)
"""In an expression: a parameter besides the time, other rows, or what changes without the row."""
_OF_TIME = re.compile(r":now\b")
_ENDED = "state IN ('done', 'incomplete')"

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

    Besides the views, they may use the temporary table `state_sweep`: for each `account` its sweep's `id`, when that
    was begun (`seen_at`) and the complete sweep before (`previous`).

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
        self._tallies: dict[_Asked, Tally] = {}
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

    def select(self, table: str, columns: Iterable[str], where: str, **values: object) -> sqlite3.Cursor:
        """Account, key and further columns of a resource's view, read as they are fetched."""
        return self._select(f"v_{table}", columns, where, **values)

    def select_ended(self, table: str, columns: Iterable[str], where: str) -> sqlite3.Cursor:
        """Likewise of versions that this state had and that have ended since; only of an earlier state."""
        return self._select(f"ended_{table}", columns, where)

    def _select(self, view: str, columns: Iterable[str], where: str, **values: object) -> sqlite3.Cursor:
        picked = ", ".join(("r.account", "r.key", *columns))
        return self._db.execute(f'SELECT {picked} FROM "{view}" r WHERE {where}', {"now": self.now, **values})

    def rows(self, table: str, *columns: str, where: str = "1") -> Rows:
        """Account, key and further columns of a resource's view.

        Args:
            table: the resource.
            columns: SQL expressions over its row `r`.
            where: SQL condition over `r`.
        """
        if _of_more_than_rows(*columns, where):
            return self.select(table, columns, where)
        asked = (table, columns, where)
        if self._later is None:
            self._kept[asked] = self.select(table, columns, where).fetchall()
            return self._kept[asked]
        known = self._later.kept(asked)
        return self.select(table, columns, where) if known is None else self._carried(known, asked)

    def kept(self, asked: _Asked) -> list[tuple[Any, ...]] | None:
        """What was read for the check that is asked."""
        return self._kept.get(asked)

    def _carried(self, known: Rows, asked: _Asked) -> Rows:
        """What the present state has read, without what has begun since, and with what has ended since."""
        table, columns, where = asked
        carried = self.carries(table)
        yield from (row for row in known if carried(row[0], row[1]))
        yield from self.select_ended(table, columns, where)

    def carries(self, table: str) -> Callable[[str, str], bool]:
        """Of an earlier state: tells by account and key whether what is there now was there in the same version."""
        begun, swept = self._begun_since(table), self.sweeps

        def carried(account: str, key: str) -> bool:
            return (account, key) not in begun and account in swept

        return carried

    def _begun_since(self, table: str) -> frozenset[tuple[str, str]]:
        """Account and key of everything of which a version was stored after this state."""
        if table not in self._begun:
            self._begun[table] = frozenset(self._db.execute(f'SELECT r.account, r.key FROM "begun_{table}" r'))
        return self._begun[table]

    def forget(self) -> None:
        """Drop what was kept for an earlier state."""
        self._kept.clear()

    def tally(self, table: str, *columns: str, where: str = "1", amount: str = "1") -> Tally:
        """How often each account has these columns, or the sums of an amount.

        Args:
            table: the resource.
            columns: SQL expressions over its row `r`.
            where: SQL condition over `r`.
            amount: SQL expression over `r` of an integer.

        Returns:
            The number by account and columns. None is 0.
        """
        asked = (table, columns, f"{where} # {amount}")
        if asked not in self._tallies:
            self._tallies[asked] = self._tallied(table, columns, where, amount)
        return self._tallies[asked]

    def _tallied(self, table: str, columns: tuple[str, ...], where: str, amount: str) -> Tally:
        def read(view: str) -> Tally:
            picked = ", ".join(("r.account", *columns))
            places = ", ".join(str(place + 1) for place in range(len(columns) + 1))
            found = self._db.execute(
                f'SELECT {picked}, sum({amount}) FROM "{view}_{table}" r WHERE {where} GROUP BY {places}',
                {"now": self.now},
            )
            return {row[:-1]: row[-1] for row in found if row[-1]}

        if self._later is None or _of_more_than_rows(*columns, where, amount):
            return read("v")
        known = self._later.tally(table, *columns, where=where, amount=amount)
        counts = {key: number for key, number in known.items() if key[0] in self.sweeps}
        for changed, sign in ((read("begun"), -1), (read("ended"), 1)):
            for key, number in changed.items():
                if key[0] in self.sweeps:
                    counts[key] = counts.get(key, 0) + sign * number
        return {key: number for key, number in counts.items() if number}

    def hits(self, table: str, subject: str, detail: str, where: str, **values: object) -> Iterator[Hit]:
        """Rows of a resource's view as hits.

        Args:
            table: the resource.
            subject, detail: SQL expressions over its row `r`.
            where: SQL condition over `r`.
            values: what further `:names` in them stand for.
        """
        columns = (*WHOSE, TEXT.format(subject), TEXT.format(detail))
        found = self.select(table, columns, where, **values)
        for account, key, customer, project, unseen, what, details in found:
            yield Hit(account, key, customer, project, what, details, self.day_of(unseen))

    def day_of(self, sweep: int | None) -> str | None:
        """The day a sweep was begun."""
        return self._days.get(sweep)

    def once(self, make: Callable[[InventoryReader], T]) -> T:
        """The result of a function of this state, computed once for all checks that need it."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast("T", self._made[make])


Tally = Mapping[tuple[Any, ...], int]


def _of_more_than_rows(*expressions: str) -> bool:
    """Whether expressions say something else of the same row at another time."""
    return any(BEYOND_ROW.search(one) or _OF_TIME.search(one) for one in expressions if one not in WHOSE)


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
    db.execute(
        "CREATE TEMP TABLE later_sweep AS SELECT s.id, p.id AS previous FROM main.sweeps s "
        "JOIN state_sweep p ON p.account = s.account WHERE s.id > p.id AND s.state <> 'running'"
    )
    for name in [view for view in swept_views(db) if view.endswith("_history")]:
        _make_views(db, name.removeprefix("v_").removesuffix("_history"))
    return earlier


def _make_views(db: sqlite3.Connection, resource: str) -> None:
    """What a resource was like at the state, which versions it had that have ended since, and which are there only
    since.

    CROSS JOIN keeps the order: rows are looked up by what the check asks for, and few sweeps are later than the state.
    """
    versions = f'main."v_{resource}_history" h'
    valid = "h.from_sweep <= p.id AND (h.to_sweep IS NULL OR h.to_sweep > p.id)"
    for kind, query in (
        ("v", f"{versions} CROSS JOIN temp.state_sweep p WHERE p.account = h.account AND {valid}"),
        ("ended", f"later_sweep l CROSS JOIN {versions} WHERE h.to_sweep = l.id AND +h.from_sweep <= l.previous"),
        ("begun", f"later_sweep l CROSS JOIN {versions} WHERE h.from_sweep = l.id AND {NOW.format('h')}"),
    ):
        db.execute(f'CREATE TEMP VIEW "{kind}_{resource}" AS SELECT h.* FROM {query}')


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
