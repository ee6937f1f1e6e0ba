"""A container is not running."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="container-restarting",
    family="containers",
    severity="high",
    title="A container is not running",
    why="Its task is not done.",
    fix="Look at the logs of the service.",
    table="service",
    subject="r.service_name",
    detail="'status ' || r.status || coalesce(': ' || json_extract(r.data, '$.message'), '')",
    where="""r.status = 'error'
    OR (r.status IN ('creating', 'starting') AND julianday(:now) - julianday(r.status_set_at) > 0.04)""",
)
