"""An API token never expires."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="api-token-never-expires",
    family="access",
    severity="medium",
    title="An API token never expires",
    why="A token that leaks stays valid until the leak is noticed.",
    fix="Replace it by one with an expiry date.",
    table="api_token",
    subject="coalesce(r.description, r.id)",
    detail="'created on ' || substr(r.created_at, 1, 10)",
    where="""r.expires_at IS NULL""",
)
