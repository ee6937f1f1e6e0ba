"""A zone leads to an ingress that does not exist."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="dns-ingress-dangling",
    family="dns",
    severity="high",
    title="A zone leads to an ingress that does not exist",
    why="Visitors get an error; a host name that leads nowhere can be taken over.",
    fix="Let the zone lead to an existing ingress, or remove its address records.",
    table="dns_zone",
    absent_anywhere=("ingress",),
    subject="r.domain",
    detail="'managed by ingress ' || json_extract(r.data, '$.recordSet.combinedARecords.managedBy.ingressId')",
    where="""json_extract(r.data, '$.recordSet.combinedARecords.managedBy.ingressId') IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM v_ingress i WHERE i.account = r.account
                    AND i.id = json_extract(r.data, '$.recordSet.combinedARecords.managedBy.ingressId'))""",
)
