"""`tables`: what can be asked of an inventory."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from ..inventory.tables import HISTORY, ViewInfo, books, views
from ..runtime.errors import ConfigurationError, did_you_mean
from .common import OK, Json
from .output import emit, put_json, put_table

_TYPES = "A time is ISO 8601 text, a bool is 0 or 1, and json is text that json_extract reads."


def view_names(incomplete: str) -> list[str]:
    """For completion."""
    return [view.name for view in (*views(), *books()) if view.name.startswith(incomplete)]


def tables(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A view, resource or table, such as v_domain, domain or sweeps.",
            metavar="[NAME]",
            autocompletion=view_names,
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Show the views of an inventory: their rows, their columns with sources, and a query.

    [bold]Examples[/bold]

      mittwald-async tables

      mittwald-async tables v_dns_record
    """
    known = [*views(), *books()]
    if name is not None:
        known = _named(name, known)
    if as_json:
        put_json([msgspec.to_builtins(view) for view in known])
    elif name is None:
        put_table(
            ("view", "default", "a row is"),
            [(view.name, "yes" if view.default else "", view.means) for view in views()],
        )
        emit("\nEach view of a resource has a twin whose name ends in _history. Tables about the sweeps themselves:\n")
        put_table(("table", "a row is"), [(book.name, book.means) for book in books()])
    else:
        for view in known:
            _print(view)
    return OK


def _named(name: str, known: list[ViewInfo]) -> list[ViewInfo]:
    plain = name.removesuffix("_history")
    found = [view for view in known if plain in (view.name, view.name.removeprefix("v_"))]
    found = found or [view for view in known if view.resource == plain]
    if not found:
        names = [view.name for view in known]
        way = did_you_mean(name, names) or "; `mittwald-async tables` shows all there are"
        raise ConfigurationError(f"no view {name!r}{way}")
    return found


def _print(view: ViewInfo) -> None:
    asked = "" if view.default else f"; sweep it with -r {view.resource}"
    emit(f"{view.name}: {view.means}\n")
    if view.operations:
        emit(f"listed by {', '.join(view.operations)}{asked}\n")
    emit("\n")
    put_table(("column", "type", "what it means"), [(c.name, c.type, c.means) for c in view.columns])
    if view.name.removeprefix("v_") == view.resource:
        emit(f"\nfurther in {view.name}_history:\n")
        put_table(("column", "type", "what it means"), [(n, kind, means) for n, (kind, means) in HISTORY.items()])
    emit(f"\n{_TYPES}\n\nexample:\n  {view.query};\n")
