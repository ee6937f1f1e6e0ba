"""Part of the inventory could not be seen."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import Check, Hit, InventoryReader


def find(state: InventoryReader) -> Iterator[Hit]:
    """One hit for each resource and reason, not one for each project."""
    grouped = state.query(
        "SELECT s.account, f.resource, f.error, count(*), min(f.customer_id), min(f.project_id) FROM failures f "
        "JOIN sweeps s ON s.id = f.sweep "
        "WHERE s.id IN (SELECT max(id) FROM sweeps WHERE state <> 'running' GROUP BY account) GROUP BY 1, 2, 3"
    )
    for account, resource, error, number, customer, project in grouped:
        lists = "1 list" if number == 1 else f"{number} lists"
        yield Hit(account, f"{resource}: {error}", customer, project, None, None, resource, f"{lists}: {error}")


CHECK = Check(
    id="inventory-incomplete",
    family="inventory",
    severity="medium",
    title="Part of the inventory could not be seen",
    why="What is wrong there is not found.",
    fix="Give the token the access it lacks, or sweep again if the API had failed.",
    table="project",
    find=find,
)
