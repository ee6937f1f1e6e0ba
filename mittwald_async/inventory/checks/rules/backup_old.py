"""The newest backup of a project is older than two days."""

from __future__ import annotations

from ..check import Check

_NEWEST = "(SELECT {} FROM v_backup b WHERE b.project_id = r.id AND b.account = r.account AND b.status = 'Completed')"

CHECK = Check(
    id="backup-old",
    family="backups",
    severity="high",
    title="The newest backup of a project is older than two days",
    why="The nightly backup did not run, or did not complete.",
    fix="Look at the backup schedule and the status of the last backups of the project.",
    table="project",
    absent=("backup",),
    subject="r.short_id || coalesce(' ' || r.description, '')",
    detail="'newest backup: ' || " + _NEWEST.format("substr(max(coalesce(b.created_at, b.requested_at)), 1, 10)"),
    where=f"""r.enabled = 1 AND coalesce(r.deletion_requested, 0) = 0
    AND {_NEWEST.format("max(julianday(coalesce(b.created_at, b.requested_at)))")}
    < (SELECT julianday(s.seen_at) - 2 FROM state_sweep s WHERE s.account = r.account)""",
)
