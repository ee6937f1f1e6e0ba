"""A domain that sends mail has no DKIM key."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import Check, Hit, InventoryReader
from ._dns import mail_domains, served_here, zones_of


def find(state: InventoryReader) -> Iterator[Hit]:
    senders = state.once(mail_domains)
    keys = {
        (account, domain.partition("._domainkey.")[2])
        for account, _, domain in state.rows(
            "dns_zone", "lower(r.domain)", where="r.domain LIKE '%.\\_domainkey.%' ESCAPE '\\'"
        )
    }
    detail = "'no record below _domainkey.' || r.domain"
    for hit, name in served_here(state, zones_of(state, senders, detail)):
        if name not in keys:
            yield hit


CHECK = Check(
    id="dns-dkim-missing",
    family="dns",
    severity="low",
    title="A domain that sends mail has no DKIM key",
    why="Receivers cannot check that its mail was not changed on the way.",
    fix="Switch on DKIM for the domain, or add the key of the service that sends its mail.",
    table="dns_zone",
    reads=("mail_address",),
    absent=("dns_zone",),
    find=find,
)
