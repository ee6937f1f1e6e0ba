"""A Redis database runs a version without security fixes."""

from __future__ import annotations

from ..check import Check
from ._end_of_life import DATABASE_NAME, ended, redis

CHECK = Check(
    id="redis-end-of-life",
    family="databases",
    severity="medium",
    title="A Redis database runs a version without security fixes",
    why="Known vulnerabilities stay open.",
    fix="Create a database of a newer version and switch to it.",
    table="redis_database",
    subject=DATABASE_NAME,
    detail="r.version",
    where="r.version IS NOT NULL",
    judge=ended(redis),
)
