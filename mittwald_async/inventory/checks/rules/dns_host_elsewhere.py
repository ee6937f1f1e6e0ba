"""A host name of an ingress leads to other addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ..check import Check, InventoryReader
from ._dns import Elsewhere, Name, elsewhere
from ._json import texts

_SET = "json_extract(r.data, '$.recordSet.combinedARecords.a')"


class _Led(msgspec.Struct, frozen=True):
    """Where zones lead that have addresses of their own."""

    addresses: Mapping[Name, Sequence[str]]
    elsewhere: Elsewhere

    def __call__(self, account: str, host: str, own: str) -> Sequence[str]:
        domain = host.lower()
        led_to = self.addresses.get((account, domain))
        if led_to is None:
            return []
        expected = texts(own)
        if not expected or all(address in expected for address in led_to) or self.elsewhere.serves(account, domain):
            return []
        return [f"leads to {', '.join(led_to)} instead of {', '.join(expected)}"]


def _led(state: InventoryReader) -> _Led:
    addresses: dict[Name, list[str]] = {}
    for account, _, domain, listed in state.rows("dns_zone", "lower(r.domain)", _SET, where=f"{_SET} IS NOT NULL"):
        addresses.setdefault((account, domain), []).extend(texts(listed))
    return _Led(addresses, state.once(elsewhere))


CHECK = Check(
    id="dns-host-elsewhere",
    family="dns",
    severity="medium",
    title="A host name of an ingress leads to other addresses",
    why="Visitors do not reach this project, and its certificate cannot be renewed.",
    fix="Set the addresses of the zone to those of the ingress, or remove the ingress.",
    table="ingress",
    reads=("dns_zone",),
    subject="r.hostname",
    detail="json_extract(r.data, '$.ips.v4')",
    where="r.is_enabled = 1",
    judge=_led,
)
