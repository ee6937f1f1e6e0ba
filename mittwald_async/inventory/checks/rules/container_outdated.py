"""A container runs with an old image or configuration."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="container-outdated",
    family="containers",
    severity="low",
    title="A container runs with an old image or configuration",
    why="A change was made and has not taken effect.",
    fix="Recreate the service.",
    table="service",
    subject="r.service_name",
    detail="""'running ' || coalesce(json_extract(r.data, '$.deployedState.image'), '?')
        || ', wanted ' || coalesce(json_extract(r.data, '$.pendingState.image'), '?')""",
    where="""r.requires_recreate = 1""",
)
