"""The last run of a cron job failed."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="cronjob-failing",
    family="software",
    severity="high",
    title="The last run of a cron job failed",
    why="Its task was not done.",
    fix="Look at the log of the execution.",
    table="cronjob",
    subject="coalesce(r.description, r.short_id)",
    detail="'exit code ' || coalesce(json_extract(r.data, '$.latestExecution.exitCode'), 'unknown')",
    where="""r.active = 1 AND json_extract(r.data, '$.latestExecution.status') IN ('Failed', 'TimedOut')""",
)
