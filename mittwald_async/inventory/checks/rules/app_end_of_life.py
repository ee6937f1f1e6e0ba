"""An app gets no more security fixes."""

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
    title="An app gets no more security fixes",
    why="Known vulnerabilities stay open.",
    fix="Update the app to a supported version.",
    table="app_installation",
    find=find,
)
