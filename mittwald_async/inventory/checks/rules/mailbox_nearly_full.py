"""A mailbox is nearly full."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="mailbox-nearly-full",
    family="mail",
    severity="medium",
    title="A mailbox is nearly full",
    why="Mail to it will be refused soon.",
    fix="Raise its limit, or delete or archive mail.",
    table="mail_address",
    subject="r.address",
    detail="CAST(100.0 * json_extract(r.data, '$.mailbox.storageInBytes.current.value') / json_extract(r.data, '$.mailbox.storageInBytes.limit') AS INTEGER) || ' % of ' || CAST(json_extract(r.data, '$.mailbox.storageInBytes.limit') / 1048576 AS INTEGER) || ' MiB'",
    where="""json_extract(r.data, '$.mailbox.storageInBytes.limit') > 0 AND json_extract(r.data, '$.mailbox.storageInBytes.current.value') >= 0.9 * json_extract(r.data, '$.mailbox.storageInBytes.limit') AND json_extract(r.data, '$.mailbox.storageInBytes.current.value') < json_extract(r.data, '$.mailbox.storageInBytes.limit')""",
)
