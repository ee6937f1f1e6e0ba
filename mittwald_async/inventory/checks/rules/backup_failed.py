"""The last backup of a project failed."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="backup-failed",
    family="backups",
    severity="high",
    title="The last backup of a project failed",
    why="The next older backup is all there is.",
    fix="Start a backup by hand and look at its status; contact support if it fails again.",
    table="backup",
    subject="coalesce(r.description, r.id)",
    detail="'requested on ' || substr(r.requested_at, 1, 10) || ', status ' || r.status",
    where="""r.status IN ('Failed', 'Error') AND NOT EXISTS (
        SELECT 1 FROM v_backup b WHERE b.account = r.account AND b.project_id = r.project_id
        AND julianday(b.requested_at) > julianday(r.requested_at))""",
)
