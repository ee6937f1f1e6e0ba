"""A host name of an ingress leads to other addresses."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..check import Check, Hit, InventoryReader
from ._dns import Name, served_here
from ._json import texts


def find(state: InventoryReader) -> Iterator[Hit]:
    addresses: dict[Name, list[str]] = {}
    zones = state.rows("dns_zone", "lower(r.domain)", "json_extract(r.data, '$.recordSet.combinedARecords.a')")
    for account, _, domain, listed in zones:
        addresses.setdefault((account, domain), []).extend(texts(listed))
    own = "json_extract(r.data, '$.ips.v4')"
    hosts = (
        hit
        for hit in state.hits("ingress", "r.hostname", own, "r.is_enabled = 1")
        if any(address not in texts(hit.detail) for address in addresses.get((hit.account, hit.subject.lower()), ()))
    )
    for hit, name in served_here(state, hosts):
        expected, led_to = texts(hit.detail), addresses[name]
        if expected:
            yield replace(hit, detail=f"leads to {', '.join(led_to)} instead of {', '.join(expected)}")


CHECK = Check(
    id="dns-host-elsewhere",
    family="dns",
    severity="medium",
    title="A host name of an ingress leads to other addresses",
    why="Visitors do not reach this project, and its certificate cannot be renewed.",
    fix="Set the addresses of the zone to those of the ingress, or remove the ingress.",
    table="ingress",
    reads=("dns_zone",),
    find=find,
)
