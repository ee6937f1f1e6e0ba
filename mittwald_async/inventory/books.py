"""Who is who in an inventory file: its accounts and their names."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

from .convert import UNNAMED
from .errors import AccountMismatchError
from .schema import tables

_MEMBERSHIPS = ("customer_membership", "project_membership")


class Accounts:
    """The accounts of an open file. What is changed here is part of the caller's transaction.

    Args:
        db: the file.
        path: its name, for messages.
    """

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def name_for(self, source: str, name: str | None, user: str | None, siblings: Collection[str] = ()) -> str:
        """See `Store.account_for`."""
        identity = name or user or UNNAMED
        found = self._db.execute(
            "SELECT name, user_id FROM accounts WHERE source = ? AND identity = ?", (source, identity)
        ).fetchone()
        if found is None:
            return self._first_time(source, name, user, siblings)
        known, whose = found
        if whose is not None and user is not None and whose != user:
            raise AccountMismatchError(
                f"{self._path}: the account {known} belongs to user {whose} in this file, but the token to user {user}; use "
                f"the token of {whose}, or give the account another name"
            )
        self._db.execute("UPDATE accounts SET user_id = coalesce(user_id, ?) WHERE name = ?", (user, known))
        return str(known)

    def _first_time(self, source: str, given: str | None, user: str | None, siblings: Collection[str]) -> str:
        """The account under a name that the file does not know yet."""
        before, known_as = self._same_user(source, user)
        if given is None and known_as not in ("", user):
            return before
        if known_as in siblings:
            raise AccountMismatchError(
                f"{self._path}: the accounts {known_as} and {given} have tokens of the same user {user}; remove one of them"
            )
        identity = given or user or UNNAMED
        name = self._free_name(source, identity)
        before = before or self._from_version_1(source, user)
        if before:
            self._rename(before, name)
            self._db.execute("UPDATE accounts SET identity = ?, user_id = ? WHERE name = ?", (identity, user, name))
        else:
            self._db.execute("INSERT INTO accounts VALUES (?,?,?,?)", (name, source, identity, user))
        return name

    def _free_name(self, source: str, identity: str) -> str:
        taken = {name for (name,) in self._db.execute("SELECT name FROM accounts")}
        candidates = (identity, f"{identity}@{urlsplit(source).netloc or source}", f"{identity}@{source}")
        return next(candidate for candidate in candidates if candidate not in taken)

    def _same_user(self, source: str, user: str | None) -> tuple[str, str]:
        """The account under which this user's rows are kept so far, and the name it was given; empty where there is
        none."""
        found = self._db.execute(
            "SELECT name, identity FROM accounts WHERE source = ? AND user_id = ?", (source, user)
        ).fetchone()
        return ("", "") if found is None else (str(found[0]), str(found[1]))

    def _from_version_1(self, source: str, user: str | None) -> str:
        """The account of rows that were swept before accounts were distinguished, where the user is among its members;
        else empty."""
        found = self._db.execute(
            "SELECT name FROM accounts WHERE source = ? AND identity = ?", (source, UNNAMED)
        ).fetchone()
        if found is None or user is None:
            return ""
        for table in set(_MEMBERSHIPS).intersection(tables(self._db)):
            member = self._db.execute(
                f'SELECT 1 FROM "{table}" WHERE account = ? AND to_sweep IS NULL '
                "AND json_extract(data, '$.userId') = ? LIMIT 1",
                (found[0], user),
            )
            if member.fetchone() is not None:
                return str(found[0])
        return ""

    def _rename(self, before: str, now: str) -> None:
        for table in ("sweeps", "list_reads", *tables(self._db)):
            self._db.execute(f'UPDATE "{table}" SET account = ? WHERE account = ?', (now, before))
        self._db.execute("UPDATE accounts SET name = ? WHERE name = ?", (now, before))
