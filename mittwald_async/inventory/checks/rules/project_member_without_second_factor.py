"""A member of a project has no second factor."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="project-member-without-second-factor",
    family="access",
    severity="medium",
    title="A member of a project has no second factor",
    why="A password that leaks is enough to change the project.",
    fix="Ask the member to set up a second factor.",
    table="project_membership",
    subject="coalesce(r.email, r.user_id)",
    detail="'role ' || coalesce(r.role, 'unknown')",
    where="""r.mfa = 0 AND coalesce(r.inherited, 0) = 0""",
)
