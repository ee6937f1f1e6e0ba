"""What generated models are made of: the base struct, `UNSET`, `Unknown`, and stand-ins for unions.

A union of several objects without a discriminator is something msgspec cannot decode. The generator writes a stand-in
class for each (`UnionStandIn`), and the codec asks the stand-in's plan which variant a JSON value is.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias, cast, final

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "Constraints", "Model", "UnionStandIn", "Test", "Unknown", "UnsetType"]


class Constraints(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the document says of a value beyond its type, as metadata of `Annotated`. Nothing checks it on decoding:
    servers change such limits without notice. Generators of test data and the emulator read it.
    """

    format: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    """Least number of characters, or of elements of an array."""
    max_length: int | None = None
    pattern: str | None = None


class Model(msgspec.Struct, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """Base of every model. Immutable; compare by value; `msgspec.structs.replace` makes a changed copy.

    `gc=False`: decoded JSON is a tree, so the cyclic garbage collector never needs to look at it.
    """


@final
class Unknown:
    """A value that fits no documented variant of a union. Its JSON is kept and encodes back unchanged.

    Two are equal if their JSON is: `true` is not 1, though Python says so; 1 and 1.0 are the same number.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: Any = value

    def __repr__(self) -> str:
        return f"Unknown({self.value!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and _equal(self.value, other.value)

    def __hash__(self) -> int:
        return hash(_hashable(self.value))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return left.keys() == right.keys() and all(_equal(part, right[key]) for key, part in left.items())
    if isinstance(one, list) and isinstance(other, list):
        first, second = cast("list[Any]", one), cast("list[Any]", other)  # type: ignore[redundant-cast]
        return len(first) == len(second) and all(map(_equal, first, second))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _hashable(value: Any) -> object:
    """Something that is equal, and hence has the same hash, where JSON values are equal: order of keys is nothing."""
    if isinstance(value, dict):
        return frozenset((key, _hashable(part)) for key, part in cast("dict[str, Any]", value).items())
    if isinstance(value, list):
        return tuple(map(_hashable, cast("list[object]", value)))
    return value


class _Anything(type):
    """msgspec checks what a decode hook returns with `isinstance`; a stand-in says yes to its variants, whatever they are."""

    # Asked once per decoded union value. `id` is true of every object and, unlike a method, runs no Python code.
    __instancecheck__ = id  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


Test: TypeAlias = tuple[Any, ...]
"""A question to a JSON value, by which a union's plan tells variants apart:

- `("const", "wireName", (values…))`: the property has one of the values
- `("keys", ("wire", "keys"))`: an object with all of these properties
- `("some", ("wire", "keys"))`: an object with at least one of them
- `("only", ("wire", "keys"))`: an object with no property but these
- `("in", "wireName", Test)`: the property, or its first element where it is an array, passes the test
- `("kind", "object" | "array" | "string" | "number" | "integer" | "boolean" | "null")`
- `("any",)`: always
- `("all", (Test, …))`: all of them
"""


class UnionStandIn(metaclass=_Anything):
    """Stand-in for a union at run time. For type checkers the same name is `A | B | Unknown`."""

    variants: ClassVar[tuple[Any, ...]] = ()
    """Type expressions, resolved in the module of the stand-in."""
    plan: ClassVar[tuple[tuple[int, Test], ...]] = ()
    """Tried in order: which variant (an index into `variants`) a value is for which the test holds."""
