"""JSON values as YAML text. Scalars are written as JSON, which YAML reads as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec


def as_yaml(value: Any) -> str:
    """A JSON value as YAML, a property a line."""
    return "".join(f"{line}\n" for line in _lines(value))


def commented(value: Any, active: Any) -> str:
    """A value as YAML, in which everything that `active` does not have is commented out."""
    return "".join(f"{line}\n" for line in _marked(value, active))


def _marked(value: Any, active: Any) -> Iterator[str]:
    if not isinstance(value, dict) or not isinstance(active, dict):
        yield from _lines(value)
        return
    kept = cast("dict[str, Any]", active)
    for key, part in cast("dict[str, Any]", value).items():
        if key not in kept:
            yield from (f"# {line}" for line in _lines({key: part}))
        elif isinstance(part, dict) and part and kept[key]:
            yield f"{_scalar(key)}:"
            yield from (f"  {line}" for line in _marked(part, kept[key]))
        elif isinstance(part, dict) and part:
            yield f"{_scalar(key)}: {{}}"
            yield from (f"#   {line}" for line in _lines(part))
        else:
            yield from _lines({key: kept[key]})


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, part in cast("dict[str, Any]", value).items():
            yield from _entry(f"{_scalar(key)}:", part)
    elif isinstance(value, list) and value:
        for part in cast("list[Any]", value):  # type: ignore[redundant-cast]
            inner = list(_lines(part))
            yield f"- {inner[0]}"
            yield from (f"  {line}" for line in inner[1:])
    else:
        yield _scalar(value)


def _entry(head: str, value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        yield head
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{head} {_scalar(value)}"


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


def _scalar(value: Any) -> str:
    """A name of letters and digits as it is, everything else as JSON."""
    if (
        isinstance(value, str)
        and value[:1] in _PLAIN
        and value.isascii()
        and value.isalnum()
        and value.lower() not in _WORDS
    ):
        return value
    return msgspec.json.encode(value).decode()
