"""Questions about types."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

import msgspec

from ..structs import Date, DateTime, UnionStandIn

# In tuples, where no library that freezes the clock finds them and puts its own class in their place.
DATETIMES: tuple[Any, ...] = get_args(DateTime)[:1]
"""The true `datetime`, for `isinstance`."""
DATES: tuple[Any, ...] = get_args(Date)[:1]
"""The true `date`, of which `datetime` is a subclass."""


def is_struct(expected: Any) -> TypeGuard[type[msgspec.Struct]]:
    """Whether a type is a struct."""
    return isinstance(expected, type) and issubclass(expected, msgspec.Struct)


def is_stand_in(expected: Any) -> TypeGuard[type[UnionStandIn]]:
    """Whether a type is a stand-in for a union."""
    return isinstance(expected, type) and issubclass(expected, UnionStandIn)


def is_union(expected: Any) -> bool:
    """Whether a type is `A | B`."""
    return isinstance(expected, UnionType) or get_origin(expected) is Union


def members(union: Any) -> tuple[Any, ...]:
    """The parts of `A | B`, `NoneType` for `None`."""
    return get_args(union)


def either(left: Any, right: Any) -> Any:
    """`A | B`."""
    return left | right


def bare(expected: Any) -> Any:
    """A type without the constraints annotated to it."""
    return get_args(expected)[0] if get_origin(expected) is Annotated else expected


def holds(expected: Any, wanted: tuple[Any, ...], seen: set[Any] | None = None) -> bool:
    """Whether values of a type can contain, at any depth, one of the wanted types; `UnionStandIn` stands for every
    union.

    What is inside a union's variants is not looked at.
    """
    seen = set() if seen is None else seen
    expected = bare(expected)
    if expected in (None, NoneType) or expected in seen:
        return False
    if expected in wanted or (is_stand_in(expected) and UnionStandIn in wanted):
        return True
    seen.add(expected)
    return any(holds(part, wanted, seen) for part in parts_of(expected))


def parts_of(expected: Any) -> tuple[Any, ...]:
    """The types directly inside a type: of fields, elements, values, members."""
    if is_struct(expected):
        return tuple(field.type for field in msgspec.structs.fields(expected))
    return () if get_origin(expected) is Literal else get_args(expected)
