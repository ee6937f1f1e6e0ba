"""A domain that sends mail has no DMARC record."""

from __future__ import annotations

from collections.abc import Sequence, Set

import msgspec

from ..check import Check, InventoryReader
from ._dns import Elsewhere, Name, elsewhere, mail_domains, parents, zones


class _DmarcJudge(msgspec.Struct, frozen=True):
    senders: Set[Name]
    policies: Set[Name]
    """Zones named _dmarc with a policy."""
    elsewhere: Elsewhere

    def __call__(self, account: str, zone: str, _: str) -> Sequence[str]:
        domain = zone.lower()
        if (account, domain) not in self.senders or self.elsewhere.serves(account, domain):
            return []
        # The policy of a domain counts for those below it, too (RFC 7489, 6.6.3).
        covered = any((account, f"_dmarc.{parent}") in self.policies for parent in parents(domain))
        return [] if covered else [f"no TXT record at _dmarc.{zone}"]


def _policies(state: InventoryReader) -> Set[Name]:
    return zones(
        state,
        "lower(r.domain) LIKE '\\_dmarc.%' ESCAPE '\\' "
        "AND EXISTS (SELECT 1 FROM json_each(r.data, '$.recordSet.txt.entries') t WHERE lower(t.value) LIKE 'v=dmarc1%')",
    )


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
    subject="r.domain",
    where="1",
    judge=lambda state: _DmarcJudge(state.once(mail_domains), _policies(state), state.once(elsewhere)),
)
