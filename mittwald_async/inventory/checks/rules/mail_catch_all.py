"""An address catches all mail of its domain."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="mail-catch-all",
    family="mail",
    severity="low",
    title="An address catches all mail of its domain",
    why="It fills with spam, and senders never learn that an address does not exist.",
    fix="Switch the catch-all off and create the addresses that are needed.",
    table="mail_address",
    subject="r.address",
    detail="'catch-all'",
    where="""r.is_catch_all = 1""",
)
