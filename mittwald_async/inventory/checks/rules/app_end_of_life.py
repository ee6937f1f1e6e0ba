"""An app gets no security fixes any more."""

from __future__ import annotations

from collections.abc import Iterable

from ..check import Check, Hit, InventoryReader
from ._end_of_life import apps, ended


def find(state: InventoryReader) -> Iterable[Hit]:
    return ended(state, apps(state))


CHECK = Check(
    id="app-end-of-life",
    family="software",
    severity="high",
    title="An app gets no security fixes any more",
    why="Faults that become known stay open for everybody who knows of them.",
    fix="Update the app to a supported version.",
    table="app_installation",
    find=find,
)
