"""From a page of raw JSON items to rows: who each one is, and whose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import repeat
from typing import Any, TypeAlias, cast

import msgspec

from .catalog import ListRoute, Resource
from .frontier import Owner
from .rows import Row, all_fit, content_hash, fits

_Item: TypeAlias = "dict[str, Any]"

_NOTHING: _Item = {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


class Reader:
    """Makes rows of the items of one resource's lists. Any property may be of another type than the document says.

    Args:
        resource: what they are.
        route: where they come from.
    """

    def __init__(self, resource: Resource, route: ListRoute) -> None:
        self._name = resource.name
        self._operation = route.operation_id
        self._key = resource.key
        self._fits = fits(route.operation_id)
        self._all_fit = all_fit(route.operation_id)
        self._nested = resource.nested
        self._below = route.scope == "parent"
        self._read_singly = route.single

    def rows(
        self,
        items: Iterable[bytes],
        owner: Owner,
        customer_of: Mapping[str, str],
        fetched_at: datetime,
    ) -> list[Row]:
        """Rows of one page.

        Args:
            items: JSON of each.
            owner: whose list it is.
            customer_of: project to customer, as far as known.
            fetched_at: when it came.
        """
        sent = list(items)
        if not sent:
            return []
        page = b"[" + b",".join(sent) + b"]"
        # A page at once takes a third of the time that its items take one by one; those are only looked at where a page
        # is not plain, or does not fit.
        values = _plain_values(page)
        raws = sent if values is not None else [_plain(_utf8(raw)) for raw in sent]
        if values is None:
            values = [_value(raw) for raw in raws]
        drifted: Iterable[bool] = repeat(False)
        if raws is not sent or not self._all_fit(page):
            drifted = [raw is not came or not self._fits(raw) for raw, came in zip(raws, sent, strict=True)]
        rows: list[Row] = []
        name, operation, property_ = self._name, self._operation, self._key
        prefix = f"{owner.id}/" if self._nested and owner.id else ""
        parent = owner.id if self._below else None
        alike: dict[int, int] = {}
        for raw, value, deviates in zip(raws, values, drifted, strict=False):
            item: _Item = value if value.__class__ is dict else _NOTHING
            own = item.get(property_) if property_ is not None else None
            if own.__class__ is not str or not own:
                # What is read of a thing by its id is that thing's.
                own = owner.id if self._read_singly else None
            customer, project = self._belongs(item, own, owner)
            if customer is None:
                customer = (customer_of.get(project) if project is not None else None) or owner.customer_id
            key = f"{prefix}{own}" if own is not None else _key_of(raw, owner, alike)
            # By place: naming the fields takes as long again.
            rows.append(Row(name, own, key, customer, project, fetched_at, operation, raw, deviates, parent))
        return rows

    def _belongs(self, item: _Item, own: str | None, owner: Owner) -> tuple[str | None, str | None]:
        """Customer and project: what the item says, also in a reference (`{aggregate, domain, id}`), else whose list it
        is from."""
        get = item.get
        customer, project = get("customerId"), get("projectId")
        customer = customer if customer.__class__ is str and customer else None
        project = project if project.__class__ is str and project else None
        for named in (get("aggregateReference"), get("reference"), get("aggregate"), get("context")):
            if named.__class__ is dict:
                kind, whose = _reference(cast("_Item", named))
                if kind == "project":
                    project = project or whose
                elif kind == "customer":
                    customer = customer or whose
        if self._name == "project":
            project = own
        elif self._name == "customer":
            customer = own
        return customer, project or owner.project_id


def _key_of(raw: bytes, owner: Owner, alike: dict[int, int]) -> str:
    """A key for what has no id: its content, since its place in the list is another as soon as the list grows."""
    content = content_hash(raw)
    times = alike[content] = alike.get(content, 0) + 1
    again = f"+{times}" if times > 1 else ""
    return f"{owner.id or ''}#{content & (2**64 - 1):016x}{again}"


def _utf8(raw: bytes) -> bytes:
    """JSON as it came; bytes that are not UTF-8, which no reader could read again, are replaced by U+FFFD."""
    if raw.isascii():
        return raw
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw.decode(errors="replace").encode()
    return raw


_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def _plain(raw: bytes) -> bytes:
    """JSON that every reader takes alike: of a property that is there twice the last counts, and U+0000, at which some
    readers end a text, becomes U+FFFD."""
    if b"\\u0000" in raw:
        raw = _NUL.sub(rb"\1\\ufffd", raw)
    try:
        # Only where something was left out, or was laid out in another way, is it different.
        written = _ENCODE(_DECODE(raw))
        return raw if written == raw or not _has_twice(raw) else written
    except (msgspec.DecodeError, RecursionError, ValueError):
        return raw


def _plain_values(page: bytes) -> list[Any] | None:
    """The items of a page that can stay as they came: what `_plain` and `_utf8` ask of each, asked once. `None` where
    that is not certain."""
    # A single byte is found much faster than a text, and most pages have no backslash.
    if b"\\" in page and b"\\u0000" in page:
        return None
    try:
        # Reading refuses what is not UTF-8; writing leaves out what is there twice.
        values = _DECODE(page)
        return values if _ENCODE(values) == page else None
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None


def _value(raw: bytes) -> Any:
    try:
        return _DECODE(raw)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None


_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder().decode


def _has_twice(raw: bytes) -> bool:
    """Whether an object has a property twice."""
    twice = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal twice
        twice = twice or len({name for name, _ in pairs}) < len(pairs)

    json.loads(raw, object_pairs_hook=look)
    return twice


def _reference(named: dict[str, Any]) -> tuple[str | None, str | None]:
    """Kind and id of what a reference names, as `{aggregate, domain, id}`."""
    return _text(named.get("aggregate")) or _text(named.get("domain")), _text(named.get("id"))


def owners(rows: Iterable[Row]) -> Iterable[Owner]:
    """Rows as owners of further lists."""
    return [Owner(row.id, row.customer_id, row.project_id) for row in rows if row.id is not None]
