"""What can be wrong with an inventory file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ..errors import MittwaldError


class StoreError(MittwaldError):
    """The inventory file cannot be read or written. The message says why."""


class AccountMismatchError(StoreError):
    """A token is of another user than the file's account of that name, or the other way round: only this account is
    concerned."""


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another program has the file locked."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def reason_of(error: sqlite3.Error, path: Path) -> str:
    """What is wrong, in words that say what to do."""
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return "the disk is full; what was written so far is kept, free space and resume with --resume-or-new"
        case sqlite3.SQLITE_CANTOPEN:
            return f"cannot be opened ({error if path.parent.exists() else f'no such folder: {path.parent}'})"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return f"cannot be written ({error})"
        case sqlite3.SQLITE_IOERR:
            return f"cannot be read or written ({error}); what was written so far is kept, resume with --resume-or-new"
        case sqlite3.SQLITE_INTERRUPT:
            return "interrupted; resume with --resume"
        case sqlite3.SQLITE_NOTADB:
            return "exists and is not an SQLite database; choose another name"
        case sqlite3.SQLITE_CORRUPT:
            return f"is damaged ({error}); choose another name"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "is in use by another process"
        case _:
            return str(error)
