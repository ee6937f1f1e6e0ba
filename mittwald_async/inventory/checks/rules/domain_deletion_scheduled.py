"""A domain is scheduled for deletion."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="domain-deletion-scheduled",
    family="cost",
    severity="high",
    title="A domain is scheduled for deletion",
    why="After that day anyone can register it.",
    fix="Cancel the deletion if the domain is still in use.",
    table="domain",
    subject="r.domain",
    detail="'on ' || substr(r.scheduled_deletion_date, 1, 10)",
    where="""r.scheduled_deletion_date IS NOT NULL AND coalesce(r.deleted, 0) = 0""",
)
