"""Models and rows as tables of other libraries: `to_arrow(items)`, `to_polars(items)`.

A column for each property, under its Python name. Text, numbers, truth values, dates and times keep their types; what
has parts of its own becomes JSON text. A column whose values do not fit the type that the model says is text as a
whole.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import cache
from importlib import import_module
from typing import Any, Literal, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from ._install import install_hint
from .codec import dump, encode
from .runtime.errors import ConfigurationError, InvalidArgumentError
from .runtime.structs import Model

Kind: TypeAlias = Literal["bool", "int", "float", "time", "date", "text", "json"]
Item: TypeAlias = Model | msgspec.Struct | Mapping[str, Any]

# bool before int and datetime before date: one is a kind of the other to `isinstance`.
_KINDS: tuple[tuple[type, Kind], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (datetime, "time"),
    (date, "date"),
    (str, "text"),
)
_LARGEST = 2**63
"""Whole numbers of columns have 64 bits."""


def to_arrow(items: Iterable[Item]) -> Any:
    """A `pyarrow.Table` with a row for each item. Needs the extra `parquet`.

        table = to_arrow(await mw.project.list_projects().collect())

    Args:
        items: models, other structs, or mappings such as rows of an inventory.

    Raises:
        ConfigurationError: pyarrow is missing.
        InvalidArgumentError: an item is none of these.
    """
    pa = _imported("pyarrow", "parquet")
    arrow = {
        "bool": pa.bool_(),
        "int": pa.int64(),
        "float": pa.float64(),
        "time": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
        "text": pa.string(),
        "json": pa.string(),
    }
    columns = _columns(items)
    arrays = {name: pa.array(values, arrow[kind]) for name, (kind, values) in columns.items()}
    return pa.table(arrays)


def to_polars(items: Iterable[Item]) -> Any:
    """A `polars.DataFrame` with a row for each item; otherwise as `to_arrow`. Needs polars.

    Raises:
        ConfigurationError: polars is missing.
        InvalidArgumentError: an item is not a model, struct or mapping.
    """
    pl = _imported("polars", None)
    frame = {
        "bool": pl.Boolean,
        "int": pl.Int64,
        "float": pl.Float64,
        "time": pl.Datetime("us", "UTC"),
        "date": pl.Date,
        "text": pl.String,
        "json": pl.String,
    }
    columns = _columns(items)
    return pl.DataFrame({name: pl.Series(name, values, frame[kind]) for name, (kind, values) in columns.items()})


def _imported(name: str, extra: str | None) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        way = f"pip install {name}" if extra is None else install_hint(extra)
        raise ConfigurationError(f"this table needs {name}: {way}") from None


def _columns(given: Iterable[Item]) -> dict[str, tuple[Kind, list[Any]]]:
    """Kind and values of each column, in the order in which the properties are met."""
    kind: type[Any] = type(given)
    if not hasattr(kind, "__iter__") or issubclass(kind, Mapping):
        raise InvalidArgumentError("items", f"must be a list of models or mappings, not {kind.__name__}")
    items = list(given)
    rows = [_row(item) for item in items]
    declared: dict[str, Kind] = {}
    for kind in dict.fromkeys(type(item) for item in items):
        for name, known in property_kinds(kind).items():
            declared[name] = known if declared.get(name, known) == known else "json"
    names = dict.fromkeys([*declared, *(name for row in rows for name in row)])
    return {name: _column(declared.get(name), [row.get(name) for row in rows]) for name in names}


def _row(item: object) -> dict[str, Any]:
    if isinstance(item, msgspec.Struct):
        found = {name: getattr(item, name) for name in item.__struct_fields__}
    elif isinstance(item, Mapping):
        found = {str(name): value for name, value in cast("Mapping[object, Any]", item).items()}
    else:
        raise InvalidArgumentError("items", f"must be models or mappings, not {type(item).__name__}")
    return {name: None if value is UNSET else value for name, value in found.items()}


@cache
def property_kinds(kind: type[Any]) -> dict[str, Kind]:
    """What a model says of its properties; nothing for mappings."""
    if not issubclass(kind, msgspec.Struct):
        return {}
    hints: dict[str, Any] = get_type_hints(kind)
    return {name: _hinted(hints[name]) for name in kind.__struct_fields__}


def _first(fits: Callable[[type], bool]) -> Kind:
    """The first kind that fits; what has parts of its own fits none."""
    for known, kind in _KINDS:
        if fits(known):
            return kind
    return "json"


def _hinted(hint: Any) -> Kind:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        kinds: set[Kind] = {_hinted(part) for part in get_args(hint) if part not in (type(None), UnsetType)}
        if kinds == {"int", "float"}:
            return "float"
        return kinds.pop() if len(kinds) == 1 else "json"
    if origin is Literal:
        return _hinted(type(get_args(hint)[0]))
    if not isinstance(hint, type):
        return "json"
    return _first(lambda known: issubclass(hint, known))


def _column(declared: Kind | None, values: list[Any]) -> tuple[Kind, list[Any]]:
    found: set[Kind] = {_kind(value) for value in values if value is not None}
    if found == {"int", "float"} or (found == {"int"} and declared == "float"):
        return "float", [None if value is None else float(value) for value in values]
    kind = declared or _only(found)
    if kind != "json" and found <= {kind}:
        return kind, values
    return "json", [value if value is None or isinstance(value, str) else _json(value) for value in values]


def _only(found: set[Kind]) -> Kind:
    """The kind of a column of which nothing is known but its values; one without any is text."""
    if not found:
        return "text"
    return next(iter(found)) if len(found) == 1 else "json"


def _kind(value: object) -> Kind:
    kind = _first(lambda known: isinstance(value, known))
    if kind == "int" and not -_LARGEST <= cast("int", value) < _LARGEST:
        return "json"
    return "json" if kind == "time" and cast("datetime", value).tzinfo is None else kind


def _json(value: Any) -> str:
    try:
        return encode(value).decode()
    except (InvalidArgumentError, TypeError, ValueError):
        return str(dump(value) if isinstance(value, msgspec.Struct) else value)
