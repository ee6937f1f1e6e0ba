"""A host name of an ingress leads to other addresses."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="dns-host-elsewhere",
    family="dns",
    severity="medium",
    title="A host name of an ingress leads to other addresses",
    why="Visitors do not reach this project, and its certificate cannot be renewed.",
    fix="Set the addresses of the zone to those of the ingress, or remove the ingress.",
    table="ingress",
    reads=("dns_zone",),
    subject="r.hostname",
    detail="(SELECT group_concat(a.value, ', ') FROM v_dns_zone d, json_each(d.data, '$.recordSet.combinedARecords.a') a WHERE d.account = r.account AND lower(d.domain) = lower(r.hostname))",
    where="""EXISTS (
        SELECT 1 FROM v_dns_zone d, json_each(d.data, '$.recordSet.combinedARecords.a') a
        WHERE d.account = r.account AND lower(d.domain) = lower(r.hostname)
        AND a.value NOT IN (SELECT value FROM json_each(r.data, '$.ips.v4')))""",
)
