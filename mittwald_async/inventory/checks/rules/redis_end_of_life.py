"""A Redis database runs a version without security fixes."""

from __future__ import annotations

from collections.abc import Iterable

from ..check import Check, Hit, InventoryReader
from ._end_of_life import databases, ended


def find(state: InventoryReader) -> Iterable[Hit]:
    return ended(state, databases(state, "redis_database", "Redis"))


CHECK = Check(
    id="redis-end-of-life",
    family="databases",
    severity="medium",
    title="A Redis database runs a version without security fixes",
    why="Known vulnerabilities stay open.",
    fix="Create a database of a newer version and switch to it.",
    table="redis_database",
    find=find,
)
