"""From values to JSON, refusing what JSON or the API would silently misread.

msgspec writes date-times without zone as they are and `nan` as `null`; both would change their meaning on the way.
Structs are searched only where their types allow such a value, so an ordinary body costs next to nothing.
"""

from __future__ import annotations

from collections import UserString
from collections.abc import Mapping, Sequence, Set
from enum import Enum
from math import isfinite
from numbers import Integral
from types import NoneType
from typing import Any, cast

import msgspec

from ..errors import InvalidArgumentError
from ..schema.typing_utils import DATES, DATETIMES, holds
from ..structs import UNSET, UnionStandIn, Unknown


def _enc_hook(value: Any) -> Any:
    if type(value) is Unknown:
        return value.value
    raise TypeError(f"{type(value).__name__} has no form in JSON")


_TOO_DEEP = "nested too deeply, or contains itself"
_encoder = msgspec.json.Encoder(enc_hook=_enc_hook)


def encode(value: Any) -> bytes:
    """A value as JSON.

    Args:
        value: structs, builtins, `Unknown`, date-times with zone, dates, UUIDs, in any nesting; also subclasses of
            these, enums, and other mappings, sequences and sets. `UNSET` is left out of objects and arrays.

    Returns:
        Compact UTF-8.

    Raises:
        InvalidArgumentError: a date-time without zone, a number that is not finite, or a type JSON does not have; the
            error names the place.
    """
    try:
        try:
            return _encoder.encode(_sendable(value))
        except TypeError:  # maybe a subclass or another mapping, of which msgspec knows nothing
            return _encoder.encode(_sendable(plain(value)))
    except _Refused as refused:
        raise refused.as_error() from None
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgumentError(_place(value).lstrip(".") or "body", str(error)) from error
    except RecursionError as error:
        raise InvalidArgumentError("body", _TOO_DEEP) from error


def plain(value: Any) -> Any:
    """A value with builtins in place of subclasses of them, enums, and other mappings, sequences and sets, at any
    depth, and without `UNSET`. What has no form in JSON stays as it is.
    """
    kind = value.__class__
    if kind in _PLAIN or kind is float or value is UNSET:
        return value
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **{name: plain(part) for name, part in fields.items()})
    if kind is Unknown:
        return Unknown(plain(value.value))
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()  # type: ignore[redundant-cast]
        return {plain(key): plain(part) for key, part in pairs if part is not UNSET}
    if isinstance(value, str | UserString):
        return str(value)
    if isinstance(value, Sequence | Set) and not isinstance(value, bytes | bytearray | memoryview):
        parts = cast("Sequence[Any]", value)
        return [plain(part) for part in parts if part is not UNSET]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, DATETIMES) and value.__class__ not in DATETIMES:
        parts = value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond
        return DATETIMES[0](*parts, tzinfo=value.tzinfo, fold=value.fold)
    if isinstance(value, DATES) and not isinstance(value, DATETIMES):
        return DATES[0](value.year, value.month, value.day)
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, float) else value


def _place(value: Any) -> str:
    """Steps to what msgspec refused; it does not tell."""
    steps: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()  # type: ignore[redundant-cast]
        steps = [(f".{key}", part) for key, part in pairs]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        parts = cast("Sequence[Any]", value)  # type: ignore[redundant-cast]
        steps = [(f"[{index}]", part) for index, part in enumerate(parts)]
    elif isinstance(value, msgspec.Struct):
        steps = [(f".{field.encode_name}", getattr(value, field.name)) for field in msgspec.structs.fields(value)]
    for step, part in steps:
        if part is UNSET:
            continue
        try:
            _encoder.encode(_sendable(plain(part)))
        except (TypeError, ValueError, OverflowError):
            return step + _place(part)
    return ""


def dump(value: Any) -> Any:
    """A value as builtins: what `encode` would write, parsed again. Date-times become strings, with or without zone.

    Args:
        value: as for `encode`.

    Returns:
        Dicts by wire name, lists, strings, numbers, booleans, `None`.

    Raises:
        InvalidArgumentError: a type JSON does not have, or the value contains itself.
    """
    try:
        try:
            return _to_builtins(value)
        except TypeError:  # maybe of `UNSET` in a dict or list, which only structs leave out, or of a subclass
            return _to_builtins(plain(value))
    except TypeError as error:
        raise InvalidArgumentError("body", str(error)) from error
    except RecursionError as error:
        raise InvalidArgumentError("body", _TOO_DEEP) from error


def _to_builtins(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=_enc_hook, str_keys=True)


_watched: dict[type[msgspec.Struct], tuple[tuple[str, str], ...]] = {}


def _watch(cls: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Fields, with their wire names, in which something unsendable can hide."""
    found = _watched.get(cls)
    if found is None:
        found = _watched[cls] = tuple(
            (field.name, field.encode_name)
            for field in msgspec.structs.fields(cls)
            if holds(field.type, (*DATETIMES, float, Any, UnionStandIn))
        )
    return found


class _Refused(Exception):
    """Something unsendable was found; the steps to it are collected on the way out."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.steps: list[str] = []

    def as_error(self) -> InvalidArgumentError:
        place = "".join(reversed(self.steps)).lstrip(".")
        return InvalidArgumentError(place or "body", str(self))


_PLAIN = frozenset({str, int, bool, NoneType})
"""Always sendable. Most values are, so this is asked before anything is called."""


def _sendable(value: Any) -> Any:
    """The value itself if it can be sent as it is, else a copy without `UNSET`."""
    kind = value.__class__
    if kind in _PLAIN:
        return value
    if kind is dict:
        return _sendable_dict(value)
    if kind is list or kind is tuple:
        return _sendable_list(value)
    if isinstance(value, msgspec.Struct):
        _check_struct(value)
    elif isinstance(value, DATETIMES):
        _check_zone(value)
    elif kind is float:
        if not isfinite(value):
            raise _Refused(f"{value!r} is not a JSON number")
    elif kind is Unknown:
        _sendable(value.value)
    elif value is UNSET:
        raise _Refused("UNSET alone cannot be sent")
    return value


def _check_zone(value: Any) -> None:
    if value.tzinfo is None:
        raise _Refused(f"{value!r} has no time zone; add one, e.g. tzinfo=timezone.utc")


def _check_struct(value: msgspec.Struct) -> None:
    kind = value.__class__
    at = ""
    try:
        for name, wire in _watched.get(kind) or _watch(kind):
            at = wire
            part = getattr(value, name)
            if part.__class__ in DATETIMES:
                if part.tzinfo is None:
                    _check_zone(part)
            elif part is not None and part is not UNSET:
                _sendable(part)
    except _Refused as refused:
        refused.steps.append(f".{at}")
        raise


def _sendable_dict(value: dict[Any, Any]) -> dict[Any, Any]:
    changed: dict[Any, Any] = {}
    key: Any = None
    try:
        for key, item in value.items():
            if item.__class__ not in _PLAIN:
                clean = item if item is UNSET else _sendable(item)
                if clean is not item or item is UNSET:
                    changed[key] = clean
    except _Refused as refused:
        refused.steps.append(f".{key}")
        raise
    if not changed:
        return value
    merged = {**value, **changed}
    return {key: item for key, item in merged.items() if item is not UNSET}


def _sendable_list(value: Sequence[Any]) -> Sequence[Any]:
    changed: list[Any] | None = None
    index = 0
    try:
        for index, item in enumerate(value):
            if item.__class__ in _PLAIN:
                continue
            clean = item if item is UNSET else _sendable(item)
            if clean is not item or item is UNSET:
                changed = changed or list(value)
                changed[index] = clean
    except _Refused as refused:
        refused.steps.append(f"[{index}]")
        raise
    return value if changed is None else [item for item in changed if item is not UNSET]
