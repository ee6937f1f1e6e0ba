"""A mailbox is full."""

from __future__ import annotations

from ..check import Check
from ..mailbox_storage import FILLED, LIMIT, USED

CHECK = Check(
    id="mailbox-full",
    family="mail",
    severity="critical",
    title="A mailbox is full",
    why="Mail to it is refused.",
    fix="Raise its limit, or delete or archive mail.",
    table="mail_address",
    subject="r.address",
    detail=FILLED,
    where=f"""{LIMIT} > 0
        AND {USED} >= {LIMIT}""",
)
