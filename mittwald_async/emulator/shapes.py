"""What a value has to look like: type expressions and the generated models' hints as a small tree.

The tree is what requests are checked against (`validate`) and answers are invented from (`generate`). It is read from
the models' annotations and nothing else of the client.
"""

from __future__ import annotations

import importlib
import re
import types
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec

from ..runtime.operation import Parameter
from ..runtime.structs import Constraints, UnionStandIn, Unknown, UnsetType

ScalarKind = Literal["str", "int", "float", "bool", "null", "bytes", "any"]


NO_LIMITS = Constraints()


class Scalar(msgspec.Struct, frozen=True):
    kind: ScalarKind
    limits: Constraints = NO_LIMITS


class Words(msgspec.Struct, frozen=True):
    """An enum, closed: requests are held to the documented words."""

    values: tuple[Any, ...]


class Many(msgspec.Struct, frozen=True):
    item: Shape
    limits: Constraints = NO_LIMITS


class FreeObject(msgspec.Struct, frozen=True):
    """An object with keys of the sender's choice."""

    value: Shape


class Field(msgspec.Struct, frozen=True):
    wire: str
    shape: Shape
    required: bool


class Record:
    """A model. Fields are read on first use, so that models may contain themselves."""

    __slots__ = ("_fields", "_shapes", "model")

    def __init__(self, model: type[msgspec.Struct], shapes: Shapes) -> None:
        self.model: type[msgspec.Struct] = model
        self._shapes = shapes
        self._fields: dict[str, Field] | None = None

    @property
    def fields(self) -> dict[str, Field]:
        """By wire name."""
        if self._fields is None:
            hints = get_type_hints(self.model, include_extras=True)
            self._fields = {}
            for field in msgspec.structs.fields(self.model):
                hint = hints[field.name]
                if field.default is None:
                    hint = _without_none(hint)
                shape = self._shapes.of(hint)
                self._fields[field.encode_name] = Field(field.encode_name, shape, field.required)
        return self._fields


class Choice(msgspec.Struct, frozen=True):
    """One of several."""

    options: tuple[Shape, ...]


class Fixed(msgspec.Struct, frozen=True):
    """A record spelled out as parameters: a flat body."""

    fields: dict[str, Field]


Shape: TypeAlias = Scalar | Words | Many | FreeObject | Record | Choice | Fixed

ANY = Scalar("any")
NULL = Scalar("null")
_SCALARS: dict[Any, Shape] = {
    str: Scalar("str"),
    int: Scalar("int"),
    float: Scalar("float"),
    bool: Scalar("bool"),
    bytes: Scalar("bytes"),
    type(None): NULL,
    None: NULL,
    datetime: Scalar("str", Constraints(format="date-time")),
    date: Scalar("str", Constraints(format="date")),
    Any: ANY,
    object: ANY,
    dict: FreeObject(ANY),
    list: Many(ANY),
}
_ROOT = re.compile(r"\b([a-z_][a-z0-9_]*)\.(?=[A-Z])")


class Shapes:
    """Builds the trees and keeps them: one per type."""

    def __init__(self) -> None:
        self._by_text: dict[str, Shape] = {}
        self._records: dict[type, Record] = {}
        self._choices: dict[type, Shape] = {}

    def expression(self, text: str) -> Shape:
        """The shape of a type expression whose dotted names start with a module of `models`."""
        known = self._by_text.get(text)
        if known is None:
            namespace: dict[str, Any] = {name: _models(name) for name in _ROOT.findall(text)}
            namespace |= {"datetime": datetime, "date": date, "Any": Any, "Literal": Literal, "UnsetType": UnsetType}
            known = self._by_text[text] = self.of(_hint(text, namespace))
        return known

    def parameter(self, parameter: Parameter) -> Shape:
        """The shape of a parameter or flat body property, with what the facts say of its values."""
        shape = self.expression("bytes" if parameter.type == "Upload" else parameter.type)
        limits = Constraints(
            parameter.format,
            parameter.minimum,
            parameter.maximum,
            parameter.min_length,
            parameter.max_length,
            parameter.pattern,
        )
        shape = limited(Words(parameter.enum) if parameter.enum and not isinstance(shape, Many) else shape, limits)
        return Choice((shape, NULL)) if parameter.nullable and not _takes_null(shape) else shape

    def of(self, hint: Any) -> Shape:
        """The shape of a resolved annotation."""
        try:
            if hint in _SCALARS:
                return _SCALARS[hint]
        except TypeError:
            return ANY
        origin = get_origin(hint)
        if origin is Annotated:
            inner, *facts = get_args(hint)
            return limited(self.of(inner), _limits(facts))
        if origin is Literal:
            return Words(get_args(hint))
        if origin in (Union, types.UnionType):
            return self._union(get_args(hint))
        if origin is list:
            return Many(self.of(get_args(hint)[0]))
        if origin is dict:
            return FreeObject(self.of(get_args(hint)[1]))
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            if hint not in self._records:
                self._records[hint] = Record(hint, self)
            return self._records[hint]
        if isinstance(hint, type) and issubclass(hint, UnionStandIn):
            return self._stand_in(hint)
        return ANY

    def _union(self, members: Iterable[Any]) -> Shape:
        """Absence is not a value; an open enum is checked as the closed one it documents."""
        wanted = [m for m in members if m not in (UnsetType, Unknown)]
        if any(get_origin(m) is Literal for m in wanted):
            wanted = [m for m in wanted if m is not str]
        shapes = tuple(self.of(m) for m in wanted)
        return shapes[0] if len(shapes) == 1 else Choice(shapes)

    def _stand_in(self, hint: type[UnionStandIn]) -> Shape:
        known = self._choices.get(hint)
        if known is None:
            namespace = vars(importlib.import_module(hint.__module__))
            options = tuple(self.of(_hint(variant, namespace)) for variant in hint.variants)
            known = self._choices[hint] = options[0] if len(options) == 1 else Choice(options)
        return known


def limited(shape: Shape, limits: Constraints) -> Shape:
    """The shape with limits put where they belong."""
    if limits == NO_LIMITS:
        return shape
    if isinstance(shape, Scalar):
        merged = {name: value for name, value in msgspec.structs.asdict(shape.limits).items() if value is not None}
        merged |= {name: value for name, value in msgspec.structs.asdict(limits).items() if value is not None}
        return Scalar(shape.kind, Constraints(**merged))
    if isinstance(shape, Many):
        own = Constraints(min_length=limits.min_length, max_length=limits.max_length)
        return Many(limited(shape.item, Constraints(format=limits.format, pattern=limits.pattern)), own)
    if isinstance(shape, Choice):
        return Choice(tuple(limited(option, limits) for option in shape.options))
    return shape


def words_of(shape: Shape) -> tuple[Any, ...]:
    """The words of an enum, also of one that may be null."""
    if isinstance(shape, Words):
        return shape.values
    if isinstance(shape, Choice):
        return tuple(word for option in shape.options for word in words_of(option))
    return ()


def _without_none(hint: Any) -> Any:
    """`None` as default stands for absence; a property that may be null has `UNSET` for that."""
    members = [member for member in get_args(hint) if member is not type(None)]
    if get_origin(hint) not in (Union, types.UnionType) or not members:
        return hint
    return Union[tuple(members)]  # noqa: UP007  (made at run time)


def _takes_null(shape: Shape) -> bool:
    return shape is NULL or (isinstance(shape, Choice) and any(_takes_null(option) for option in shape.options))


def _limits(facts: Iterable[Any]) -> Constraints:
    known = {
        name: getattr(fact, name)
        for fact in facts
        for name in Constraints.__struct_fields__
        if getattr(fact, name, None) is not None
    }
    return Constraints(**known)


def _models(name: str) -> Any:
    return importlib.import_module(f"..models.{name}", __package__)


def _hint(text: str, namespace: dict[str, Any]) -> Any:
    """Let `typing` evaluate one annotation."""
    holder = types.SimpleNamespace(__annotations__={"value": text})
    return get_type_hints(holder, namespace, include_extras=True)["value"]
