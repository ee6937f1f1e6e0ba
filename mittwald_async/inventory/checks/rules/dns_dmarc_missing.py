"""A domain that sends mail has no DMARC record."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="dns-dmarc-missing",
    family="dns",
    severity="low",
    title="A domain that sends mail has no DMARC record",
    why="Large mail providers refuse or hide mail in bulk of domains without a DMARC policy.",
    fix='Add a TXT record "v=DMARC1; p=none" for _dmarc and read the reports before tightening it.',
    table="dns_zone",
    reads=("mail_address",),
    subject="r.domain",
    detail="'no TXT record at _dmarc.' || r.domain",
    where="""EXISTS (SELECT 1 FROM v_mail_address m WHERE m.account = r.account AND lower(m.address) LIKE '%@' || lower(r.domain))
    AND NOT EXISTS (
        SELECT 1 FROM v_dns_zone d, json_each(d.data, '$.recordSet.txt.entries') t
        WHERE d.account = r.account AND lower(d.domain) = '_dmarc.' || lower(r.domain) AND lower(t.value) LIKE 'v=dmarc1%')""",
)
