"""Forgetting: old versions, and whole accounts."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from .schema import tables
from .versions import stamped

_WORTH_IT = 0.2
"""Share of free pages from which the file is packed: packing rewrites the whole file."""


class Pruned(msgspec.Struct, frozen=True):
    """What was forgotten."""

    sweeps: int
    versions: int
    packed: bool
    """The file was rewritten, smaller."""


def prune(db: sqlite3.Connection, before: datetime) -> tuple[int, int]:
    """Forget what was no longer valid at the first sweep since a moment; the caller has begun a transaction.

    The last ended sweep of each account stays, and so do lines of the table `sweeps` that valid versions refer to.

    Returns:
        Sweeps and versions forgotten.
    """
    sweeps = versions = 0
    for account, last in db.execute(
        "SELECT account, max(id) FROM sweeps WHERE state IN ('done', 'incomplete') GROUP BY account"
    ).fetchall():
        (first,) = db.execute(
            "SELECT coalesce(min(id), ?) FROM sweeps WHERE account = ? AND state IN ('done', 'incomplete') "
            "AND started_at >= ?",
            (last, account, stamped(before)),
        ).fetchone()
        for name in tables(db):
            versions += db.execute(
                f'DELETE FROM "{name}" WHERE account = ? AND to_sweep <= ?', (account, first)
            ).rowcount
        old = "(SELECT id FROM sweeps WHERE account = ? AND id < ?)"
        for table in ("lists", "coverage", "failures", "seen"):
            db.execute(f"DELETE FROM {table} WHERE sweep IN {old}", (account, first))
        sweeps += db.execute(
            "UPDATE sweeps SET state = 'pruned' WHERE account = ? AND id < ? AND state <> 'pruned'", (account, first)
        ).rowcount
    return sweeps, versions


def drop_account(db: sqlite3.Connection, account: str) -> tuple[int, int]:
    """Forget an account altogether; the caller has begun a transaction.

    Returns:
        Sweeps and versions forgotten.
    """
    versions = sum(db.execute(f'DELETE FROM "{name}" WHERE account = ?', (account,)).rowcount for name in tables(db))
    for table in ("lists", "coverage", "failures", "seen"):
        db.execute(f"DELETE FROM {table} WHERE sweep IN (SELECT id FROM sweeps WHERE account = ?)", (account,))
    sweeps = db.execute("DELETE FROM sweeps WHERE account = ?", (account,)).rowcount
    db.execute("DELETE FROM list_reads WHERE account = ?", (account,))
    db.execute("DELETE FROM accounts WHERE name = ?", (account,))
    return sweeps, versions


def pack(db: sqlite3.Connection) -> bool:
    """Rewrite the file without its free pages if that is worthwhile; outside any transaction."""
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    if free < _WORTH_IT * pages:
        return False
    db.execute("VACUUM")
    return True
