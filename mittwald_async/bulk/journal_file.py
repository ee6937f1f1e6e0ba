"""The journal's file: SQLite in WAL mode, where a commit is on disk before it returns."""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from .records import BlankJournalError, ItemState, JournalEntry, JournalError

APPLICATION_ID = 0x6D776A6C
"""`PRAGMA application_id` of a journal, which distinguishes it from other databases."""
VERSION = 1
_CACHE_KIB = 4096
"""SQLite's page cache: memory does not grow with the journal."""

_SCHEMA = """
CREATE TABLE journal (salt BLOB NOT NULL, account TEXT, server TEXT);
CREATE TABLE jobs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE items (
    job INTEGER NOT NULL REFERENCES jobs,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    stage INTEGER NOT NULL,
    input BLOB,
    results TEXT NOT NULL,
    error TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (job, key)
) WITHOUT ROWID;
"""

_INTERRUPTED = "the program ended before the answer came"


class FileChange(Protocol):
    """Something that is done to the file inside a transaction."""

    def apply(self, connection: sqlite3.Connection) -> Any:
        """Do it and give what the caller waits for."""
        ...


class JournalFile:
    """An open journal file. Methods may be called from any thread, one at a time.

    Args:
        path: the file; created, with mode 0600, where there is none.
        writable: False opens an existing file for looking at it only.

    Raises:
        JournalError: the file is something else, or of a newer version; `BlankJournalError`, which a first run may have
            left when it was killed, where nothing is in it and it is only looked at.
        OSError: it cannot be opened or created.
    """

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self.path = path
        if writable:
            self._create()
        elif not path.is_file():
            raise JournalError(f"{path}: the journal does not exist")
        try:
            self._open("mode=rw" if writable else "mode=ro", writable)
        except sqlite3.OperationalError as error:
            # On a medium that cannot be written, SQLite opens what it may take as unchanging only.
            if writable or Path(f"{path}-wal").exists():
                raise JournalError(f"{path}: {error}; the journal and its folder have to be writable") from None
            self._open("mode=ro&immutable=1", writable)

    def _open(self, mode: str, writable: bool) -> None:
        uri = f"{self.path.absolute().as_uri()}?{mode}"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30)
        try:
            self._prepare(writable)
        except sqlite3.OperationalError:
            self._connection.close()
            raise
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise JournalError(f"{self.path}: not a journal ({error}); choose another name") from None
        except BaseException:
            self._connection.close()
            raise

    def _create(self) -> None:
        """Only its owner may read it, from the first byte on; SQLite gives its side files the same mode."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        if self.path.is_symlink():
            raise JournalError(f"{self.path}: a symbolic link; name the file that it leads to")
        descriptor = os.open(self.path, flags, 0o600)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):  # a device is shared; its mode is not ours to change
                raise JournalError(f"{self.path}: not a regular file; choose another name")
            if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)

    def _prepare(self, writable: bool) -> None:
        run = self._connection.execute
        application = run("PRAGMA application_id").fetchone()[0]
        empty = not run("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application == 0 and empty and not writable:
            raise BlankJournalError(f"{self.path}: nothing is in it yet")
        if application != APPLICATION_ID and not (empty and writable):
            raise JournalError(f"{self.path}: not a journal; choose another name")
        version = run("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise JournalError(f"{self.path}: written by a newer version of this package; update, or use another name")
        run(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if not writable:
            return
        run("PRAGMA journal_mode = WAL")
        # NORMAL would leave the last commits to the system's cache: gone when the power is.
        run("PRAGMA synchronous = FULL")
        run("PRAGMA temp_store = FILE")
        if empty:
            run("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";"):
                run(statement)
            run("INSERT INTO journal (salt) VALUES (?)", (secrets.token_bytes(16),))
            run(f"PRAGMA application_id = {APPLICATION_ID}")
            run(f"PRAGMA user_version = {VERSION}")
            run("COMMIT")
        # Of this connection: who was seen in this run, by key. On disk, since it grows with the number of items.
        run("CREATE TEMP TABLE seen (key TEXT PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID")

    def close(self) -> None:
        """Close the file. Harmless when repeated."""
        self._connection.close()

    @property
    def salt(self) -> bytes:
        """Makes fingerprints of this journal useless for guessing at those of another."""
        found: bytes = self._connection.execute("SELECT salt FROM journal").fetchone()[0]
        return found

    @property
    def account(self) -> tuple[str | None, str | None]:
        """Whose journal it is, and at which server; `None` before the first write."""
        account, server = self._connection.execute("SELECT account, server FROM journal").fetchone()
        return account, server

    def release_owner(self) -> None:
        """Forget whose journal it is, where nothing can have been done for any item: a wrong token has then come this
        far. Call it before `account` is looked at."""
        self._connection.execute(
            "UPDATE journal SET account = NULL, server = NULL WHERE account IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM items WHERE stage > 0 OR state NOT IN ('planned', 'failed'))"
        )

    def apply(self, changes: list[FileChange]) -> list[Any]:
        """Make changes in one transaction; they are on disk when this returns, or none of them is."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            given = [change.apply(connection) for change in changes]
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return given

    def interrupted(self) -> int:
        """Mark what the previous process left in flight as unknown, and return the number of items."""
        return self._connection.execute(
            "UPDATE items SET state = ?, error = ? WHERE state = ?",
            (ItemState.UNKNOWN, _INTERRUPTED, ItemState.STARTED),
        ).rowcount

    def names(self) -> list[str]:
        """The jobs there are."""
        return [name for (name,) in self._connection.execute("SELECT name FROM jobs ORDER BY id")]

    def counts(self, name: str | None = None) -> dict[ItemState, int]:
        """Items by state, of one job or of all."""
        rows = self._connection.execute(
            "SELECT state, count(*) FROM items JOIN jobs ON jobs.id = job WHERE ?1 IS NULL OR name = ?1 GROUP BY state",
            (name,),
        )
        found = dict(rows.fetchall())
        return {state: found.get(state, 0) for state in ItemState}

    def state(self, key: str, name: str) -> tuple[ItemState, bytes | None] | None:
        """How far an item is, and the fingerprint of its input; `None` for one that is not in the file."""
        found = self._connection.execute(
            "SELECT state, input FROM items JOIN jobs ON jobs.id = job WHERE name = ? AND key = ?", (name, key)
        ).fetchone()
        return None if found is None else (ItemState(found[0]), found[1])

    def entries(self, state: ItemState | None = None, name: str | None = None) -> Iterator[JournalEntry]:
        """Items one by one, by key."""
        rows = self._connection.execute(
            "SELECT key, state, stage, results, error, at FROM items JOIN jobs ON jobs.id = job"
            " WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR name = ?2) ORDER BY job, key",
            (state, name),
        )
        for key, kept, stage, results, error, at in rows:
            yield JournalEntry(
                key=key,
                state=ItemState(kept),
                stage=stage,
                results=tuple(msgspec.json.decode(results)),
                error=error,
                at=at,
            )


class KnownItem(NamedTuple):
    """What the file says of an item when its turn comes.

    `twin` is the row that had the key before in this run; `changed`, that it was done with another input.
    """

    state: ItemState
    stage: int
    results: str
    twin: int | None = None
    changed: bool = False
    error: str = ""


class NewRun(NamedTuple):
    """A run of a job begins: every key may come once more. Gives the job's number; it is made where there is none."""

    name: str

    def apply(self, connection: sqlite3.Connection) -> int:
        connection.execute("DELETE FROM seen")
        connection.execute("INSERT INTO jobs (name) VALUES (?) ON CONFLICT DO NOTHING", (self.name,))
        found: int = connection.execute("SELECT id FROM jobs WHERE name = ?", (self.name,)).fetchone()[0]
        return found


class Begin(NamedTuple):
    """Look an item up, which is added where it is new.

    `again` are the states that go on. With `start`, note that its first write is about to be sent, if its turn has
    come; otherwise, and for further stages, that is noted when a write is really due (`NoteState`).
    """

    job: int
    key: str
    row: int
    input: bytes | None
    again: tuple[str, ...]
    redo_changed: bool
    start: bool

    def apply(self, connection: sqlite3.Connection) -> KnownItem:
        twin = connection.execute("SELECT row FROM seen WHERE key = ?", (self.key,)).fetchone()
        if twin is not None:
            return KnownItem(ItemState.PLANNED, 0, "[]", twin[0])
        connection.execute("INSERT INTO seen VALUES (?, ?)", (self.key, self.row))
        found = connection.execute(
            "SELECT state, stage, results, input, error FROM items WHERE job = ? AND key = ?", (self.job, self.key)
        ).fetchone()
        if found is None:
            connection.execute(
                "INSERT INTO items VALUES (?, ?, ?, 0, ?, '[]', '', ?)",
                (self.job, self.key, ItemState.STARTED if self.start else ItemState.PLANNED, self.input, time.time()),
            )
            return KnownItem(ItemState.PLANNED, 0, "[]")
        state, stage, results, before, error = found
        changed = None not in (before, self.input) and before != self.input
        if changed and not self.redo_changed and (stage > 0 or state in (ItemState.DONE, ItemState.UNKNOWN)):
            return KnownItem(ItemState(state), stage, results, None, True)
        if changed and state == ItemState.DONE:
            state, stage, results = ItemState.PLANNED, 0, "[]"
        if state in self.again and stage == 0:
            connection.execute(
                "UPDATE items SET state = ?, stage = 0, results = '[]', input = ?, error = '', at = ?"
                " WHERE job = ? AND key = ?",
                (ItemState.STARTED if self.start else ItemState.PLANNED, self.input, time.time(), self.job, self.key),
            )
        return KnownItem(ItemState(state), stage, results, error=error)


class Release(NamedTuple):
    """Take back that a write is about to be sent: it will not be."""

    job: int
    key: str

    def apply(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE items SET state = 'planned' WHERE job = ? AND key = ? AND state = 'started'", (self.job, self.key)
        )


class NoteState(NamedTuple):
    """Note where an item is now. `results` is JSON, `None` leaves what is there."""

    job: int
    key: str
    state: ItemState
    stage: int
    results: str | None = None
    error: str = ""

    def apply(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE items SET state = ?, stage = ?, results = coalesce(?, results), error = ?, at = ?"
            " WHERE job = ? AND key = ?",
            (self.state, self.stage, self.results, self.error, time.time(), self.job, self.key),
        )


class Claim(NamedTuple):
    """Note whose journal it is. Gives whose it was before, where it had an owner."""

    account: str
    server: str

    def apply(self, connection: sqlite3.Connection) -> tuple[str, str] | None:
        account, server = connection.execute("SELECT account, server FROM journal").fetchone()
        if account is not None:
            return account, server
        connection.execute("UPDATE journal SET account = ?, server = ?", (self.account, self.server))
        return None
