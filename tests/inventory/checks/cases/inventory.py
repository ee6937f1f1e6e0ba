"""Cases of the checks of the family `inventory`."""

from __future__ import annotations

from .case import PROJECT, Case

CASES: dict[str, Case] = {
    "inventory-incomplete": Case(
        {"project": [PROJECT]},
        ["backup"],
        "2 lists: forbidden",
        failures=({"resource": "backup", "project": "p1"}, {"resource": "backup", "project": "p2"}),
    ),
}
