"""Where rows come from: CSV, JSON Lines, Excel sheets, queries. Read one by one, so their number does not matter."""

from __future__ import annotations

import csv
import io
import os
import sqlite3
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec

from .._install import install_hint
from ..runtime.errors import ConfigurationError

_DELIMITERS = ",;\t|"
_LONGEST_CELL = 10_000_000
"""Characters of a CSV cell; the module's own limit is too small for certificates and templates."""
FORMATS = ("csv", "jsonl", "xlsx")


class SourceError(ConfigurationError):
    """The rows cannot be read. Names the file and, where it is known, the row."""


class SourceRow(NamedTuple):
    """One row of a source.

    Attributes:
        number: as people count it: the line of a spreadsheet or of a JSON Lines file, the heads of a table being 1; the
            record of a query, from 1.
        values: by column. Text from CSV, JSON values otherwise; what is empty is left out.
        surplus: cells beyond the last column.
    """

    number: int
    values: dict[str, Any]
    surplus: int = 0


def read_rows(path: str | os.PathLike[str], *, format: str | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a file as dictionaries, read as they are needed.

    Args:
        path: `.csv` (separated by `,`, `;`, tab or `|`, as its first line shows; UTF-8), `.jsonl`, or `.xlsx` (its first
            sheet; needs the extra `xlsx`).
        format: `csv`, `jsonl` or `xlsx`, where the name does not say it.

    Raises:
        SourceError: the file cannot be read, or a row of it.
    """
    return (row.values for row in numbered_rows(Path(path), format))


def query(path: str | os.PathLike[str], sql: str) -> Iterator[dict[str, Any]]:
    """The records of a query on a SQLite file, such as an inventory. The file is opened for reading only.

    Args:
        path: the file.
        sql: one SELECT; the names of its columns are the keys.

    Raises:
        SourceError: the file cannot be opened, or the query fails.
    """
    return (row.values for row in numbered_query(Path(path), sql))


def numbered_rows(path: Path, format: str | None = None) -> Iterator[SourceRow]:
    """As `read_rows`, with numbers."""
    kind = format or path.suffix.lower().lstrip(".")
    readers = {"csv": _csv, "tsv": _csv, "jsonl": _jsonl, "ndjson": _jsonl, "xlsx": _xlsx}
    reader = readers.get(kind)
    if reader is None:
        raise SourceError(f"{path}: rows come from .csv, .jsonl or .xlsx; name the format where the name does not")
    return reader(path)


def _csv(path: Path) -> Iterator[SourceRow]:
    csv.field_size_limit(_LONGEST_CELL)
    with _open(path) as file:
        try:
            first = file.readline()
            file.seek(0)
            lines = csv.reader(file, delimiter=_delimiter(first), strict=True)
            empty: list[str] = []
            heads = [head.strip() for head in next(lines, empty)]
            _check_heads(path, heads)
            for number, cells in enumerate(lines, 2):
                if any(cells):
                    values = {head: cell for head, cell in zip(heads, cells, strict=False) if cell != ""}
                    yield SourceRow(number, values, sum(1 for cell in cells[len(heads) :] if cell))
        except UnicodeDecodeError as error:
            raise SourceError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
        except csv.Error as error:
            raise SourceError(f"{path}: not a CSV file ({error})") from None


def _delimiter(heads: str) -> str:
    """The one that is most frequent in the first line, outside of quotes."""
    plain = "".join(heads.split('"')[0::2])
    return max(_DELIMITERS, key=plain.count)


def _check_heads(path: Path, heads: list[str]) -> None:
    if not any(heads):
        raise SourceError(f"{path}: has no heads of columns in its first row")
    for position, head in enumerate(heads, 1):
        if not head:
            raise SourceError(f"{path}: column {position} has no head")
        if head in heads[: position - 1]:
            raise SourceError(f"{path}: has two columns {head!r}")


def _jsonl(path: Path) -> Iterator[SourceRow]:
    with _open(path) as file:
        try:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    values: Any = msgspec.json.decode(line)
                except (msgspec.DecodeError, RecursionError) as error:
                    raise SourceError(f"{path}: row {number}: not JSON ({error})") from None
                if not isinstance(values, dict):
                    raise SourceError(f"{path}: row {number}: must be an object, {{…}}")
                yield SourceRow(number, cast("dict[str, Any]", values))
        except UnicodeDecodeError as error:
            raise SourceError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None


def _xlsx(path: Path) -> Iterator[SourceRow]:
    try:
        from openpyxl import load_workbook  # type: ignore[import-untyped]
    except ImportError:
        raise SourceError(f"reading .xlsx needs openpyxl: {install_hint('xlsx')}") from None
    with _open_binary(path) as file:
        try:
            book: Any = load_workbook(file, read_only=True, data_only=True)
        except Exception as error:  # whatever a ZIP of XML can raise
            raise SourceError(f"{path}: not an Excel file ({error})") from None
        lines: Iterator[tuple[Any, ...]] = book.worksheets[0].iter_rows(values_only=True)
        heads = ["" if cell is None else str(cell).strip() for cell in next(lines, ())]
        while heads and not heads[-1]:
            heads.pop()
        _check_heads(path, heads)
        for number, cells in enumerate(lines, 2):
            present = [_plain(cell) for cell in cells]
            if any(cell not in (None, "") for cell in present):
                pairs = zip(heads, present, strict=False)
                values = {head: cell for head, cell in pairs if cell not in (None, "")}
                yield SourceRow(number, values, sum(1 for cell in present[len(heads) :] if cell not in (None, "")))
        book.close()


def _plain(cell: Any) -> Any:
    """A sheet's cell as a JSON value. Whole numbers are kept as floats in there."""
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell


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
        _check_heads(path, heads)
        for number, cells in enumerate(cursor, 1):
            yield SourceRow(number, {head: cell for head, cell in zip(heads, cells, strict=True) if cell is not None})
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise SourceError(f"{path}: the query failed: {error}") from None
    finally:
        connection.close()


def _open(path: Path) -> io.TextIOWrapper:
    # Editors of some systems begin a text file with a byte order mark.
    return io.TextIOWrapper(_open_binary(path), encoding="utf-8-sig", newline="")


def _open_binary(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from None
