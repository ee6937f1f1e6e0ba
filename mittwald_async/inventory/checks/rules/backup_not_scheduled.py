"""A project has no backup schedule."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="backup-not-scheduled",
    family="backups",
    severity="high",
    title="A project has no backup schedule",
    why="Backups are made only by hand.",
    fix="Create a backup schedule for the project.",
    table="project",
    absent=("backup_schedule",),
    subject="r.short_id || coalesce(' ' || r.description, '')",
    detail="'no schedule'",
    where="""r.enabled = 1 AND coalesce(r.deletion_requested, 0) = 0
    AND NOT EXISTS (SELECT 1 FROM v_backup_schedule b WHERE b.account = r.account AND b.project_id = r.id)""",
)
