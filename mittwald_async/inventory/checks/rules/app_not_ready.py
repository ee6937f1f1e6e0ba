"""An app has been neither ready nor disabled at the time of the sweep."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="app-not-ready",
    family="software",
    severity="medium",
    title="An app has been neither ready nor disabled at the time of the sweep",
    why="An installation or update may have got stuck.",
    fix="Look at the phase of the installation and at its last error.",
    table="app_installation",
    subject="coalesce(r.description, r.short_id)",
    detail="'phase ' || coalesce(r.phase, 'unknown') || coalesce(': ' || json_extract(r.data, '$.lastError'), '')",
    where="""r.phase NOT IN ('ready', 'disabled') AND julianday(:now) - julianday(r.created_at) > 0.04""",
)
