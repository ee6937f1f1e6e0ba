"""A domain is not connected."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="domain-not-connected",
    family="dns",
    severity="medium",
    title="A domain is not connected",
    why="Its host names do not lead to this platform, so sites and mailboxes of the domain do not work here.",
    fix="Set the name servers of the domain at its registrar, or remove the domain.",
    table="domain",
    subject="r.domain",
    detail="'name servers: ' || coalesce((SELECT group_concat(value, ', ') FROM json_each(r.data, '$.nameservers')), 'none')",
    where="""r.connected = 0 AND coalesce(r.deleted, 0) = 0""",
)
