"""The tolerant way: keep what fits, keep the rest as it came, and say where the document and the answer part.

Runs only after the fast, strict way refused a body. It walks builtins along the expected type and makes the same
structs without validation: a missing required property becomes `UNSET` (left out again when encoded), a value of the
wrong type stays the raw JSON value, `null` where it is not allowed stays `None` and encodes back to `null` — except
for optional properties, where `None` is how absence is said: there `null` passes silently and is left out again.
A union value that a constant property assigns to a variant becomes that variant; one that merely has a variant's keys
becomes `Unknown`, which keeps all of its JSON.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
import warnings
from collections.abc import Callable
from datetime import date, datetime
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec

from .. import logs
from ..errors import DriftWarning
from ..structs import UNSET, UnionStandIn, Unknown, UnsetType
from .typing_utils import bare, is_stand_in, is_struct, is_union, members
from .unions import NUMBERS, hook, keeps_all, same, steps_of

logger: logging.Logger = logs.logger("codec")

REMEMBERED = 4096
"""Places of drift that are remembered so as to be reported once; the oldest are forgotten first."""

Path = tuple[Any, Any] | None
"""The way to a value, innermost step first: `(parent, step)`; a step is a property, an index, or a `_Key`."""

Note = tuple[Path, str]
Fit = Callable[[Any, Path, list[Note]], Any]

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


def fit(expected: Any, value: Any) -> tuple[Any, list[Note]]:
    """Make the most of a value.

    Args:
        expected: the type it should have.
        value: builtins, as decoded from JSON; kept parts are not copied.

    Returns:
        The value and a note for every place that deviates, in document order.
    """
    notes: list[Note] = []
    if get_origin(expected) is list and value.__class__ is list:
        return _fit_page(get_args(expected)[0], value, notes), notes
    return _fitter(expected)(value, None, notes), notes


def _fit_page(expected: Any, items: list[Any], notes: list[Note]) -> list[Any]:
    """The items of the outermost list one by one, each the fast way first: one odd item must not slow the others."""
    careful = _fitter(expected)
    kept: list[Any] = []
    for index, item in enumerate(items):
        try:
            kept.append(msgspec.convert(item, expected, dec_hook=hook))
        except msgspec.ValidationError:
            kept.append(careful(item, (None, index), notes))
    return kept


_fitters: dict[Any, Fit] = {}


def _fitter(expected: Any) -> Fit:
    expected = bare(expected)
    found = _fitters.get(expected)
    if found is None:
        found = _fitters[expected] = _build(expected)
    return found


def _build(expected: Any) -> Fit:
    if expected in (Any, object):
        return lambda value, path, notes: value
    if is_struct(expected):
        return _StructFit(expected)
    if is_stand_in(expected):
        return _variant_fit(expected)
    if is_union(expected):
        return _union_fit(expected)
    origin = get_origin(expected) or expected
    if origin is list:
        return _list_fit(get_args(expected))
    if origin is dict:
        return _dict_fit(get_args(expected))
    return _scalar_fit(expected)


def _wrong(expected: str, value: Any, path: Path, notes: list[Note]) -> Any:
    notes.append((path, f"expected {expected}, got {kind_of(value)}"))
    return value


class _StructFit:
    """Fits objects into one struct class. Its fields are looked up on first use, so recursive classes are fine."""

    __slots__ = ("cls", "fields")

    def __init__(self, cls: type[msgspec.Struct]) -> None:
        self.cls = cls
        self.fields: list[tuple[str, str, bool, Fit]] | None = None

    def __call__(self, value: Any, path: Path, notes: list[Note]) -> Any:
        if value.__class__ is not dict:
            return _wrong("object", value, path, notes)
        if self.fields is None:
            self.fields = [
                (field.name, field.encode_name, field.required, _fitter(field.type))
                for field in msgspec.structs.fields(self.cls)
            ]
        given: dict[str, Any] = {}
        for name, wire, required, fitter in self.fields:
            if wire in value:
                given[name] = fitter(value[wire], (path, wire), notes)
            elif required:
                notes.append(((path, wire), "required, but missing"))
                given[name] = UNSET
        return self.cls(**given)


def _list_fit(args: tuple[Any, ...]) -> Fit:
    inner = _fitter(args[0] if args else Any)

    def fit_list(value: Any, path: Path, notes: list[Note]) -> Any:
        if value.__class__ is not list:
            return _wrong("array", value, path, notes)
        return [inner(item, (path, index), notes) for index, item in enumerate(value)]

    return fit_list


def _dict_fit(args: tuple[Any, ...]) -> Fit:
    inner = _fitter(args[1] if args else Any)

    def fit_dict(value: Any, path: Path, notes: list[Note]) -> Any:
        if value.__class__ is not dict:
            return _wrong("object", value, path, notes)
        return {key: inner(item, (path, _Key(key)), notes) for key, item in value.items()}

    return fit_dict


def _variant_fit(stand_in: type[UnionStandIn]) -> Fit:
    steps = steps_of(stand_in)

    def fit_variant(value: Any, path: Path, notes: list[Note]) -> Any:
        named: tuple[Any, list[Note]] | None = None
        suggested: list[Note] = []
        for check, variant, evidence in steps:
            if not check(value):
                continue
            missed: list[Note] = []
            made = _fitter(variant)(value, path, missed)
            claimed = bool(suggested) or named is not None
            if not missed and type(made) is not Unknown and (not claimed or keeps_all(made, value)):
                return made
            if missed and evidence == "const" and named is None:
                named = made, missed
            elif missed and evidence:
                suggested = suggested or missed[:1]
        if named is not None:
            notes.extend(named[1])
            return named[0]
        notes.extend(suggested)
        return Unknown(value)

    return fit_variant


def _union_fit(expected: Any) -> Fit:
    parts = [part for part in members(expected) if part is not UnsetType]
    fitters = [_fitter(part) for part in parts]
    wanted = " or ".join(sorted({_kind_wanted(part) for part in parts}))

    def fit_union(value: Any, path: Path, notes: list[Note]) -> Any:
        near: tuple[Any, list[Note]] | None = None
        for fitter in fitters:
            missed: list[Note] = []
            made = fitter(value, path, missed)
            if not missed:
                return made
            if made is not value and near is None:
                near = made, missed
        if near is None:
            return _wrong(wanted, value, path, notes)
        notes.extend(near[1])
        return near[0]

    return fit_union


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
    if expected in (datetime, date):
        return "date-time" if expected is datetime else "date"
    return {list: "array", dict: "object"}.get(get_origin(expected) or expected, getattr(expected, "__name__", "value"))


def _scalar_fit(expected: Any) -> Fit:
    wanted = _kind_wanted(expected)
    if get_origin(expected) is Literal:
        choices = get_args(expected)
        return lambda value, path, notes: (
            value if any(same(value, choice) for choice in choices) else _wrong(wanted, value, path, notes)
        )

    def fit_scalar(value: Any, path: Path, notes: list[Note]) -> Any:
        try:
            return msgspec.convert(value, expected)
        except (msgspec.ValidationError, OverflowError):
            return _wrong(wanted, value, path, notes)

    if expected is float or expected not in _SCALARS:
        return fit_scalar
    accepted = _SCALARS[expected][1]
    return lambda value, path, notes: value if type(value) in accepted else _wrong(wanted, value, path, notes)


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
    """The `stacklevel` of whoever called this package: the coroutine that awaits, if the answer is read in its task; else
    whoever runs the loop.
    """
    frame, steps = inspect.currentframe(), 0
    while frame is not None and frame.f_code.co_filename.startswith((_OURS, _LOOP)):
        frame, steps = frame.f_back, steps + 1
    return steps


def forget_reports() -> None:
    """Report everything anew."""
    _reported.clear()
