"""PHP or another runtime gets no more security fixes."""

from __future__ import annotations

from ..check import Check
from ._end_of_life import APP, APP_NAME, KEPT, ended, runtimes

CHECK = Check(
    id="php-end-of-life",
    family="software",
    severity="high",
    title="PHP or another runtime gets no more security fixes",
    why="Known vulnerabilities stay open.",
    fix="Move the app to a supported version; try it in a copy first.",
    table="app_installation",
    subject=APP_NAME,
    detail=APP,
    where=KEPT,
    judge=ended(runtimes),
)
