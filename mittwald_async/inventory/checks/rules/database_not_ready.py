"""A database is not ready."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="database-not-ready",
    family="databases",
    severity="high",
    title="A database is not ready",
    why="Sites that use it do not work.",
    fix="Look at its status again; ask support if it stays.",
    table="mysql_database",
    subject="r.name || coalesce(' ' || r.description, '')",
    detail="'status ' || r.status",
    where="""r.status = 'error'""",
)
