"""Webhooks of an extension are halted."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="extension-halted",
    family="cost",
    severity="medium",
    title="Webhooks of an extension are halted",
    why="The extension is no longer notified of changes in the project.",
    fix="Contact its vendor, or remove the extension.",
    table="extension_instance",
    subject="coalesce(r.extension_name, r.id)",
    detail="'webhook execution is halted'",
    where="""r.webhook_execution_halted = 1""",
)
