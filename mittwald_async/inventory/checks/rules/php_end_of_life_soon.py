"""Support of PHP or another runtime ends within half a year."""

from __future__ import annotations

from collections.abc import Iterable

from ..check import Check, Hit, InventoryReader
from ._end_of_life import ending, runtimes


def find(state: InventoryReader) -> Iterable[Hit]:
    return ending(state, runtimes(state))


CHECK = Check(
    id="php-end-of-life-soon",
    family="software",
    severity="low",
    title="Support of PHP or another runtime ends within half a year",
    why="Afterwards known vulnerabilities stay open.",
    fix="Plan the move to a newer version.",
    table="app_installation",
    find=find,
)
