"""Webhooks of an extension are halted."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="extension-halted",
    family="cost",
    severity="medium",
    title="Webhooks of an extension are halted",
    why="The extension no longer learns what happens in the project.",
    fix="Ask its makers, or remove the extension.",
    table="extension_instance",
    subject="coalesce(r.extension_name, r.id)",
    detail="'webhook execution is halted'",
    where="""r.webhook_execution_halted = 1""",
)
