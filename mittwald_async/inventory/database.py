"""The SQLite file of an inventory as such: made, opened, converted, waited for, closed; all or nothing.

What is in it is the business of `store`; its layout is described in `schema`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from .convert import convert, is_version_1, needs_writing
from .errors import StoreError, is_busy, reason_of
from .schema import APPLICATION_ID, SCHEMA, VERSION, NameTakenError

_BUSY_SECONDS = 5.0
"""Another program that has the file for so long is mentioned."""

_PAGE_BYTES = 8192
"""Page size of new files. Twice SQLite's default, in which only four items fit, takes 5 % less of the CPU time of
writing a sweep; at four times, the file of a small account, of which most tables have a few rows, has three times the
size."""

_PATIENCE = 3600.0
"""Seconds after which a file that another program keeps locked is given up."""


class Database:
    """An inventory's file, open. Not for several threads at once.

    Args:
        path: the file; it is made where there is none, readable by its owner only. One of version 1 is converted.
        writable: false only reads it; then it has to exist.
        on_wait: called with a sentence when another program keeps the file locked for more than 5 s.

    Attributes:
        connection: for statements.
        patience: seconds to wait for another program that keeps the file locked.

    Raises:
        StoreError: the file cannot be opened, or is a database of something else.
    """

    def __init__(self, path: Path, *, writable: bool = True, on_wait: Callable[[str], None] | None = None) -> None:
        self.path: Path = path
        self.patience: float = _PATIENCE
        self._writable = writable
        self._on_wait = on_wait
        self._identity: os.stat_result | None = None
        if not writable and needs_writing(path):
            Database(path, on_wait=on_wait).close()
        with self.explained():
            self.connection: sqlite3.Connection = self._connect()
            try:
                self._open()
                self._identity = self.path.stat() if writable else None
            except BaseException:
                self.connection.close()
                raise

    def _connect(self) -> sqlite3.Connection:
        if self._writable:
            with suppress(OSError):  # What is wrong with the place is SQLite's to say.
                _make_private(self.path.resolve())
        # Whole: SQLite has a meaning of its own for `:memory:`, and for names that begin with `file:`.
        name = str(self.path.absolute()) if self._writable else f"{self.path.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(
            name, uri=not self._writable, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS
        )

    def _open(self) -> None:
        if self._writable:
            # Outside of WAL, which the file leaves when it is closed, a writer keeps readers out as well.
            self._patiently(lambda: self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone())
        version = self._version()
        if not self._writable:
            return
        self.connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # Of no effect where the file has pages already.
        self._patiently(lambda: self.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}"))
        # WAL: a killed process loses nothing committed, and a commit does not wait for the disk.
        self._patiently(lambda: self.connection.execute("PRAGMA journal_mode = WAL"))
        self.connection.execute("PRAGMA synchronous = NORMAL")
        # 32 MB of log before it is folded into the file: each time waits for the disk.
        self.connection.execute("PRAGMA wal_autocheckpoint = 4000")
        self.connection.execute("PRAGMA cache_size = -16000")
        with self.transaction():
            if is_version_1(self.connection):
                convert(self.connection)
                with suppress(OSError):
                    self.path.chmod(0o600)
            if version != VERSION:
                for statement in SCHEMA.split(";"):
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version = {VERSION}")

    def _version(self) -> int:
        """The version of the layout it has; 0 where it is new."""
        (owner,) = self.connection.execute("PRAGMA application_id").fetchone()
        (others,) = self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if owner != APPLICATION_ID and others:
            raise StoreError(f"{self.path}: a database of something else; choose another name")
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StoreError(f"{self.path}: was written by a newer version of this package; update it")
        return int(version)

    def close(self) -> None:
        """Close the file. The write-ahead log is folded into it."""
        replaced = self._is_replaced()
        if self._writable:
            # While another process reads it, the log stays beside the file; both together are valid.
            with suppress(sqlite3.Error):
                self.connection.execute("PRAGMA busy_timeout = 0")
                self.connection.execute(f"PRAGMA {'wal_checkpoint(TRUNCATE)' if replaced else 'journal_mode = DELETE'}")
        self.connection.close()
        if replaced:
            # A leftover log would be applied to the other file and damage it.
            for ending in ("-wal", "-shm"):
                with suppress(OSError):
                    self.path.with_name(self.path.name + ending).unlink()

    def _is_replaced(self) -> bool:
        """Whether its name is that of another file by now, or of none: what is written to it would not be found
        there."""
        if self._identity is None:
            return False
        try:
            return not os.path.samestat(self.path.stat(), self._identity)
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def interrupt(self) -> None:
        """End what another thread does with the file: that fails, and leaves it as it was before."""
        self.connection.interrupt()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All of it or nothing."""
        if self._is_replaced():
            raise StoreError(
                f"{self.path}: was moved, removed or replaced while it was written to; run again, and leave it in its place"
            )
        with self.explained():
            self._patiently(lambda: self.connection.execute("BEGIN IMMEDIATE"))
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # A full disk has rolled back already.
                    self.connection.execute("ROLLBACK")
                raise

    def _patiently(self, work: Callable[[], object]) -> None:
        """Do it once no other program has the file locked."""
        begin, said = time.monotonic(), False
        while True:
            try:
                work()
            except sqlite3.OperationalError as error:
                waited = time.monotonic() - begin
                if not is_busy(error) or waited >= self.patience:
                    raise
                if self._on_wait is not None and not said and waited >= _BUSY_SECONDS * 0.9:
                    said = True
                    self._on_wait(f"{self.path} is locked by another program; waiting for it")
                time.sleep(0.05)
            else:
                return

    @contextmanager
    def explained(self) -> Generator[None]:
        """What SQLite complains of, as an error that says what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {reason_of(error, self.path)}") from error
        except NameTakenError as error:
            raise StoreError(f"{self.path}: {error}") from None


def _make_private(path: Path) -> None:
    """From its first byte on a file is for its owner only, also where an empty one was there; files beside it get the
    same rights from SQLite."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if path.is_file() and not path.stat().st_size:
            path.chmod(0o600)
