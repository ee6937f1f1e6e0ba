"""Lists of unions whose variants a constant names, decoded by msgspec in one go.

msgspec knows unions of structs by a tag, which must not be a field, while users see the constant as a field. So each
variant gets a twin: a class with the same fields in the same places, of which the constant is the tag. What was decoded
as a twin is then given the class of its variant. Python allows that between classes of equal layout, and whether it
does is tried once, when a decoder is made; a union for which it does not is decoded as without this.

A variant that is a union itself has one twin for all of its variants, if these have the same fields. A field that they
have different types for is decoded once a second constant has named the variant.

Measured by `python -m benchmarks accel`: 17 % of decoding conversation messages, beyond what splitting the list gains.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw
from msgspec.structs import FieldInfo, fields, force_setattr

from ..schema.typing_utils import either, is_stand_in, is_struct
from ..structs import UnionStandIn
from . import compiled_unions
from .compiled_unions import by_constant, by_key, hook_for

Read = Callable[[Any], Any]
Finish = Callable[[Any], None]

_set_class: Callable[[Any, type], None] = vars(object)["__class__"].__set__
_NO_LITERAL = "none of the documented texts"


class Twin(NamedTuple):
    """What is decoded in place of a variant, and what makes the variant of it: its class, or a function."""

    cls: Any
    variant: Any
    finish: Finish | None = None


def decoder_of(stand_in: type[UnionStandIn]) -> Read | None:
    """The decoder of a list of the union: from bytes to a list, raising what msgspec raises where an item is not as
    documented. `None` where there is none."""
    name, table, _ = by_constant(stand_in)
    try:
        twins = [_twin(name, text, variant) for text, variant in table.items()]
        union: Any = reduce(either, [twin.cls for twin in twins])
        decode = msgspec.json.Decoder(list[union], dec_hook=hook_for(union)).decode
    except (TypeError, ValueError):
        return None
    direct = {twin.cls: twin.variant for twin in twins if twin.finish is None}
    finish = {twin.cls: twin.finish for twin in twins if twin.finish is not None}
    variant_of, set_class = direct.get, _set_class

    def read(body: Any) -> Any:
        made: Any = decode(body)
        for item in made:
            variant = variant_of(item.__class__)
            if variant is None:
                finish[item.__class__](item)
            else:
                set_class(item, variant)
        return made

    return read


def _twin(name: str, text: str, variant: Any) -> Twin:
    """Raises TypeError or ValueError where the variant cannot have one."""
    if is_stand_in(variant):
        return _twin_of_union(name, text, variant)
    found = fields(variant)
    cls = _twin_class(variant, name, text, {field.name: field.type for field in found})
    return Twin(cls, variant)


def _twin_class(variant: Any, name: str, text: str, types: dict[str, Any]) -> Any:
    """The twin of a struct class, with other types."""
    bases = variant.__bases__
    if not is_struct(variant) or any(getattr(base, "__struct_fields__", ()) for base in bases):
        raise TypeError("the fields are not all its own")
    config = variant.__struct_config__
    described = [_field(field, name, text, types[field.name]) for field in fields(variant)]
    cls = msgspec.defstruct(
        f"{variant.__name__}Twin",
        described,
        bases=bases,
        tag_field=name,
        tag=text,
        frozen=config.frozen,
        kw_only=True,
        gc=config.gc,
        weakref=config.weakref,
        dict=config.dict,
    )
    _set_class(cls(**dict.fromkeys(cls.__struct_fields__)), variant)  # raises where their layouts differ
    return cls


def _field(field: FieldInfo, name: str, text: str, kind: Any) -> tuple[str, Any, Any]:
    """A field of a twin. The one of the constant has it as default, and a name that no JSON has."""
    if field.encode_name == name:
        msgspec.convert(text, field.type)
        return field.name, str, msgspec.field(default=text, name=f" {name} of the twin")
    if field.required:
        return field.name, kind, msgspec.field(name=field.encode_name)
    if field.default is msgspec.NODEFAULT:
        return field.name, kind, msgspec.field(default_factory=field.default_factory, name=field.encode_name)
    return field.name, kind, msgspec.field(default=field.default, name=field.encode_name)


def _twin_of_union(name: str, text: str, stand_in: type[UnionStandIn]) -> Twin:
    inner, table, steps = by_constant(stand_in)
    rest = by_key(stand_in, steps)
    if not table or len(rest) != 1 or steps + 1 != len(stand_in.plan):
        raise TypeError("no second constant names its variants")
    other = rest[0][1]
    variants = list(dict.fromkeys((*table.values(), other)))
    described = [fields(variant) for variant in variants]
    if any(list(map(_shape, found)) != list(map(_shape, described[0])) for found in described):
        raise TypeError("its variants have different fields")
    types: dict[str, Any] = {}
    for same in zip(*described, strict=True):
        equal = all(field.type == same[0].type for field in same)
        types[same[0].name] = same[0].type if equal else str if same[0].encode_name == inner else Raw
    for constant, variant in (*table.items(), (_NO_LITERAL, other)):
        msgspec.convert(constant, _named(variant, inner).type)
    for variant in variants[1:]:
        _set_class(_twin_class(variant, name, text, types)(**dict.fromkeys(types)), variants[0])
    cls = _twin_class(variants[0], name, text, types)
    return Twin(cls, stand_in, _finisher(_named(other, inner).name, table, other, types))


def _shape(field: FieldInfo) -> tuple[object, ...]:
    return field.name, field.encode_name, field.required, field.default, field.default_factory


def _named(variant: Any, wire: str) -> FieldInfo:
    found = [field for field in fields(variant) if field.encode_name == wire]
    if not found:
        raise TypeError(f"{variant.__name__} has no {wire}")
    return found[0]


def _finisher(constant: str, table: dict[str, Any], other: Any, types: dict[str, Any]) -> Finish:
    late = [name for name, kind in types.items() if kind is Raw]
    made = {variant: _late_fields(variant, late) for variant in (*table.values(), other)}
    choices = {text: (variant, made[variant]) for text, variant in table.items()}
    usual = other, made[other]
    named, choice_of, set_class = attrgetter(constant), choices.get, _set_class

    def finish(item: Any) -> None:
        variant, parts = choice_of(named(item), usual)
        for name, read in parts:
            raw = getattr(item, name)
            if raw.__class__ is Raw:
                force_setattr(item, name, read(raw))
        set_class(item, variant)

    return finish


def _late_fields(variant: Any, late: list[str]) -> list[tuple[str, Read]]:
    return [(field.name, compiled_unions.decoder_of(field.type)) for field in fields(variant) if field.name in late]
