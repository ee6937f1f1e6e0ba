"""Answers in other forms than JSON, and parts of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec

from ..runtime.errors import InvalidArgumentError, did_you_mean
from .output import notice, table_text
from .yaml_text import as_yaml

_PATH = re.compile(r"\.?[^.\[\],]+(?:\.[^.\[\],]+|\[\d*\])*")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d*)\]")
_MISSING = object()


def select(value: Any, fields: str) -> Any:
    """Parts of an object, or of every item of a list, by their places.

    Args:
        value: a JSON value.
        fields: `id,meta.total,tags[0],paths[].path`; `[]` means every element.

    Returns:
        Objects with the places as names; `null` where there is nothing.

    Raises:
        InvalidArgumentError: not a place, or none of the items has it.
    """
    places = places_of(fields)
    items = _items(value)
    found = [{place: _at(item, _steps(place)) for place in places} for item in items]
    for place in places:
        if items and all(one[place] is _MISSING for one in found):
            known = [name for item in items if isinstance(item, dict) for name in cast("dict[str, Any]", item)]
            known = list(dict.fromkeys(known))
            near = did_you_mean(place, known) or f"; there is {', '.join(known)}"
            raise InvalidArgumentError("--fields", f"nothing has {place!r}{near}")
    whole = [{place: None if part is _MISSING else part for place, part in one.items()} for one in found]
    return whole if isinstance(value, list) else whole[0]


def places_of(fields: str) -> list[str]:
    """What `--fields` names.

    Raises:
        InvalidArgumentError: one is not a place.
    """
    places = [place.strip() for place in fields.split(",")]
    for place in places:
        if not _PATH.fullmatch(place):
            raise InvalidArgumentError("--fields", f"{place!r} is not a place such as id, meta.total or tags[0]")
    return places


def _steps(place: str) -> tuple[str | int | None, ...]:
    return tuple(
        match[1] if match[1] is not None else int(match[2]) if match[2] else None for match in _STEP.finditer(place)
    )


def _at(value: Any, steps: Sequence[str | int | None]) -> Any:
    if not steps:
        return value
    step, *rest = steps
    if step is None:
        if not isinstance(value, list):
            return _MISSING
        parts = [_at(part, rest) for part in cast("list[Any]", value)]  # type: ignore[redundant-cast]
        return [part for part in parts if part is not _MISSING]
    if isinstance(step, int):
        known = isinstance(value, list) and step < len(cast("list[Any]", value))  # type: ignore[redundant-cast]
        return _at(value[step], rest) if known else _MISSING
    if not isinstance(value, dict) or step not in value:
        return _MISSING
    return _at(cast("dict[str, Any]", value)[step], rest)


def as_table(value: Any) -> str:
    """Items as rows, or the properties of one object as lines. What is nested is JSON."""
    if isinstance(value, dict):
        pairs = [(name, _cell(part)) for name, part in cast("dict[str, Any]", value).items()]
        return table_text(("property", "value"), pairs, keep=2, note=notice)
    rows = _objects(value)
    heads = sorted(dict.fromkeys(name for row in rows for name in row), key=_rank)
    simple = [head for head in heads if not any(isinstance(row.get(head), (dict, list)) for row in rows)] or heads
    if len(simple) < len(heads):
        nested = [head for head in heads if head not in simple]
        notice(f"nested and left out: {', '.join(nested)}; --fields picks from them")
    return table_text(simple, [[_cell(row.get(head)) for head in simple] for row in rows], note=notice)


_FIRST = ("shortId", "name", "description", "hostname", "domain", "address", "status", "id")
"""Columns that identify things or matter most to people: these are the last to be omitted."""


def _rank(head: str) -> int:
    return _FIRST.index(head) if head in _FIRST else len(_FIRST)


def as_csv(value: Any) -> str:
    """Items as rows of RFC 4180; what is inside of objects goes into columns of its own, such as `meta.total`."""
    rows = [dict(_flat(row)) for row in _objects(value)]
    heads = list(dict.fromkeys(name for row in rows for name in row))
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(heads)
    table.writerows([_cell(row.get(head)) for head in heads] for row in rows)
    return written.getvalue()


def as_json(value: Any) -> str:
    """Indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


FORMS: dict[str, Callable[[Any], str]] = {"json": as_json, "table": as_table, "csv": as_csv, "yaml": as_yaml}
"""What `--output` knows."""


def form_named(name: str) -> Callable[[Any], str]:
    """The function of a form.

    Raises:
        InvalidArgumentError: there is none of that name.
    """
    if name not in FORMS:
        raise InvalidArgumentError("--output", f"{name!r} is unknown; there is {', '.join(FORMS)}")
    return FORMS[name]


def _items(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]  # type: ignore[redundant-cast]


def _objects(value: Any) -> list[dict[str, Any]]:
    items = _items(value)
    return [cast("dict[str, Any]", item) if isinstance(item, dict) else {"value": item} for item in items]


def _flat(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, part in value.items():
        if isinstance(part, dict) and part:
            yield from _flat(cast("dict[str, Any]", part), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", part


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
