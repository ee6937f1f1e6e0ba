"""Names of customers and projects, as a state had them.

They are looked up here: a subquery for each of 10⁵ findings would take longer than all checks together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from .check import Hit
from .state import InventoryState

_Owners = Mapping[tuple[str, str | None], str]
"""Names by account and id."""


class Names(NamedTuple):
    """What customers and projects were called."""

    customers: _Owners
    projects: _Owners


def names(state: InventoryState, hits: Iterable[Hit] | None = None) -> Names:
    """The names that a state had for customers and projects.

    Args:
        state: which.
        hits: whose owners are looked up; of all customers and projects by default.
    """
    found = None if hits is None else list(hits)
    customers = None if found is None else {hit.customer_id for hit in found}
    projects = None if found is None else {hit.project_id for hit in found}
    return Names(_names(state, "customer", "r.name", customers), _names(state, "project", "r.description", projects))


def _names(state: InventoryState, resource: str, name: str, ids: Iterable[str | None] | None) -> _Owners:
    if not state.has(resource):
        return {}
    wanted = "1" if ids is None else "r.key IN (SELECT value FROM json_each(:ids))"
    listed = msgspec.json.encode(list(ids or ())).decode()
    return {
        (account, own): text
        for account, own, text in state.select(resource, (f"CAST({name} AS TEXT)",), wanted, ids=listed)
    }
