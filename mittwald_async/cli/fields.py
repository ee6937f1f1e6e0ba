"""What is inside an argument, as the models have it: fields with their types, the type at a place, a body to fill
in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec

from ..runtime.codec import resolve
from ..runtime.errors import InvalidArgumentError, did_you_mean
from ..runtime.operation import Operation, Parameter
from ..runtime.schema.types import variants_of
from ..runtime.schema.typing_utils import DATES, DATETIMES, is_stand_in, is_struct, is_union, members
from ..runtime.structs import Constraints, Unknown, UnsetType

_DEEP = 6
"""Levels that are shown; a type that contains itself is not opened again anyway."""

_SECRET = re.compile(
    r"passw(or)?d$|passphrase|secret$|secretaccesskey|privatekey|retrievalkey|accesskey$|authcode$|authorization"
    r"|(access|refresh|session|invitation)-?token$|^token$",
    re.I,
)
_PLAIN: dict[Any, str] = {str: "str", int: "int", float: "float", bool: "bool"}


class Shape(NamedTuple):
    """A type as people and a command line see it."""

    kind: Any
    """A struct, `list`, `dict`, a plain type, `object` for anything, or `None` where it is one of several structs."""
    inside: tuple[Any, ...] = ()
    """Types of elements or values, or the structs it may be."""
    enum: tuple[Any, ...] = ()
    facts: Constraints | None = None
    nullable: bool = False

    @property
    def words(self) -> str:
        """The type in a word or two."""
        if self.kind is list:
            return f"list of {shape(self.inside[0]).words}"
        if self.kind is dict:
            return f"map of {shape(self.inside[0]).words}"
        if self.kind is None:
            words = dict.fromkeys(shape(one).words for one in self.inside)
            return " or ".join(words)
        if is_struct(self.kind):
            return "object"
        if self.facts is not None and self.facts.format and self.kind is str:
            return self.facts.format
        return _PLAIN.get(self.kind) or {"DateTime": "date-time", "Date": "date"}.get(_name(self.kind), "any")


class FieldLine(NamedTuple):
    """One line of what can be given."""

    path: str
    type: str
    required: bool
    enum: tuple[Any, ...] = ()
    variant: str = ""
    """The object that has it, where there is a choice."""


def _name(kind: Any) -> str:
    return "DateTime" if kind in DATETIMES else "Date" if kind in DATES else getattr(kind, "__name__", "")


def shape(expected: Any) -> Shape:
    """What a type of the models is, without the parts that only say what a server may send besides."""
    facts: Constraints | None = None
    if get_origin(expected) is Annotated:
        expected, *more = get_args(expected)
        facts = next((one for one in more if isinstance(one, Constraints)), None)
    if is_stand_in(expected):
        return Shape(None, tuple(variants_of(expected)))
    if get_origin(expected) is Literal:
        return Shape(type(get_args(expected)[0]), enum=get_args(expected), facts=facts)
    if is_union(expected):
        nullable = NoneType in members(expected)
        parts = [part for part in members(expected) if part not in (NoneType, UnsetType, Unknown)]
        literals = [choice for part in parts if get_origin(part) is Literal for choice in get_args(part)]
        if literals:
            return Shape(type(literals[0]), enum=tuple(literals), facts=facts, nullable=nullable)
        if len(parts) == 1:
            return shape(parts[0])._replace(nullable=nullable)
        return Shape(None, tuple(parts), nullable=nullable) if parts else Shape(object)
    kind = get_origin(expected) or expected
    if kind is list:
        return Shape(list, get_args(expected) or (Any,), facts=facts)
    if kind is dict:
        return Shape(dict, get_args(expected)[1:] or (Any,), facts=facts)
    known = is_struct(kind) or kind in _PLAIN or _name(kind) in ("DateTime", "Date")
    return Shape(kind if known else object, facts=facts)


def type_of(operation: Operation[Any], parameter: Parameter) -> Any:
    """The type of an argument."""
    return str if parameter.type == "bytes" else resolve(parameter.type, models=operation.models)


def body_properties(operation: Operation[Any]) -> dict[str, Any]:
    """Properties, by wire name, of a body that may be one of several objects; their types."""
    body = operation.body
    if body is None or body.flat or body.content_type.startswith("multipart/"):
        return {}
    structs = structs_of(resolve(body.type, models=operation.models))
    return {field.encode_name: field.type for struct in structs for field in msgspec.structs.fields(struct)}


def structs_of(expected: Any) -> list[Any]:
    """The objects a value may be, where it may be one."""
    found = shape(expected)
    if found.kind is None:
        return [struct for part in found.inside for struct in structs_of(part)]
    return [found.kind] if is_struct(found.kind) else []


def fields_of(expected: Any, path: str, _above: tuple[Any, ...] = ()) -> Iterator[FieldLine]:
    """Everything that is inside a type, by the names it is given by on a command line: `paths[].target.url`."""
    found = shape(expected)
    if found.kind in (list, dict):
        inner = f"{path}[]" if found.kind is list else f"{path}.NAME"
        yield from fields_of(found.inside[0], inner, _above)
        return
    structs = structs_of(expected)
    for struct in structs:
        if struct in _above or len(_above) >= _DEEP:
            continue
        for field in msgspec.structs.fields(struct):
            inner = f"{path}.{field.encode_name}" if path else field.encode_name
            seen = shape(field.type)
            variant = struct.__name__ if len(structs) > 1 else ""
            yield FieldLine(inner, seen.words, field.required, seen.enum, variant)
            yield from fields_of(field.type, inner, (*_above, struct))


def type_at(expected: Any, steps: tuple[str | int | None, ...], name: str) -> Any:
    """The type at a place inside a value.

    Args:
        expected: type of the whole.
        steps: names of properties, indices, `None` for a new element.
        name: as it was typed, for errors.

    Raises:
        InvalidArgumentError: the path does not exist.
    """
    for step in steps:
        found = shape(expected)
        if found.kind is object:
            return Any
        if isinstance(step, str):
            expected = _property(expected, found, step, name)
        elif found.kind is list:
            expected = found.inside[0]
        else:
            raise InvalidArgumentError(name, f"is not a list but {found.words}")
    return expected


def _property(expected: Any, found: Shape, step: str, name: str) -> Any:
    if found.kind is dict:
        return found.inside[0]
    structs = structs_of(expected)
    if not structs:
        raise InvalidArgumentError(name, f"{step!r} cannot be set: the value that should contain it is {found.words}")
    known = {field.encode_name: field.type for struct in structs for field in msgspec.structs.fields(struct)}
    if step not in known:
        near = did_you_mean(step, known) or f"; the properties are {', '.join(known)}"
        raise InvalidArgumentError(name, f"unknown property {step!r}{near}")
    return known[step]


def is_secret(name: str, operation: Operation[Any]) -> bool:
    """Whether an argument, by its wire name or dotted place, holds a secret.

    The tokens of the group `file` are references to one upload or download, and no credentials.
    """
    last = re.sub(r"\[\d*\]", "", name).rpartition(".")[2]
    return _SECRET.search(last) is not None and operation.group != "file"


def skeleton(operation: Operation[Any], *, optional: bool = False) -> Any:
    """A body to fill in: every required property, on request the others as well.

    Raises:
        InvalidArgumentError: the operation takes no body, or one of files.
    """
    body = operation.body
    if body is None:
        raise InvalidArgumentError("--skeleton", f"{operation.operation_id} takes no body")
    if body.content_type.startswith("multipart/"):
        raise InvalidArgumentError("--skeleton", f"the body of {operation.operation_id} is made of files")
    return example(resolve(body.type, models=operation.models), optional=optional)


def example(expected: Any, *, optional: bool = False, _above: tuple[Any, ...] = ()) -> Any:
    """A value of a type, as short as it may be."""
    found = shape(expected)
    if found.enum:
        return found.enum[0]
    if found.kind is None:
        return example(found.inside[0], optional=optional, _above=_above)
    if is_struct(found.kind):
        return {
            field.encode_name: example(field.type, optional=optional, _above=(*_above, found.kind))
            for field in msgspec.structs.fields(found.kind)
            if field.required or (optional and not any(one in _above for one in structs_of(field.type)))
        }
    if found.kind is list:
        nested = any(one in _above for one in structs_of(found.inside[0]))
        return [] if nested else [example(found.inside[0], optional=optional, _above=_above)]
    return _plain_example(found)


def _plain_example(found: Shape) -> Any:
    if found.kind is dict or found.kind is object:
        return {}
    if found.kind in (int, float):
        least = found.facts.minimum if found.facts is not None and found.facts.minimum is not None else 0
        return found.kind(least)
    if found.kind is bool:
        return False
    if _name(found.kind) == "DateTime":
        return "2027-01-31T00:00:00Z"
    return "2027-01-31" if _name(found.kind) == "Date" else "…"
