"""A host name of an ingress leads to other addresses."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..check import Check, Hit, InventoryReader
from ._dns import Name, served_here


def find(state: InventoryReader) -> Iterator[Hit]:
    addresses: dict[Name, list[str]] = {}
    for account, domain, address in state.query(
        "SELECT r.account, lower(r.domain), a.value FROM v_dns_zone r, json_each(r.data, '$.recordSet.combinedARecords.a') a"
    ):
        addresses.setdefault((account, domain), []).append(address)
    own = "(SELECT group_concat(value, ' ') FROM json_each(r.data, '$.ips.v4'))"
    for hit, name in served_here(state, state.hits("ingress", "r.hostname", own, "r.is_enabled = 1")):
        expected = hit.detail.split()
        led_to = addresses.get(name, [])
        if expected and any(address not in expected for address in led_to):
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
