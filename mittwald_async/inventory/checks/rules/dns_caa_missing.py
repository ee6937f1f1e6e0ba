"""A domain has no CAA record."""

from __future__ import annotations

from collections.abc import Sequence, Set

import msgspec

from ..check import Check
from ._dns import Elsewhere, Name, elsewhere, registered


class _CaaJudge(msgspec.Struct, frozen=True):
    own: Set[Name]
    elsewhere: Elsewhere

    def __call__(self, account: str, zone: str, _: str) -> Sequence[str]:
        domain = zone.lower()
        if (account, domain) not in self.own or self.elsewhere.serves(account, domain):
            return []
        return ["no CAA record"]


CHECK = Check(
    id="dns-caa-missing",
    family="dns",
    severity="info",
    title="A domain has no CAA record",
    why="Every certificate authority may issue certificates for it.",
    fix="Add a CAA record that names the authorities you use, such as letsencrypt.org.",
    table="dns_zone",
    reads=("domain",),
    subject="r.domain",
    where="json_extract(r.data, '$.recordSet.caa.records') IS NULL",
    judge=lambda state: _CaaJudge(state.once(registered), state.once(elsewhere)),
)
