"""Tolerant decoding: keep what fits, keep the rest as it came, and say where the document and the answer part.

Runs only after the fast, strict way refused a body. It walks builtins along the expected type and makes the same
structs without validation: a missing required property becomes `UNSET` (left out again when encoded), a value of the
wrong type stays the raw JSON value (a date-time without zone, too), `null` where it is not allowed stays `None` and
encodes back to `null` — except for optional properties, where `None` is how absence is said: there `null` passes
silently and is left out again. A union value that a constant property assigns to a variant becomes that variant; one
that merely has a variant's keys becomes `Unknown`, which keeps all of its JSON.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
import warnings
from collections.abc import Callable
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec

from .. import logs
from ..errors import DriftWarning
from ..schema.typing_utils import DATES, DATETIMES, bare, is_stand_in, is_struct, is_union, members
from ..schema.unions import NUMBERS, hook, is_integral, keeps_all, loss, same, steps_of
from ..structs import UNSET, UnionStandIn, Unknown, UnsetType

logger: logging.Logger = logs.logger("codec")

REMEMBERED = 4096
"""Places of drift that are remembered so as to be reported once; the oldest are forgotten first."""

Path = tuple[Any, Any] | None
"""The way to a value, innermost step first: `(parent, step)`; a step is a property, an index, or a `_Key`."""

Note = tuple[Path, str]
Coercer = Callable[[Any, Path, list[Note]], Any]

_PLAIN_NAME = re.compile(r"[A-Za-z_$][\w$-]*")


class _Key(str):
    """A key of a free-form object: data rather than a property the document names."""

    __slots__ = ()


def render(path: Path, *, general: bool = False) -> str:
    """A path as text, like `$.items[3].name`; in its general form indexes and free keys are `*`."""
    steps: list[str] = []
    while path is not None:
        path, step = path
        if isinstance(step, int):
            steps.append("[*]" if general else f"[{step}]")
        elif general and isinstance(step, _Key):
            steps.append(".*")
        else:
            steps.append(f".{step}" if _PLAIN_NAME.fullmatch(step) else f"[{step!r}]")
    return "$" + "".join(reversed(steps))


def kind_of(value: Any) -> str:
    """The JSON type of a builtin."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", NoneType: "null"}
    return names.get(value.__class__, "number")


def coerce(expected: Any, value: Any, *, cut_times: bool = False) -> tuple[Any, list[Note]]:
    """Make the most of a value.

    Args:
        expected: the type it should have.
        value: builtins, as decoded from JSON; kept parts are not copied.
        cut_times: some date-time has digits beyond microseconds, which msgspec would round.

    Returns:
        The value and a note for every place that deviates, in document order.
    """
    notes: list[Note] = []
    if get_origin(expected) is list and value.__class__ is list and not cut_times:
        return _coerce_page(get_args(expected)[0], value, notes), notes
    return _coercer(expected)(value, None, notes), notes


def _coerce_page(expected: Any, items: list[Any], notes: list[Note]) -> list[Any]:
    """The items of the outermost list one by one, each the fast way first: one odd item must not slow the others."""
    careful = _coercer(expected)
    kept: list[Any] = []
    for index, item in enumerate(items):
        try:
            kept.append(msgspec.convert(item, expected, dec_hook=hook))
        except msgspec.ValidationError:
            kept.append(careful(item, (None, index), notes))
    return kept


_coercers: dict[Any, Coercer] = {}


def _coercer(expected: Any) -> Coercer:
    expected = bare(expected)
    found = _coercers.get(expected)
    if found is None:
        found = _coercers[expected] = _build(expected)
    return found


def _build(expected: Any) -> Coercer:
    if expected in (Any, object):
        return lambda value, path, notes: value
    if is_struct(expected):
        return _StructCoercer(expected)
    if is_stand_in(expected):
        return _variant_coercer(expected)
    if is_union(expected):
        return _union_coercer(expected)
    origin = get_origin(expected) or expected
    if origin is list:
        return _list_coercer(get_args(expected))
    if origin is dict:
        return _dict_coercer(get_args(expected))
    return _scalar_coercer(expected)


def _wrong(expected: str, value: Any, path: Path, notes: list[Note]) -> Any:
    notes.append((path, f"expected {expected}, got {kind_of(value)}"))
    return value


class _StructCoercer:
    """Coerces objects into one struct class. Its fields are looked up on first use, so recursive classes are fine."""

    __slots__ = ("cls", "fields")

    def __init__(self, cls: type[msgspec.Struct]) -> None:
        self.cls = cls
        self.fields: list[tuple[str, str, bool, Coercer]] | None = None

    def __call__(self, value: Any, path: Path, notes: list[Note]) -> Any:
        if value.__class__ is not dict:
            return _wrong("object", value, path, notes)
        if self.fields is None:
            self.fields = [
                (field.name, field.encode_name, field.required, _coercer(field.type))
                for field in msgspec.structs.fields(self.cls)
            ]
        given: dict[str, Any] = {}
        for name, wire, required, coercer in self.fields:
            if wire in value:
                given[name] = coercer(value[wire], (path, wire), notes)
            elif required:
                notes.append(((path, wire), "required, but missing"))
                given[name] = UNSET
        return self.cls(**given)


def _list_coercer(args: tuple[Any, ...]) -> Coercer:
    inner = _coercer(args[0] if args else Any)

    def coerce_list(value: Any, path: Path, notes: list[Note]) -> Any:
        if value.__class__ is not list:
            return _wrong("array", value, path, notes)
        return [inner(item, (path, index), notes) for index, item in enumerate(value)]

    return coerce_list


def _dict_coercer(args: tuple[Any, ...]) -> Coercer:
    inner = _coercer(args[1] if args else Any)

    def coerce_dict(value: Any, path: Path, notes: list[Note]) -> Any:
        if value.__class__ is not dict:
            return _wrong("object", value, path, notes)
        return {key: inner(item, (path, _Key(key)), notes) for key, item in value.items()}

    return coerce_dict


def _variant_coercer(stand_in: type[UnionStandIn]) -> Coercer:
    steps = steps_of(stand_in)

    def coerce_variant(value: Any, path: Path, notes: list[Note]) -> Any:
        best: Any = None
        rivals: frozenset[Any] | None = None
        named: tuple[Any, list[Note]] | None = None
        suggested: list[Note] = []
        for check, variant, evidence, others in steps:
            if not check(value) or (rivals is not None and variant not in rivals):
                continue
            missed: list[Note] = []
            made = _coercer(variant)(value, path, missed)
            claimed = bool(suggested) or named is not None
            if not missed and type(made) is not Unknown and (not claimed or keeps_all(made, value)):
                if rivals is None:
                    best, rivals = made, others
                elif loss(made, value) < loss(best, value):
                    best = made
            elif missed and evidence == "const" and named is None:
                named = made, missed
            elif missed and evidence:
                suggested = suggested or missed[:1]
        if rivals is not None:
            return best
        if named is not None:
            notes.extend(named[1])
            return named[0]
        notes.extend(suggested)
        return Unknown(value)

    return coerce_variant


def _union_coercer(expected: Any) -> Coercer:
    parts = [part for part in members(expected) if part is not UnsetType]
    # `int | float`: a number keeps its form there, so the integer must not take 5.0.
    coercers = [_exact_integer if part is int and float in parts else _coercer(part) for part in parts]
    wanted = " or ".join(sorted({_kind_wanted(part) for part in parts}))

    def coerce_union(value: Any, path: Path, notes: list[Note]) -> Any:
        near: tuple[Any, list[Note]] | None = None
        reason: list[Note] = []
        for coercer in coercers:
            missed: list[Note] = []
            made = coercer(value, path, missed)
            if not missed:
                return made
            if made is not value and near is None:
                near = made, missed
            if missed[0][1] == NO_ZONE:
                reason = missed
        if near is None:
            notes.extend(reason or [(path, f"expected {wanted}, got {kind_of(value)}")])
            return value
        notes.extend(near[1])
        return near[0]

    return coerce_union


_SCALARS: dict[Any, tuple[str, tuple[type, ...]]] = {
    str: ("string", (str,)),
    bool: ("boolean", (bool,)),
    int: ("integer", (int,)),
    float: ("number", NUMBERS),
    None: ("null", (NoneType,)),
    NoneType: ("null", (NoneType,)),
}


def _kind_wanted(expected: Any) -> str:
    expected = bare(expected)
    if expected in _SCALARS:
        return _SCALARS[expected][0]
    if get_origin(expected) is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(expected))
    if expected in (*DATETIMES, *DATES):
        return "date-time" if expected in DATETIMES else "date"
    return {list: "array", dict: "object"}.get(get_origin(expected) or expected, getattr(expected, "__name__", "value"))


def _scalar_coercer(expected: Any) -> Coercer:
    if get_origin(expected) is Literal:
        return _literal_coercer(get_args(expected), _kind_wanted(expected))
    if expected in DATETIMES:
        return _coerce_time
    if expected is int:
        return _coerce_integer
    wanted = _kind_wanted(expected)

    def coerce_scalar(value: Any, path: Path, notes: list[Note]) -> Any:
        try:
            return msgspec.convert(value, expected)
        except (msgspec.ValidationError, OverflowError):
            return _wrong(wanted, value, path, notes)

    if expected is float or expected not in _SCALARS:
        return coerce_scalar
    accepted = _SCALARS[expected][1]
    return lambda value, path, notes: value if type(value) in accepted else _wrong(wanted, value, path, notes)


def _literal_coercer(choices: tuple[Any, ...], wanted: str) -> Coercer:
    def coerce_literal(value: Any, path: Path, notes: list[Note]) -> Any:
        found = [choice for choice in choices if same(value, choice)]
        return found[0] if found else _wrong(wanted, value, path, notes)

    return coerce_literal


def _exact_integer(value: Any, path: Path, notes: list[Note]) -> Any:
    return value if type(value) is int else _wrong("integer", value, path, notes)


def _coerce_integer(value: Any, path: Path, notes: list[Note]) -> Any:
    return int(value) if is_integral(value) else _exact_integer(value, path, notes)


NO_ZONE = "date-time without time zone"
_BEYOND_MICROSECONDS = re.compile(r"(?<=:[0-9]{2}\.[0-9]{6})[0-9]+")


def _coerce_time(value: Any, path: Path, notes: list[Note]) -> Any:
    """Digits beyond microseconds are cut, so that nothing carries. Without a zone it is not an instant and stays
    text."""
    text = _BEYOND_MICROSECONDS.sub("", value, count=1) if type(value) is str else value
    try:
        made = msgspec.convert(text, DATETIMES[0])
    except (msgspec.ValidationError, OverflowError):
        return _wrong("date-time", value, path, notes)
    if made.tzinfo is None:
        notes.append((path, NO_ZONE))
        return value
    return made


_reported: dict[tuple[str, str], None] = {}


def report(operation_id: str, notes: list[Note]) -> None:
    """Say each kind of deviation once per operation: as `DriftWarning` and in the log."""
    for path, problem in notes:
        place = operation_id, render(path, general=True)
        if place in _reported:
            continue
        while len(_reported) >= REMEMBERED:
            del _reported[next(iter(_reported))]
        _reported[place] = None
        message = f"{operation_id}: {place[1]}: {problem}; kept as it came"
        logger.warning(message)
        warnings.warn(message, DriftWarning, stacklevel=_steps_to_caller())


_OURS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
_LOOP = os.path.join(os.path.dirname(os.__file__), "asyncio", "")


def _steps_to_caller() -> int:
    """The `stacklevel` of the code that called this package: the coroutine that awaits, if the answer is read in its
    task; else the code that runs the loop.
    """
    frame, steps = inspect.currentframe(), 0
    while frame is not None and frame.f_code.co_filename.startswith((_OURS, _LOOP)):
        frame, steps = frame.f_back, steps + 1
    return steps


def forget_reports() -> None:
    """Report everything again."""
    _reported.clear()
