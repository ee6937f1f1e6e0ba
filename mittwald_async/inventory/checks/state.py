"""An inventory file as checks see it: the views `v_<resource>`, now or as they were at the sweep before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from .check import Hit

_COLUMNS = "r.account, r.key, r.customer_id, r.project_id, r.customer, r.project"
_TEXT = "coalesce(CAST(({}) AS TEXT), '')"


class InventoryState:
    """Read-only queries over one state of an inventory.

    Attributes:
        now: when that state was seen, ISO 8601; what "expires soon" counts from.
    """

    def __init__(self, db: sqlite3.Connection, now: str) -> None:
        self._db = db
        self.now: str = now
        self._views = {
            name.removeprefix("v_")
            for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'view' AND name LIKE 'v\\_%' ESCAPE '\\'"
            )
        }

    def has(self, resource: str) -> bool:
        """Was the resource ever swept into this file?"""
        return resource in self._views

    def query(self, sql: str, **values: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a query; `:now` is bound."""
        return iter(self._db.execute(sql, {"now": self.now, **values}))

    def hits(self, table: str, subject: str, detail: str, where: str, **values: object) -> Iterator[Hit]:
        """Rows of a resource's view as hits.

        Args:
            table: the resource.
            subject, detail: SQL expressions over its row `r`.
            where: SQL condition over `r`.
            values: what further `:names` in them stand for.
        """
        sql = f'SELECT {_COLUMNS}, {_TEXT.format(subject)}, {_TEXT.format(detail)} FROM "v_{table}" r WHERE {where}'
        for row in self.query(sql, **values):
            yield Hit(*row)


def before(db: sqlite3.Connection) -> InventoryState | None:
    """The state that each account's previous complete sweep saw, as temporary views that hide the current ones.

    Returns:
        `None` where no account has been swept twice.
    """
    rows = db.execute(
        "SELECT account, id, started_at, row_number() OVER (PARTITION BY account ORDER BY id DESC) AS age "
        "FROM sweeps WHERE state = 'done'"
    ).fetchall()
    previous = [(account, sweep, at) for account, sweep, at, age in rows if age == 2]
    if not previous:
        return None
    db.execute("CREATE TEMP TABLE previous_sweep (account TEXT PRIMARY KEY, id INTEGER NOT NULL)")
    db.executemany("INSERT INTO previous_sweep VALUES (?, ?)", [row[:2] for row in previous])
    history = db.execute(
        "SELECT name FROM main.sqlite_master WHERE type = 'view' AND name LIKE 'v\\_%\\_history' ESCAPE '\\'"
    ).fetchall()
    for (name,) in history:
        current = name.removesuffix("_history")
        db.execute(
            f'CREATE TEMP VIEW "{current}" AS SELECT h.* FROM main."{name}" h '
            "JOIN previous_sweep p ON p.account = h.account "
            "WHERE h.from_sweep <= p.id AND (h.to_sweep IS NULL OR h.to_sweep > p.id)"
        )
    return InventoryState(db, max(at for _, _, at in previous))


def forget_before(db: sqlite3.Connection) -> None:
    """Drop what `before` made."""
    names: Sequence[tuple[str, str]] = db.execute(
        "SELECT type, name FROM temp.sqlite_master WHERE type IN ('view', 'table')"
    ).fetchall()
    for kind, name in sorted(names, reverse=True):
        db.execute(f'DROP {kind} temp."{name}"')
