"""A project has no usable backup."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="backup-missing",
    family="backups",
    severity="critical",
    title="A project has no usable backup",
    why="What is lost in it is lost.",
    fix="Create a backup, and a schedule that makes one every night.",
    table="project",
    reads=("backup",),
    subject="r.short_id || coalesce(' ' || r.description, '')",
    detail="'no completed backup'",
    where="""r.enabled = 1 AND julianday(:now) - julianday(r.created_at) > 2
    AND NOT EXISTS (SELECT 1 FROM v_backup b WHERE b.account = r.account AND b.project_id = r.id AND b.status = 'Completed')
    AND NOT EXISTS (SELECT 1 FROM failures f JOIN sweeps s ON s.id = f.sweep
                    WHERE f.resource = 'backup' AND s.account = r.account AND f.project_id = r.id)""",
)
