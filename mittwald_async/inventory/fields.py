"""What is different between two versions of an item, property by property."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from .catalog import VOLATILE

MISSING = msgspec.UNSET
"""A property that a version does not have, unlike one that is null."""


def changed_fields(
    before: bytes | str, after: bytes | str, *, all_fields: bool = False, common_only: bool = False
) -> dict[str, tuple[Any, Any]]:
    """Old and new value of each property that differs, by its dotted path in the item.

    Args:
        before: the item's JSON in the older version.
        after: in the newer one.
        all_fields: include volatile properties, such as usage (`catalog.VOLATILE`).
        common_only: only properties that both have: the versions came from operations that show different ones.

    Returns:
        Values as JSON has them; `MISSING` for a property that a version does not have.
    """
    old, new = _flat(_decoded(before)), _flat(_decoded(after))
    paths = old.keys() & new.keys() if common_only else old.keys() | new.keys()
    found: dict[str, tuple[Any, Any]] = {}
    for path in sorted(paths):
        if not all_fields and is_volatile(path):
            continue
        values = (old.get(path, MISSING), new.get(path, MISSING))
        if _compared(values[0], all_fields) != _compared(values[1], all_fields):
            found[path] = values
    return found


def is_volatile(path: str) -> bool:
    """Whether a property is volatile, by its name or the end of its path."""
    parts = path.split(".")
    return any(
        ".".join(parts[start:end]) in VOLATILE
        for start in range(len(parts))
        for end in range(start + 1, len(parts) + 1)
    )


def _decoded(raw: bytes | str) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:  # Such as the number 1e999: then it is compared as text.
        return raw if isinstance(raw, str) else raw.decode(errors="replace")


def _flat(value: Any) -> dict[str, Any]:
    return dict(_parts(value, "")) if isinstance(value, dict) and value else {"": value}


def _parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Nested objects taken apart; lists are compared as a whole, since their places say nothing."""
    if isinstance(value, dict) and value:
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _parts(inner, f"{path}.{name}" if path else name)
    else:
        yield path, value


def _compared(value: Any, all_fields: bool) -> Any:
    """A value without its volatile properties, deep inside lists too; booleans are not numbers."""
    if isinstance(value, list):
        return [_compared(inner, all_fields) for inner in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        members = cast("Mapping[str, Any]", value)
        return {
            name: _compared(inner, all_fields) for name, inner in members.items() if all_fields or not is_volatile(name)
        }
    return (bool, value) if isinstance(value, bool) else value
