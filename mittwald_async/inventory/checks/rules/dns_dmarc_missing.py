"""A domain that sends mail has no DMARC record."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import Check, Hit, InventoryReader
from ._dns import TEXTS, mail_domains, parents, served_here, zones_of


def find(state: InventoryReader) -> Iterator[Hit]:
    senders = state.once(mail_domains)
    policies = {
        (account, domain)
        for account, _, domain in state.rows(
            "dns_zone",
            "lower(r.domain)",
            where="lower(r.domain) LIKE '\\_dmarc.%' ESCAPE '\\' "
            f"AND EXISTS (SELECT 1 FROM {TEXTS} WHERE lower(t.value) LIKE 'v=dmarc1%')",
        )
    }
    detail = "'no TXT record at _dmarc.' || r.domain"
    for hit, (account, domain) in served_here(state, zones_of(state, senders, detail)):
        # The policy of a domain counts for those below it, too (RFC 7489, 6.6.3).
        covered = any((account, f"_dmarc.{parent}") in policies for parent in parents(domain))
        if not covered:
            yield hit


CHECK = Check(
    id="dns-dmarc-missing",
    family="dns",
    severity="low",
    title="A domain that sends mail has no DMARC record",
    why="Large mail providers refuse or hide mail in bulk of domains without a DMARC policy.",
    fix='Add a TXT record "v=DMARC1; p=none" for _dmarc and read the reports before tightening it.',
    table="dns_zone",
    reads=("mail_address",),
    absent=("dns_zone",),
    find=find,
)
