"""Rows of an Excel sheet."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime, time, timedelta
from itertools import repeat
from pathlib import Path
from typing import Any

from .._install import install_hint
from .source_rows import SourceError, SourceRow, check_heads, open_binary

_PIECE = 1 << 16
_FORMULA = (b"<f>", b"<f ")
_ERRORS = frozenset(("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#SPILL!", "#CALC!"))
"""What a cell shows whose formula has no value."""
_UNCOMPUTED = "is a formula whose value is not in the file; open and save it in a spreadsheet program"


def sheet_rows(path: Path) -> Iterator[SourceRow]:
    """Rows of the first sheet that is not hidden.

    Raises:
        SourceError: the file cannot be read.
    """
    try:
        import openpyxl  # type: ignore[import-untyped] # noqa: F401
    except ImportError:
        raise SourceError(f"reading .xlsx needs openpyxl: {install_hint('xlsx')}") from None
    try:
        yield from _rows(path)
    except SourceError:
        raise
    except Exception as error:  # whatever a ZIP of XML can raise, at its beginning or in its middle
        raise SourceError(f"{path}: not an Excel file ({error})") from None


def _rows(path: Path) -> Iterator[SourceRow]:
    with ExitStack() as stack:
        lines = _lines(path, stack, computed=True)
        formulas: Iterator[tuple[Any, ...]] = repeat(())
        if _has_formulas(path):
            formulas = _lines(path, stack, computed=False)
        heads = ["" if cell is None else str(cell).strip() for cell in next(lines, ())]
        next(formulas, None)
        while heads and not heads[-1]:
            heads.pop()
        check_heads(path, heads)
        for number, (cells, behind) in enumerate(zip(lines, formulas, strict=False), 2):
            row = _row(number, heads, cells, behind)
            if row is not None:
                yield row


def _lines(path: Path, stack: ExitStack, *, computed: bool) -> Iterator[tuple[Any, ...]]:
    from openpyxl import load_workbook

    book: Any = load_workbook(stack.enter_context(open_binary(path)), read_only=True, data_only=computed)
    stack.callback(book.close)
    sheet = next((one for one in book.worksheets if one.sheet_state == "visible"), None)
    if sheet is None:
        raise SourceError(f"{path}: has no sheet that can be seen")
    # The size that a file gives of itself is wrong in those of some programs, and what lies beyond it would be lost.
    sheet.reset_dimensions()
    lines: Iterator[tuple[Any, ...]] = sheet.iter_rows(values_only=True)
    return lines


def _has_formulas(path: Path) -> bool:
    """Whether there may be a formula. Only then the sheet is read twice: once for values, once for what is behind
    them."""
    with open_binary(path) as file, zipfile.ZipFile(file) as parts:
        for name in parts.namelist():
            if not name.startswith("xl/worksheets/"):
                continue
            with parts.open(name) as part:
                tail = b""
                while piece := part.read(_PIECE):
                    if any(sign in tail + piece for sign in _FORMULA):
                        return True
                    tail = piece[-2:]
    return False


def _row(number: int, heads: list[str], cells: tuple[Any, ...], behind: tuple[Any, ...]) -> SourceRow | None:
    values: dict[str, Any] = {}
    problems: list[tuple[str, str]] = []
    surplus = 0
    for place, cell in enumerate(cells):
        value = _plain(cell)
        uncomputed = value is None and place < len(behind) and behind[place] is not None
        if value in (None, "") and not uncomputed:
            continue
        if place >= len(heads):
            surplus += 1
        elif uncomputed:
            problems.append((heads[place], _UNCOMPUTED))
        elif isinstance(value, str) and value in _ERRORS:
            problems.append((heads[place], f"shows {value}"))
        else:
            values[heads[place]] = value
    if not (values or problems or surplus):
        return None
    return SourceRow(number, values, surplus, tuple(problems), columns=len(heads))


def _plain(cell: Any) -> Any:
    """A sheet's cell as a JSON value. Whole numbers are kept as floats in there, and days as their midnight."""
    if isinstance(cell, datetime) and cell.time() == time.min and cell.tzinfo is None:
        return cell.date().isoformat()
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell
