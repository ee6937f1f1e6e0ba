"""A mailbox is nearly full."""

from __future__ import annotations

from ..check import Check
from ..mailbox_storage import FILLED, LIMIT, USED

CHECK = Check(
    id="mailbox-nearly-full",
    family="mail",
    severity="medium",
    title="A mailbox is nearly full",
    why="Mail to it will be refused soon.",
    fix="Raise its limit, or delete or archive mail.",
    table="mail_address",
    subject="r.address",
    detail=FILLED,
    where=f"""{LIMIT} > 0
        AND {USED} >= 0.9 * {LIMIT}
        AND {USED} < {LIMIT}""",
)
