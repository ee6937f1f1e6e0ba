"""What an export shows of a view: which columns, of which kind, and its rows.

A view is read twice: first to learn which nested properties its items have and what they hold, then for its rows, so
that a large one need not be in memory.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any, cast

import msgspec

from ...errors import ConfigurationError
from ...runtime.errors import did_you_mean
from ..catalog import catalog
from ..children import CHILD_VIEWS, view_name
from ..columns import Kind, plain_columns
from ..schema import swept_views, tables

_HIDDEN = frozenset({"row_id", "content_hash", "key", "operation", "drifted", "data", "from_sweep", "to_sweep"})
"""Columns that only programs use."""

_FIRST = ("account", "customer", "customer_id", "project", "project_short_id", "project_id", "id")
_ONLY_IF_ANY = frozenset({"parent_id", "unseen_since", "customer", "project", "project_short_id"})
"""Columns that are left out where all of their cells would be empty."""

_DEEPEST = 4
"""Levels of nested objects that become columns of their own."""

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a new word begins in the name of a property."""

Cell = str | int | float | bool | datetime | None


class ExportColumn(msgspec.Struct, frozen=True):
    """One column: its heading and what its cells hold."""

    name: str
    kind: Kind


class ExportTable:
    """A view as a table.

    Args:
        db: the inventory file.
        view: such as `v_project`.
        where: SQL condition over the view's columns; empty for all rows.

    Attributes:
        columns: customers and projects by name first, then their ids, the properties, and nested ones.

    Raises:
        ConfigurationError: the condition is wrong.
    """

    def __init__(self, db: sqlite3.Connection, view: str, where: str = "") -> None:
        self._db = db
        self._where = where
        self.view = view
        self.name: str = view.removeprefix("v_")
        present = [row[1] for row in db.execute(f'PRAGMA table_info("{view}")')]
        self._has_data = "data" in present
        self._plain = sorted((name for name in present if name not in _HIDDEN), key=_place)
        of = {seen: name for name, seen in _views_of_resources().items()}
        resource = catalog().get(of.get(view.removesuffix("_history"), ""))
        kinds: dict[str, Kind] = {column.name: column.kind for column in plain_columns(resource)} if resource else {}
        self._own = {column.wire for column in plain_columns(resource)} if resource else set[str]()
        self._whole_numbers = [(c.name, c.wire) for c in plain_columns(resource) if c.kind == "int"] if resource else []
        self._survey(kinds)

    def _survey(self, known: Mapping[str, Kind]) -> None:
        """Learn which columns there are."""
        found: dict[str, set[Kind]] = {name: set() for name in self._plain}
        self.total: int = 0
        for record in self._records():
            self.total += 1
            for name, value in record.items():
                if value is not None:
                    found.setdefault(name, set()).add(_kind_of(value))
        shown = [name for name, kinds in found.items() if kinds or (name in self._plain and name not in _ONLY_IF_ANY)]
        # Of the whole file, not of these rows: whose they are would not be known otherwise.
        (accounts,) = self._db.execute("SELECT count(DISTINCT account) FROM sweeps").fetchone()
        if accounts < 2 and "account" in shown:
            shown.remove("account")
        self.columns: list[ExportColumn] = [ExportColumn(name, _common(found[name], known.get(name))) for name in shown]

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """The rows, each with a cell for each column."""
        readers: list[tuple[str, Kind]] = [(column.name, column.kind) for column in self.columns]
        for record in self._records():
            yield tuple(_cell(record.get(name), kind) for name, kind in readers)

    def _records(self) -> Generator[dict[str, Any]]:
        picked = ", ".join(f'"{name}"' for name in self._plain) + (", data" if self._has_data else "")
        condition = f" WHERE {self._where}" if self._where else ""
        try:
            for row in self._db.execute(f'SELECT {picked} FROM "{self.view}"{condition}'):
                record = dict(zip(self._plain, row, strict=False))
                if self._has_data:
                    item = _decoded(row[-1])
                    for name, wire in self._whole_numbers:
                        if isinstance(record.get(name), float) and isinstance(item.get(wire), int):
                            record[name] = item[wire]  # More digits than SQLite's numbers have.
                    for name, value in self._nested(item):
                        record.setdefault(name, value)
                yield record
        except (
            sqlite3.OperationalError,
            sqlite3.ProgrammingError,
            sqlite3.DataError,
        ) as error:  # Also parameters, a second statement, and values that are too large.
            if not self._where:
                raise
            raise ConfigurationError(f"--where {self._where!r}: {error}") from None

    def _nested(self, item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        return _flattened({name: value for name, value in item.items() if name not in self._own}, "", 1)


def _decoded(data: str) -> dict[str, Any]:
    try:
        item = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return {}
    return cast("dict[str, Any]", item) if isinstance(item, dict) else {}


def _place(name: str) -> tuple[int, int]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), 0)


def _flattened(value: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Plain values below an object. Lists of plain values become one text; lists of objects are left out."""
    for name, inner in value.items():
        path = f"{prefix}{_snake(name)}"
        if isinstance(inner, dict):
            if depth < _DEEPEST:
                yield from _flattened(inner, f"{path}_", depth + 1)  # pyright: ignore
        elif isinstance(inner, list):
            parts = cast("list[object]", inner)
            if parts and not any(isinstance(part, dict | list) for part in parts):
                yield path, ", ".join(_text(part) for part in parts)
        else:
            yield path, inner


def _snake(name: str) -> str:
    """`storageInBytes` as `storage_in_bytes`, as columns of views are written."""
    return _WORDS.sub("_", name).lower()


def _text(value: Any) -> str:
    if isinstance(value, float) and not isfinite(value):
        return str(value)  # A number too large for any reader, such as 1e999; JSON has none for it.
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _kind_of(value: Any) -> Kind:
    match value:
        case bool():
            return "bool"
        case int():
            return "int" if -(2**63) <= value < 2**63 else "text"
        case float():
            return "float" if isfinite(value) else "text"
        case str() if _time(value) is not None:
            return "time"
        case _:
            return "text"


def _common(kinds: set[Kind], known: Kind | None) -> Kind:
    """The kind of a column: what the model says where the values agree with it, else what they have in common."""
    if known == "bool" and kinds <= {"int", "bool"}:
        return "bool"  # SQLite's truth values are 0 and 1.
    if known is not None and kinds <= {known}:
        return known
    if kinds == {"int", "float"}:
        return "float"
    return next(iter(kinds)) if len(kinds) == 1 else "text"


def _cell(value: Any, kind: Kind) -> Cell:
    if value is None:
        return None
    match kind:
        case "time":
            return _time(value)
        case "bool":
            return bool(value)
        case "float":
            return float(value)
        case "text":
            return _text(value)
        case _:
            return int(value)


def _time(text: str) -> datetime | None:
    if len(text) < 19 or text[10] not in "T ":
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _views_of_resources() -> dict[str, str]:
    """The view of each resource, by its name."""
    return {name: view_name(name) for name in catalog()}


def _why_not(name: str, known: Sequence[str]) -> str:
    """Why there is nothing of a view."""
    children = {view.name: view.resource for view in CHILD_VIEWS}
    resources = {view: resource for resource, view in _views_of_resources().items()}
    plain = name.removesuffix("_history")
    resource = children.get(plain) or resources.get(f"v_{plain}")
    if resource is not None:
        return f"{name!r} has never been swept into this file; sweep it with -r {resource}"
    way = did_you_mean(name, known) or f"; the views are: {', '.join(known)}"
    return f"unknown view {name!r}{way}"


def tables_of(db: sqlite3.Connection, views: Iterable[str] = (), where: str = "") -> list[ExportTable]:
    """The tables to export.

    Args:
        db: an inventory file.
        views: with or without `v_`; by default all resources that the file has rows of.
        where: SQL condition over the columns of the view.

    Raises:
        ConfigurationError: the view does not exist, or the condition is invalid.
    """
    known = [name.removeprefix("v_") for name in swept_views(db)]
    chosen = [name.removeprefix("v_") for name in views]
    for name in chosen:
        if name not in known:
            raise ConfigurationError(_why_not(name, known))
    if chosen:
        return [ExportTable(db, f"v_{name}", where) for name in dict.fromkeys(chosen)]
    swept = tables(db)
    found = [ExportTable(db, view, where) for name, view in _views_of_resources().items() if name in swept]
    return [table for table in found if table.total]
