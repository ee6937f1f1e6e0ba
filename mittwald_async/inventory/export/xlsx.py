"""Excel: a sheet for each table, its heading frozen and filtered, times as times, no text run as a formula."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from typing import IO, Any

from ..._install import install_hint
from ...errors import ConfigurationError
from ..xml_text import xml_text
from .table import Cell, ExportTable

MOST_ROWS = 1_048_576
"""Rows of a sheet, the heading included: the limit of Excel's file format."""

MOST_COLUMNS = 16_384
"""Columns of a sheet: likewise."""

_LONGEST = 32_767
"""UTF-16 units of a cell: likewise."""

_FIRST_YEAR = 1900
"""Excel's calendar begins here; earlier times stay text."""

_EXACT = 10**15
"""Excel keeps 15 digits of a number; longer ones stay text."""

_WIDTH = {"bool": 9, "int": 14, "float": 14, "time": 17, "text": 24}


def write_xlsx(tables: Sequence[ExportTable], out: IO[bytes]) -> None:
    """Write tables as one workbook. Times are UTC: Excel knows no time zones.

    Raises:
        ConfigurationError: openpyxl is not installed, or a table has more rows or columns than a sheet.
    """
    try:
        openpyxl: Any = import_module("openpyxl")
    except ImportError:
        raise ConfigurationError(f"Excel needs openpyxl: {install_hint('xlsx')}") from None
    for table in tables:
        if table.total >= MOST_ROWS:
            raise ConfigurationError(
                f"{table.name} has {table.total:,} rows and a sheet holds {MOST_ROWS - 1:,}; choose fewer with --where, "
                "or write .csv or .parquet"
            )
        if len(table.columns) > MOST_COLUMNS:
            raise ConfigurationError(
                f"{table.name} has {len(table.columns):,} columns and a sheet holds {MOST_COLUMNS:,}; write .jsonl or .parquet"
            )
    book = openpyxl.Workbook(write_only=True)
    titles: set[str] = set()
    for table in tables:
        _write_sheet(book.create_sheet(_title(table.name, titles)), table)
    if not tables:
        book.create_sheet("nothing")
    book.save(out)


def _title(name: str, taken: set[str]) -> str:
    """A sheet's name: 31 characters at most, each once."""
    title, number = name[:31], 1
    while title.lower() in taken:
        number += 1
        title = f"{name[: 30 - len(str(number))]}~{number}"
    taken.add(title.lower())
    return title


def _shortened(text: str) -> str:
    """A text that fits into a cell; one that was cut ends in `…`."""
    if len(text) * 2 <= _LONGEST:
        return text
    units = text.encode("utf-16-le")
    return text if len(units) <= _LONGEST * 2 else units[: (_LONGEST - 1) * 2].decode("utf-16-le", "ignore") + "…"


def _write_sheet(sheet: Any, table: ExportTable) -> None:
    cells: Any = import_module("openpyxl.cell")
    letters: Any = import_module("openpyxl.utils").get_column_letter
    bold: Any = import_module("openpyxl.styles").Font(bold=True)
    sheet.freeze_panes = "A2"
    for place, column in enumerate(table.columns, 1):
        sheet.column_dimensions[letters(place)].width = max(_WIDTH[column.kind], len(column.name) + 3)

    def cell(value: Cell) -> Any:
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, datetime) and value.year >= _FIRST_YEAR:
            made = cells.WriteOnlyCell(sheet, value.replace(tzinfo=None, microsecond=0))
            made.number_format = "yyyy-mm-dd hh:mm"
            return made
        if isinstance(value, int | float) and abs(value) < _EXACT:
            return value
        made = cells.WriteOnlyCell(sheet, _shortened(xml_text(str(value), " ")))
        made.data_type = "s"  # Also where it begins like a formula.
        return made

    headings = [cell(column.name) for column in table.columns]
    for heading in headings:
        heading.font = bold
    sheet.append(headings)
    for row in table.rows():
        sheet.append([cell(value) for value in row])
    if table.columns:
        sheet.auto_filter.ref = f"A1:{letters(len(table.columns))}{table.total + 1}"
