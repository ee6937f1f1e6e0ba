"""CSV: for spreadsheets by default, or exactly as the values are."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from ..catalog import catalog
from ..columns import plain_columns
from ..rows import Row
from ..store import Store
from .base import Sink, new_file, register
from .records import HEAD, records

_SIGN = r"[=+\-@|%＝＋－＠]"
"""What makes a spreadsheet take a text for a formula, also in the wide forms of East Asian keyboards."""

_BLANK = r" \x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xa0\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
"""What it may overlook before that, line ends and tabs apart: those begin a cell of their own."""

_FORMULA = re.compile(rf"[{_BLANK}]*{_SIGN}|[\t\r\n]")
_LATER_FORMULA = re.compile(rf"([;\t\r\n][{_BLANK}]*)(?={_SIGN})")
"""Where it is set to another separator than the comma, as in most of Europe, a cell may begin in the middle of a
text."""


@register
class CsvSink(Sink):
    """One file for each resource, safe to open in a spreadsheet.

    It begins with a byte order mark, without which Excel reads umlauts wrongly, and a text that a spreadsheet would run
    as a formula begins with an apostrophe.
    """

    name = "csv"
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    suffix_of_tables = ".csv"
    encoding: ClassVar[str] = "utf-8-sig"

    def write(self, store: Store, path: Path, resources: Sequence[str]) -> None:
        for resource in resources:
            table = path if self.one_file else path / f"{resource}.csv"
            with closing(store.rows(resource)) as rows:
                self._write_table(table, store.account, resource, rows)

    def _write_table(self, path: Path, account: str, resource: str, rows: Iterable[Row]) -> None:
        columns = plain_columns(catalog()[resource])
        with new_file(path) as file:
            out = io.TextIOWrapper(file, encoding=self.encoding, newline="")
            writer = csv.writer(out)
            writer.writerow((*HEAD, *(column.name for column in columns), "data"))
            for record in records(account, columns, rows):
                writer.writerow([self.cell(value) for value in record])
            out.flush()
            out.detach()

    def account_in(self, file: Path) -> str | None:
        with file.open(encoding=self.encoding, newline="") as text:
            first = next(csv.DictReader(text), None)
        return None if first is None else first.get("account")

    def cell(self, value: Any) -> str | None:
        """A value as it is written."""
        return cell_text(value)


@register
class RawCsvSink(CsvSink):
    """One file for each resource with every text as it is, for programs that read it back."""

    name = "csv-raw"
    suffixes: ClassVar[tuple[str, ...]] = ()
    encoding = "utf-8"

    def cell(self, value: Any) -> str | None:
        return _text(value)


def cell_text(value: Any) -> str | None:
    """A value as a spreadsheet may open it: what it would run as a formula begins with an apostrophe."""
    if not isinstance(value, str):
        return _text(value)
    safe = _LATER_FORMULA.sub(r"\1'", value)
    return f"'{safe}" if _FORMULA.match(value) else safe


def _text(value: Any) -> str | None:
    """As JSON writes it, text without its quotes: `true`, not `True`."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return msgspec.json.encode(value).decode()
