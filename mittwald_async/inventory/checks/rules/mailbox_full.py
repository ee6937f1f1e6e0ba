"""A mailbox is full."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="mailbox-full",
    family="mail",
    severity="critical",
    title="A mailbox is full",
    why="Mail to it is refused.",
    fix="Raise its limit, or delete or archive mail.",
    table="mail_address",
    subject="r.address",
    detail="CAST(100.0 * json_extract(r.data, '$.mailbox.storageInBytes.current.value') / json_extract(r.data, '$.mailbox.storageInBytes.limit') AS INTEGER) || ' % of ' || CAST(json_extract(r.data, '$.mailbox.storageInBytes.limit') / 1048576 AS INTEGER) || ' MiB'",
    where="""json_extract(r.data, '$.mailbox.storageInBytes.limit') > 0 AND json_extract(r.data, '$.mailbox.storageInBytes.current.value') >= json_extract(r.data, '$.mailbox.storageInBytes.limit')""",
)
