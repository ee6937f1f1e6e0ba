"""An update of system software is available."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="software-update-available",
    family="software",
    severity="low",
    title="An update of system software is available",
    why="Fixes of faults are missing.",
    fix="Update it, or set its update policy so that patches come by themselves.",
    table="app_installation",
    subject="coalesce(r.description, r.short_id)",
    detail="(SELECT group_concat(json_extract(s.value, '$.name') || ' ' || json_extract(s.value, '$.externalVersion'), ', ')       FROM json_each(r.data, '$.systemSoftware') s WHERE json_extract(s.value, '$.updateAvailable'))",
    where="""EXISTS (SELECT 1 FROM json_each(r.data, '$.systemSoftware') s WHERE json_extract(s.value, '$.updateAvailable'))""",
)
