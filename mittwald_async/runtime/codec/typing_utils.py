"""Questions about types."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

import msgspec

from ..structs import UnionStandIn


def is_struct(expected: Any) -> TypeGuard[type[msgspec.Struct]]:
    """Whether a type is a struct."""
    return isinstance(expected, type) and issubclass(expected, msgspec.Struct)


def is_stand_in(expected: Any) -> TypeGuard[type[UnionStandIn]]:
    """Whether a type stands for a union."""
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
    """A type without the facts annotated to it."""
    return get_args(expected)[0] if get_origin(expected) is Annotated else expected


def holds(expected: Any, wanted: tuple[Any, ...], seen: set[Any] | None = None) -> bool:
    """Whether values of a type can contain, at any depth, one of the wanted types; `UnionStandIn` stands for every union.

    What is inside a union's variants is not looked at.
    """
    seen = set() if seen is None else seen
    expected = bare(expected)
    if expected in (None, NoneType) or expected in seen:
        return False
    if expected in wanted or (is_stand_in(expected) and UnionStandIn in wanted):
        return True
    seen.add(expected)
    if is_struct(expected):
        return any(holds(field.type, wanted, seen) for field in msgspec.structs.fields(expected))
    if get_origin(expected) is Literal:
        return False
    return any(holds(part, wanted, seen) for part in get_args(expected))
