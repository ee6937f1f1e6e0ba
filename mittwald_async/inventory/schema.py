"""The contents of an inventory file: its tables, columns, indices and views.

A resource's table holds *versions*: an item is stored again only when it changed. A version is valid from the sweep
that saw it first (`from_sweep`) until the sweep that saw another or saw for certain that the item is gone (`to_sweep`,
the first one in which it is not valid; NULL: still valid). `resource_tables` names the tables that are ours; whatever else is
in the file is another program's and is left alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from .catalog import Resource, catalog
from .children import CHILD_VIEWS, child_query, children_of, view_name
from .columns import plain_columns

APPLICATION_ID = 0x6D77_6173
"""Marks the file as an inventory, so that a foreign database is never written to."""

VERSION = 2
"""`PRAGMA user_version` of files in this layout. Version 1 left it at 0."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    identity TEXT NOT NULL,
    user_id TEXT,
    UNIQUE (source, identity)
);
CREATE TABLE IF NOT EXISTS sweeps (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    resources TEXT NOT NULL,
    target TEXT NOT NULL,
    known TEXT NOT NULL,
    source TEXT,
    requests INTEGER NOT NULL DEFAULT 0,
    version TEXT NOT NULL,
    rolling TEXT
);
CREATE TABLE IF NOT EXISTS list_reads (
    account TEXT NOT NULL,
    resource TEXT NOT NULL,
    operation TEXT NOT NULL,
    owner TEXT NOT NULL,
    scope TEXT NOT NULL,
    verified_sweep INTEGER,
    verified_at TEXT,
    tried_at TEXT NOT NULL,
    changes REAL NOT NULL,
    days REAL NOT NULL,
    PRIMARY KEY (account, resource, owner, operation)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lists (
    sweep INTEGER NOT NULL,
    resource TEXT NOT NULL,
    operation TEXT NOT NULL,
    owner TEXT NOT NULL,
    scope TEXT NOT NULL,
    position INTEGER NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER,
    moved INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (sweep, resource, operation, owner)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS coverage (
    sweep INTEGER NOT NULL,
    resource TEXT NOT NULL,
    scope TEXT NOT NULL,
    complete INTEGER NOT NULL,
    lists INTEGER NOT NULL,
    done INTEGER NOT NULL,
    items INTEGER NOT NULL,
    PRIMARY KEY (sweep, resource)
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
CREATE TABLE IF NOT EXISTS seen (
    sweep INTEGER NOT NULL,
    resource TEXT NOT NULL,
    rows BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS seen_sweep ON seen (sweep, resource);
CREATE TABLE IF NOT EXISTS resource_tables (name TEXT PRIMARY KEY);
"""

OWN_TABLES = frozenset({"accounts", "sweeps", "lists", "coverage", "failures", "seen", "resource_tables", "list_reads"})

INSERTED = (
    "account",
    "key",
    "id",
    "customer_id",
    "project_id",
    "parent_id",
    "operation",
    "fetched_at",
    "drifted",
    "from_sweep",
    "content_hash",
    "data",
)
"""Columns of a version as it is written."""

SHOWN = (
    *("account", "key", "id", "customer_id", "project_id", "parent_id"),
    *("operation", "fetched_at", "drifted", "unseen_since", "data"),
)
"""Columns of a table that its views show as well, before those of its model."""

_FIXED = (
    "row_id INTEGER PRIMARY KEY, account TEXT NOT NULL, key TEXT NOT NULL, id TEXT, customer_id TEXT, project_id TEXT, "
    "parent_id TEXT, operation TEXT NOT NULL, fetched_at TEXT NOT NULL, drifted INTEGER NOT NULL, "
    "from_sweep INTEGER NOT NULL, to_sweep INTEGER, unseen_since INTEGER, content_hash INTEGER NOT NULL, data TEXT NOT NULL"
)
_UNSWEPT = "WHERE 'swept' = 'never'"
"""Ends the query of a view whose resource has no table yet."""

_HIDDEN = "(SELECT id FROM sweeps WHERE state = 'running')"
"""Running sweeps: views do not show what they found so far."""

NOW = f"{{0}}.from_sweep NOT IN {_HIDDEN} AND ({{0}}.to_sweep IS NULL OR {{0}}.to_sweep IN {_HIDDEN})"
"""Condition for the version of an item that is valid now; `{0}` is the table's name in the query."""

_NAMES = (
    "SELECT n.{column} FROM {table} n WHERE n.id = r.{owner} AND n.account = r.account AND "
    + NOW.format("n")
    + " LIMIT 1"
)


def tables(db: sqlite3.Connection) -> list[str]:
    """Resources that have a table."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'resource_tables'").fetchone():
        return []
    return [name for (name,) in db.execute("SELECT name FROM resource_tables ORDER BY name")]


def _verified_at(resource: str) -> str:
    """When an item was last seen for certain: when a list that shows it was read to its end, or when it came itself."""
    read = (
        "(SELECT max(l.verified_at) FROM list_reads l WHERE l.account = r.account AND "
        f"l.resource = '{resource}' AND l.owner IN ('', r.project_id, r.customer_id, r.parent_id))"
    )
    seen = f"max(r.fetched_at, coalesce({read}, r.fetched_at))"
    return f"CASE WHEN r.unseen_since IS NULL THEN {seen} ELSE r.fetched_at END AS verified_at"


def properties(resource: Resource) -> dict[str, str]:
    """Definitions of a table's virtual columns by name: one for each plain property of the model."""
    return {
        column.name: f'"{column.name}" GENERATED ALWAYS AS '
        f"""(json_extract(data, '$."{column.wire}"')) VIRTUAL"""
        for column in plain_columns(resource)
    }


def make_table(db: sqlite3.Connection, resource: Resource) -> None:
    """Make a resource's table, or add the columns that a newer version of its model has.

    Raises:
        NameTakenError: a table or view of that name is there and is not ours.
    """
    name = resource.name
    columns = properties(resource)
    if name not in tables(db):
        nested = [f"v_{view.name}" for view in children_of([name])]
        views = (view_name(name), f"{view_name(name)}_history", *nested)
        for empty in _unswept_views(db).intersection(views):
            db.execute(f'DROP VIEW "{empty}"')
        taken = _taken_names(db)
        for wanted in (name, f"{name}_now", *views):
            if wanted in taken:
                raise NameTakenError(taken[wanted])
        db.execute(f'CREATE TABLE "{name}" ({", ".join((_FIXED, *columns.values()))})')
        # Versions that are still valid: one for each item. Needed as rows are written, so not left to the end.
        db.execute(f'CREATE UNIQUE INDEX "{name}_now" ON "{name}" (account, key) WHERE to_sweep IS NULL')
        db.execute("INSERT INTO resource_tables VALUES (?)", (name,))
        return
    present = {row[1] for row in db.execute(f'PRAGMA table_xinfo("{name}")')}
    for missing in columns.keys() - present:
        db.execute(f'ALTER TABLE "{name}" ADD COLUMN {columns[missing]}')


class NameTakenError(Exception):
    """A table of another program has a name that an inventory needs.

    Args:
        name: that name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"contains a table or view {name} that does not belong to this package; rename it, or choose another file"
        )


def make_indices(db: sqlite3.Connection) -> None:
    """Index what rows are joined by: at the end of a sweep, which is quicker than with each row.

    A name that something else has, such as a table of the user's, is left to that: queries take longer, nothing more.
    """
    taken = _taken_names(db)
    wanted = {column: f"({column})" for column in ("id", "customer_id", "project_id", "from_sweep")}
    wanted["to_sweep"] = "(to_sweep) WHERE to_sweep IS NOT NULL"
    wanted["unseen"] = "(unseen_since) WHERE unseen_since IS NOT NULL"
    for name in tables(db):
        for ending, what in wanted.items():
            if f"{name}_{ending}" not in taken:
                db.execute(f'CREATE INDEX "{name}_{ending}" ON "{name}" {what}')


def _taken_names(db: sqlite3.Connection) -> dict[str, str]:
    """Every name in the file by its small letters: SQLite knows no capitals, and one name for all kinds of things."""
    return {name.lower(): name for (name,) in db.execute("SELECT name FROM sqlite_master")}


def make_views(db: sqlite3.Connection) -> None:
    """Two views for each resource, with the names of project and customer: what there is now, and all versions; and one
    for each kind of nested things.

    A resource that was never swept has them as well, without rows: a query tells that there is nothing, and does not
    fail.
    """
    present = tables(db)
    wanted: dict[str, str] = {}
    for name in present:
        columns = [row[1] for row in db.execute(f'PRAGMA table_xinfo("{name}")')]
        plain = [c for c in columns if c not in ("row_id", "content_hash", "from_sweep", "to_sweep")]
        picked = ", ".join(f'r."{column}"' for column in plain)
        names = _names(name, present)
        rows = f'SELECT {picked}, {_verified_at(name)}, {names} FROM "{name}" r WHERE {NOW.format("r")}'
        span = (
            "r.from_sweep, r.to_sweep, "
            "(SELECT s.started_at FROM sweeps s WHERE s.id = r.from_sweep) AS valid_from, "
            "(SELECT s.started_at FROM sweeps s WHERE s.id = r.to_sweep) AS valid_to"
        )
        wanted[view_name(name)] = rows
        wanted[f"{view_name(name)}_history"] = f'SELECT {picked}, {span}, {names} FROM "{name}" r'
    for view in children_of(present):
        wanted[f"v_{view.name}"] = child_query(view)
    _replace_views(db, wanted)
    _make_unswept_views(db, present)


def _make_unswept_views(db: sqlite3.Connection, present: Sequence[str]) -> None:
    names = ("project", "project_short_id", "customer")
    span = ("from_sweep", "to_sweep", "valid_from", "valid_to")
    queries: dict[str, str] = {}
    for resource in catalog().values():
        if resource.name not in present:
            columns = (*SHOWN, *(column.name for column in plain_columns(resource)))
            view = view_name(resource.name)
            queries[view] = _no_rows((*columns, "verified_at", *names))
            queries[f"{view}_history"] = _no_rows((*columns, *span, *names))
    for child in CHILD_VIEWS:
        if child.resource not in present:
            queries[f"v_{child.name}"] = f"SELECT * FROM ({child_query(child)}) {_UNSWEPT}"
    # What has the name otherwise is the user's.
    taken = _taken_names(db).keys() - _unswept_views(db)
    _replace_views(db, {name: query for name, query in queries.items() if name not in taken})


def _no_rows(columns: Iterable[str]) -> str:
    nothing = ", ".join(f'NULL AS "{column}"' for column in columns)
    return f"SELECT {nothing} {_UNSWEPT}"


def _unswept_views(db: sqlite3.Connection) -> set[str]:
    found = db.execute("SELECT name FROM main.sqlite_master WHERE type = 'view' AND sql LIKE '%' || ?", (_UNSWEPT,))
    return {name for (name,) in found}


def swept_views(db: sqlite3.Connection) -> list[str]:
    """Views of what was swept at least once, by name, and those of the user that are called alike."""
    found = db.execute("SELECT name FROM main.sqlite_master WHERE type = 'view' AND name LIKE 'v\\_%' ESCAPE '\\'")
    return sorted({name for (name,) in found} - _unswept_views(db))


def _names(name: str, present: Iterable[str]) -> str:
    """Columns with the names of a row's project and customer; NULL where those have never been swept."""

    def picked(column: str, table: str, owner: str) -> str:
        return f"({_NAMES.format(column=column, table=table, owner=owner)})" if table in present else "NULL"

    own = [] if name in ("project", "customer") else [("project", "description"), ("project_short_id", "short_id")]
    found = [f"{picked(column, 'project', 'project_id')} AS {alias}" for alias, column in own]
    customer = "r.name" if name == "customer" else picked("name", "customer", "customer_id")
    if name == "project":
        found += ["r.description AS project", "r.short_id AS project_short_id"]
    elif name == "customer":
        found += ["NULL AS project", "NULL AS project_short_id"]
    return ", ".join([*found, f"{customer} AS customer"])


def _replace_views(db: sqlite3.Connection, wanted: Mapping[str, str]) -> None:
    """Make the views that are not there, or are there with another query."""
    known = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'").fetchall())
    for name, query in wanted.items():
        statement = f'CREATE VIEW "{name}" AS {query}'
        if known.get(name) != statement:
            db.execute(f'DROP VIEW IF EXISTS "{name}"')
            db.execute(statement)
