"""Shortcuts through union plans for decoders, which own the builtins they decode and may change them.

The variants of most unions differ in one constant property or in one key, so a chooser looks at that alone: conversion
itself insists on everything else. Unions inside a variant are put in place first, in the variant's own dict; then the
variant converts in one call without a hook, which costs a third. A value that fails is spoiled by that, so its error
goes all the way up and the body is decoded again the tolerant way, which tries every variant on fresh builtins.

Choosers are written as source and executed once per union, as `dataclasses` does for its methods: a chain of closures
takes twice the time, most of it for calls. Measured by `python -m benchmarks accel`, against the plans as they are
written: 62 % of decoding ingresses, 47 % of conversation messages, 73 % of DNS zones, 82 % of activities. The source
contains names of our own making and the `repr` of wire names.
"""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec
from msgspec import convert

from ..schema.types import variants_of
from ..schema.typing_utils import bare, holds, is_stand_in, is_struct, is_union, members
from ..schema.unions import CHOOSERS, Chooser, required, steps_of
from ..structs import Test, UnionStandIn, Unknown

Hook = Callable[[Any, Any], Any]
"""A chooser with the signature of a `dec_hook`; the expected type is passed with the value, and ignored."""

INLINE = 6
"""Up to so many variants that differ in a constant are compared one by one; a table costs one more call."""


class _Source:
    """A function `made(expected, value)` in the making: its lines and the objects they name."""

    def __init__(self) -> None:
        self.lines: list[str] = ["def made(expected, value):"]
        self.names: dict[str, Any] = {"convert": convert, "Unknown": Unknown}

    def add(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def name(self, thing: Any) -> str:
        """A name for an object."""
        found = f"x{len(self.names)}"
        self.names[found] = thing
        return found

    def function(self) -> Hook:
        exec("\n".join(self.lines), self.names)  # noqa: S102 - see the module's docstring
        made: Hook = self.names["made"]
        return made

    def convert(self, depth: int, variant: Any) -> None:
        """Return the value as a variant that is not a stand-in."""
        if not holds(variant, (UnionStandIn,)):
            self.add(depth, f"return convert(value, {self.name(variant)})")
        elif _contains_itself(variant):
            self.add(depth, f"return convert(value, {self.name(variant)}, dec_hook={self.name(owning_hook)})")
        else:
            self.place(depth, variant, "value")
            self.add(depth, f"return convert(value, {self.name(variant)})")

    def place(self, depth: int, expected: Any, target: str) -> None:
        """Put the variants of unions inside `target` in place, where a value of the type holds any."""
        expected = bare(expected)
        if is_stand_in(expected):
            self.add(depth, f"{target} = {self.name(_late(expected))}(None, {target})")
            return
        part = self.name(None)
        self.add(depth, f"{part} = {target}")
        if is_union(expected):
            inner = next(part for part in members(expected) if part is not NoneType and holds(part, (UnionStandIn,)))
            self.add(depth, f"if {part} is not None:")
            self.place(depth + 1, inner, target)
        elif is_struct(expected):
            self.add(depth, f"if {part}.__class__ is dict:")
            for field in msgspec.structs.fields(expected):
                if holds(field.type, (UnionStandIn,)):
                    self.add(depth + 1, f"if {field.encode_name!r} in {part}:")
                    self.place(depth + 2, field.type, f"{part}[{field.encode_name!r}]")
        else:
            inner, kind = get_args(expected)[-1], "list" if get_origin(expected) is list else "dict"
            key = self.name(None)
            self.add(depth, f"if {part}.__class__ is {kind}:")
            self.add(depth + 1, f"for {key} in {'range(len(' + part + '))' if kind == 'list' else part}:")
            self.place(depth + 2, inner, f"{part}[{key}]")


def _contains_itself(expected: Any, above: tuple[Any, ...] = ()) -> bool:
    """Whether inlining the placement of its unions would never end."""
    expected = bare(expected)
    if expected in above:
        return True
    if is_struct(expected):
        parts = [field.type for field in msgspec.structs.fields(expected)]
        return any(_contains_itself(part, (*above, expected)) for part in parts)
    return any(_contains_itself(part, above) for part in get_args(expected) if not is_stand_in(expected))


def _late(stand_in: Any) -> Hook:
    """The chooser of a stand-in; while that is being written itself, a detour to it."""
    if stand_in in _writing:
        return lambda expected, value: COMPILED[stand_in](expected, value)
    return COMPILED[stand_in]


_writing: set[Any] = set()


def _required_keys(test: Test) -> tuple[str, ...]:
    match test:
        case ("keys", keys):
            return tuple(keys)
        case ("all", parts) if {part[0] for part in parts} <= {"keys", "kind"}:
            return tuple(key for part in parts if part[0] == "keys" for key in part[1])
        case _:
            return ()


def by_key(stand_in: type[UnionStandIn], start: int = 0) -> list[tuple[str, Any]]:
    """Per step, from `start` on, that tests for required keys: the key that says most, and the variant."""
    tests: list[tuple[Any, tuple[str, ...]]] = []
    for step, (_, test) in zip(steps_of(stand_in)[start:], stand_in.plan[start:], strict=True):
        keys, variant = _required_keys(test), step.variant
        if not keys or not is_struct(variant) or not required(variant).issuperset(keys) or step.rivals:
            break
        tests.append((variant, keys))
    counted = [key for _, keys in tests for key in keys]
    return [(min(keys, key=lambda key: (counted.count(key), key)), variant) for variant, keys in tests]


def by_constant(stand_in: type[UnionStandIn]) -> tuple[str, dict[str, Any], int]:
    """The property that leading steps test for constant strings, the variant per constant, and how many steps."""
    variants = variants_of(stand_in)
    table: dict[str, Any] = {}
    name, steps = "", 0
    for index, test in stand_in.plan:
        if test[0] != "const" or (name and test[1] != name) or not all(type(text) is str for text in test[2]):
            break
        name, steps = test[1], steps + 1
        for text in test[2]:
            table.setdefault(text, variants[index])
    return name, table, steps


def _compile(stand_in: type[UnionStandIn]) -> Hook:
    careful = CHOOSERS[stand_in]
    name, table, steps = by_constant(stand_in)
    tries = by_key(stand_in, steps)
    if not table:
        return _by_keys_alone(tries, careful)
    others = _by_keys_alone(tries, careful)
    variants = list(dict.fromkeys(table.values()))
    if len(variants) > INLINE:
        return _by_table(name, table, others, careful)
    source = _Source()
    source.add(1, f"constant = value.get({name!r}) if value.__class__ is dict else None")
    for variant in variants:
        texts = tuple(text for text in table if table[text] is variant)
        test = f"== {texts[0]!r}" if len(texts) == 1 else f"in {texts!r}"
        source.add(1, f"if constant {test}:")
        _make(source, 2, variant, careful)
    source.add(1, f"return {source.name(others)}(None, value)")
    return source.function()


def _by_keys_alone(tries: list[tuple[str, Any]], careful: Chooser) -> Hook:
    source = _Source()
    if tries:
        _add_keys(source, tries, _empty(careful))
    source.add(1, f"return {source.name(careful)}(value)")
    return source.function()


def _by_table(name: str, table: dict[str, Any], others: Hook, careful: Chooser) -> Hook:
    made: dict[Any, Hook] = {}
    for variant in table.values():
        if variant not in made:
            source = _Source()
            _make(source, 1, variant, careful)
            made[variant] = source.function()
    makers = {text: made[variant] for text, variant in table.items()}

    def choose(expected: Any, value: Any) -> Any:
        try:
            maker = makers.get(value[name], others)
        except (LookupError, TypeError):
            return careful(value)
        return maker(expected, value)

    return choose


def _make(source: _Source, depth: int, variant: Any, careful: Chooser) -> None:
    """Return the value as a variant; a union within a union that cannot place it leaves it to the careful way."""
    if is_stand_in(variant):
        source.add(depth, f"made = {source.name(_late(variant))}(None, value)")
        source.add(depth, f"return {source.name(careful)}(value) if made.__class__ is Unknown else made")
    else:
        source.convert(depth, variant)


def _add_keys(source: _Source, tries: list[tuple[str, Any]], empty: Any) -> None:
    source.add(1, "if value.__class__ is dict:")
    if empty is not None:
        source.add(2, "if not value:")
        source.add(3, f"return {source.name(empty)}")
    for key, variant in tries:
        source.add(2, f"if {key!r} in value:")
        if _is_flag(variant):
            for flag in (True, False):
                source.add(3, f"if value[{key!r}] is {flag}:")
                source.add(4, f"return {source.name(convert({key: flag}, variant))}")
        source.convert(3, variant)


def _empty(careful: Chooser) -> Any:
    """What `{}` is, where it is always the same immutable value (an unset DNS record is): one instance serves all."""
    made = careful({})
    return made if isinstance(made, msgspec.Struct) and not made.__struct_fields__ else None


def _is_flag(variant: Any) -> bool:
    """Whether the variant has but two values, its one property being a boolean: two instances serve all."""
    fields = msgspec.structs.fields(variant)
    return len(fields) == 1 and fields[0].type is bool


class _CompiledChoosers(dict[Any, Hook]):
    """Choosers by stand-in, compiled on first use."""

    def __missing__(self, expected: Any) -> Hook:
        if not is_stand_in(expected):
            return lambda expected, value: CHOOSERS[expected](value)  # which refuses it
        _writing.add(expected)
        try:
            chooser = self[expected] = _compile(expected)
        finally:
            _writing.discard(expected)
        return chooser


COMPILED = _CompiledChoosers()


def owning_hook(expected: type, value: Any) -> Any:
    """`dec_hook` for decoders: like `unions.hook`, but the builtins may be changed."""
    return COMPILED[expected](expected, value)


def decoder_of(expected: Any) -> Callable[[bytes], Any]:
    """msgspec's decoder of a type, with compiled choosers for its unions."""
    return msgspec.json.Decoder(expected, dec_hook=hook_for(expected)).decode


def hook_for(expected: Any) -> Hook:
    """The shortest `dec_hook` for decoders of a type: where it meets one union only, that union's own chooser."""
    met = _met(expected, set())
    return COMPILED[met.pop()] if len(met) == 1 else owning_hook


def _met(expected: Any, seen: set[Any]) -> set[Any]:
    """The stand-ins that decoding a type meets outside of variants, which are converted rather than decoded."""
    expected = bare(expected)
    if expected in seen:
        return set()
    seen.add(expected)
    if is_stand_in(expected):
        return {expected}
    parts = [field.type for field in msgspec.structs.fields(expected)] if is_struct(expected) else get_args(expected)
    return set[Any]().union(*(_met(part, seen) for part in parts))
