"""Which variant of a union a JSON value is: the plans of stand-ins, compiled into closures once each.

msgspec hands the value of every stand-in to `hook`, and the plan's tests are tried in order. This is the meaning of a
plan; accelerated decoders take shortcuts, which come to the same.

What a plan cannot place is `Unknown` and keeps its JSON. A value that a test claims and that then does not convert
deviates from the document: that is an error here, and tolerant decoding decides what is kept. Where several variants
take a value, the first that keeps all of it wins, at any depth; if none does, the one that loses least.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, get_origin

from msgspec import Struct, ValidationError, convert
from msgspec.structs import fields

from ..errors import ConfigurationError
from ..structs import Test, UnionStandIn, Unknown
from .types import variants_of
from .typing_utils import bare, is_stand_in, is_struct

Chooser = Callable[[Any], Any]
Check = Callable[[Any], bool]

NUMBERS = (int, float)
LARGEST_INTEGRAL = 2.0**53
"""Floats from here on are not accepted as integers: `9007199254740993.0` is a float that ends in 2."""
_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": NUMBERS,
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


class UnionCheck(NamedTuple):
    """One line of a plan, ready to use."""

    check: Check
    variant: Any
    evidence: str
    """What the test says about a value it claims: `const` names the variant, `keys` suggests it, empty proves
    nothing."""
    rivals: frozenset[Any]
    """Variants of later steps that a value can be of just as well, so that what they keep of it has to decide."""


def same(value: Any, constant: Any) -> bool:
    """Equal as JSON: `true` is not 1, and 1.0 is."""
    if type(value) is type(constant):
        return bool(value == constant)
    return type(value) in NUMBERS and type(constant) in NUMBERS and bool(value == constant)


def is_integral(value: Any) -> bool:
    """Whether a number that came with a decimal point or an exponent is an integer, such as `1000.0` or `1e3`."""
    return type(value) is float and value.is_integer() and abs(value) < LARGEST_INTEGRAL


def has_integral(value: Any) -> bool:
    """Whether a JSON value contains such a number, which only tolerant decoding takes for an integer."""
    if value.__class__ is dict:
        return any(map(has_integral, value.values()))
    return any(map(has_integral, value)) if value.__class__ is list else is_integral(value)


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
        case ("kind", "integer"):
            return lambda value: type(value) is int or is_integral(value)
        case ("kind", kind) if kind in _KINDS:
            kinds = _KINDS[kind]
            return lambda value: type(value) in kinds
        case ("any",):
            return lambda value: True
        case ("all", parts):
            checks = [compile_test(part) for part in parts]
            return lambda value: all(check(value) for check in checks)
        case _:
            raise ValueError(f"{test!r} is not a test of a union plan")


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


_steps: dict[type[UnionStandIn], tuple[UnionCheck, ...]] = {}


def steps_of(stand_in: type[UnionStandIn]) -> tuple[UnionCheck, ...]:
    """The plan of a stand-in with tests compiled and variants resolved."""
    found = _steps.get(stand_in)
    if found is None:
        variants = variants_of(stand_in)
        told_apart = [(variants[index], _evidence(test), test) for index, test in stand_in.plan]
        undecided = [
            (number, variant) for number, (variant, evidence, _) in enumerate(told_apart) if evidence != "const"
        ]
        _steps[stand_in] = found = tuple(
            UnionCheck(compile_test(test), variant, evidence, _rivals(number, variant, undecided))
            for number, (variant, evidence, test) in enumerate(told_apart)
        )
    return found


def _rivals(number: int, variant: Any, undecided: list[tuple[int, Any]]) -> frozenset[Any]:
    if (number, variant) not in undecided:
        return frozenset()
    later = [other for at, other in undecided if at > number and other is not variant]
    return frozenset(other for other in later if could_be_either(variant, other))


def make(variant: Any, value: Any) -> Any:
    """Convert builtins to one variant, strictly."""
    if is_stand_in(variant):
        return CHOOSERS[variant](value)
    return convert(value, variant, dec_hook=hook)


def keeps_all(made: Any, value: Any) -> bool:
    """Whether a struct has a field for each property of the object it was made of. Where a variant that claimed the
    value deviates, a later one must not win by ignoring just what the first was recognized by.
    """
    return not isinstance(made, Struct) or value.keys() <= set(made.__struct_encode_fields__)


def loss(made: Any, value: Any) -> int:
    """Number of properties of a JSON value without a field in the decoded value, at any depth."""
    if isinstance(made, Struct):
        if value.__class__ is not dict:
            return 0
        fields = dict(zip(made.__struct_encode_fields__, made.__struct_fields__, strict=True))
        return sum(loss(getattr(made, fields[key]), part) if key in fields else 1 for key, part in value.items())
    if made.__class__ is list and value.__class__ is list:
        return sum(map(loss, made, value))
    if made.__class__ is dict and value.__class__ is dict:
        return sum(loss(made.get(key), part) for key, part in value.items())
    return 0


def could_be_either(one: Any, other: Any) -> bool:
    """Whether a JSON value can be of both variants, so that what they keep of it has to decide."""
    one, other = bare(one), bare(other)
    if is_struct(one) and is_struct(other):
        return all(
            required(left) <= set(right.__struct_encode_fields__) for left, right in ((one, other), (other, one))
        )
    return get_origin(one) in (list, dict) and get_origin(one) is get_origin(other)


def required(variant: type[Struct]) -> set[str]:
    """The properties that an object of a struct class must have."""
    return {field.encode_name for field in fields(variant) if field.required}


def _general(stand_in: type[UnionStandIn]) -> Chooser:
    steps = steps_of(stand_in)

    def choose(value: Any) -> Any:
        claimed = refused = False
        best: Any = None
        rivals: frozenset[Any] | None = None
        for check, variant, evidence, others in steps:
            if not check(value) or (rivals is not None and variant not in rivals):
                continue
            try:
                made = make(variant, value)
            except ValidationError:
                refused, claimed = True, claimed or bool(evidence)
                continue
            if type(made) is Unknown or (claimed and not keeps_all(made, value)):
                continue
            if rivals is None:
                if not others:
                    return made
                best, rivals = made, others
            elif loss(made, value) < loss(best, value):
                best = made
            if not loss(best, value):
                break
        if rivals is not None:
            return best
        if claimed or (refused and has_integral(value)):
            raise ValidationError(f"fits no variant of {stand_in.__name__.lstrip('_')}")
        return Unknown(value)

    return choose


class _Choosers(dict[type, Chooser]):
    """Choosers by stand-in, compiled on first use."""

    def __missing__(self, expected: type) -> Chooser:
        if not issubclass(expected, UnionStandIn):
            raise ConfigurationError(f"{expected!r} is not a type that JSON can become")
        chooser = self[expected] = _general(expected)
        return chooser


CHOOSERS = _Choosers()


def hook(expected: type, value: Any) -> Any:
    """msgspec's `dec_hook`: the value of a stand-in, from builtins, which are left as they are."""
    return CHOOSERS[expected](value)
