"""A database is not ready."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="database-not-ready",
    family="databases",
    severity="high",
    title="A database is not ready",
    why="Sites that use it do not work.",
    fix="Check its status again; contact support if it persists.",
    table="mysql_database",
    subject="r.name || coalesce(' ' || r.description, '')",
    detail="'status ' || r.status",
    where="""r.status = 'error'""",
)
