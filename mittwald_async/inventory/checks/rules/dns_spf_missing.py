"""A domain that sends mail has no SPF record."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import Check, Hit, InventoryReader
from ._dns import TEXTS, mail_domains, served_here, zones_of


def find(state: InventoryReader) -> Iterator[Hit]:
    senders = state.once(mail_domains)
    without = f"NOT EXISTS (SELECT 1 FROM {TEXTS} WHERE lower(t.value) LIKE 'v=spf1%')"
    zones = zones_of(state, senders, "'no TXT record begins with v=spf1'", without)
    for hit, _ in served_here(state, zones):
        yield hit


CHECK = Check(
    id="dns-spf-missing",
    family="dns",
    severity="medium",
    title="A domain that sends mail has no SPF record",
    why="Receivers cannot tell its mail from forged mail and put it into spam, or refuse it.",
    fix='Add a TXT record such as "v=spf1 include:agenturserver.de ~all" to the zone.',
    table="dns_zone",
    reads=("mail_address",),
    find=find,
)
