"""Inventory files built row by row, for checks, reports and exports."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from mittwald_async.inventory.catalog import catalog
from mittwald_async.inventory.schema import APPLICATION_ID, SCHEMA, VERSION, make_indices, make_table, make_views

NOW = "2026-11-27T03:00:00+00:00"

Rows = Mapping[str, Sequence[Mapping[str, Any]]]

_ZERO = "2026-11-01T03:00:00+00:00"


class InventoryFile:
    """A file with sweeps of one or more accounts. Each `sweep` states everything that exists at its time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sweeps = 0
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.executescript(SCHEMA)

    def sweep(
        self,
        rows: Rows,
        *,
        account: str = "agency",
        at: str = NOW,
        state: str = "done",
        failures: Sequence[Mapping[str, Any]] = (),
        projects: Sequence[str] | None = None,
    ) -> int:
        """Store one sweep and return its number. Rows that are not given any more are gone.

        Args:
            rows: the items of each requested resource.
            account: the account's name.
            at: when the sweep began and ended.
            state: how it ended.
            failures: lists that failed; each names its `resource` and optionally its `project`, `customer` and `error`.
            projects: limits the sweep to these projects.
        """
        self._sweeps += 1
        number = self._sweeps
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute(
                "INSERT OR IGNORE INTO accounts (name, source, identity, user_id) VALUES (?, 'https://api.example.org', ?, ?)",
                (account, f"user-{account}", f"user-{account}"),
            )
            db.execute(
                "INSERT INTO sweeps (id, account, state, started_at, finished_at, resources, target, known, requests, "
                "version) VALUES (?, ?, ?, ?, ?, ?, ?, '{}', 1, 'test')",
                (number, account, state, at, at, json.dumps(list(rows)), json.dumps({"projects": projects})),
            )
            for resource, items in rows.items():
                make_table(db, catalog()[resource])
                self._store(db, resource, items, account, number, at)
                self._cover(db, number, resource, rows, [one for one in failures if one["resource"] == resource])
            for failure in failures:
                db.execute(
                    "INSERT INTO failures VALUES (?, ?, 'test-list', ?, ?, ?, 403, ?, ?)",
                    (
                        number,
                        failure["resource"],
                        failure.get("owner"),
                        failure.get("customer"),
                        failure.get("project"),
                        failure.get("error", "forbidden"),
                        at,
                    ),
                )
            make_indices(db)
            make_views(db)
        return number

    def _cover(
        self, db: sqlite3.Connection, sweep: int, resource: str, rows: Rows, failures: Sequence[Mapping[str, Any]]
    ) -> None:
        """If lists failed, each project had its own."""
        read: list[str] = []
        if failures:
            failed = {failure.get("project") for failure in failures}
            read = [str(project["id"]) for project in rows.get("project", ()) if project["id"] not in failed]
        for project in read:
            db.execute(
                "INSERT INTO lists VALUES (?, ?, 'test-list', ?, 'project', 0, 1, NULL, 0)", (sweep, resource, project)
            )
        lists, done = (len(read) + len(failures), len(read)) if failures else (1, 1)
        db.execute(
            "INSERT INTO coverage VALUES (?, ?, ?, ?, ?, ?, ?)",
            (sweep, resource, "project" if failures else "account", not failures, lists, done, len(rows[resource])),
        )

    def _store(
        self,
        db: sqlite3.Connection,
        resource: str,
        items: Sequence[Mapping[str, Any]],
        account: str,
        sweep: int,
        at: str,
    ) -> None:
        key_name = catalog()[resource].key
        present: set[str] = set()
        for position, item in enumerate(items):
            key = str(item.get(key_name or "", position))
            present.add(key)
            data = json.dumps(item)
            known = db.execute(
                f'SELECT row_id, data FROM "{resource}" WHERE account = ? AND key = ? AND to_sweep IS NULL',
                (account, key),
            ).fetchone()
            if known is not None and known[1] == data:
                continue
            if known is not None:
                db.execute(f'UPDATE "{resource}" SET to_sweep = ? WHERE row_id = ?', (sweep, known[0]))
            db.execute(
                f'INSERT INTO "{resource}" (account, key, id, customer_id, project_id, operation, fetched_at, drifted, '
                "from_sweep, content_hash, data) VALUES (?, ?, ?, ?, ?, 'test-list', ?, 0, ?, ?, ?)",
                (
                    account,
                    key,
                    key,
                    item.get("customerId"),
                    key if resource == "project" else item.get("projectId"),
                    at,
                    sweep,
                    hash(data) & 0x7FFF_FFFF,
                    data,
                ),
            )
        for row_id, key in db.execute(
            f'SELECT row_id, key FROM "{resource}" WHERE account = ? AND to_sweep IS NULL', (account,)
        ).fetchall():
            if key not in present:
                db.execute(f'UPDATE "{resource}" SET to_sweep = ? WHERE row_id = ?', (sweep, row_id))


def mail_address(name: str, catch_all: bool) -> dict[str, object]:
    """An address of project p1 as the API lists it."""
    return {
        "id": name,
        "address": f"{name}@example.org",
        "isCatchAll": catch_all,
        "projectId": "p1",
        "customerId": "c1",
    }
