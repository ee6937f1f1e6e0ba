"""Support of an app ends within half a year."""

from __future__ import annotations

from collections.abc import Iterable

from ..check import Check, Hit, InventoryReader
from ._end_of_life import apps, ending


def find(state: InventoryReader) -> Iterable[Hit]:
    return ending(state, apps(state))


CHECK = Check(
    id="app-end-of-life-soon",
    family="software",
    severity="low",
    title="Support of an app ends within half a year",
    why="Afterwards known vulnerabilities stay open.",
    fix="Plan the update to a newer version.",
    table="app_installation",
    find=find,
)
