"""Tables into files: CSV, Excel, Parquet, lines of JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import msgspec

from ...errors import ConfigurationError
from ..columns import Kind
from ..result_file import result_file
from ..sinks.csv import cell_text
from ..sinks.parquet import import_pyarrow
from .table import Cell, ExportTable
from .xlsx import write_xlsx

_AT_ONCE = 10_000
"""Rows of a Parquet row group, and the most that are in memory."""


def _write_csv(tables: Sequence[ExportTable], out: IO[bytes]) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    (table,) = tables
    writer.writerow([cell_text(column.name) for column in table.columns])
    writer.writerows([cell_text(value) for value in row] for row in table.rows())
    text.flush()
    text.detach()


def _write_jsonl(tables: Sequence[ExportTable], out: IO[bytes]) -> None:
    (table,) = tables
    names = [column.name for column in table.columns]
    encode = msgspec.json.Encoder().encode
    for row in table.rows():
        out.write(encode(dict(zip(names, row, strict=True))) + b"\n")


def _write_parquet(tables: Sequence[ExportTable], out: IO[bytes]) -> None:
    arrow = import_pyarrow()
    parquet: Any = import_module("pyarrow.parquet")

    types: Mapping[Kind, Any] = {
        "text": arrow.string(),
        "bool": arrow.bool_(),
        "int": arrow.int64(),
        "float": arrow.float64(),
        "time": arrow.timestamp("us", tz="UTC"),
    }
    (table,) = tables
    schema = arrow.schema([(column.name, types[column.kind]) for column in table.columns])
    with parquet.ParquetWriter(out, schema) as writer:
        for batch in _batches(table.rows()):
            values = dict(zip(schema.names, map(list, zip(*batch, strict=True)), strict=True))
            writer.write_table(arrow.table(values, schema=schema))


def _batches(rows: Iterator[tuple[Cell, ...]]) -> Iterator[list[tuple[Cell, ...]]]:
    batch: list[tuple[Cell, ...]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


Writer = Callable[[Sequence[ExportTable], IO[bytes]], None]
FORMS: Mapping[str, Writer] = {
    "csv": _write_csv,
    "xlsx": write_xlsx,
    "parquet": _write_parquet,
    "jsonl": _write_jsonl,
}
"""Every form there is, by the ending of its files."""


def form_of(out: Path, form: str | None = None) -> str:
    """The form that a file's name says, unless it is given.

    Raises:
        ConfigurationError: the format does not exist, or the file name does not imply one.
    """
    chosen = form or out.suffix.removeprefix(".").lower()
    if str(out) == "-" and form is None:
        chosen = "csv"
    if chosen not in FORMS:
        wrong = f"--format {form!r}" if form else str(out)
        raise ConfigurationError(f"{wrong}: the form is unknown; use .{', .'.join(FORMS)} or --format")
    return chosen


def write_tables(tables: Sequence[ExportTable], out: Path | IO[bytes], form: str) -> None:
    """Write tables. A file appears whole or not at all, readable by its owner only.

    Args:
        tables: one; for `xlsx` any number, each a sheet.
        out: the file, or a binary stream.
        form: one of `FORMS`.

    Raises:
        ConfigurationError: more than one table in a form that holds one, a package is missing, or the file cannot be
            written.
    """
    if form != "xlsx" and len(tables) != 1:
        names = ", ".join(table.name for table in tables)
        raise ConfigurationError(
            f".{form} holds one table: choose one with --view, or write .xlsx (there are: {names})"
        )
    if not isinstance(out, Path):
        FORMS[form](tables, out)
        return
    with result_file(out) as file:
        FORMS[form](tables, file)
