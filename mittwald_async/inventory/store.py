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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from .._version import __version__
from ..errors import MittwaldError
from .catalog import Resource
from .columns import plain_columns
from .plan import Known, Target
from .rows import Failure, Row

State = Literal["running", "done", "incomplete"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sweeps (
    id INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    resources TEXT NOT NULL,
    target TEXT NOT NULL,
    known TEXT NOT NULL,
    source TEXT,
    requests INTEGER NOT NULL DEFAULT 0,
    version TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS lists (
    sweep INTEGER NOT NULL,
    resource TEXT NOT NULL,
    operation TEXT NOT NULL,
    owner TEXT NOT NULL,
    position INTEGER NOT NULL,
    done INTEGER NOT NULL,
    PRIMARY KEY (sweep, resource, operation, owner)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    sweep INTEGER NOT NULL,
    resource TEXT NOT NULL,
    operation TEXT NOT NULL,
    owner TEXT,
    customer_id TEXT,
    project_id TEXT,
    status INTEGER,
    error TEXT NOT NULL,
    at TEXT NOT NULL
);
"""

_LATEST = (
    "SELECT s.id FROM sweeps s ORDER BY "
    "NOT EXISTS (SELECT 1 FROM json_each(s.resources) e WHERE e.value = '{name}'), s.state = 'running', s.id DESC LIMIT 1"
)
"""The sweep a view shows: the last that was asked for the resource, ended rather than under way. Not the last one that has
rows of it, or things that are gone would stay for ever."""

_FIXED = ("sweep", "key", "id", "customer_id", "project_id", "operation", "fetched_at", "drifted", "data")
_APPLICATION_ID = 0x6D77_6173
"""Marks the file as an inventory, so that a foreign database is never written to."""


class StoreError(MittwaldError):
    """The inventory file cannot be read or written. The message says why."""


class Progress(msgspec.Struct, frozen=True):
    """How far one list has come."""

    resource: str
    operation: str
    owner: str | None
    position: int
    """Items taken from the start of the list."""
    done: bool


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the `sweeps` table."""

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

    Raises:
        StoreError: the file cannot be opened, or is a database of something else.
    """

    def __init__(self, path: Path | str) -> None:
        self.path: Path = Path(path)
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._open()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {_reason(error, self.path)}") from error
        self._insert: dict[str, str] = {}
        self.sweep_id: int = 0

    def _open(self) -> None:
        (owner,) = self._db.execute("PRAGMA application_id").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if owner != _APPLICATION_ID and tables:
            self._db.close()
            raise StoreError(f"{self.path}: a database of something else; choose another name")
        self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        # WAL: a killed process loses nothing committed, and a commit does not wait for the disk.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA cache_size = -16000")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file. The write-ahead log is folded into it."""
        # While another process reads it, the log stays beside the file; both together are valid.
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Sweeps

    def begin(
        self, tables: Iterable[Resource], resources: Sequence[str], target: Target, known: Known, source: str
    ) -> int:
        """Start a new sweep and give its number.

        Args:
            tables: resources that need a table.
            resources: names of what is delivered.
            target: for which part of the account.
            known: what the plan was made from.
            source: of which server.
        """
        with self._transaction():
            for resource in tables:
                self._table(resource)
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

    def unfinished(self) -> Sweep | None:
        """The last sweep, if it was interrupted or has failures."""
        last = self.last()
        return last if last is not None and last.state != "done" else None

    def last(self) -> Sweep | None:
        """The last sweep begun."""
        found = self._db.execute(
            "SELECT id, state, resources, target, known, started_at, source, requests FROM sweeps ORDER BY id DESC LIMIT 1"
        ).fetchone()
        if found is None:
            return None
        number, state, resources, target, known, started, source, requests = found
        return Sweep(
            id=number,
            state=state,
            resources=tuple(json.loads(resources)),
            target=msgspec.json.decode(target, type=Target),
            known=msgspec.json.decode(known, type=Known),
            started_at=datetime.fromisoformat(started),
            source=source,
            requests=requests,
        )

    def reopen(self, sweep: Sweep, tables: Iterable[Resource]) -> None:
        """Go on with a sweep: its failed lists will be asked again."""
        self.sweep_id = sweep.id
        with self._transaction():
            for resource in tables:
                self._table(resource)
            self._db.execute("DELETE FROM failures WHERE sweep = ?", (sweep.id,))
            self._db.execute("UPDATE sweeps SET state = 'running', finished_at = NULL WHERE id = ?", (sweep.id,))

    def finish(self, state: State, requests: int) -> None:
        """Close the books of this sweep; unless it was interrupted, (re)make indices and views."""
        with self._transaction():
            self._db.execute(
                "UPDATE sweeps SET state = ?, finished_at = ?, requests = requests + ? WHERE id = ?",
                (state, _now(), requests, self.sweep_id),
            )
            if state == "running":
                return
            for name in self.tables():
                for column in ("id", "customer_id", "project_id"):
                    self._db.execute(f'CREATE INDEX IF NOT EXISTS "{name}_{column}" ON "{name}" (sweep, {column})')
            self._views()

    # Rows

    def write(self, rows: Iterable[Row], progress: Iterable[Progress], failures: Iterable[Failure] = ()) -> None:
        """Write rows, the progress of their lists, and failures: all of it or nothing.

        Raises:
            StoreError: the disk is full, or the file has become unwritable. Nothing of this call is in the file.
        """
        try:
            with self._transaction():
                for resource, records in _records(self.sweep_id, rows).items():
                    self._db.executemany(self._insert[resource], records)
                self._db.executemany(
                    "INSERT OR REPLACE INTO lists VALUES (?,?,?,?,?,?)",
                    ((self.sweep_id, p.resource, p.operation, p.owner or "", p.position, p.done) for p in progress),
                )
                self._db.executemany(
                    "INSERT INTO failures VALUES (?,?,?,?,?,?,?,?,?)", (self._failure(f) for f in failures)
                )
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {_reason(error, self.path)}") from error

    def _failure(self, f: Failure) -> tuple[Any, ...]:
        whose = (f.owner, f.customer_id, f.project_id)
        return (self.sweep_id, f.resource, f.operation, *whose, f.status, f.error, _stamp(f.at))

    def progress(self) -> Iterator[Progress]:
        """How far the lists of this sweep have come."""
        for resource, operation, owner, position, done in self._db.execute(
            "SELECT resource, operation, owner, position, done FROM lists WHERE sweep = ?", (self.sweep_id,)
        ):
            yield Progress(resource, operation, owner or None, position, bool(done))

    def owners(self, resource: str) -> Iterator[tuple[str | None, str | None, str | None]]:
        """`(id, customer_id, project_id)` of the rows of this sweep, in the order they were written."""
        if resource in self._insert:
            yield from self._db.execute(
                f'SELECT id, customer_id, project_id FROM "{resource}" WHERE sweep = ? ORDER BY rowid', (self.sweep_id,)
            )

    def rows(self, resource: str) -> Iterator[Row]:
        """The rows of this sweep, in the order they were written."""
        for key, own, customer, project, operation, at, drifted, data in self._db.execute(
            f'SELECT key, id, customer_id, project_id, operation, fetched_at, drifted, data FROM "{resource}"'
            " WHERE sweep = ? ORDER BY rowid",
            (self.sweep_id,),
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
        return {
            name: self._db.execute(f'SELECT count(*) FROM "{name}" WHERE sweep = ?', (self.sweep_id,)).fetchone()[0]
            for name in self.tables()
        }

    def nothing_of(self, target: Target) -> list[str]:
        """Customers or projects that were asked for and of which this sweep has no row: gone, or a mistyped id."""
        column, asked = ("customer_id", target.customers) if target.customers else ("project_id", target.projects or ())
        tables = self.tables()

        def missing(own: str) -> bool:
            return not any(
                self._db.execute(
                    f'SELECT 1 FROM "{name}" WHERE sweep = ? AND {column} = ? LIMIT 1', (self.sweep_id, own)
                ).fetchone()
                for name in tables
            )

        return [own for own in asked if missing(own)]

    def known(self) -> Known:
        """Counts of the last sweep of a whole account, for planning the next."""
        last = self.last()
        if last is None or not last.target.whole:
            return Known()
        complete = {
            name
            for name, unfinished in self._db.execute(
                "SELECT resource, sum(NOT done) FROM lists WHERE sweep = ? GROUP BY resource", (last.id,)
            )
            if not unfinished
        }
        items: dict[str, int] = {}
        owners: dict[str, int] = {}
        for name in complete.intersection(self.tables()):
            items[name], owners[name] = self._db.execute(
                f'SELECT count(*), count(DISTINCT project_id) FROM "{name}" WHERE sweep = ?', (last.id,)
            ).fetchone()
        return Known(items, owners)

    # Tables

    def tables(self) -> list[str]:
        """Resources that have a table."""
        found = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return [name for (name,) in found if name not in ("sweeps", "lists", "failures") and name[:7] != "sqlite_"]

    def _table(self, resource: Resource) -> None:
        """Make the table, or add the columns that a newer version of the model has."""
        name = resource.name
        columns = {
            column.name: f'"{column.name}" GENERATED ALWAYS AS '
            f"""(json_extract(data, '$."{column.wire}"')) VIRTUAL"""
            for column in plain_columns(resource)
        }
        present = {row[1] for row in self._db.execute(f'PRAGMA table_xinfo("{name}")')}
        if not present:
            self._db.execute(
                f'CREATE TABLE "{name}" (sweep INTEGER NOT NULL, key TEXT NOT NULL, id TEXT, '
                "customer_id TEXT, project_id TEXT, operation TEXT NOT NULL, fetched_at TEXT NOT NULL, "
                f"drifted INTEGER NOT NULL, data TEXT NOT NULL, {''.join(f'{c}, ' for c in columns.values())}"
                "UNIQUE (sweep, key))"
            )
        else:
            for missing in columns.keys() - present:
                self._db.execute(f'ALTER TABLE "{name}" ADD COLUMN {columns[missing]}')
        self._insert[name] = (
            f'INSERT OR REPLACE INTO "{name}" ({", ".join(_FIXED)}) VALUES ({",".join("?" * len(_FIXED))})'
        )

    def _views(self) -> None:
        tables = self.tables()
        for name in tables:
            columns = [row[1] for row in self._db.execute(f'PRAGMA table_xinfo("{name}")') if row[1] != "sweep"]
            picked = ", ".join(f'r."{column}"' for column in columns)
            joins = ""
            if name not in ("project", "customer") and "project" in tables:
                picked += ", p.description AS project, p.short_id AS project_short_id"
                joins += " LEFT JOIN project p ON p.sweep = r.sweep AND p.id = r.project_id"
            if name != "customer" and "customer" in tables:
                picked += ", c.name AS customer"
                joins += " LEFT JOIN customer c ON c.sweep = r.sweep AND c.id = r.customer_id"
            self._db.execute(f'DROP VIEW IF EXISTS "v_{name}"')
            self._db.execute(
                f'CREATE VIEW "v_{name}" AS SELECT {picked} FROM "{name}" r{joins}'
                f" WHERE r.sweep = ({_LATEST.format(name=name)})"
            )

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    """BEGIN … COMMIT, or ROLLBACK on any exception."""

    __slots__ = ("_db",)

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._db.in_transaction:  # A full disk has rolled back already.
            self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def _records(sweep: int, rows: Iterable[Row]) -> dict[str, list[tuple[Any, ...]]]:
    """What is inserted, by resource, in the order of `_FIXED`."""
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
    text = str(error)
    if "full" in text:
        return "the disk is full; what was written so far is kept, free space and go on with --resume"
    if "readonly" in text or "unable to open" in text:
        where = path.parent if not path.parent.exists() else path
        return f"cannot be written ({'no such folder' if not path.parent.exists() else text}: {where})"
    if "not a database" in text:
        return "exists and is no SQLite database; choose another name"
    if "locked" in text:
        return "is in use by another process"
    return text
