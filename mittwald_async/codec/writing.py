"""From values to JSON, refusing what JSON or the API would silently misread.

msgspec writes date-times without zone as they are and `nan` as `null`; both would change their meaning on the way.
Structs are searched only where their types allow such a value, so an ordinary body costs next to nothing.
"""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Any

import msgspec

from ..errors import InvalidArgumentError
from ..structs import UNSET, OneOf, Unknown
from .types import holds


def _enc_hook(value: Any) -> Any:
    if type(value) is Unknown:
        return value.value
    raise NotImplementedError(f"{type(value).__name__} has no form in JSON")


_encoder = msgspec.json.Encoder(enc_hook=_enc_hook)


def encode(value: Any) -> bytes:
    """A value as JSON.

    Args:
        value: structs, builtins, `Unknown`, date-times with zone, dates, UUIDs, in any nesting. `UNSET` is left out of
            objects and arrays.

    Returns:
        Compact UTF-8.

    Raises:
        InvalidArgumentError: a date-time without zone, a number that is not finite, or a type JSON does not have; the
            error names the place.
    """
    try:
        return _encoder.encode(_sendable(value, ""))
    except (TypeError, ValueError, OverflowError, NotImplementedError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise InvalidArgumentError("body", str(error)) from error
    except RecursionError as error:
        raise InvalidArgumentError("body", "nested too deeply, or contains itself") from error


def dump(value: Any) -> Any:
    """A value as builtins: what `encode` would write, parsed again. Date-times become strings; nothing is refused.

    Args:
        value: as for `encode`.

    Returns:
        Dicts by wire name, lists, strings, numbers, booleans, `None`.
    """
    return msgspec.to_builtins(_without_unset(value), enc_hook=_enc_hook, str_keys=True)


def _without_unset(value: Any) -> Any:
    kind = value.__class__
    if kind is dict:
        return {key: _without_unset(item) for key, item in value.items() if item is not UNSET}
    if kind is list or kind is tuple:
        return [_without_unset(item) for item in value if item is not UNSET]
    return value


_watched: dict[type[msgspec.Struct], tuple[tuple[str, str], ...]] = {}


def _watch(cls: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Fields, with their wire names, in which something unsendable can hide."""
    found = _watched.get(cls)
    if found is None:
        found = _watched[cls] = tuple(
            (field.name, field.encode_name)
            for field in msgspec.structs.fields(cls)
            if holds(field.type, (datetime, float, Any, OneOf))
        )
    return found


def _sendable(value: Any, place: str) -> Any:
    """The value itself if it can be sent as it is, else a copy without `UNSET`."""
    kind = value.__class__
    if kind is str or kind is bool or kind is int or value is None:
        return value
    if kind is dict:
        return _sendable_dict(value, place)
    if kind is list or kind is tuple:
        return [_sendable(item, f"{place}[{index}]") for index, item in enumerate(value) if item is not UNSET]
    if isinstance(value, msgspec.Struct):
        for name, wire in _watch(kind):
            part = getattr(value, name)
            if part is not None and part is not UNSET:
                _sendable(part, f"{place}.{wire}")
    elif isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidArgumentError(_named(place), f"{value!r} has no time zone; add one, e.g. tzinfo=timezone.utc")
    elif kind is float:
        if not isfinite(value):
            raise InvalidArgumentError(_named(place), f"{value!r} is no JSON number")
    elif kind is Unknown:
        _sendable(value.value, place)
    elif value is UNSET:
        raise InvalidArgumentError(_named(place), "UNSET alone cannot be sent")
    return value


def _sendable_dict(value: dict[Any, Any], place: str) -> dict[Any, Any]:
    changed: dict[Any, Any] = {}
    dirty = False
    for key, item in value.items():
        if item is UNSET:
            dirty = True
            continue
        clean = _sendable(item, f"{place}.{key}")
        dirty = dirty or clean is not item
        changed[key] = clean
    return changed if dirty else value


def _named(place: str) -> str:
    return place.lstrip(".") or "body"
