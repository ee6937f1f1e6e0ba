"""A file as written by version 1 of this package, created with its own statements."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

_BOOKS = """
CREATE TABLE sweeps (id INTEGER PRIMARY KEY, state TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT,
    resources TEXT NOT NULL, target TEXT NOT NULL, known TEXT NOT NULL, source TEXT, requests INTEGER NOT NULL DEFAULT 0,
    version TEXT NOT NULL);
CREATE TABLE lists (sweep INTEGER NOT NULL, resource TEXT NOT NULL, operation TEXT NOT NULL, owner TEXT NOT NULL,
    position INTEGER NOT NULL, done INTEGER NOT NULL, total INTEGER,
    PRIMARY KEY (sweep, resource, operation, owner)) WITHOUT ROWID;
CREATE TABLE failures (sweep INTEGER NOT NULL, resource TEXT NOT NULL, operation TEXT NOT NULL, owner TEXT,
    customer_id TEXT, project_id TEXT, status INTEGER, error TEXT NOT NULL, at TEXT NOT NULL);
"""
_TABLE = """CREATE TABLE "{name}" (sweep INTEGER NOT NULL, key TEXT NOT NULL, id TEXT, customer_id TEXT, project_id TEXT,
    operation TEXT NOT NULL, fetched_at TEXT NOT NULL, drifted INTEGER NOT NULL, data TEXT NOT NULL,
    "description" GENERATED ALWAYS AS (json_extract(data, '$."description"')) VIRTUAL, UNIQUE (sweep, key))"""
AT = "2026-01-02T03:04:05.000+00:00"
OPERATIONS = {"project": "project-list-projects", "customer_membership": "customer-list-memberships-for-customer"}

Items = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Properties of items by resource and id."""


def write(
    path: Path,
    sweeps: Iterable[Items],
    *,
    state: str = "done",
    source: str = "https://api.example",
    user_view: str = "",
) -> None:
    """Write sweeps of resources whose lists were all read."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA application_id = {0x6D776173}")
        db.executescript(_BOOKS)
        for resource in OPERATIONS:
            db.execute(_TABLE.format(name=resource))
            db.execute(f'CREATE INDEX "{resource}_id" ON "{resource}" (sweep, id)')
            db.execute(f'CREATE VIEW "v_{resource}" AS SELECT * FROM "{resource}"')
        if user_view:
            db.execute(user_view)
        for number, items in enumerate(sweeps, 1):
            names = json.dumps(list(items))
            db.execute(
                "INSERT INTO sweeps VALUES (?,?,?,?,?,?,?,?,?,?)",
                (number, state, AT, AT, names, '{"customers":null,"projects":null}', "{}", source, 7, "1.0.0"),
            )
            for resource, rows in items.items():
                db.execute(
                    "INSERT INTO lists VALUES (?,?,?,'',?,1,NULL)", (number, resource, OPERATIONS[resource], len(rows))
                )
                db.executemany(
                    f'INSERT INTO "{resource}" (sweep, key, id, customer_id, project_id, operation, fetched_at, drifted, '
                    "data) VALUES (?,?,?,?,?,?,?,0,?)",
                    [
                        (number, own, own, "c-1", own, OPERATIONS[resource], AT, json.dumps({"id": own, **item}))
                        for own, item in rows.items()
                    ],
                )
        db.commit()
