"""An update of system software is available."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..check import Check, Hit, InventoryReader
from ._end_of_life import installed


def find(state: InventoryReader) -> Iterator[Hit]:
    for app in state.once(installed):
        found = [f"{one.name} {one.version}" for one in app.software if one.update_available]
        if found:
            yield replace(app.app, detail=", ".join(found))


CHECK = Check(
    id="software-update-available",
    family="software",
    severity="low",
    title="An update of system software is available",
    why="Fixes are missing.",
    fix="Update it, or set its update policy so that patches are installed automatically.",
    table="app_installation",
    find=find,
)
