"""Rows in, calls out: one operation for every row of a source. What `mittwald-async bulk` does."""

from __future__ import annotations

import contextlib
import csv
import os
import sqlite3
import stat
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self, TextIO, cast

import msgspec

from ..client import Mittwald
from ..runtime import codec
from ..runtime.errors import ConfigurationError, InvalidArgumentError
from ..runtime.operation import Operation
from .columns import COMMENT, RowArguments, RowReader, masked
from .journal import Journal
from .journal_file import JournalFile
from .records import ItemOutcome, ItemState, Verified
from .runner import fingerprint
from .source_rows import SourceRow
from .sources import readable
from .values import Mistake, secret_name
from .verifier_table import READ_BACK
from .verifiers import verifier_for

_FIRST = 3
"""Rows whose requests a dry run shows."""
_BEGUN = (ItemState.STARTED, ItemState.UNKNOWN, ItemState.DONE)


class Checked(msgspec.Struct):
    """What looking at all rows has found.

    Attributes:
        rows: how many there are.
        mistakes: how many cells are wrong.
        columns: all that occur.
        made_up: rows with a password to be made up.
        begun_made_up: those of them that the journal knows to be done, or perhaps done.
        changed: rows that are done, and have changed since.
        first: calls of the first rows.
        states: rows by what the journal knows of them; `None` for those it has not seen.
    """

    rows: int = 0
    mistakes: int = 0
    columns: dict[str, None] = {}
    made_up: int = 0
    begun_made_up: int = 0
    changed: int = 0
    first: list[RowArguments] = []
    states: dict[ItemState | None, int] = {}

    @property
    def due(self) -> int:
        """Rows that are not done."""
        return self.rows - self.states.get(ItemState.DONE, 0)

    @property
    def known(self) -> dict[str, int]:
        """Rows by the name of their state, without those that are new."""
        return {state.value: number for state, number in self.states.items() if state is not None}


class RowJob:
    """One operation, many rows.

    Args:
        operation: what is done for every row; one that changes something.
        source: yields the rows, from the start at every call.
        key: columns that make a row the same in the next run; without them, what is unique about what is created, the
            path's arguments of an update or delete, or else the whole row.
        marker: see `verifier_for`.

    Raises:
        InvalidArgumentError: the operation only reads, or cannot be done for rows.
    """

    def __init__(
        self,
        operation: Operation[Any],
        source: Callable[[], Iterable[SourceRow]],
        *,
        key: Sequence[str] = (),
        marker: str | None = None,
    ) -> None:
        if operation.method in ("GET", "HEAD"):
            raise InvalidArgumentError("OPERATION", f"{operation.operation_id} only reads; use `mittwald-async call`")
        self.operation = operation
        self._source = source
        self._reader = RowReader(operation)
        self._verifier = verifier_for(operation.operation_id, marker=marker)
        self._given_key = tuple(key)
        spec = READ_BACK.get(operation.operation_id)
        unique = (spec.unique or (spec.marker if marker else None)) if spec is not None else None
        path = tuple(parameter.wire for parameter in operation.parameters if parameter.where == "path")
        if key:
            self.key_columns: tuple[str, ...] = tuple(key)
        elif unique is not None:
            self.key_columns = (*path, unique[0])
        else:
            self.key_columns = path if operation.method != "POST" else ()

    @property
    def how_verified(self) -> str | None:
        """How a lost answer is read back; `None`: not at all."""
        return None if self._verifier is None else self._verifier.how

    def key_of(self, row: SourceRow) -> str:
        """What makes a row the same in the next run. Empty where a column of the key is."""
        if not self.key_columns:
            content = msgspec.json.encode(_as_cells(_without_secrets(row.values)), order="deterministic")
            return f"row {blake2b(content, digest_size=12).hexdigest()}"
        parts = [self._cell(row, column) for column in self.key_columns]
        return "" if "" in parts else parts[0] if len(parts) == 1 else msgspec.json.encode(parts).decode()

    def _cell(self, row: SourceRow, column: str) -> str:
        value: Any = row.values.get(column)
        if value is None:
            value = row.values
            for name in column.split("."):
                value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
        if value is None:
            names = {parameter.wire: parameter.name for parameter in self.operation.parameters}
            value = row.values.get(names.get(column, column))
        return "" if value is None else str(cast("object", value))

    # -- before anything is sent --------------------------------------------------------------------------------------

    def check(self, mistake: Callable[[Mistake], None], journal: JournalFile | None = None) -> Checked:
        """Look at every row.

        Args:
            mistake: called with each one that is found.
            journal: knows what is done.
        """
        salt = b"" if journal is None else journal.salt
        found = Checked()
        with _Keys() as keys:
            for row in self._source():
                found.rows += 1
                found.columns |= dict.fromkeys(row.values)
                arguments, mistakes = self._reader.read(row)
                mistakes += self._key_mistakes(row, keys, mistakes)
                for one in mistakes:
                    mistake(one)
                found.mistakes += len(mistakes)
                found.made_up += bool(arguments.secrets)
                if len(found.first) < _FIRST and not mistakes:
                    found.first.append(arguments)
                known, before = None, None
                if journal is not None and not mistakes:
                    known, before = journal.state(self.key_of(row), self.operation.operation_id) or (None, None)
                found.states[known] = found.states.get(known, 0) + 1
                if known is ItemState.DONE:
                    found.changed += before is not None and before != fingerprint(_as_cells(row.values), salt)
                if arguments.secrets and known in _BEGUN:
                    found.begun_made_up += 1
        return found

    def _key_mistakes(self, row: SourceRow, keys: _Keys, others: list[Mistake]) -> list[Mistake]:
        if row.problems:  # its key is not known
            return []
        name = ", ".join(self.key_columns) or "the row"
        key = self.key_of(row)
        if not key:
            empty = next(column for column in self.key_columns if not self._cell(row, column))
            known = any(one.column == empty for one in others)
            return [] if known else [Mistake(row.number, empty, "is part of the key and must not be empty")]
        twin = keys.add(key, row.number)
        if twin is None:
            return []
        return [Mistake(row.number, name, f"is the same as in row {twin}; every row needs a key of its own")]

    def request(self, arguments: RowArguments) -> str:
        """A call for people to look at: method, path and body, secrets masked."""
        path = self.operation.path
        for wire, value in arguments.path.items():
            path = path.replace(f"{{{wire}}}", str(value))
        shown = arguments.shown()
        rest = {name: shown[name] for name in ("query", "headers") if name in shown}
        parts = [f"{name} {_json(value)}" for name, value in rest.items()]
        if shown.get("body") not in (None, {}):
            parts.append(_json(shown["body"]))
        return " ".join([self.operation.method, path, *parts])

    # -- doing it -----------------------------------------------------------------------------------------------------

    async def run(
        self, mw: Mittwald, journal: Journal, secrets: SecretsFile | None = None, **options: Any
    ) -> AsyncGenerator[ItemOutcome[SourceRow]]:
        """Do what is due.

        Args:
            mw: a client.
            journal: an open one.
            secrets: where passwords that are made up go, before they are sent.
            options: of `Journal.run`: `limit`, `at_most`, `stop_after_failures`, `retry_failed`, `redo_changed`.
        """
        called = self.operation.operation_id

        async def work(row: SourceRow) -> Any:
            arguments, mistakes = self._reader.read(row, generate=True)
            if mistakes:  # the source has changed since it was checked
                raise InvalidArgumentError(mistakes[0].column, mistakes[0].problem)
            if arguments.secrets:
                if secrets is None:
                    raise ConfigurationError("rows ask for a new password (@random); name a file for them: --secrets")
                secrets.add(self.key_of(row), arguments)
            return await mw.call(
                called, path=arguments.path, query=arguments.query, headers=arguments.headers, body=arguments.body
            )

        async def verify(row: SourceRow) -> Verified:
            assert self._verifier is not None
            arguments, _ = self._reader.read(row)
            return await self._verifier(mw, path=arguments.path, body=arguments.body)

        outcomes = journal.run(
            readable(self._source(), "the rows"),
            work,
            key=self.key_of,
            input=lambda row: _as_cells(row.values),
            verify=None if self._verifier is None else verify,
            keep=lambda result: masked(msgspec.json.decode(codec.encode(result))),
            name=called,
            writes_through_client=True,
            **options,
        )
        async with contextlib.aclosing(outcomes):
            async for outcome in outcomes:
                yield outcome


class _Keys:
    """Which row has a key. On disk, since there may be many."""

    def __enter__(self) -> Self:
        self._file = sqlite3.connect("", isolation_level=None)  # a file of its own that goes away by itself
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("PRAGMA synchronous = OFF")
        self._file.execute("CREATE TABLE keys (key TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID")
        self._file.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, key: str, row: int) -> int | None:
        """Note a key; gives the row that has had it already."""
        found = self._file.execute("SELECT row FROM keys WHERE key = ?", (key,)).fetchone()
        if found is not None:
            twin: int = found[0]
            return twin
        self._file.execute("INSERT INTO keys VALUES (?, ?)", (key, row))
        return None


class SecretsFile:
    """Passwords that were made up: a CSV of key, column and value that only its owner may read. Each is on disk before
    it is sent; where a key comes more than once, the last one counts.

    Raises:
        ConfigurationError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._file = private(path, append=True)
        self._lines = csv.writer(self._file)
        if not os.fstat(self._file.fileno()).st_size:
            self._lines.writerow(("key", "column", "value"))

    def add(self, key: str, arguments: RowArguments) -> None:
        """Write what was made up for a row."""
        for secret in arguments.secrets:
            self._lines.writerow((key, secret.column, secret.value))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class FailedFile:
    """Failed rows as CSV, for correction: their original columns, and `#state` and `#error`, which a run ignores."""

    def __init__(self, path: Path, columns: Iterable[str]) -> None:
        self._columns = [column for column in columns if not column.startswith(COMMENT)]
        self._file = private(path)
        self._lines = csv.writer(self._file)
        self._lines.writerow((*self._columns, "#state", "#error"))

    def add(self, outcome: ItemOutcome[SourceRow]) -> None:
        """Write the row of an outcome."""
        values = outcome.item.values
        cells = [_cell(values[column]) if column in values else "" for column in self._columns]
        self._lines.writerow((*cells, outcome.state.value, " ".join(str(outcome.error or "").split())))

    def close(self) -> None:
        self._file.close()


def private(path: Path, *, append: bool = False) -> TextIO:
    """A file to write to that only its owner may read, from the first byte on.

    Raises:
        ConfigurationError: it cannot be written.
    """
    how = os.O_APPEND if append else os.O_TRUNC
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how | getattr(os, "O_NOFOLLOW", 0), 0o600)
        if os.name == "posix" and stat.S_ISREG(os.fstat(descriptor).st_mode):  # a device belongs to everybody
            os.fchmod(descriptor, 0o600)
    except OSError as error:
        what = "a symbolic link; name the file that it leads to" if path.is_symlink() else error.strerror
        raise ConfigurationError(f"{path}: {what}") from None
    return open(descriptor, "a" if append else "w", encoding="utf-8", newline="")


def _cell(value: Any) -> str:
    """A value as the text of a table cell."""
    if isinstance(value, bool | dict | list):
        return _json(value)
    return "@null" if value is None else "@empty" if value == "" else str(value)


def _as_cells(values: dict[str, Any]) -> dict[str, str]:
    """What counts of a row, as the text of a table, so that it is the same row in every format and with every
    comment."""
    return {column: _canonical(value) for column, value in values.items() if not column.startswith(COMMENT)}


def _canonical(value: Any) -> str:
    parts = _decoded(value)
    if isinstance(parts, dict | list):
        return msgspec.json.encode(parts, order="deterministic").decode()
    return _cell(value)


def _without_secrets(values: dict[str, Any]) -> dict[str, Any]:
    """What makes the key of a row. A reader of the journal could try some passwords out."""
    return {column: masked(_decoded(value)) for column, value in values.items() if not secret_name(column)}


def _decoded(value: Any) -> Any:
    """Parse text that is a JSON object or list."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
