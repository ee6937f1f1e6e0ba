"""`diff`: what changed between two sweeps of an inventory."""

from __future__ import annotations

import html
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ConfigurationError
from ..inventory import Change, Diff, History
from ..inventory.diff import NewProperty
from ..inventory.existing import require_inventory
from ..inventory.fields import MISSING
from .common import CHANGED, OK, Json
from .failures import grouped_unknown
from .lake import inventory_file
from .output import count, emit, folded, message, put_json, put_table
from .times import moment

_SHOWN = 60
"""Characters of a value in the text form."""

_MARKS = {"added": "+", "changed": "~", "gone": "-"}

Inventory = Annotated[Path, typer.Argument(help="SQLite inventory, or a data set of a fleet.", metavar="FILE")]


def diff(
    file: Inventory = Path("inventory.sqlite"),
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", help="Older sweep: its number, a date, or 3d. By default the previous one.", metavar="WHEN|SWEEP"
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Newer sweep. By default the last.", metavar="WHEN|SWEEP")
    ] = None,
    resource: Annotated[
        list[str] | None, typer.Option("--resource", "-r", help="Only this resource (repeatable).", metavar="NAME")
    ] = None,
    all_fields: Annotated[
        bool, typer.Option("--all-fields", help="Include volatile properties, such as storage usage.", metavar="")
    ] = False,
    as_json: Json = False,
    as_html: Annotated[bool, typer.Option("--html", help="Write an HTML page instead of text.", metavar="")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help=f"Exit with {CHANGED} if anything changed.", metavar="")
    ] = False,
) -> int:
    """Show what was added, has changed or is gone between two sweeps, and what is unknown.

    [bold]Examples[/bold]

      mittwald-async diff inventory.sqlite

      mittwald-async diff inventory.sqlite --from 7d -r domain -r certificate

      mittwald-async diff inventory.sqlite --from 12 --to 14 --json
    """
    if as_json and as_html:
        raise ConfigurationError("say --json or --html, not both")
    # The two last runs of each account are enough, unless others are named.
    newest = 2 if from_ is None and to is None else None
    with inventory_file(file, runs=newest) as inventory:
        require_inventory(inventory)
        with History(inventory) as history:
            found = history.diff(_when(from_), _when(to), resources=resource or None, all_fields=all_fields)
    if as_json:
        put_json(found.as_json())
    elif as_html:
        emit(_page(found))
    else:
        _print(found)
    return CHANGED if exit_code and not found.empty else OK


def _when(text: str | None) -> int | datetime | None:
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else moment(text)


def _print(found: Diff) -> None:
    several = len(found.sweeps) > 1
    rows: list[tuple[str, ...]] = []
    for kind, mark in _MARKS.items():
        for change in getattr(found, kind):
            rows.append((mark, change.account, change.resource, _called(change), ""))
            rows += [
                ("", "", "", f"  {name}", f"{_short(old)} → {_short(new)}") for name, (old, new) in _fields(change)
            ]
    heads = ("", "account", "resource", "what", "old → new")
    if rows and several:
        put_table(heads, rows)
    elif rows:
        put_table((heads[0], *heads[2:]), [(row[0], *row[2:]) for row in rows])
    for one in found.properties:
        emit(f"{_property_line(one, several)}\n")
    emit(folded(_summary(found) + "\n"))
    for line in _without_comparison(found):
        message(line)
    lines = list(grouped_unknown(found.unknown, several=several))
    for line in lines:
        message(f"unknown: {line}")
    if len(lines) < len(found.unknown):
        message("each one is in the output of --json")


def _property_line(one: NewProperty, several: bool) -> str:
    whose = f"{one.account}: " if several else ""
    many = f"all {one.of:,}" if one.items == one.of else f"{one.items:,} of {one.of:,}"
    return f"{whose}{one.resource}: the property {one.field} has {one.change} in {many} items"


def _without_comparison(found: Diff) -> list[str]:
    """Accounts of which nothing new was seen, or nothing before."""
    same = [(before.account, after.id) for before, after in found.sweeps if before.id == after.id]
    return [
        *(f"{account}: no sweep has ended since; sweep {number} is compared with itself" for account, number in same),
        *(
            f"{account}: not compared, because only one of the two moments has a sweep of it"
            for account in found.not_compared
        ),
    ]


def _summary(found: Diff) -> str:
    spans = ", ".join(f"{before.id} → {after.id} of {after.account}" for before, after in found.sweeps)
    unknown = f", {count(len(found.unknown), 'thing')} unknown" if found.unknown else ""
    return f"{len(found.added):,} added, {len(found.changed):,} changed, {len(found.gone):,} gone{unknown} (sweeps {spans})"


def _called(change: Change) -> str:
    own = change.id or change.key
    return f"{change.name} ({own})" if change.name and change.name != own else own


def _fields(change: Change) -> list[tuple[str, tuple[Any, Any]]]:
    return list((change.fields or {}).items())


def _short(value: Any) -> str:
    text = (
        "(not there)"
        if value is MISSING
        else value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False)
    )
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884;"
    "vertical-align:top;overflow-wrap:anywhere}"
)


def _page(found: Diff) -> str:
    """One file that loads nothing. Everything an item says is escaped."""
    several = len(found.sweeps) > 1
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>What changed</title>',
        f"<style>{_STYLE}</style></head><body><h1>What changed</h1><p>{html.escape(_summary(found))}</p>",
    ]
    for kind in _MARKS:
        changes: list[Change] = getattr(found, kind)
        if changes:
            parts.append(f"<h2>{kind.capitalize()} ({len(changes):,})</h2>{_html_table(changes)}")
    if found.properties:
        lines = [_property_line(one, several) for one in found.properties]
        parts.append(f"<h2>Properties</h2>{_html_list(lines)}")
    if found.unknown:
        lines = list(grouped_unknown(found.unknown, several=several))
        parts.append(f"<h2>Unknown ({len(found.unknown):,})</h2>{_html_list(lines)}")
    if _without_comparison(found):
        parts.append(f"<h2>Not compared</h2>{_html_list(_without_comparison(found))}")
    return "".join([*parts, "</body></html>\n"])


def _html_table(changes: list[Change]) -> str:
    rows = ["<table><thead><tr><th>Resource<th>What<th>Account<th>Old → new</tr></thead><tbody>"]
    for change in changes:
        fields = "<br>".join(
            html.escape(f"{name}: {_short(old)} → {_short(new)}") for name, (old, new) in _fields(change)
        )
        cells = [html.escape(text) for text in (change.resource, _called(change), change.account)]
        rows.append("<tr>" + "".join(f"<td>{cell}" for cell in [*cells, fields]) + "</tr>")
    return "".join([*rows, "</tbody></table>"])


def _html_list(lines: Any) -> str:
    return f"<ul>{''.join(f'<li>{html.escape(line)}' for line in lines)}</ul>"
