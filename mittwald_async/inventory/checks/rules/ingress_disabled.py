"""A host name is disabled."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="ingress-disabled",
    family="cost",
    severity="info",
    title="A host name is disabled",
    why="Visitors of it get an error.",
    fix="Enable it, or remove it.",
    table="ingress",
    subject="r.hostname",
    detail="'disabled'",
    where="""r.is_enabled = 0""",
)
