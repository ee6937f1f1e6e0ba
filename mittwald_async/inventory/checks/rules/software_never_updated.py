"""System software of an app is never updated automatically."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..check import Check, Hit, InventoryReader
from ._end_of_life import installed


def find(state: InventoryReader) -> Iterator[Hit]:
    for app in state.once(installed):
        found = [one.name for one in app.software if one.update_policy == "none"]
        if found:
            yield replace(app.app, detail=", ".join(found))


CHECK = Check(
    id="software-never-updated",
    family="software",
    severity="low",
    title="System software of an app is never updated automatically",
    why="Security fixes wait until they are installed by hand.",
    fix="Set the update policy to patchLevel or all.",
    table="app_installation",
    find=find,
)
