"""System software of an app is never updated automatically."""

from __future__ import annotations

from collections.abc import Sequence

from ..check import Check, OfDetail
from ._end_of_life import APP, APP_NAME, KEPT, installed


def judge(detail: str) -> Sequence[str]:
    found = [one.name for one in installed(detail).software if one.update_policy == "none"]
    return [", ".join(found)] if found else []


CHECK = Check(
    id="software-never-updated",
    family="software",
    severity="low",
    title="System software of an app is never updated automatically",
    why="Security fixes wait until they are installed by hand.",
    fix="Set the update policy to patchLevel or all.",
    table="app_installation",
    subject=APP_NAME,
    detail=APP,
    where=KEPT,
    judge=lambda _: OfDetail(judge),
)
