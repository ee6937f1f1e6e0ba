"""Files of version 1, which held every row of every sweep, into versions: in place, in one transaction.

The sweeps are gone through again, oldest first, as if their rows came in now; so what version 1 wrote means the same as
what is written today. SQLite's journal makes it all or nothing: a process killed on the way leaves the old file.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from .catalog import Resource, catalog
from .coverage import Coverage
from .plan import Target
from .rows import Row
from .schema import (
    APPLICATION_ID,
    OWN_TABLES,
    SCHEMA,
    VERSION,
    NameTakenError,
    make_indices,
    make_table,
    make_views,
)
from .versions import Versions

UNNAMED = "unnamed"
"""Account of rows that were swept before accounts were distinguished."""

_OLD = "version_1_"
_BOOKS = ("sweeps", "lists", "failures")
_NEW_NAMES = (OWN_TABLES | {"seen_sweep"}) - set(_BOOKS)
"""What version 1 did not have yet."""

_ROWS_AT_ONCE = 5_000


def is_version_1(db: sqlite3.Connection) -> bool:
    """Whether an open file is an inventory in the layout of version 1."""
    (owner,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    books = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'sweeps'").fetchone()
    return owner == APPLICATION_ID and version == 0 and books is not None


def needs_writing(path: Path) -> bool:
    """Whether a file has to be written before it can be read: one of version 1, or one that a killed process left half
    written, which SQLite takes back. Whatever else is wrong with it shows when it is opened."""
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return False
    try:
        return is_version_1(db)
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
    finally:
        db.close()


def convert(db: sqlite3.Connection) -> None:
    """Bring a file of version 1 into today's layout. The caller has begun a transaction and ends it.

    Raises:
        NameTakenError: something of the user's has a name that is needed now.
    """
    with _renaming_freely(db):
        resources = _set_aside(db)
        for statement in SCHEMA.split(";"):
            db.execute(statement)
        for resource in resources:
            make_table(db, resource)
        db.execute(
            f"INSERT INTO sweeps SELECT id, '{UNNAMED}', CASE WHEN state = 'running' THEN 'incomplete' ELSE state END, "
            f"started_at, finished_at, resources, target, known, source, requests, version, NULL FROM {_OLD}sweeps"
        )
        db.execute(f"INSERT INTO failures SELECT * FROM {_OLD}failures")
        for sweep, source, target in db.execute(f"SELECT id, source, target FROM {_OLD}sweeps ORDER BY id").fetchall():
            account = _account(db, source or "")
            db.execute("UPDATE sweeps SET account = ? WHERE id = ?", (account, sweep))
            _replay(db, sweep, account, msgspec.json.decode(target, type=Target), resources)
        for name in (*_BOOKS, *(resource.name for resource in resources)):
            db.execute(f'DROP TABLE "{_OLD}{name}"')
        make_indices(db)
        make_views(db)
    db.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def _renaming_freely(db: sqlite3.Connection) -> Generator[None]:
    """Let tables be renamed whatever views of the user's look at them."""
    db.execute("PRAGMA legacy_alter_table = ON")
    try:
        yield
    finally:
        db.execute("PRAGMA legacy_alter_table = OFF")


def _set_aside(db: sqlite3.Connection) -> list[Resource]:
    """Give the old tables other names; gives the resources that had one.

    Raises:
        NameTakenError: something of the user's has a name that is needed now.
    """
    present: dict[str, str] = dict(db.execute("SELECT name, type FROM sqlite_master").fetchall())
    resources = [
        resource for name, resource in catalog().items() if present.get(name) == "table" and _is_ours(db, name)
    ]
    old = {f"{_OLD}{name}" for name in (*_BOOKS, *(resource.name for resource in resources))}
    for name in present:
        if name.lower() in old | _NEW_NAMES:
            raise NameTakenError(name)
    for resource in resources:
        db.execute(f'DROP VIEW IF EXISTS "v_{resource.name}"')
        for column in ("id", "customer_id", "project_id"):
            db.execute(f'DROP INDEX IF EXISTS "{resource.name}_{column}"')
    for name in (*_BOOKS, *(resource.name for resource in resources)):
        db.execute(f'ALTER TABLE "{name}" RENAME TO "{_OLD}{name}"')
    return resources


def _is_ours(db: sqlite3.Connection, name: str) -> bool:
    columns = {row[1] for row in db.execute(f'PRAGMA table_xinfo("{name}")')}
    return {"sweep", "key", "operation", "fetched_at", "drifted", "data"} <= columns


def _account(db: sqlite3.Connection, source: str) -> str:
    """A name for the account behind a server's sweeps: version 1 did not tell."""
    found = db.execute("SELECT name FROM accounts WHERE source = ? AND identity = ?", (source, UNNAMED)).fetchone()
    if found is not None:
        return str(found[0])
    (others,) = db.execute("SELECT count(*) FROM accounts").fetchone()
    name = f"{UNNAMED}-{others + 1}" if others else UNNAMED
    db.execute("INSERT INTO accounts VALUES (?,?,?,NULL)", (name, source, UNNAMED))
    return name


def _replay(db: sqlite3.Connection, sweep: int, account: str, target: Target, resources: list[Resource]) -> None:
    versions = {resource.name: Versions(db, resource.name, account, sweep) for resource in resources}
    for resource in resources:
        _take_rows(db, sweep, resource, versions[resource.name])
    covered = _cover(db, sweep)
    coverage = Coverage(db, sweep, account, target)
    for name in covered:
        if name in versions:
            items = versions[name].settle(coverage)
            db.execute("UPDATE coverage SET items = ? WHERE sweep = ? AND resource = ?", (items, sweep, name))
    db.execute("DELETE FROM seen")
    db.execute(
        "DELETE FROM lists WHERE sweep = ? AND resource IN (SELECT resource FROM coverage WHERE sweep = ? AND complete)",
        (sweep, sweep),
    )


def _take_rows(db: sqlite3.Connection, sweep: int, resource: Resource, versions: Versions) -> None:
    rows: list[Row] = []
    for found in db.execute(
        "SELECT key, id, customer_id, project_id, operation, fetched_at, drifted, data "
        f'FROM "{_OLD}{resource.name}" WHERE +sweep = ? ORDER BY rowid',
        (sweep,),
    ):
        rows.append(_row(resource, *found))
        if len(rows) >= _ROWS_AT_ONCE:
            versions.merge(rows)
            rows = []
    versions.merge(rows)


def _row(
    resource: Resource,
    key: str,
    own: str | None,
    customer: str | None,
    project: str | None,
    operation: str,
    fetched_at: str,
    drifted: int,
    data: str,
) -> Row:
    parent, slash, _ = key.rpartition("/")
    below = bool(slash) and resource.parent is not None
    return Row(
        resource=resource.name,
        id=own,
        # Version 1 put the owner before the id also where the id alone is unique.
        key=key if own is None or resource.nested else own,
        customer_id=customer,
        project_id=project,
        parent_id=parent if below else None,
        fetched_at=datetime.fromisoformat(fetched_at),
        operation=operation,
        raw=data.encode(),
        drifted=bool(drifted),
    )


def _cover(db: sqlite3.Connection, sweep: int) -> list[str]:
    """What a sweep of version 1 saw completely; gives the resources it asked for, in the order of the catalog."""
    state, asked = db.execute(f"SELECT state, resources FROM {_OLD}sweeps WHERE id = ?", (sweep,)).fetchone()
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for resource, operation, owner, position, done, total in db.execute(
        f"SELECT resource, operation, owner, position, done, total FROM {_OLD}lists WHERE sweep = ?", (sweep,)
    ).fetchall():
        counts[resource][0] += 1
        counts[resource][1] += done
        db.execute(
            "INSERT INTO lists VALUES (?,?,?,?,?,?,?,?,0)",
            (sweep, resource, operation, owner, _scope(resource, operation, owner), position, done, total),
        )
    names = {*json.loads(asked), *counts}
    found = [name for name in catalog() if name in names]
    for name in found:
        lists, read = counts[name]
        whole = state == "done" and lists == read
        db.execute("INSERT INTO coverage VALUES (?,?,?,?,?,?,0)", (sweep, name, "", whole, lists, read))
    return found


def _scope(resource: str, operation: str, owner: str) -> str:
    """Whose list it was. Where the same operation serves customers and projects, no owner: then it proves nothing."""
    if not owner:
        return "account"
    known = catalog().get(resource)
    routes = known.routes if known is not None else ()
    scopes = {route.scope for route in routes if route.operation_id == operation} - {"account"}
    return scopes.pop() if len(scopes) == 1 else ""
