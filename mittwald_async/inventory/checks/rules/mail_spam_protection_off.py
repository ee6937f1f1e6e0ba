"""A mailbox has no spam protection."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="mail-spam-protection-off",
    family="mail",
    severity="low",
    title="A mailbox has no spam protection",
    why="Phishing reaches people unmarked.",
    fix="Switch the spam protection on.",
    table="mail_address",
    subject="r.address",
    detail="'spam protection is off'",
    where="""json_extract(r.data, '$.mailbox.spamProtection.active') = 0""",
)
