"""Support of an app ends within half a year."""

from __future__ import annotations

from ..check import Check
from ._end_of_life import APP, APP_NAME, KEPT, apps, ending

CHECK = Check(
    id="app-end-of-life-soon",
    family="software",
    severity="low",
    title="Support of an app ends within half a year",
    why="Afterwards known vulnerabilities stay open.",
    fix="Plan the update to a newer version.",
    table="app_installation",
    subject=APP_NAME,
    detail=APP,
    where=KEPT,
    judge=ending(apps),
)
