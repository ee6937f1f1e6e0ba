"""A volume belongs to no service."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="volume-orphaned",
    family="containers",
    severity="low",
    title="A volume belongs to no service",
    why="It uses paid storage.",
    fix="Delete it if its data is not needed.",
    table="volume",
    subject="coalesce(r.name, r.id)",
    detail="CAST(coalesce(r.storage_usage_in_bytes, 0) / 1048576 AS INTEGER) || ' MiB'",
    where="""r.orphaned = 1""",
)
