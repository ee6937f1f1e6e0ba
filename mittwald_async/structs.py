"""What generated models are made of: the base struct, `UNSET`, `Unknown`, and stand-ins for unions.

A union of several objects without a discriminator is something msgspec cannot decode. The generator writes a stand-in
class for each (`OneOf`), and the codec asks the stand-in's plan which variant a JSON value is.
"""

from __future__ import annotations

from typing import Any, ClassVar, final

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "Model", "OneOf", "Unknown", "UnsetType"]


class Model(msgspec.Struct, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """Base of every model. Immutable; compare by value; `msgspec.structs.replace` makes a changed copy.

    `gc=False`: decoded JSON is a tree, so the cyclic garbage collector never needs to look at it.
    """


@final
class Unknown:
    """A value that fits no documented variant of a union. Its JSON is kept and encodes back unchanged."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Unknown({self.value!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(repr(self.value))


class _Anything(type):
    """msgspec checks what a decode hook returns with `isinstance`; a stand-in says yes to its variants, whatever they are."""

    def __instancecheck__(cls, instance: object) -> bool:
        return True


class OneOf(metaclass=_Anything):
    """Stand-in for a union at run time. For type checkers the same name is `A | B | Unknown`."""

    variants: ClassVar[tuple[str, ...]] = ()
    """Type expressions in the order they are tried."""
