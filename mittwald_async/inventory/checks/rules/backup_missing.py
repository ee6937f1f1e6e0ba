"""A project has no usable backup."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="backup-missing",
    family="backups",
    severity="critical",
    title="A project has no usable backup",
    why="Lost data cannot be restored.",
    fix="Create a backup, and a schedule that makes one every night.",
    table="project",
    absent=("backup",),
    subject="r.short_id || coalesce(' ' || r.description, '')",
    detail="'no completed backup'",
    where="""r.enabled = 1 AND coalesce(r.deletion_requested, 0) = 0 AND julianday(:now) - julianday(r.created_at) > 2
    AND NOT EXISTS (SELECT 1 FROM v_backup b WHERE b.project_id = r.id AND b.account = r.account
    AND b.status = 'Completed'
    AND (b.expires_at IS NULL OR julianday(b.expires_at) > julianday(:now)))""",
)
