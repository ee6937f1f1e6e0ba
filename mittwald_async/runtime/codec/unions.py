"""Which variant of a union a JSON value is: the plans of stand-ins, compiled into closures once each.

msgspec hands the value of every stand-in to `hook`, and the plan's tests are tried in order. This is the meaning of a
plan; decoders use the shortcuts of `swift`, which come to the same.

What a plan cannot place is `Unknown` and keeps its JSON. A value that a test claims and that then does not convert
deviates from the document: that is an error here, and the tolerant way (`drift`) decides what is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import Struct, ValidationError, convert

from ..structs import Test, UnionStandIn, Unknown
from .types import variants_of
from .typing_utils import is_stand_in

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


_steps: dict[type[UnionStandIn], tuple[Step, ...]] = {}


def steps_of(stand_in: type[UnionStandIn]) -> tuple[Step, ...]:
    """The plan of a stand-in with tests compiled and variants resolved."""
    found = _steps.get(stand_in)
    if found is None:
        variants = variants_of(stand_in)
        found = tuple(Step(compile_test(test), variants[index], _evidence(test)) for index, test in stand_in.plan)
        _steps[stand_in] = found
    return found


def make(variant: Any, value: Any) -> Any:
    """Convert builtins to one variant, strictly."""
    if is_stand_in(variant):
        return CHOOSERS[variant](value)
    return convert(value, variant, dec_hook=hook)


def keeps_all(made: Any, value: Any) -> bool:
    """Whether a struct has a field for each property of the object it was made of. Where a variant that claimed the value
    deviates, a later one must not win by ignoring just what the first was recognized by.
    """
    return not isinstance(made, Struct) or value.keys() <= set(made.__struct_encode_fields__)


def _general(stand_in: type[UnionStandIn]) -> Chooser:
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
                if type(made) is not Unknown and (not claimed or keeps_all(made, value)):
                    return made
        if claimed:
            raise ValidationError(f"fits no variant of {stand_in.__name__}")
        return Unknown(value)

    return choose


class _Choosers(dict[type, Chooser]):
    """Choosers by stand-in, compiled on first use."""

    def __missing__(self, expected: type) -> Chooser:
        if not issubclass(expected, UnionStandIn):
            raise LookupError(f"no JSON becomes {expected!r}")
        chooser = self[expected] = _general(expected)
        return chooser


CHOOSERS = _Choosers()


def hook(expected: type, value: Any) -> Any:
    """msgspec's `dec_hook`: the value of a stand-in, from builtins, which are left as they are."""
    return CHOOSERS[expected](value)
