"""A member of a customer has no second factor."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="member-without-second-factor",
    family="access",
    severity="high",
    title="A member of a customer has no second factor",
    why="A password that leaks is enough to change everything the customer has.",
    fix="Ask the member to set up a second factor.",
    table="customer_membership",
    subject="coalesce(r.email, r.user_id)",
    detail="'role ' || coalesce(r.role, 'unknown')",
    where="""r.mfa = 0""",
)
