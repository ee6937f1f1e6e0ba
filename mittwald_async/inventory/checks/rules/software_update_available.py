"""An update of system software is available."""

from __future__ import annotations

from collections.abc import Sequence

from ..check import Check, OfDetail
from ._end_of_life import APP, APP_NAME, KEPT, installed


def judge(detail: str) -> Sequence[str]:
    found = [f"{one.name} {one.version}" for one in installed(detail).software if one.update_available]
    return [", ".join(found)] if found else []


CHECK = Check(
    id="software-update-available",
    family="software",
    severity="low",
    title="An update of system software is available",
    why="Fixes are missing.",
    fix="Update it, or set its update policy so that patches are installed automatically.",
    table="app_installation",
    subject=APP_NAME,
    detail=APP,
    where=KEPT,
    judge=lambda _: OfDetail(judge),
)
