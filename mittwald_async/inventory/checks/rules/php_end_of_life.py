"""PHP or another runtime gets no more security fixes."""

from __future__ import annotations

from collections.abc import Iterable

from ..check import Check, Hit, InventoryReader
from ._end_of_life import ended, runtimes


def find(state: InventoryReader) -> Iterable[Hit]:
    return ended(state, runtimes(state))


CHECK = Check(
    id="php-end-of-life",
    family="software",
    severity="high",
    title="PHP or another runtime gets no more security fixes",
    why="Known vulnerabilities stay open.",
    fix="Move the app to a supported version; try it in a copy first.",
    table="app_installation",
    find=find,
)
