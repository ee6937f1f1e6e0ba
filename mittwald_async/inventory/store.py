"""The SQLite file a sweep writes to: versions of rows, what has been listed, what failed. It is the checkpoint as well.

Rows and the progress of the list they came from are written in one transaction, so a process killed at any moment
leaves a file that says exactly which lists are still to be asked. Several sweeps, of several accounts, live in one
file. Its tables and views are described in `schema`.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from .._version import __version__
from .books import Accounts
from .catalog import Resource, catalog
from .coverage import Coverage
from .database import Database
from .errors import StoreError
from .list_history import ListHistory
from .plan import Known, Target
from .pruning import Pruned, drop_account, pack, prune
from .records import (
    DEMO,
    ROW_COLUMNS,
    SWEEP_COLUMNS,
    State,
    SweepProgress,
    SweepRecord,
    stored_row,
    sweep_record,
)
from .rolling import Rolling
from .rows import Failure, Row
from .schema import (
    make_indices,
    make_table,
    make_views,
    tables,
)
from .versions import Versions, now, stamped

__all__ = ["DEMO", "State", "Store", "StoreError", "SweepProgress", "SweepRecord"]


class Store:
    """An inventory file, open. Not for several threads at once.

    Args:
        path: the file; it is made where there is none, readable by its owner only. One of version 1 is converted.
        writable: false only reads it, also while another program writes it or where writing is not allowed: then it has
            to exist.
        on_wait: called with a sentence when another program keeps the file locked for more than 5 s; then it goes on
            waiting, an hour at most.
        clock: the moment it is, for tests.

    Raises:
        StoreError: the file cannot be opened, or is a database of something else. Every method raises it where the file
            is damaged, the disk is full, or another process keeps it.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        writable: bool = True,
        on_wait: Callable[[str], None] | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.path: Path = Path(path)
        self._clock = clock
        self._file = Database(self.path, writable=writable, on_wait=on_wait)
        self._db = self._file.connection
        self._versions: dict[str, Versions] = {}
        self._flags: dict[str, bytearray] = {}
        self._requests_before = 0
        self.sweep_id: int = 0
        self.account: str = ""

    def wait_at_most(self, seconds: float) -> None:
        """Bound the time that is waited for another program that keeps the file locked."""
        self._file.patience = seconds

    def close(self) -> None:
        """Close the file. The write-ahead log is folded into it."""
        self._file.close()

    def interrupt(self) -> None:
        """End what another thread does with the file: that fails, and leaves it as it was before."""
        self._file.interrupt()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Sweeps

    def account_for(self, source: str, name: str | None, user: str | None, siblings: Collection[str] = ()) -> str:
        """What the file calls an account: the name it was given, else the one it has, else its user's id; where another
        server's account has that name already, the server is added to it.

        Args:
            source: the server.
            name: the name it was given, if it was.
            user: id of the token's user, if it has one. One of the two is given.
            siblings: names of other accounts that are swept into the file: none of them is renamed.

        Raises:
            AccountMismatchError: the account of that name is another user's, or the user has one of the siblings.
        """
        with self._file.transaction():
            return Accounts(self._db, self.path).name_for(source, name, user, siblings)

    def begin(
        self,
        needed: Iterable[Resource],
        resources: Sequence[str],
        target: Target,
        known: Known,
        source: str,
        account: str,
        rolling: Rolling | None = None,
    ) -> int:
        """Start a new sweep and give its number.

        Args:
            needed: resources that need a table.
            resources: names of what is delivered.
            target: for which part of the account.
            known: what the plan was made from.
            source: of which server.
            account: whose, as `account_for` calls it.
            rolling: how it chooses what to ask for, where it carries the rest forward.
        """
        with self._file.transaction():
            self._db.execute(
                "UPDATE sweeps SET state = 'incomplete' WHERE state = 'running' AND account = ?", (account,)
            )
            self._forget_checkpoints(account)
            cursor = self._db.execute(
                "INSERT INTO sweeps (account, state, started_at, resources, target, known, source, version, rolling) "
                "VALUES (?,?,?,?,?,?,?,?,?)",
                (
                    account,
                    "running",
                    stamped(self._clock()),
                    json.dumps(list(resources)),
                    msgspec.json.encode(target).decode(),
                    msgspec.json.encode(known).decode(),
                    source,
                    __version__,
                    None if rolling is None else msgspec.json.encode(rolling).decode(),
                ),
            )
            self._work_on(cursor.lastrowid or 0, account, needed)
        return self.sweep_id

    def _work_on(self, sweep: int, account: str, needed: Iterable[Resource]) -> None:
        self.sweep_id, self.account = sweep, account
        self._versions, self._flags = {}, {}
        for resource in needed:
            make_table(self._db, resource)
            self._versions[resource.name] = Versions(self._db, resource.name, account, sweep)
        make_views(self._db)

    def _forget_checkpoints(self, account: str) -> None:
        """What earlier sweeps needed for going on is of no use any more. Lists of resources that were read completely
        are summed up in `coverage`."""
        earlier = "(SELECT id FROM sweeps WHERE account = ?)"
        self._db.execute(f"DELETE FROM seen WHERE sweep IN {earlier}", (account,))
        self._db.execute(
            f"DELETE FROM lists WHERE sweep IN {earlier} AND EXISTS (SELECT 1 FROM coverage c "
            "WHERE c.sweep = lists.sweep AND c.resource = lists.resource AND c.complete)",
            (account,),
        )

    def unfinished(self, account: str | None = None) -> SweepRecord | None:
        """The last sweep, if it was interrupted or has failures.

        Args:
            account: of this account; of any by default.
        """
        last = self.last(account)
        return last if last is not None and last.state != "done" else None

    def last(self, account: str | None = None) -> SweepRecord | None:
        """The last sweep begun, of an account or of any."""
        if not self._has_sweeps():
            return None
        with self._file.explained():
            found = self._db.execute(
                f"SELECT {SWEEP_COLUMNS} FROM sweeps WHERE ? IS NULL OR account = ? ORDER BY id DESC LIMIT 1",
                (account, account),
            ).fetchone()
        return None if found is None else sweep_record(found)

    def sweeps(self) -> list[SweepRecord]:
        """All sweeps, oldest first."""
        if not self._has_sweeps():
            return []
        with self._file.explained():
            return [
                sweep_record(found) for found in self._db.execute(f"SELECT {SWEEP_COLUMNS} FROM sweeps ORDER BY id")
            ]

    def _has_sweeps(self) -> bool:
        """False for an empty file that was opened for reading."""
        with self._file.explained():
            found = self._db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'sweeps'").fetchone()
        return found is not None

    def reopen(self, sweep: SweepRecord, needed: Iterable[Resource]) -> None:
        """Go on with a sweep: its failed lists will be asked again."""
        with self._file.transaction():
            # Before the tables are worked on: whether a resource has anything from before is looked up then.
            for name in tables(self._db):
                Versions(self._db, name, sweep.account, sweep.id).reopen()
            self._work_on(sweep.id, sweep.account, needed)
            self._db.execute("DELETE FROM failures WHERE sweep = ?", (sweep.id,))
            self._db.execute("DELETE FROM coverage WHERE sweep = ?", (sweep.id,))
            self._db.execute("UPDATE sweeps SET state = 'running', finished_at = NULL WHERE id = ?", (sweep.id,))
        self._requests_before = sweep.requests

    def finish(self, state: State, requests: int, complete: Iterable[str] | None = None) -> None:
        """Close the books of this sweep.

        Unless it was interrupted: what is gone for certain is closed, what could not be seen is marked, and indices and
        views are (re)made.

        Args:
            state: how it ended; `running` if it was interrupted.
            requests: sent by this run.
            complete: resources of which everything was read; by default those that were asked for, if it is done.
        """
        with self._file.transaction():
            self._db.execute(
                "UPDATE sweeps SET state = ?, finished_at = ?, requests = ? WHERE id = ?",
                (state, stamped(self._clock()), self._requests_before + requests, self.sweep_id),
            )
            if state == "running":
                return
            self._cover(state, complete)
            if state == "done":
                self._db.execute(
                    "DELETE FROM lists WHERE sweep = ? AND resource IN "
                    "(SELECT resource FROM coverage WHERE sweep = ? AND complete)",
                    (self.sweep_id, self.sweep_id),
                )
            make_indices(self._db)
            make_views(self._db)

    def _cover(self, state: State, complete: Iterable[str] | None) -> None:
        """Note what this sweep saw completely, then close what it saw to be gone."""
        (asked,) = self._db.execute("SELECT resources FROM sweeps WHERE id = ?", (self.sweep_id,)).fetchone()
        listed = self._db.execute(
            "SELECT resource, min(scope), count(*), sum(done), sum(done AND NOT moved) FROM lists WHERE sweep = ? "
            "GROUP BY resource",
            (self.sweep_id,),
        )
        lists = {name: counts for name, *counts in listed}
        failed = {name for (name,) in self._select("DISTINCT resource", "failures")}
        whole = set(complete) if complete is not None else set(json.loads(asked) if state == "done" else ())
        names = {*json.loads(asked), *lists, *whole}
        order = [name for name in catalog() if name in names and name in self._versions]
        for name in order:
            scope, count, done, certain = lists.get(name, ("", 0, 0, 0))
            self._db.execute(
                "INSERT OR REPLACE INTO coverage VALUES (?,?,?,?,?,?,0)",
                (self.sweep_id, name, scope, name in whole - failed and certain == count, count, done),
            )
        record = self.last(self.account)
        assert record is not None
        coverage = Coverage(self._db, self.sweep_id, self.account, record.target, carries=record.rolling is not None)
        for name in order:
            items = self._versions[name].settle(coverage)
            self._db.execute(
                "UPDATE coverage SET items = ? WHERE sweep = ? AND resource = ?", (items, self.sweep_id, name)
            )
        ListHistory(self._db, self.account).note(self.sweep_id, self._clock())
        self._flags = {}

    # Rows

    def write(
        self,
        rows: Iterable[Row],
        progress: Iterable[SweepProgress],
        failures: Iterable[Failure] = (),
        requests: int | None = None,
    ) -> None:
        """Write rows, the progress of their lists, and failures: all of it or nothing.

        Args:
            rows: what was found.
            progress: how far their lists have come with them.
            failures: lists that failed.
            requests: sent by this run so far.

        Raises:
            StoreError: the disk is full, or the file has become unwritable. Nothing of this call is in the file.
        """
        with self._file.transaction():
            by_resource: defaultdict[str, list[Row]] = defaultdict(list)
            for row in rows:
                by_resource[row.resource].append(row)
            for resource, found in by_resource.items():
                self._versions[resource].merge(found)
            self._db.executemany(
                "INSERT OR REPLACE INTO lists VALUES (?,?,?,?,?,?,?,?,?)",
                [
                    (
                        *(self.sweep_id, p.resource, p.operation, p.owner or "", p.scope),
                        *(p.position, p.done, p.total, p.moved),
                    )
                    for p in progress
                ],
            )
            self._db.executemany(
                "INSERT INTO failures VALUES (?,?,?,?,?,?,?,?,?)", [self._failure(failure) for failure in failures]
            )
            if requests is not None:
                self._db.execute(
                    "UPDATE sweeps SET requests = ? WHERE id = ?", (self._requests_before + requests, self.sweep_id)
                )
        self._flags = {}

    def _failure(self, f: Failure) -> tuple[Any, ...]:
        whose = (f.owner, f.customer_id, f.project_id)
        return (self.sweep_id, f.resource, f.operation, *whose, f.status, f.error, stamped(f.at))

    def progress(self) -> Iterator[SweepProgress]:
        """How far the lists of this sweep have come."""
        for resource, operation, owner, position, done, total, scope, moved in self._select(
            "resource, operation, owner, position, done, total, scope, moved", "lists"
        ):
            yield SweepProgress(resource, operation, owner or None, position, bool(done), total, scope, bool(moved))

    def owners(self, resource: str) -> Iterator[tuple[str | None, str | None, str | None]]:
        """`(id, customer_id, project_id)` of the rows of this sweep, in the order they were written."""
        if resource in self._versions:
            for _, *whose in self._seen("id, customer_id, project_id", resource):
                yield (whose[0], whose[1], whose[2])

    def rows(self, resource: str) -> Generator[Row]:
        """The rows of this sweep, in the order they were written first. Who stops before their end closes it, before
        the file."""
        for _, *found in self._seen(ROW_COLUMNS, resource):
            yield stored_row(resource, *found)

    def counts(self, *, carried: bool = False) -> dict[str, int]:
        """Rows of this sweep by resource; `carried`: also those that it carried forward."""
        with self._file.explained():
            if carried:
                return {name: self._valid(name, self.account) for name in tables(self._db)}
            counted = dict(self._select("resource, items", "coverage"))  # Once it has ended.
            return {name: counted[name] if name in counted else self._count_seen(name) for name in tables(self._db)}

    def _count_seen(self, resource: str) -> int:
        return Versions(self._db, resource, self.account, self.sweep_id).count_seen()

    def nothing_of(self, target: Target) -> list[str]:
        """Customers or projects that were asked for and of which this sweep has no row: gone, or a mistyped id."""
        column, asked = ("customer_id", target.customers) if target.customers else ("project_id", target.projects or ())
        with self._file.explained():
            missing = set(asked)
            for name in tables(self._db) if asked else ():
                flags = self._flags_of(name)
                found = self._db.execute(
                    f'SELECT row_id, {column} FROM "{name}" WHERE account = ? AND to_sweep IS NULL '
                    f"AND {column} IN (SELECT value FROM json_each(?))",
                    (self.account, json.dumps(sorted(missing))),
                )
                missing -= {own for row_id, own in found if flags[row_id]}
            return [own for own in asked if own in missing]

    def _flags_of(self, resource: str) -> bytearray:
        """Which rows this sweep has seen, by `row_id`."""
        if resource not in self._flags:
            self._flags[resource] = Versions(self._db, resource, self.account, self.sweep_id).flags()
        return self._flags[resource]

    def known(self, account: str | None = None) -> Known:
        """Counts of the last sweep of a whole account, for planning the next.

        Args:
            account: of this account; by default of the last that is not the built-in demo's.
        """
        last = self._last_to_plan_from(account)
        if last is None or not last.target.whole:
            return Known()
        with self._file.explained():
            items = self._counted(last)
            owners: dict[str, int] = {}
            for name in items:
                (owners[name],) = self._db.execute(
                    f'SELECT count(DISTINCT project_id) FROM "{name}" WHERE account = ? AND to_sweep IS NULL',
                    (last.account,),
                ).fetchone()
        return Known(items, owners)

    def _last_to_plan_from(self, account: str | None) -> SweepRecord | None:
        if account is not None:
            return self.last(account)
        return next((one for one in reversed(self.sweeps()) if one.source != DEMO), None)

    def _counted(self, sweep: SweepRecord) -> dict[str, int]:
        """Items of the resources that were read completely; of a sweep that has not ended, as far as it came; of a
        rolling sweep all that are known."""
        if sweep.rolling is not None:
            return {name: self._valid(name, sweep.account) for name in sweep.resources if name in self._tables()}
        if sweep.state != "running":
            return dict(self._select("resource, items", "coverage", "AND complete", sweep=sweep.id))
        read = self._select("resource", "lists", "GROUP BY resource HAVING min(done)", sweep=sweep.id)
        return {
            name: Versions(self._db, name, sweep.account, sweep.id).count_seen()
            for (name,) in list(read)
            if name in self._tables()
        }

    def _valid(self, resource: str, account: str) -> int:
        """Items that there are now, as far as is known."""
        found = self._db.execute(
            f'SELECT count(*) FROM "{resource}" WHERE account = ? AND to_sweep IS NULL', (account,)
        ).fetchone()
        return int(found[0])

    def list_history(self, account: str) -> ListHistory:
        """When an account's lists were read last; to be read only."""
        return ListHistory(self._db, account)

    def _tables(self) -> list[str]:
        with self._file.explained():
            return tables(self._db)

    # Looking back

    @property
    def database(self) -> sqlite3.Connection:
        """The open file, for rooms of the inventory that ask it more than this class does."""
        return self._db

    def rows_at(self, resource: str, account: str, sweep: int) -> Generator[Row]:
        """The rows of an account as they were after a sweep."""
        with self._file.explained():
            for found in self._db.execute(
                f'SELECT {ROW_COLUMNS} FROM "{resource}" WHERE account = ? AND from_sweep <= ? '
                "AND (to_sweep IS NULL OR to_sweep > ?) ORDER BY row_id",
                (account, sweep, sweep),
            ):
                yield stored_row(resource, *found)

    def owners_before(self, resources: Iterable[str]) -> dict[str, tuple[str, str | None]]:
        """For each of these resources a project, and its customer, in which this account had something before."""
        found: dict[str, tuple[str, str | None]] = {}
        with self._file.explained():
            for name in set(resources).intersection(tables(self._db)):
                row = self._db.execute(
                    f'SELECT project_id, customer_id FROM "{name}" WHERE account = ? AND to_sweep IS NULL '
                    "AND project_id IS NOT NULL LIMIT 1",
                    (self.account,),
                ).fetchone()
                if row is not None:
                    found[name] = (row[0], row[1])
        return found

    def covered(self, resource: str, sweeps: Sequence[int]) -> bool:
        """Whether one of the sweeps asked for a resource."""
        marks = ",".join("?" * len(sweeps))
        with self._file.explained():
            found = self._db.execute(
                f"SELECT 1 FROM coverage WHERE resource = ? AND sweep IN ({marks})", (resource, *sweeps)
            )
            return found.fetchone() is not None

    def has_any(self, resource: str, account: str, sweep: int) -> bool:
        """Whether an account had anything of a resource after a sweep."""
        if resource not in self._tables():
            return False
        with self._file.explained():
            found = self._db.execute(
                f'SELECT 1 FROM "{resource}" WHERE account = ? AND from_sweep <= ? '
                "AND (to_sweep IS NULL OR to_sweep > ?) LIMIT 1",
                (account, sweep, sweep),
            )
            return found.fetchone() is not None

    def prune(self, before: datetime | None = None, *, account: str | None = None) -> Pruned:
        """Forget what was no longer valid at the first sweep since a moment, or an account altogether. The file is
        packed where that pays.

        Raises:
            StoreError: the account does not exist.
        """
        sweeps = versions = 0
        with self._file.transaction():
            if account is not None:
                known = [name for (name,) in self._db.execute("SELECT DISTINCT account FROM sweeps ORDER BY 1")]
                if account not in known:
                    raise StoreError(
                        f"{self.path}: unknown account {account!r}; the file has {', '.join(known) or 'none'}"
                    )
                sweeps, versions = drop_account(self._db, account)
            if before is not None:
                forgotten = prune(self._db, before)
                sweeps, versions = sweeps + forgotten[0], versions + forgotten[1]
        with self._file.explained():
            return Pruned(sweeps, versions, pack(self._db))

    def _select(self, columns: str, table: str, rest: str = "", *values: str, sweep: int = 0) -> Iterator[Any]:
        """What a table has of this sweep, or of another."""
        with self._file.explained():
            yield from self._db.execute(
                f'SELECT {columns} FROM "{table}" WHERE sweep = ? {rest}', (sweep or self.sweep_id, *values)
            )

    def _seen(self, columns: str, resource: str) -> Iterator[Any]:
        """`row_id` and columns of what this sweep has seen of a resource, in the order it was written."""
        with self._file.explained():
            flags = self._flags_of(resource)
            for found in self._db.execute(
                f'SELECT row_id, {columns} FROM "{resource}" WHERE +to_sweep IS NULL ORDER BY row_id'
            ):
                if flags[found[0]]:
                    yield found
