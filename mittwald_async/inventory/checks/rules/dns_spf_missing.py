"""A domain that sends mail has no SPF record."""

from __future__ import annotations

from collections.abc import Sequence, Set

import msgspec

from ..check import Check
from ._dns import TXT, Elsewhere, Name, elsewhere, is_spf, mail_domains
from ._json import texts


class _SpfJudge(msgspec.Struct, frozen=True):
    senders: Set[Name]
    elsewhere: Elsewhere

    def __call__(self, account: str, zone: str, entries: str) -> Sequence[str]:
        domain = zone.lower()
        if (account, domain) not in self.senders or any(map(is_spf, texts(entries))):
            return []
        return [] if self.elsewhere.serves(account, domain) else ["no TXT record begins with v=spf1"]


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
    detail=TXT,
    where="1",
    judge=lambda state: _SpfJudge(state.once(mail_domains), state.once(elsewhere)),
)
