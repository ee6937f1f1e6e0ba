"""The SQLite file a sweep writes to: rows, what has been listed, what failed. It is the checkpoint as well.

Rows and the progress of the list they came from are written in one transaction, so a process killed at any moment leaves
a file that says exactly which lists are still to be asked. Several sweeps live in one file.

Tables: one for each resource (fixed columns, the item as JSON in `data`, and a virtual column for each plain property of
its model), `sweeps`, `lists`, `failures`. Views: `v_<resource>` joins the rows of the last sweep that was asked for the
resource and got to its end with their project and customer.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from .._version import __version__
from ..errors import MittwaldError
from .catalog import Resource
from .plan import Known, Target
from .rows import Failure, Row
from .schema import APPLICATION_ID, SCHEMA, insertion, make_indices, make_table, make_views, tables

State = Literal["running", "done", "incomplete"]


class StoreError(MittwaldError):
    """The inventory file cannot be read or written. The message says why."""


class SweepProgress(msgspec.Struct, frozen=True):
    """How far one list has come."""

    resource: str
    operation: str
    owner: str | None
    position: int
    """Items taken from the start of the list."""
    done: bool
    total: int | None = None
    """Items the list had then, where that was told."""


class SweepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep as the file knows it: one line of its table `sweeps`."""

    id: int
    state: State
    resources: tuple[str, ...]
    target: Target
    known: Known
    """What the plan was made from; going on makes the same plan."""
    started_at: datetime
    source: str | None
    requests: int


class Store:
    """An inventory file, open. Not for several threads at once.

    Args:
        path: the file; it is made where there is none.
        writable: false only reads it, also while somebody else writes it or where nobody may: then it has to exist.

    Raises:
        StoreError: the file cannot be opened, or is a database of something else. Every method raises it where the file
            is damaged, the disk is full, or another process has it.
    """

    def __init__(self, path: Path | str, *, writable: bool = True) -> None:
        self.path: Path = Path(path)
        self._writable = writable
        name = str(self.path) if writable else f"{self.path.absolute().as_uri()}?mode=ro"
        with self._told():
            self._db = sqlite3.connect(name, uri=not writable, isolation_level=None, check_same_thread=False)
            try:
                self._open()
            except BaseException:
                self._db.close()
                raise
        self._insert: dict[str, str] = {}
        self.sweep_id: int = 0

    def _open(self) -> None:
        (owner,) = self._db.execute("PRAGMA application_id").fetchone()
        (others,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if owner != APPLICATION_ID and others:
            raise StoreError(f"{self.path}: a database of something else; choose another name")
        if not self._writable:
            return
        self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        # WAL: a killed process loses nothing committed, and a commit does not wait for the disk.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA cache_size = -16000")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file. The write-ahead log is folded into it."""
        if self._writable:
            # While another process reads it, the log stays beside the file; both together are valid.
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.close()

    def interrupt(self) -> None:
        """End what another thread does with the file: that fails, and leaves it as it was before."""
        self._db.interrupt()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Sweeps

    def begin(
        self, needed: Iterable[Resource], resources: Sequence[str], target: Target, known: Known, source: str
    ) -> int:
        """Start a new sweep and give its number.

        Args:
            needed: resources that need a table.
            resources: names of what is delivered.
            target: for which part of the account.
            known: what the plan was made from.
            source: of which server.
        """
        with self._transaction():
            self._make(needed)
            cursor = self._db.execute(
                "INSERT INTO sweeps (state, started_at, resources, target, known, source, version) VALUES (?,?,?,?,?,?,?)",
                (
                    "running",
                    _now(),
                    json.dumps(list(resources)),
                    msgspec.json.encode(target).decode(),
                    msgspec.json.encode(known).decode(),
                    source,
                    __version__,
                ),
            )
        self.sweep_id = cursor.lastrowid or 0
        return self.sweep_id

    def _make(self, needed: Iterable[Resource]) -> None:
        for resource in needed:
            make_table(self._db, resource)
            self._insert[resource.name] = insertion(resource.name)

    def unfinished(self) -> SweepRecord | None:
        """The last sweep, if it was interrupted or has failures."""
        last = self.last()
        return last if last is not None and last.state != "done" else None

    def last(self) -> SweepRecord | None:
        """The last sweep begun."""
        columns = "id, state, resources, target, known, started_at, source, requests"
        with self._told():
            if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'sweeps'").fetchone():
                return None  # An empty file, opened for reading.
            found = self._db.execute(f"SELECT {columns} FROM sweeps ORDER BY id DESC LIMIT 1").fetchone()
        if found is None:
            return None
        number, state, resources, target, known, started, source, requests = found
        return SweepRecord(
            id=number,
            state=state,
            resources=tuple(json.loads(resources)),
            target=msgspec.json.decode(target, type=Target),
            known=msgspec.json.decode(known, type=Known),
            started_at=datetime.fromisoformat(started),
            source=source,
            requests=requests,
        )

    def reopen(self, sweep: SweepRecord, needed: Iterable[Resource]) -> None:
        """Go on with a sweep: its failed lists will be asked again."""
        self.sweep_id = sweep.id
        with self._transaction():
            self._make(needed)
            self._db.execute("DELETE FROM failures WHERE sweep = ?", (sweep.id,))
            self._db.execute("UPDATE sweeps SET state = 'running', finished_at = NULL WHERE id = ?", (sweep.id,))

    def finish(self, state: State, requests: int) -> None:
        """Close the books of this sweep; unless it was interrupted, (re)make indices and views."""
        with self._transaction():
            self._db.execute(
                "UPDATE sweeps SET state = ?, finished_at = ?, requests = requests + ? WHERE id = ?",
                (state, _now(), requests, self.sweep_id),
            )
            if state != "running":
                make_indices(self._db)
                make_views(self._db)

    # Rows

    def write(self, rows: Iterable[Row], progress: Iterable[SweepProgress], failures: Iterable[Failure] = ()) -> None:
        """Write rows, the progress of their lists, and failures: all of it or nothing.

        Raises:
            StoreError: the disk is full, or the file has become unwritable. Nothing of this call is in the file.
        """
        with self._transaction():
            for resource, records in _records(self.sweep_id, rows).items():
                self._db.executemany(self._insert[resource], records)
            self._db.executemany(
                "INSERT OR REPLACE INTO lists VALUES (?,?,?,?,?,?,?)",
                [
                    (self.sweep_id, p.resource, p.operation, p.owner or "", p.position, p.done, p.total)
                    for p in progress
                ],
            )
            self._db.executemany(
                "INSERT INTO failures VALUES (?,?,?,?,?,?,?,?,?)", [self._failure(failure) for failure in failures]
            )

    def _failure(self, f: Failure) -> tuple[Any, ...]:
        whose = (f.owner, f.customer_id, f.project_id)
        return (self.sweep_id, f.resource, f.operation, *whose, f.status, f.error, _stamp(f.at))

    def progress(self) -> Iterator[SweepProgress]:
        """How far the lists of this sweep have come."""
        for resource, operation, owner, position, done, total in self._select(
            "resource, operation, owner, position, done, total", "lists"
        ):
            yield SweepProgress(resource, operation, owner or None, position, bool(done), total)

    def owners(self, resource: str) -> Iterator[tuple[str | None, str | None, str | None]]:
        """`(id, customer_id, project_id)` of the rows of this sweep, in the order they were written."""
        if resource in self._insert:
            yield from self._in_order("id, customer_id, project_id", resource)

    def rows(self, resource: str) -> Generator[Row]:
        """The rows of this sweep, in the order they were written. Who stops before their end closes it, before the file."""
        for key, own, customer, project, operation, at, drifted, data in self._in_order(
            "key, id, customer_id, project_id, operation, fetched_at, drifted, data", resource
        ):
            yield Row(
                resource=resource,
                id=own,
                key=key,
                customer_id=customer,
                project_id=project,
                operation=operation,
                fetched_at=datetime.fromisoformat(at),
                drifted=bool(drifted),
                raw=data.encode(),
            )

    def counts(self) -> dict[str, int]:
        """Rows of this sweep by resource."""
        return {name: count for name in self._tables() for (count,) in self._select("count(*)", name)}

    def nothing_of(self, target: Target) -> list[str]:
        """Customers or projects that were asked for and of which this sweep has no row: gone, or a mistyped id."""
        column, asked = ("customer_id", target.customers) if target.customers else ("project_id", target.projects or ())
        tables = self._tables() if asked else []

        def missing(own: str) -> bool:
            return not any(list(self._select("1", name, f"AND {column} = ? LIMIT 1", own)) for name in tables)

        return [own for own in asked if missing(own)]

    def known(self) -> Known:
        """Counts of the last sweep of a whole account, for planning the next."""
        last = self.last()
        if last is None or not last.target.whole:
            return Known()
        incomplete = {name for (name,) in self._select("DISTINCT resource", "lists", "AND NOT done", sweep=last.id)}
        listed = {name for (name,) in self._select("DISTINCT resource", "lists", sweep=last.id)}
        counted = {
            name: counts
            for name in (listed - incomplete).intersection(self._tables())
            for counts in self._select("count(*), count(DISTINCT project_id)", name, sweep=last.id)
        }
        items = {name: rows for name, (rows, _) in counted.items()}
        owners = {name: projects for name, (_, projects) in counted.items()}
        return Known(items, owners)

    # SQLite

    def _tables(self) -> list[str]:
        with self._told():
            return tables(self._db)

    def _select(self, columns: str, table: str, rest: str = "", *values: str, sweep: int = 0) -> Iterator[Any]:
        """What a table has of this sweep, or of another."""
        with self._told():
            yield from self._db.execute(
                f'SELECT {columns} FROM "{table}" WHERE sweep = ? {rest}', (sweep or self.sweep_id, *values)
            )

    def _in_order(self, columns: str, table: str) -> Iterator[Any]:
        """What a resource's table has of this sweep, in the order it was written."""
        with self._told():
            # The + keeps SQLite from using an index, after which it would sort whole rows.
            yield from self._db.execute(
                f'SELECT {columns} FROM "{table}" WHERE +sweep = ? ORDER BY rowid', (self.sweep_id,)
            )

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """All of it or nothing."""
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # A full disk has rolled back already.
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Generator[None]:
        """What SQLite complains of, as an error that says what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {_reason(error, self.path)}") from error


def _records(sweep: int, rows: Iterable[Row]) -> dict[str, list[tuple[Any, ...]]]:
    """What is inserted, by resource, in the order of `FIXED`."""
    found: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    at, stamp = datetime.min, ""
    for row in rows:
        if row.fetched_at is not at:  # The rows of a page came at the same moment.
            at, stamp = row.fetched_at, _stamp(row.fetched_at)
        head = (sweep, row.key, row.id, row.customer_id, row.project_id, row.operation, stamp)
        found[row.resource].append((*head, row.drifted, row.raw.decode()))
    return found


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _now() -> str:
    return _stamp(datetime.now(UTC))


def _reason(error: sqlite3.Error, path: Path) -> str:
    """What is wrong, in words that say what to do."""
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return "the disk is full; what was written so far is kept, free space and go on with --resume"
        case sqlite3.SQLITE_CANTOPEN:
            return f"cannot be opened ({error if path.parent.exists() else f'no such folder: {path.parent}'})"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return f"cannot be written ({error})"
        case sqlite3.SQLITE_IOERR:
            return f"cannot be read or written ({error}); what was written so far is kept, go on with --resume"
        case sqlite3.SQLITE_INTERRUPT:
            return "interrupted; go on with --resume"
        case sqlite3.SQLITE_NOTADB:
            return "exists and is no SQLite database; choose another name"
        case sqlite3.SQLITE_CORRUPT:
            return f"is damaged ({error}); choose another name"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "is in use by another process"
        case _:
            return str(error)
