"""`export`: a view of an inventory as a table for people."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer

from ..inventory import Store
from ..inventory.checks.run import newest_sweep
from ..inventory.export import FORMS, form_of, tables_of, write_tables
from ..runtime.errors import ConfigurationError
from .common import OK, is_stdout, keep_apart
from .output import count, emit_pieces, message


def export(
    file: Annotated[Path, typer.Argument(help="SQLite inventory.", metavar="FILE")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help=f".{', .'.join(FORMS)}; - is standard output.", metavar="PATH")
    ],
    view: Annotated[
        list[str] | None,
        typer.Option(
            "--view", help="Resource or view, such as project or project_history (.xlsx: repeatable).", metavar="NAME"
        ),
    ] = None,
    where: Annotated[
        str, typer.Option("--where", help="Only rows that meet this SQL condition.", metavar="CONDITION")
    ] = "",
    form: Annotated[
        str | None, typer.Option("--format", help="The format, if the file name does not imply it.", metavar="FORMAT")
    ] = None,
) -> int:
    """Write an inventory as tables for people: names beside ids, nested data flattened, safe to open in a spreadsheet.

    Excel gets a sheet for each resource, the other formats hold one view. Times are UTC.

    [bold]Examples[/bold]

      mittwald-async export inventory.sqlite -o inventory.xlsx

      mittwald-async export inventory.sqlite -o disabled.csv --view project --where "enabled = 0"

      mittwald-async export inventory.sqlite -o - --view domain --format jsonl
    """
    keep_apart({"--out": out}, {"FILE": file})
    if where and not view:
        raise ConfigurationError("--where needs --view NAME: its columns are those of one view")
    chosen = form_of(Path("-") if is_stdout(out) else out, form)
    if chosen != "xlsx" and len(view or ()) != 1:
        raise ConfigurationError(f".{chosen} holds one table: choose it with --view NAME, or write .xlsx")
    newest_sweep(file)  # Without one that has ended, every table would look as if the account were empty.
    with Store(file, writable=False) as store:
        # A view is read twice, and has to say the same both times, also where a sweep writes meanwhile.
        store.database.execute("BEGIN")
        tables = tables_of(store.database, view or (), where)
        if is_stdout(out):
            with TemporaryFile() as whole:
                write_tables(tables, whole, chosen)
                whole.seek(0)
                emit_pieces(iter(partial(whole.read, 1 << 16), b""))
            return OK
        write_tables(tables, out, chosen)
    rows = count(sum(table.total for table in tables), "row")
    message(f"{rows} of {count(len(tables), 'table')} → {out}")
    return OK
