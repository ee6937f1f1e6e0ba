"""Rows as records of a table: fixed columns, the model's plain properties, the item as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import msgspec

from ..columns import Column
from ..rows import Row

HEAD = ("account", "id", "customer_id", "project_id", "parent_id", "fetched_at", "operation")


def records(account: str, columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """A record for each row, in the order of `HEAD`, the columns and `data`."""
    for row in rows:
        properties = _properties(row.raw)
        plain = [properties.get(column.wire) for column in columns]
        head = (account, row.id, row.customer_id, row.project_id, row.parent_id, row.fetched_at, row.operation)
        yield (*head, *plain, row.raw.decode())


def _properties(raw: bytes) -> dict[str, Any]:
    """What an item says. Where something is not a value of Python's, such as the number 1e999, all else is read
    still."""
    try:
        item = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        item = {name: _value(part) for name, part in _parts(raw).items()}
    return cast("dict[str, Any]", item) if isinstance(item, dict) else {}


def _parts(raw: bytes) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return {}


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None
