"""JSON for a type, generated from the type itself, for round trips.

Every decision calls `choose(n)`, which returns a number below `n`: hypothesis decides, or a fixed rule does.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from copy import deepcopy
from datetime import date, datetime
from types import NoneType
from typing import Any, Literal, cast, get_args, get_origin

import msgspec

from mittwald_async.runtime.schema.types import variants_of
from mittwald_async.runtime.schema.typing_utils import bare, is_union, members
from mittwald_async.runtime.schema.unions import steps_of
from mittwald_async.runtime.structs import UnionStandIn, UnsetType

from . import sample_models as made_up

Choose = Callable[[int], int]

DEEP = 5
"""Depth beyond which optional properties are omitted and lists are empty, so that recursive types end."""

_ANY: tuple[Any, ...] = ({"free": [1, 2.5, None, {"form": True}]}, [], "text", 0, False)
_SCALARS: dict[Any, tuple[Any, ...]] = {
    str: ("text", "", 'grüße "€" \\ 😀\n', "2026-01-02", "null"),
    bool: (True, False),
    int: (1, 0, -7, 2**53 + 1, 2**63 - 1),
    float: (2.5, 0.1, -1e-7, 1e300),
    bytes: ("aGk=",),
    datetime: ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.120Z", "2026-07-02T03:04:05+02:00", "0001-01-01T00:00:00Z"),
    date: ("2026-01-02",),
    NoneType: (None,),
}


class Maker:
    """Generates JSON.

    Args:
        choose: makes the decisions.
        optionals: optional properties are always present (True), never (False), or as `choose` decides (None).
        unknown: unions get an undocumented variant, enums a new value.
    """

    def __init__(self, choose: Choose, *, optionals: bool | None = None, unknown: bool = False) -> None:
        self.choose = choose
        self.optionals = optionals
        self.unknown = unknown

    def pick(self, choices: tuple[Any, ...]) -> Any:
        return choices[self.choose(len(choices))]

    def make(self, expected: Any, depth: int = 0) -> Any:
        expected = bare(expected)
        if expected in (Any, object):
            return deepcopy(self.pick(_ANY))
        if expected is None or expected in _SCALARS:
            return self.pick(_SCALARS[NoneType if expected is None else expected])
        if get_origin(expected) is Literal:
            return self.pick(get_args(expected))
        if is_union(expected):
            return self.make_union(members(expected), depth)
        if isinstance(expected, type) and issubclass(expected, msgspec.Struct):
            return self.make_struct(expected, depth)
        if isinstance(expected, type) and issubclass(expected, UnionStandIn):
            return self.make_variant(expected, depth)
        inner: Any = (get_args(expected) or (Any,))[-1]
        count = 0 if depth > DEEP else self.choose(3)
        items = [self.make(inner, depth + 1) for _ in range(count)]
        is_list = (get_origin(expected) or expected) is list
        return items if is_list else {f"key {number}": item for number, item in enumerate(items)}

    def make_union(self, parts: tuple[Any, ...], depth: int) -> Any:
        real = tuple(part for part in parts if part is not UnsetType)
        open_enum = str in real and any(get_origin(part) is Literal for part in real)
        if open_enum and self.unknown:
            return "A_VALUE_OF_TOMORROW"
        return self.make(self.pick(real), depth)

    def make_struct(self, cls: type[msgspec.Struct], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for field in msgspec.structs.fields(cls):
            if not field.required:
                wanted = bool(self.choose(2)) if self.optionals is None else self.optionals
                if not wanted or depth > DEEP:
                    continue
            expected = bare(field.type)
            if not field.required and is_union(expected) and UnsetType not in members(expected):
                # `None` stands for absence here: null is not a documented value.
                parts = tuple(part for part in members(expected) if part is not NoneType)
                made[field.encode_name] = self.make_union(parts, depth + 1)
            else:
                made[field.encode_name] = self.make(expected, depth + 1)
        return made

    def make_variant(self, stand_in: type[UnionStandIn], depth: int) -> Any:
        strange = {"aVariantOfTomorrow": {"deep": [1, None]}}
        if self.unknown and not any(step.check(strange) for step in steps_of(stand_in)):
            return strange
        return self.variant(stand_in, 0 if depth > DEEP else self.choose(len(stand_in.variants)), depth)

    def variant(self, stand_in: type[UnionStandIn], index: int, depth: int = 0) -> Any:
        """JSON of one variant, with the constants its plan tests."""
        made = self.make(variants_of(stand_in)[index], depth + 1)
        for number, test in stand_in.plan:
            if number == index:
                return self.settled(made, test)
        return made

    def settled(self, made: Any, test: tuple[Any, ...]) -> Any:
        if test[0] == "const" and isinstance(made, dict):
            return {**cast("dict[str, Any]", made), test[1]: self.pick(tuple(test[2]))}
        if test[0] == "all":
            for part in test[1]:
                made = self.settled(made, part)
        return made


def same(left: Any, right: Any) -> bool:
    """Equal as JSON; date-times may be written differently if the instant is equal. 5 is neither 5.0 nor true."""
    if isinstance(left, str) and isinstance(right, str) and left != right:
        try:
            return datetime.fromisoformat(left) == datetime.fromisoformat(right)
        except ValueError:
            return False
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        one, other = cast("dict[str, Any]", left), cast("dict[str, Any]", right)
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(left, list):
        first, second = cast("list[Any]", left), cast("list[Any]", right)  # type: ignore[redundant-cast]
        return len(first) == len(second) and all(map(same, first, second))
    return bool(left == right)


def domains() -> list[str]:
    """Names of the modules with models: the made-up one and all generated ones."""
    try:
        package = importlib.import_module("mittwald_async.models")
    except ImportError:
        return [made_up.__name__]
    return [made_up.__name__, *(f"{package.__name__}.{found.name}" for found in pkgutil.iter_modules(package.__path__))]


def of_kind(module: str, kind: type) -> list[Any]:
    """Classes of a kind that a module defines."""
    found = vars(importlib.import_module(module)).values()
    return [
        thing for thing in found if isinstance(thing, type) and issubclass(thing, kind) and thing.__module__ == module
    ]
