"""A member of a project is a member of its customer as well."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="member-twice",
    family="access",
    severity="info",
    title="A member of a project is a member of its customer as well",
    why="The membership of the project adds nothing, and remains when the other one is removed.",
    fix="Remove the membership of the project.",
    table="project_membership",
    reads=("customer_membership", "project"),
    subject="coalesce(r.email, r.user_id)",
    detail="'direct member of the project, and member of the customer'",
    where="""coalesce(r.inherited, 0) = 0 AND EXISTS (
        SELECT 1 FROM v_customer_membership c JOIN v_project p ON p.account = c.account AND p.customer_id = c.customer_id
        WHERE c.account = r.account AND p.id = r.project_id AND c.user_id = r.user_id)""",
)
