"""Which variant of a union a JSON value is: the plans of stand-ins, compiled into closures once each.

msgspec hands the value of every stand-in to `hook`. Most unions are told apart by one constant property or by one key,
so that is what the compiled chooser looks at first; everything else goes the general way through the plan's tests.

What a plan cannot place is `Unknown` and keeps its JSON. A value that a test claims and that then does not convert
deviates from the document: that is an error here, and the tolerant way (`drift`) decides what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import ValidationError, convert

from ..structs import OneOf, Test, Unknown
from .types import holds, variants_of

Chooser = Callable[[Any], Any]
Check = Callable[[Any], bool]

NUMBERS = (int, float)
_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": NUMBERS,
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


class Step(NamedTuple):
    """One line of a plan, ready to use."""

    check: Check
    variant: Any
    evidence: str
    """What the test says about a value it claims: `const` names the variant, `keys` suggests it, empty proves nothing."""


def same(value: Any, constant: Any) -> bool:
    """Equal as JSON: `true` is not 1."""
    return type(value) is type(constant) and bool(value == constant)


def compile_test(test: Test) -> Check:
    """A test of a plan as a function.

    Raises:
        ValueError: the test is of no known kind.
    """
    match test:
        case ("const", str(name), constants):
            return lambda value: (
                type(value) is dict and name in value and any(same(value[name], constant) for constant in constants)
            )
        case ("keys", keys):
            return lambda value: type(value) is dict and all(key in value for key in keys)
        case ("some", keys):
            return lambda value: type(value) is dict and any(key in value for key in keys)
        case ("only", keys):
            known = frozenset(keys)
            return lambda value: type(value) is dict and value.keys() <= known
        case ("in", str(name), inner):
            return _compile_inner(name, compile_test(inner))
        case ("kind", kind) if kind in _KINDS:
            kinds = _KINDS[kind]
            return lambda value: type(value) in kinds
        case ("any",):
            return lambda value: True
        case ("all", parts):
            checks = [compile_test(part) for part in parts]
            return lambda value: all(check(value) for check in checks)
        case _:
            raise ValueError(f"no test of a union plan: {test!r}")


def _compile_inner(name: str, check: Check) -> Check:
    def inside(value: Any) -> bool:
        if value.__class__ is not dict or name not in value:
            return False
        part = value[name]
        return check(part) if part.__class__ is not list else bool(part) and check(part[0])

    return inside


def _evidence(test: Test) -> str:
    if test[0] == "all":
        found = {_evidence(part) for part in test[1]}
        return next((kind for kind in ("const", "keys") if kind in found), "")
    return {"const": "const", "keys": "keys" if test[1:] != ((),) else "", "some": "keys"}.get(test[0], "")


_steps: dict[type[OneOf], tuple[Step, ...]] = {}


def steps_of(stand_in: type[OneOf]) -> tuple[Step, ...]:
    """The plan of a stand-in with tests compiled and variants resolved."""
    found = _steps.get(stand_in)
    if found is None:
        variants = variants_of(stand_in)
        found = tuple(Step(compile_test(test), variants[index], _evidence(test)) for index, test in stand_in.plan)
        _steps[stand_in] = found
    return found


def make(variant: Any, value: Any) -> Any:
    """Convert builtins to one variant, strictly."""
    if isinstance(variant, type) and issubclass(variant, OneOf):
        return CHOOSERS[variant](value)
    return convert(value, cast(Any, variant), dec_hook=hook)


def _general(stand_in: type[OneOf]) -> Chooser:
    steps = steps_of(stand_in)

    def choose(value: Any) -> Any:
        claimed = False
        for check, variant, evidence in steps:
            if check(value):
                try:
                    made = make(variant, value)
                except ValidationError:
                    claimed = claimed or bool(evidence)
                    continue
                if type(made) is not Unknown:
                    return made
        if claimed:
            raise ValidationError(f"fits no variant of {stand_in.__name__}")
        return Unknown(value)

    return choose


class Quick(NamedTuple):
    """The variant to try when a key is there."""

    key: str
    variant: type[msgspec.Struct]
    leaf: bool
    """No union inside: converting needs no hook, which is three times faster."""


def _is_struct(variant: Any) -> bool:
    return isinstance(variant, type) and issubclass(variant, msgspec.Struct)


def _leaf(variant: type) -> bool:
    return not holds(variant, (OneOf,))


def _by_key(stand_in: type[OneOf]) -> tuple[Quick, ...]:
    """Per leading step with a test for required keys: the key that says most.

    Looking at one key is enough: conversion itself insists on the others, and whatever it refuses goes the general way.
    """
    variants = variants_of(stand_in)
    tests: list[tuple[Any, tuple[str, ...]]] = []
    for index, test in stand_in.plan:
        keys = _required_keys(test)
        variant = variants[index]
        if not keys or not _is_struct(variant):
            break
        required = {field.encode_name for field in msgspec.structs.fields(variant) if field.required}
        if not required.issuperset(keys):
            break
        tests.append((variant, keys))
    counted: list[str] = [key for _, keys in tests for key in keys]
    return tuple(
        Quick(min(keys, key=lambda key: (counted.count(key), key)), variant, _leaf(variant)) for variant, keys in tests
    )


def _required_keys(test: Test) -> tuple[str, ...]:
    match test:
        case ("keys", keys):
            return tuple(keys)
        case ("all", parts) if {part[0] for part in parts} <= {"keys", "kind"}:
            return tuple(key for part in parts if part[0] == "keys" for key in part[1])
        case _:
            return ()


def _by_constant(stand_in: type[OneOf]) -> tuple[str, dict[str, tuple[Any, bool]]]:
    """The property that leading steps test for constant strings, and the variant per constant."""
    variants = variants_of(stand_in)
    table: dict[str, tuple[Any, bool]] = {}
    name = ""
    for index, test in stand_in.plan:
        if test[0] != "const" or (name and test[1] != name) or not all(type(text) is str for text in test[2]):
            break
        name = test[1]
        for text in test[2]:
            table.setdefault(text, (variants[index], _is_struct(variants[index]) and _leaf(variants[index])))
    return name, table


def _compile(stand_in: type[OneOf]) -> Chooser:
    general = _general(stand_in)
    name, table = _by_constant(stand_in)
    if table:
        return _constant_chooser(name, table, general)
    quick = _by_key(stand_in)
    return _key_chooser(quick, _empty(general), general) if quick else general


def _empty(general: Chooser) -> Any:
    """What `{}` is, where it is always the same immutable value (an unset DNS record is)."""
    try:
        made = general({})
    except ValidationError:
        return None
    return made if isinstance(made, msgspec.Struct) and not made.__struct_fields__ else None


def _constant_chooser(name: str, table: dict[str, tuple[Any, bool]], general: Chooser) -> Chooser:
    def choose(value: Any) -> Any:
        try:
            variant, leaf = table[value[name]]
            if leaf:
                return convert(value, variant)
            made = make(variant, value)
            if type(made) is not Unknown:
                return made
        except (ValidationError, LookupError, TypeError):
            pass
        return general(value)

    return choose


def _key_chooser(quick: Iterable[Quick], empty: Any, general: Chooser) -> Chooser:
    tries = tuple(quick)

    def choose(value: Any) -> Any:
        if type(value) is dict:
            if not value and empty is not None:
                return empty
            try:
                for key, variant, leaf in tries:
                    if key in value:
                        return convert(value, variant) if leaf else convert(value, variant, dec_hook=hook)
            except ValidationError:
                pass
        return general(value)

    return choose


class _Choosers(dict[type, Chooser]):
    """Choosers by stand-in, compiled on first use."""

    def __missing__(self, expected: type) -> Chooser:
        if not issubclass(expected, OneOf):
            raise NotImplementedError(f"no JSON becomes {expected!r}")
        chooser = self[expected] = _compile(expected)
        return chooser


CHOOSERS = _Choosers()


def hook(expected: type, value: Any) -> Any:
    """msgspec's `dec_hook`: the value of a stand-in, from builtins."""
    return CHOOSERS[expected](value)
