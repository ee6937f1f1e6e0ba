"""A customer is in default of payment."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="customer-in-default",
    family="cost",
    severity="critical",
    title="A customer is in default of payment",
    why="Its projects may be suspended.",
    fix="Pay the open invoices.",
    table="customer",
    subject="coalesce(r.name, r.key)",
    detail="'in default of payment'",
    where="""r.is_in_default_of_payment = 1""",
)
