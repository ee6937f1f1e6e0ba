"""Looking into decoded answers by the names of the wire, whether they are models or plain JSON."""

from __future__ import annotations

from typing import Any, cast

import msgspec

_ATTRIBUTES: dict[tuple[type[msgspec.Struct], str], str | None] = {}
"""Attribute by model and wire name; there are only so many models."""


def member(value: Any, wire: str) -> Any:
    """A property by its wire name; `None` where there is none."""
    if isinstance(value, msgspec.Struct):
        key = (type(value), wire)
        if key not in _ATTRIBUTES:
            fields = msgspec.structs.fields(value)
            _ATTRIBUTES[key] = next((field.name for field in fields if field.encode_name == wire), None)
        name = _ATTRIBUTES[key]
        return None if name is None else getattr(value, name)
    return cast("dict[str, Any]", value).get(wire) if isinstance(value, dict) else None


def member_at(value: Any, path: str) -> Any:
    """The value at a path of wire names joined by dots; `None` if there is none."""
    if "." in path:
        first, _, rest = path.partition(".")
        return member_at(member(value, first), rest)
    found = member(value, path)
    return None if found is msgspec.UNSET else found


def unwrapped(value: Any, wire: str) -> Any:
    """What an envelope holds. What is not an envelope is given back as it is, so that nothing is lost."""
    if isinstance(value, msgspec.Struct):
        return member_at(value, wire)
    return cast("dict[str, Any]", value).get(wire, value) if isinstance(value, dict) else value
