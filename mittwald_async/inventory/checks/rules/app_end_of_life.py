"""An app gets no more security fixes."""

from __future__ import annotations

from ..check import Check
from ._end_of_life import APP, APP_NAME, KEPT, apps, ended

CHECK = Check(
    id="app-end-of-life",
    family="software",
    severity="high",
    title="An app gets no more security fixes",
    why="Known vulnerabilities stay open.",
    fix="Update the app to a supported version.",
    table="app_installation",
    subject=APP_NAME,
    detail=APP,
    where=KEPT,
    judge=ended(apps),
)
