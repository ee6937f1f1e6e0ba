"""Is a file what a command was to read? Every command words the same fault the same way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ..errors import ConfigurationError
from .schema import APPLICATION_ID, VERSION

_HEADER = b"SQLite format 3\x00"


def require_inventory(path: Path) -> None:
    """Refuse what is not an inventory that can be read.

    Raises:
        ConfigurationError: what is wrong with the file.
    """
    require_database(path, "an inventory", APPLICATION_ID, VERSION)


def require_database(path: Path, kind: str, application_id: int, version: int) -> None:
    """Refuse what is not a database of ours that can be read.

    Args:
        path: the file.
        kind: what it should be, with its article.
        application_id: what marks such a file.
        version: the newest layout that this package knows.

    Raises:
        ConfigurationError: what is wrong with the file.
    """
    fault = _fault(path, kind) or _fault_of_database(path, kind, application_id, version)
    if fault:
        raise ConfigurationError(f"{path}: {fault}")


def _fault(path: Path, kind: str) -> str:
    try:
        if path.is_dir():
            return f"is a folder, not {kind}"
        if path.exists() and not path.is_file():
            return f"is not a file, and not {kind}"
        with path.open("rb") as file:
            begin = file.read(len(_HEADER))
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    if not begin:
        return f"is empty, and not {kind}"
    return "" if begin == _HEADER else f"is not an SQLite database, and not {kind}"


def _fault_of_database(path: Path, kind: str, application_id: int, version: int) -> str:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            (owner,) = db.execute("PRAGMA application_id").fetchone()
            (written_by,) = db.execute("PRAGMA user_version").fetchone()
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_READONLY:
                return ""  # A file that a killed process left half written is repaired when it is opened for writing.
            case sqlite3.SQLITE_CANTOPEN:
                return (
                    "was left open by the program that wrote it, and can only be read in a folder that can be written to; copy "
                    f"it to one, together with {path.name}-wal if that exists"
                )
            case _:
                return damaged(error)
    if owner != application_id:
        return f"is a database of something else, and not {kind}"
    return "was written by a newer version of this package; update it" if written_by > version else ""


def damaged(error: sqlite3.Error) -> str:
    """The message for a file that SQLite cannot read."""
    return f"is damaged ({error}); take a copy of it that is whole"
