"""A MySQL database runs a version without security fixes."""

from __future__ import annotations

from ..check import Check
from ._end_of_life import DATABASE_NAME, ended, mysql

CHECK = Check(
    id="mysql-end-of-life",
    family="databases",
    severity="high",
    title="A MySQL database runs a version without security fixes",
    why="Known vulnerabilities stay open.",
    fix="Create a copy with a newer version, test the app with it, then switch.",
    table="mysql_database",
    subject=DATABASE_NAME,
    detail="r.version",
    where="r.version IS NOT NULL",
    judge=ended(mysql),
)
