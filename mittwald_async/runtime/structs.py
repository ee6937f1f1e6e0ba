"""What generated models are made of: the base struct, times, `UNSET`, `Unknown`, and stand-ins for unions.

A union of several objects without a discriminator is something msgspec cannot decode. For each the generator writes a
private stand-in class (`UnionStandIn`) beside the union that users see. Fields of structs are annotated with the
stand-in, and the codec asks its plan which variant a JSON value is.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, Union, cast, final, get_args, get_origin

import msgspec
from msgspec import UNSET, UnsetType

__all__ = [
    "UNSET",
    "Constraints",
    "Date",
    "DateTime",
    "Model",
    "Test",
    "UnionStandIn",
    "Unknown",
    "UnsetType",
    "stand_in_for",
    "union_lookup",
]

if TYPE_CHECKING:
    from datetime import date, datetime

    DateTime: TypeAlias = datetime
    Date: TypeAlias = date
else:
    # Libraries that freeze the clock put a class of their own wherever a module has `datetime` or `date`, now or later.
    # What msgspec makes is always the true class, and inside `Annotated` no such library finds it.
    _EPOCH = msgspec.msgpack.decode(b"\xd6\xff\x00\x00\x00\x00")
    DateTime = Annotated[type(_EPOCH), msgspec.Meta(tz=True)]
    Date = Annotated[type(_EPOCH.date()), msgspec.Meta()]


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

    def _repr_html_(self) -> str:
        """A table, where a notebook shows it. Secrets are masked."""
        from .display import properties

        return properties(((name, getattr(self, name)) for name in self.__struct_fields__), type(self).__name__)


@final
class Unknown:
    """A value that fits no documented variant of a union. Its JSON is kept and encodes back unchanged.

    Two are equal if their JSON is equal: `true` is not 1, though Python says so; 1 and 1.0 are the same number.
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


Test: TypeAlias = tuple[Any, ...]
"""A test of a JSON value, by which a union's plan selects variants:

- `("const", "wireName", (values…))`: the property has one of the values
- `("keys", ("wire", "keys"))`: an object with all of these properties
- `("some", ("wire", "keys"))`: an object with at least one of them
- `("only", ("wire", "keys"))`: an object with no property but these
- `("in", "wireName", Test)`: the property, or its first element where it is an array, passes the test
- `("kind", "object" | "array" | "string" | "number" | "integer" | "boolean" | "null")`
- `("any",)`: always
- `("all", (Test, …))`: all of them
"""


class HasEveryInstance(type):
    """msgspec checks what a decode hook returns with `isinstance`; a stand-in says yes to its variants, whatever they
    are. Nothing but the codec meets a stand-in.
    """

    def __instancecheck__(cls, instance: object) -> bool:
        return True


class UnionStandIn(metaclass=HasEveryInstance):
    """What the codec decodes where the models have a union. Named like the union, with `_` in front."""

    variants: ClassVar[tuple[Any, ...]] = ()
    """Type expressions, resolved in the module of the stand-in."""
    plan: ClassVar[tuple[tuple[int, Test], ...]] = ()
    """Tried in order: which variant (an index into `variants`) a value is for which the test holds."""


def stand_in_for(module: object, name: str) -> type[UnionStandIn] | None:
    """The stand-in of the union that a models module has under a name; `None` if that is not a union."""
    found = vars(module).get(f"_{name}")
    return found if isinstance(found, type) and issubclass(found, UnionStandIn) else None


def union_lookup(module: str) -> Callable[[str], Any]:
    """A module's `__getattr__` that makes its unions on first use.

    Args:
        module: the module's name. Modules of models may import one another in a circle, so the unions cannot be made
            while they are being imported.

    Returns:
        A function from a union's name to the union, such as `RecordUnset | RecordCAAComponent | Unknown`. Its parts are
        plain classes, so that `isinstance` takes it: `list` where checkers see `list[Server]`. It raises
            `AttributeError`
        for other names.
    """
    in_progress: set[str] = set()

    def look_up(name: str) -> Any:
        owner = sys.modules[module]
        stand_in = None if name.startswith("_") else stand_in_for(owner, name)
        if stand_in is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        with _MAKING_UNIONS:
            if name in in_progress:  # a part of itself adds nothing
                return Unknown
            in_progress.add(name)
            try:
                names = _Names(look_up)
                parts = [eval(text, vars(owner), names) for text in stand_in.variants]  # noqa: S307 - generated text
            finally:
                in_progress.discard(name)
            classes = [each for part in parts for each in _classes(part)]
            return vars(owner).setdefault(name, Union[(*classes, Unknown)])

    return look_up


def _classes(part: Any) -> list[type]:
    """What `isinstance` can tell of a type."""
    origin = get_origin(part)
    if origin is Annotated:
        return _classes(get_args(part)[0])
    if origin is Literal:
        return [type(value) for value in get_args(part)]
    if origin in (Union, UnionType):
        return [each for inner in get_args(part) for each in _classes(inner)]
    found: Any = origin or part
    return [object if found is Any else type(None) if found is None else found]


_MAKING_UNIONS = threading.RLock()


class _Names(dict[str, Any]):
    """The unions of a module, as far as its own namespace does not have them yet."""

    def __init__(self, look_up: Callable[[str], Any]) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, name: str) -> Any:
        try:
            return self._look_up(name)
        except AttributeError:
            raise KeyError(name) from None
