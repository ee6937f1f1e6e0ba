"""Support of PHP or another runtime ends within half a year."""

from __future__ import annotations

from ..check import Check
from ._end_of_life import APP, APP_NAME, KEPT, ending, runtimes

CHECK = Check(
    id="php-end-of-life-soon",
    family="software",
    severity="low",
    title="Support of PHP or another runtime ends within half a year",
    why="Afterwards known vulnerabilities stay open.",
    fix="Plan the move to a newer version.",
    table="app_installation",
    subject=APP_NAME,
    detail=APP,
    where=KEPT,
    judge=ending(runtimes),
)
