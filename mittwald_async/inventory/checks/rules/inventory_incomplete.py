"""Part of the inventory could not be seen."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import INVENTORY, Check, Hit, InventoryReader


def find(state: InventoryReader) -> Iterator[Hit]:
    """One hit for each resource and reason, not one for each project."""
    for account, resource, reason, number in state.unread():
        lists = "" if number == 0 else "1 list: " if number == 1 else f"{number} lists: "
        yield Hit(account, f"{resource}: {reason}", None, None, resource, f"{lists}{reason}")


CHECK = Check(
    id="inventory-incomplete",
    family="inventory",
    severity="medium",
    title="Part of the inventory could not be seen",
    why="Problems there are not found.",
    fix="Give the token the access it lacks, or sweep again if the API had failed.",
    table=INVENTORY,
    find=find,
)
