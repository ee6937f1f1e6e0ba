"""System software of an app is never updated by itself."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="software-never-updated",
    family="software",
    severity="low",
    title="System software of an app is never updated by itself",
    why="Security fixes wait until somebody installs them.",
    fix="Set the update policy to patchLevel or all.",
    table="app_installation",
    subject="coalesce(r.description, r.short_id)",
    detail="(SELECT group_concat(json_extract(s.value, '$.name'), ', ') FROM json_each(r.data, '$.systemSoftware') s WHERE json_extract(s.value, '$.updatePolicy') = 'none')",
    where="""EXISTS (SELECT 1 FROM json_each(r.data, '$.systemSoftware') s WHERE json_extract(s.value, '$.updatePolicy') = 'none')""",
)
