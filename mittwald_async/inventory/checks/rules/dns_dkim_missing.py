"""A domain that sends mail has no DKIM key."""

from __future__ import annotations

from ..check import Check

CHECK = Check(
    id="dns-dkim-missing",
    family="dns",
    severity="low",
    title="A domain that sends mail has no DKIM key",
    why="Receivers cannot check that its mail was not changed on the way.",
    fix="Switch on DKIM for the domain, or add the key of the service that sends its mail.",
    table="dns_zone",
    reads=("mail_address",),
    subject="r.domain",
    detail="'no TXT record below _domainkey.' || r.domain",
    where="""EXISTS (SELECT 1 FROM v_mail_address m WHERE m.account = r.account AND lower(m.address) LIKE '%@' || lower(r.domain))
    AND NOT EXISTS (SELECT 1 FROM v_dns_zone d WHERE d.account = r.account
                    AND lower(d.domain) LIKE '%._domainkey.' || lower(r.domain))""",
)
