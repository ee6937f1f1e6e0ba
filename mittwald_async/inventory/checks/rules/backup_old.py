"""The newest backup of a project is older than two days."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="backup-old",
    family="backups",
    severity="high",
    title="The newest backup of a project is older than two days",
    why="The nightly backup did not run, or did not complete.",
    fix="Look at the backup schedule and the status of the last backups of the project.",
    table="project",
    reads=("backup",),
    subject="r.short_id || coalesce(' ' || r.description, '')",
    detail="'newest backup: ' || (SELECT substr(max(b.created_at), 1, 10) FROM v_backup b WHERE b.account = r.account AND b.project_id = r.id AND b.status = 'Completed')",
    where="""r.enabled = 1 AND julianday(:now) - 2 >
    (SELECT max(julianday(b.created_at)) FROM v_backup b
     WHERE b.account = r.account AND b.project_id = r.id AND b.status = 'Completed')""",
)
