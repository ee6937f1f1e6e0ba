"""The columns people filter by: every plain property of a resource's model, read off the model itself."""

from __future__ import annotations

import types
from datetime import date, datetime
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from ..codec import resolve
from ..runtime.structs import Model, UnsetType
from .catalog import Resource

Kind = Literal["text", "bool", "int", "float", "time"]

# bool before int: a truth value is an int to `issubclass`.
_KINDS: tuple[tuple[type, Kind], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (datetime, "time"),
    (date, "text"),
    (str, "text"),
)
FIXED = frozenset(
    {
        *("row_id", "account", "key", "id", "customer_id", "project_id", "parent_id", "operation", "fetched_at"),
        *("drifted", "from_sweep", "to_sweep", "unseen_since", "content_hash", "data", "verified_at"),
    }
)
"""Columns every table has of its own."""


class Column(msgspec.Struct, frozen=True):
    """One plain property: its name in Python and SQL, on the wire, what it holds, and which values the document
    names."""

    name: str
    wire: str
    kind: Kind
    values: tuple[Any, ...] = ()


def _kind(hint: Any) -> Kind | None:
    """What a type hint holds; `None` for anything that is not one plain value."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        kinds: set[Kind | None] = {_kind(part) for part in get_args(hint) if part not in (type(None), UnsetType)}
        if kinds == {"int", "float"}:
            return "float"
        return kinds.pop() if len(kinds) == 1 else None
    if origin is Literal:
        return _kind(type(get_args(hint)[0]))
    if not isinstance(hint, type):
        return None
    return next((kind for type_, kind in _KINDS if issubclass(hint, type_)), None)


def _values(hint: Any) -> tuple[Any, ...]:
    """The values that a type hint lists, also where others are let pass."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(value for part in get_args(hint) for value in _values(part))


@cache
def _columns(expression: str, models: str) -> tuple[Column, ...]:
    model = resolve(expression, models=models)
    if not (isinstance(model, type) and issubclass(model, Model)):
        return ()
    hints = get_type_hints(model)
    return tuple(
        Column(field.name, field.encode_name, kind, _values(hints[field.name]))
        for field in msgspec.structs.fields(model)
        if field.name not in FIXED and (kind := _kind(hints[field.name])) is not None
    )


def plain_columns(resource: Resource) -> tuple[Column, ...]:
    """Every property that is text, a number, a truth value or a time, in the order of the model."""
    return _columns(resource.item_type, resource.models)


def names_project_only(resource: Resource) -> bool:
    """Whether its items say which project they belong to but not which customer: the project must tell that."""
    wires = _wires(resource.item_type, resource.models)
    return bool(wires & {"projectId", "aggregateReference"}) and "customerId" not in wires


@cache
def _wires(expression: str, models: str) -> frozenset[str]:
    """The properties of a model; none for anything else."""
    model = resolve(expression, models=models)
    if not (isinstance(model, type) and issubclass(model, Model)):
        return frozenset()
    return frozenset(field.encode_name for field in msgspec.structs.fields(model))
