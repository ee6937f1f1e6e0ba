"""From a page of raw JSON items to rows: who each one is, and whose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any, cast

import msgspec

from .catalog import Resource
from .frontier import Owner, Unit
from .rows import Row, fits

_REFERENCES = ("aggregateReference", "reference", "aggregate", "context")
"""Properties in which a thing names what it belongs to, as `{aggregate, domain, id}`."""

_REPEATED_KEYS = frozenset({"name", "domain"})
"""Keys that are unique within one list only."""


@cache
def _head_decoder(key: str | None) -> Callable[[Any], Any]:
    """Reads only what says who an item is; everything else in it is passed over."""
    fields: list[tuple[str, Any, Any]] = [
        ("project", Any, msgspec.field(name="projectId", default=None)),
        ("customer", Any, msgspec.field(name="customerId", default=None)),
    ]
    fields += [(f"reference{i}", Any, msgspec.field(name=name, default=None)) for i, name in enumerate(_REFERENCES)]
    if key is not None and key not in ("projectId", "customerId", *_REFERENCES):
        fields.append(("own", Any, msgspec.field(name=key, default=None)))
    head = msgspec.defstruct("Head", fields, gc=False)
    return msgspec.json.Decoder(head).decode


def _reference(value: Any) -> tuple[str | None, str | None]:
    """Kind and id of what a reference names."""
    if not isinstance(value, dict):
        return None, None
    reference = cast("dict[str, Any]", value)
    return _text(reference.get("aggregate")) or _text(reference.get("domain")), _text(reference.get("id"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


class Reader:
    """Makes the rows of one list.

    Args:
        unit: the list.
        customer_of: project to customer, as far as known.
    """

    def __init__(self, unit: Unit, customer_of: dict[str, str]) -> None:
        self._unit = unit
        self._resource: Resource = unit.resource
        self._customer_of = customer_of
        self._head = _head_decoder(unit.resource.key)
        self._fits = fits(unit.route.operation_id)
        nested = unit.route.scope == "parent" or unit.resource.key in _REPEATED_KEYS
        self._prefix = f"{unit.owner.id}/" if nested and unit.owner.id else ""

    def rows(self, items: Iterable[bytes], position: int, fetched_at: datetime) -> list[Row]:
        """Rows of one page whose first item is at `position` of the list."""
        return [self._row(item, place, fetched_at) for place, item in enumerate(items, position)]

    def _row(self, raw: bytes, place: int, fetched_at: datetime) -> Row:
        try:
            head = self._head(raw)
        except msgspec.DecodeError:
            head = None
        own = self._own(head)
        customer, project = self._belongs(head, own)
        return Row(
            resource=self._resource.name,
            id=own,
            key=f"{self._prefix}{own}" if own is not None else f"{self._unit.owner.id or ''}#{place}",
            customer_id=customer,
            project_id=project,
            fetched_at=fetched_at,
            operation=self._unit.route.operation_id,
            raw=raw,
            drifted=not self._fits(raw),
        )

    def _own(self, head: Any) -> str | None:
        if head is None or self._resource.key is None:
            return None
        if self._resource.key == "customerId":
            return _text(head.customer)
        return _text(head.own)

    def _belongs(self, head: Any, own: str | None) -> tuple[str | None, str | None]:
        """Customer and project: what the item says, else whose list it is from."""
        customer = project = None
        if head is not None:
            customer, project = _text(head.customer), _text(head.project)
            for i in range(len(_REFERENCES)):
                kind, named = _reference(getattr(head, f"reference{i}"))
                if kind == "project":
                    project = project or named
                elif kind == "customer":
                    customer = customer or named
        if self._resource.name == "project":
            project = own
        elif self._resource.name == "customer":
            customer = own
        owner = self._unit.owner
        project = project or owner.project_id
        if customer is None and project is not None:
            customer = self._customer_of.get(project)
        return customer or owner.customer_id, project


def owners(rows: Iterable[Row]) -> Iterable[Owner]:
    """Rows as owners of further lists."""
    return [Owner(row.id, row.customer_id, row.project_id) for row in rows if row.id is not None]
