"""A domain that sends mail has no DKIM key."""

from __future__ import annotations

from collections.abc import Sequence, Set

import msgspec

from ..check import Check, InventoryReader
from ._dns import Elsewhere, Name, elsewhere, mail_domains, zones


class _DkimJudge(msgspec.Struct, frozen=True):
    senders: Set[Name]
    keys: Set[Name]
    """Domains with a zone below their _domainkey."""
    elsewhere: Elsewhere

    def __call__(self, account: str, zone: str, _: str) -> Sequence[str]:
        domain = zone.lower()
        if (account, domain) not in self.senders or (account, domain) in self.keys:
            return []
        return [] if self.elsewhere.serves(account, domain) else [f"no record below _domainkey.{zone}"]


def _keys(state: InventoryReader) -> Set[Name]:
    found = zones(state, "r.domain LIKE '%.\\_domainkey.%' ESCAPE '\\'")
    return {(account, domain.partition("._domainkey.")[2]) for account, domain in found}


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
    subject="r.domain",
    where="1",
    judge=lambda state: _DkimJudge(state.once(mail_domains), _keys(state), state.once(elsewhere)),
)
