"""A project is disabled."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="project-disabled",
    family="cost",
    severity="info",
    title="A project is disabled",
    why="Nothing of it works, and it is still paid for.",
    fix="Enable it, or terminate its contract.",
    table="project",
    subject="r.short_id || coalesce(' ' || r.description, '')",
    detail="'disabled'",
    where="""r.enabled = 0""",
)
