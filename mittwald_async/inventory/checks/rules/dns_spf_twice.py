"""A domain has more than one SPF record."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="dns-spf-twice",
    family="dns",
    severity="high",
    title="A domain has more than one SPF record",
    why="With two records SPF fails for every mail (RFC 7208, 3.2).",
    fix="Merge them into one TXT record.",
    table="dns_zone",
    subject="r.domain",
    detail="(SELECT count(*) FROM json_each(r.data, '$.recordSet.txt.entries') t WHERE lower(t.value) LIKE 'v=spf1%') || ' records'",
    where="""(SELECT count(*) FROM json_each(r.data, '$.recordSet.txt.entries') t WHERE lower(t.value) LIKE 'v=spf1%') > 1""",
)
