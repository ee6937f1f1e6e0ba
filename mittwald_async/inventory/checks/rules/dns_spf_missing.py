"""A domain that sends mail has no SPF record."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="dns-spf-missing",
    family="dns",
    severity="medium",
    title="A domain that sends mail has no SPF record",
    why="Receivers cannot tell its mail from forged mail and put it into spam, or refuse it.",
    fix='Add a TXT record such as "v=spf1 include:agenturserver.de ~all" to the zone.',
    table="dns_zone",
    reads=("mail_address",),
    subject="r.domain",
    detail="'no TXT record begins with v=spf1'",
    where="""EXISTS (SELECT 1 FROM v_mail_address m WHERE m.account = r.account AND lower(m.address) LIKE '%@' || lower(r.domain))
    AND NOT EXISTS (SELECT 1 FROM json_each(r.data, '$.recordSet.txt.entries') t WHERE lower(t.value) LIKE 'v=spf1%')""",
)
