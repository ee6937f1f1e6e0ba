"""The inventory of an account is older than two days."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import INVENTORY, Check, Hit, InventoryReader


def find(state: InventoryReader) -> Iterator[Hit]:
    rows = state.query(
        "SELECT account, max(started_at) FROM sweeps WHERE state = 'done' GROUP BY account "
        "HAVING julianday(:now) - julianday(max(started_at)) > 2"
    )
    for account, seen in rows:
        yield Hit(account, account, None, None, account, f"last complete sweep: {seen[:16]}")


CHECK = Check(
    id="inventory-stale",
    family="inventory",
    severity="medium",
    title="The inventory of an account is older than two days",
    why="It lacks all changes since then.",
    fix="Run the nightly sweep, or find out why it did not run.",
    table=INVENTORY,
    find=find,
)
