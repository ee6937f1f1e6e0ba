"""A membership should have ended."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="membership-expired",
    family="access",
    severity="low",
    title="A membership should have ended",
    why="A person may have access longer than intended.",
    fix="Remove the membership or extend it.",
    table="project_membership",
    subject="coalesce(r.email, r.user_id)",
    detail="'until ' || substr(r.expires_at, 1, 10)",
    where="""r.expires_at IS NOT NULL AND julianday(r.expires_at) < julianday(:now)""",
)
