"""A MySQL database runs a version without security fixes."""

from __future__ import annotations

from collections.abc import Iterable

from ..check import Check, Hit, InventoryReader
from ._end_of_life import databases, ended


def find(state: InventoryReader) -> Iterable[Hit]:
    return ended(state, databases(state, "mysql_database", "MySQL"))


CHECK = Check(
    id="mysql-end-of-life",
    family="databases",
    severity="high",
    title="A MySQL database runs a version without security fixes",
    why="Known vulnerabilities stay open.",
    fix="Create a copy with a newer version, test the app with it, then switch.",
    table="mysql_database",
    find=find,
)
