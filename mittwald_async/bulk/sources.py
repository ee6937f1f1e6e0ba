"""Where rows come from: CSV, JSON Lines, Excel sheets, queries. Read one by one, so their number does not matter."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from .source_rows import ESCAPED, NOT_TEXT, SourceError, SourceRow, check_heads, open_binary

_DELIMITERS = ",;\t|"
_LONGEST_CELL = 10_000_000
"""Characters of a CSV cell; the module's own limit is too small for certificates and templates."""
FORMATS = ("csv", "jsonl", "xlsx")


def read_rows(path: str | os.PathLike[str], *, format: str | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a file as dictionaries, read as they are needed.

    Args:
        path: `.csv` (separated by `,`, `;`, tab or `|`, as its first line shows; UTF-8), `.jsonl`, or `.xlsx` (its
            first sheet that is not hidden; needs the extra `xlsx`).
        format: `csv`, `jsonl` or `xlsx`, where the name does not say it.

    Raises:
        SourceError: the file cannot be read, or a row of it.
    """
    place = Path(path)
    return (row.values for row in readable(numbered_rows(place, format), place))


def query(path: str | os.PathLike[str], sql: str) -> Iterator[dict[str, Any]]:
    """The records of a query on a SQLite file, such as an inventory. The file is opened for reading only.

    Args:
        path: the file.
        sql: one SELECT; the names of its columns are the keys.

    Raises:
        SourceError: the file cannot be opened, or the query fails.
    """
    return (row.values for row in numbered_query(Path(path), sql))


def readable(rows: Iterable[SourceRow], source: object) -> Iterator[SourceRow]:
    """Rows, up to the first that cannot be read.

    Args:
        rows: with their problems.
        source: what messages call it.

    Raises:
        SourceError: a row cannot be read.
    """
    for row in rows:
        if row.problems:
            column, problem = row.problems[0]
            raise SourceError(f"{source}: row {row.number}{f', {column}' if column else ''}: {problem}")
        if row.surplus:
            raise SourceError(
                f"{source}: row {row.number}, column {row.columns + 1} and on: "
                f"the row has more cells than columns ({row.surplus})"
            )
        yield row


def numbered_rows(path: Path, format: str | None = None) -> Iterator[SourceRow]:
    """Like `read_rows`, with row numbers. An unreadable row is an error, and reading continues after it."""
    kind = format or path.suffix.lower().lstrip(".")
    readers = {"csv": _csv, "tsv": _csv, "jsonl": _jsonl, "ndjson": _jsonl, "xlsx": _xlsx}
    reader = readers.get(kind)
    if reader is None:
        raise SourceError(f"{path}: rows come from .csv, .jsonl or .xlsx; name the format where the name does not")
    return reader(path)


def _csv(path: Path) -> Iterator[SourceRow]:
    csv.field_size_limit(_LONGEST_CELL)
    with _open_text(path) as file:
        first = file.readline()
        file.seek(0)
        lines = _RewindableLines(file)
        records = csv.reader(lines, delimiter=_delimiter(first), strict=True)
        number = 1
        heads: list[str] = []
        for record in _records(records, lines):
            if isinstance(record, csv.Error):
                if number == 1:
                    raise SourceError(f"{path}: row 1: not CSV ({_reason(record)})")
                yield SourceRow(number, {}, problems=(("", f"not CSV ({_reason(record)})"),))
            elif number == 1:
                heads = [head.strip() for head in record]
                check_heads(path, heads)
            elif any(record):
                yield _csv_row(number, heads, record)
            number += 1
        if number == 1:
            check_heads(path, heads)


def _csv_row(number: int, heads: list[str], cells: list[str]) -> SourceRow:
    values = {head: cell for head, cell in zip(heads, cells, strict=False) if cell != ""}
    broken = [head for head, cell in values.items() if not cell.isascii() and ESCAPED.search(cell)]
    for head in broken:
        del values[head]
    surplus = sum(1 for cell in cells[len(heads) :] if cell)
    return SourceRow(number, values, surplus, tuple((head, NOT_TEXT) for head in broken), columns=len(heads))


def _reason(error: csv.Error) -> str:
    reason = str(error)
    return "a quote is opened and not closed" if reason == "unexpected end of data" else reason


def _records(records: Iterator[list[str]], lines: _RewindableLines) -> Iterator[list[str] | csv.Error]:
    """Records, and an error for each invalid one; reading then continues with the line after its first line."""
    while True:
        lines.taken.clear()
        try:
            yield next(records)
        except StopIteration:
            return
        except csv.Error as error:
            lines.take_back()
            yield error


class _RewindableLines:
    """Lines of a file, of which the last ones can be read again."""

    def __init__(self, file: Iterator[str]) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        """Of the record that is being read."""

    def __iter__(self) -> _RewindableLines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._file)
        self.taken.append(line)
        return line

    def take_back(self) -> None:
        """Return all lines of this record but the first, to be read again."""
        self._again.extendleft(reversed(self.taken[1:]))


def _delimiter(heads: str) -> str:
    """The one that is most frequent in the first line, outside of quotes."""
    plain = "".join(heads.split('"')[0::2])
    return max(_DELIMITERS, key=plain.count)


def _jsonl(path: Path) -> Iterator[SourceRow]:
    with open_binary(path) as file:
        for number, line in enumerate(file, 1):
            content = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if content.strip():
                yield _json_row(number, content)


def _json_row(number: int, line: bytes) -> SourceRow:
    problem, twice = "", list[str]()
    values: Any = None
    try:
        values = msgspec.json.decode(line)
        # The decoder keeps the last of two; of what is sent, nothing may be lost.
        json.loads(line, object_pairs_hook=lambda pairs: _note_twice(pairs, twice))
    except UnicodeDecodeError:
        problem = NOT_TEXT
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        problem = f"not JSON ({error})"
    if not problem and not isinstance(values, dict):
        problem = "must be an object, {…}"
    if problem:
        return SourceRow(number, {}, problems=(("", problem),), exact=True)
    return SourceRow(number, values, problems=tuple((name, "is there twice") for name in twice), exact=True)


def _note_twice(pairs: list[tuple[str, Any]], twice: list[str]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            twice.append(name)
        seen.add(name)


def _xlsx(path: Path) -> Iterator[SourceRow]:
    from .sheets import sheet_rows

    return sheet_rows(path)


def numbered_query(path: Path, sql: str) -> Iterator[SourceRow]:
    """As `query`, with numbers."""
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise SourceError(f"{path}: {error}") from None
    try:
        cursor = connection.execute(sql)
        heads = [column[0] for column in cursor.description or ()]
        if not heads:
            raise SourceError("the query gives no rows; it must be a SELECT")
        check_heads(path, heads)
        for number, cells in enumerate(cursor, 1):
            yield SourceRow(number, {head: cell for head, cell in zip(heads, cells, strict=True) if cell is not None})
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise SourceError(f"{path}: the query failed: {error}") from None
    finally:
        connection.close()


def _open_text(path: Path) -> io.TextIOWrapper:
    # Editors of some systems begin a text file with a byte order mark.
    return io.TextIOWrapper(open_binary(path), encoding="utf-8-sig", errors="surrogateescape", newline="")
