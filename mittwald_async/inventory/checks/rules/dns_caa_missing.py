"""A domain has no CAA record."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="dns-caa-missing",
    family="dns",
    severity="info",
    title="A domain has no CAA record",
    why="Every certificate authority may issue certificates for it.",
    fix="Add a CAA record that names the authorities you use, such as letsencrypt.org.",
    table="dns_zone",
    reads=("domain",),
    subject="r.domain",
    detail="'no CAA record'",
    where="""json_extract(r.data, '$.recordSet.caa.records') IS NULL
    AND EXISTS (SELECT 1 FROM v_domain d WHERE d.account = r.account AND lower(d.domain) = lower(r.domain))""",
)
