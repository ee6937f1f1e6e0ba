"""What an inventory file is made of: its tables, columns, indices and views."""

from __future__ import annotations

import sqlite3

from .catalog import Resource
from .columns import FIXED, plain_columns

APPLICATION_ID = 0x6D77_6173
"""Marks the file as an inventory, so that a foreign database is never written to."""

SCHEMA = """
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
    total INTEGER,
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


def tables(db: sqlite3.Connection) -> list[str]:
    """Resources that have a table."""
    found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return [name for (name,) in found if name not in ("sweeps", "lists", "failures") and name[:7] != "sqlite_"]


def make_table(db: sqlite3.Connection, resource: Resource) -> None:
    """Make a resource's table, or add the columns that a newer version of its model has."""
    name = resource.name
    columns = {
        column.name: f'"{column.name}" GENERATED ALWAYS AS '
        f"""(json_extract(data, '$."{column.wire}"')) VIRTUAL"""
        for column in plain_columns(resource)
    }
    present = {row[1] for row in db.execute(f'PRAGMA table_xinfo("{name}")')}
    if not present:
        db.execute(
            f'CREATE TABLE "{name}" (sweep INTEGER NOT NULL, key TEXT NOT NULL, id TEXT, '
            "customer_id TEXT, project_id TEXT, operation TEXT NOT NULL, fetched_at TEXT NOT NULL, "
            f"drifted INTEGER NOT NULL, data TEXT NOT NULL, {''.join(f'{c}, ' for c in columns.values())}"
            "UNIQUE (sweep, key))"
        )
    else:
        for missing in columns.keys() - present:
            db.execute(f'ALTER TABLE "{name}" ADD COLUMN {columns[missing]}')


def insertion(name: str) -> str:
    """The statement that adds a row to a resource's table. One that is asked for again replaces the earlier one."""
    return f'INSERT OR REPLACE INTO "{name}" ({", ".join(FIXED)}) VALUES ({",".join("?" * len(FIXED))})'


def make_indices(db: sqlite3.Connection) -> None:
    """Index what rows are joined by: at the end of a sweep, which is quicker than with each row."""
    for name in tables(db):
        for column in ("id", "customer_id", "project_id"):
            db.execute(f'CREATE INDEX IF NOT EXISTS "{name}_{column}" ON "{name}" (sweep, {column})')


def make_views(db: sqlite3.Connection) -> None:
    """A view for each resource: the rows of one sweep with the names of their project and customer."""
    present = tables(db)
    for name in present:
        columns = [row[1] for row in db.execute(f'PRAGMA table_xinfo("{name}")') if row[1] != "sweep"]
        picked = ", ".join(f'r."{column}"' for column in columns)
        joins = ""
        if name not in ("project", "customer") and "project" in present:
            picked += ", p.description AS project, p.short_id AS project_short_id"
            joins += " LEFT JOIN project p ON p.sweep = r.sweep AND p.id = r.project_id"
        if name != "customer" and "customer" in present:
            picked += ", c.name AS customer"
            joins += " LEFT JOIN customer c ON c.sweep = r.sweep AND c.id = r.customer_id"
        db.execute(f'DROP VIEW IF EXISTS "v_{name}"')
        db.execute(
            f'CREATE VIEW "v_{name}" AS SELECT {picked} FROM "{name}" r{joins}'
            f" WHERE r.sweep = ({_LATEST.format(name=name)})"
        )
