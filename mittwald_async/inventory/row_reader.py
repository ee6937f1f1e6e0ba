"""From a page of raw JSON items to rows: who each one is, and whose."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

import msgspec

from .catalog import ListRoute, Resource
from .frontier import Owner
from .rows import Row, content_hash, fits


class _Head(msgspec.Struct, rename="camel", gc=False):
    """All that is read of an item: who it is and whose. Any of it may be of another type than the document says."""

    project_id: Any = None
    customer_id: Any = None
    aggregate_reference: Any = None
    reference: Any = None
    aggregate: Any = None
    context: Any = None


_NOTHING = _Head()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


class Reader:
    """Makes rows of the items of one resource's lists.

    Args:
        resource: what they are.
        route: where they come from.
    """

    def __init__(self, resource: Resource, route: ListRoute) -> None:
        self._name = resource.name
        self._operation = route.operation_id
        self._own = "customer_id" if resource.key == "customerId" else "own"
        own: list[tuple[str, Any, Any]] = []
        if resource.key is not None and resource.key != "customerId":
            own = [("own", Any, msgspec.field(name=resource.key, default=None))]
        head = msgspec.defstruct("Head", own, bases=(_Head,), gc=False)
        self._head = msgspec.json.Decoder(head).decode
        self._fits = fits(route.operation_id)
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
        rows: list[Row] = []
        prefix = f"{owner.id}/" if self._nested and owner.id else ""
        alike: Counter[int] = Counter()
        items = list(items)
        read, attribute, fits = self._head, self._own, self._fits
        plain = _all_plain(items)
        for sent in items:
            raw = sent if plain else _plain(_utf8(sent))
            try:
                head = read(raw)
            except msgspec.DecodeError:
                head = _NOTHING
            own = getattr(head, attribute, None)
            if own.__class__ is not str or not own:
                own = None
            if self._read_singly and own is None:  # What is read of a thing by its id is that thing's.
                own = owner.id
            customer, project = self._belongs(head, own, owner)
            if customer is None:
                customer = (customer_of.get(project) if project is not None else None) or owner.customer_id
            rows.append(
                Row(
                    resource=self._name,
                    id=own,
                    key=f"{prefix}{own}" if own is not None else _key_of(raw, owner, alike),
                    customer_id=customer,
                    project_id=project,
                    parent_id=owner.id if self._below else None,
                    fetched_at=fetched_at,
                    operation=self._operation,
                    raw=raw,
                    drifted=raw is not sent or not fits(raw),
                )
            )
        return rows

    def _belongs(self, head: Any, own: str | None, owner: Owner) -> tuple[str | None, str | None]:
        """Customer and project: what the item says, else whose list it is from."""
        customer, project = head.customer_id, head.project_id
        customer = customer if isinstance(customer, str) and customer else None
        project = project if isinstance(project, str) and project else None
        for named in (head.aggregate_reference, head.reference, head.aggregate, head.context):
            if named.__class__ is dict:
                kind, whose = _reference(cast("dict[str, Any]", named))
                if kind == "project":
                    project = project or whose
                elif kind == "customer":
                    customer = customer or whose
        if self._name == "project":
            project = own
        elif self._name == "customer":
            customer = own
        return customer, project or owner.project_id


def _key_of(raw: bytes, owner: Owner, alike: Counter[int]) -> str:
    """A key for what has no id: its content, since its place in the list is another as soon as the list grows."""
    content = content_hash(raw)
    alike[content] += 1
    again = f"+{alike[content]}" if alike[content] > 1 else ""
    return f"{owner.id or ''}#{content & (2**64 - 1):016x}{again}"


def _utf8(raw: bytes) -> bytes:
    """JSON as it came; what is no UTF-8 in it, which nobody could read again, is replaced by U+FFFD."""
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


def _all_plain(items: list[bytes]) -> bool:
    """Whether all of a page can stay as they came: what `_plain` and `_utf8` ask of each, asked once. False where that is not
    certain."""
    page = b"[" + b",".join(items) + b"]"
    if b"\\u0000" in page:
        return False
    try:
        # Reading refuses what is not UTF-8; writing leaves out what is there twice.
        return _ENCODE(_DECODE(page)) == page
    except (msgspec.DecodeError, RecursionError, ValueError):
        return False


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
