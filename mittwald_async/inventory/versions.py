"""Rows into versions: a row that is as before is only noted as seen, one that changed follows the version before it."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from .coverage import Coverage, Place
from .rows import Row, content_hash
from .schema import INSERTED

_AT_ONCE = 500
"""Rows changed by one statement's list of parameters."""


class _Known(msgspec.Struct, frozen=True, gc=False):
    """A version that is valid, as far as a new row is compared with it."""

    row_id: int
    content_hash: int
    from_sweep: int
    customer_id: str | None
    project_id: str | None
    unseen: bool


class Versions:
    """The versions of one resource, for one account and the running sweep.

    Args:
        db: the inventory file, in whose transactions everything here is done.
        resource: name of the table.
        account: whose rows.
        sweep: number of the sweep that sees them.
    """

    def __init__(self, db: sqlite3.Connection, resource: str, account: str, sweep: int) -> None:
        self._db = db
        self._resource = resource
        self._account = account
        self._sweep = sweep
        columns, marks = ", ".join(INSERTED), ",".join("?" * len(INSERTED))
        self._insert = f'INSERT INTO "{resource}" ({columns}) VALUES ({marks})'
        replaced = ", ".join(f"{column} = excluded.{column}" for column in INSERTED)
        self._upsert = f"{self._insert} ON CONFLICT (account, key) WHERE to_sweep IS NULL DO UPDATE SET {replaced}"
        self._valid = f'FROM "{resource}" INDEXED BY "{resource}_now" WHERE account = ? AND to_sweep IS NULL'
        """Versions that are valid now; read off the index alone."""
        before = db.execute(
            f'SELECT 1 FROM "{resource}" WHERE account = ? AND from_sweep <> ? AND to_sweep IS NULL LIMIT 1',
            (account, sweep),
        )
        self._first = before.fetchone() is None
        """Nothing was known before this sweep: every row is new, or was seen by this very sweep."""

    def merge(self, rows: Sequence[Row]) -> None:
        """Take rows in. Of rows with the same key, the last counts."""
        records = self._records(rows)
        if self._first:
            self._db.executemany(self._upsert, records)
            return
        known = self._known([row.key for row in rows])
        seen = array("q")
        new: dict[str, tuple[Any, ...]] = {}
        closed: list[int] = []
        replaced: list[int] = []
        for row, record in zip(rows, records, strict=True):
            before = known.get(row.key)
            if before is None or row.key in new:
                new[row.key] = record
            elif self._unchanged(before, row, record[-2]):
                self._seen(before, row, seen)
            else:
                new[row.key] = record
                (replaced if before.from_sweep == self._sweep else closed).append(before.row_id)
        self._close(closed)
        self._execute_each("DELETE FROM {table} WHERE row_id = ?", [(own,) for own in replaced])
        self._db.executemany(self._insert, new.values())
        if seen:
            self._db.execute("INSERT INTO seen VALUES (?,?,?)", (self._sweep, self._resource, seen.tobytes()))

    def _records(self, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        """What is inserted, in the order of `INSERTED`."""
        found: list[tuple[Any, ...]] = []
        account, sweep = self._account, self._sweep
        at, stamp = datetime.min, ""
        for row in rows:
            if row.fetched_at is not at:  # The rows of a page came at the same moment.
                at, stamp = row.fetched_at, stamped(row.fetched_at)
            found.append(
                (
                    account,
                    row.key,
                    row.id,
                    row.customer_id,
                    row.project_id,
                    row.parent_id,
                    row.operation,
                    stamp,
                    row.drifted,
                    sweep,
                    content_hash(row.raw),
                    str(row.raw, "utf-8"),
                )
            )
        return found

    def _known(self, keys: list[str]) -> dict[str, _Known]:
        found = self._db.execute(
            f"SELECT key, row_id, content_hash, from_sweep, customer_id, project_id, unseen_since IS NOT NULL "
            f"{self._valid} AND key IN (SELECT value FROM json_each(?))",
            (self._account, msgspec.json.encode(keys).decode()),
        )
        return {key: _Known(*rest) for key, *rest in found}

    def _unchanged(self, before: _Known, row: Row, content: int) -> bool:
        if _differs(before.customer_id, row.customer_id) or _differs(before.project_id, row.project_id):
            return False
        if before.content_hash == content:
            return True
        (data,) = self._db.execute(f'SELECT data FROM "{self._resource}" WHERE row_id = ?', (before.row_id,)).fetchone()
        return _same_json(data, row.raw)

    def _seen(self, before: _Known, row: Row, seen: array[int]) -> None:
        if before.from_sweep != self._sweep:
            seen.append(before.row_id)
        learned = (before.customer_id is None and row.customer_id) or (before.project_id is None and row.project_id)
        if learned or before.unseen:
            self._db.execute(
                f'UPDATE "{self._resource}" SET customer_id = coalesce(customer_id, ?), '
                "project_id = coalesce(project_id, ?), unseen_since = NULL WHERE row_id = ?",
                (row.customer_id, row.project_id, before.row_id),
            )

    def _close(self, row_ids: Iterable[int]) -> None:
        self._execute_each("UPDATE {table} SET to_sweep = ? WHERE row_id = ?", [(self._sweep, own) for own in row_ids])

    def _execute_each(self, statement: str, values: list[tuple[int, ...]]) -> None:
        if values:
            self._db.executemany(statement.format(table=f'"{self._resource}"'), values)

    # At the end of a sweep

    def flags(self) -> bytearray:
        """For each `row_id` up to the highest whether this sweep has seen it."""
        (highest,) = self._db.execute(f'SELECT coalesce(max(row_id), 0) FROM "{self._resource}"').fetchone()
        flags = bytearray(highest + 1)
        for (packed,) in self._db.execute(
            "SELECT rows FROM seen WHERE sweep = ? AND resource = ?", (self._sweep, self._resource)
        ):
            for row_id in array("q", packed):
                flags[row_id] = 1
        for (row_id,) in self._db.execute(
            f'SELECT row_id FROM "{self._resource}" WHERE from_sweep = ? AND account = ?', (self._sweep, self._account)
        ):
            flags[row_id] = 1
        return flags

    def count_seen(self) -> int:
        """Number of items that this sweep has seen. One that changed after it was seen first has two versions and
        counts once."""
        return self._count_valid() - len(self._missing())

    def settle(self, coverage: Coverage) -> int:
        """Close what is gone for certain, mark what could not be seen; gives the number of items seen."""
        valid = self._count_valid()
        if self._first:  # What is valid is what this sweep has seen.
            return valid
        missing = self._missing()
        gone: list[int] = []
        unseen: list[tuple[int, ...]] = []
        for row_id, missed, place in self._places(missing):
            long_gone = missed is not None and coverage.all_read_after(self._resource, missed)
            if long_gone or coverage.covers(self._resource, place):
                gone.append(row_id)
            elif coverage.tried(self._resource, place):
                unseen.append((self._sweep, row_id))
        self._close(gone)
        self._execute_each("UPDATE {table} SET unseen_since = ? WHERE row_id = ? AND unseen_since IS NULL", unseen)
        return valid - len(missing)

    def _count_valid(self) -> int:
        (count,) = self._db.execute(f"SELECT count(*) {self._valid}", (self._account,)).fetchone()
        return int(count)

    def _missing(self) -> list[int]:
        """`row_id` of what is valid and this sweep has not seen."""
        flags = self.flags()
        valid = self._db.execute(f"SELECT row_id {self._valid}", (self._account,))
        return [row_id for (row_id,) in valid if not flags[row_id]]

    def _places(self, missing: list[int]) -> Iterable[tuple[int, int | None, Place]]:
        """Whose they are, and since which sweep they could not be seen."""
        for start in range(0, len(missing), _AT_ONCE):
            yield from [
                (row_id, missed, Place(*place))
                for row_id, missed, *place in self._db.execute(
                    f'SELECT row_id, unseen_since, id, customer_id, project_id, parent_id FROM "{self._resource}" '
                    "WHERE row_id IN (SELECT value FROM json_each(?))",
                    (msgspec.json.encode(missing[start : start + _AT_ONCE]).decode(),),
                )
            ]

    def reopen(self) -> None:
        """Reopen what this sweep closed as gone: it is resumed, and may still find it."""
        self._db.execute(
            f'UPDATE "{self._resource}" AS t SET to_sweep = NULL WHERE to_sweep = ? AND account = ? AND NOT EXISTS '
            f'(SELECT 1 FROM "{self._resource}" n WHERE n.account = t.account AND n.key = t.key AND n.to_sweep IS NULL)',
            (self._sweep, self._account),
        )
        self._db.execute(
            f'UPDATE "{self._resource}" SET unseen_since = NULL WHERE unseen_since = ? AND account = ?',
            (self._sweep, self._account),
        )


def _differs(before: str | None, now: str | None) -> bool:
    """Whether an owner is another. One that is not reported now is the one known before."""
    return before is not None and now is not None and before != now


def _same_json(before: str, now: bytes) -> bool:
    """Whether two texts say the same, in whatever order and layout."""
    try:
        return bool(msgspec.json.decode(before) == msgspec.json.decode(now))
    except msgspec.DecodeError:
        return False


def stamped(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def now() -> datetime:
    return datetime.now(UTC)
