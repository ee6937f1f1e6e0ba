"""A domain has no CAA record."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import Check, Hit, InventoryReader
from ._dns import registered, served_here


def find(state: InventoryReader) -> Iterator[Hit]:
    domains = registered(state)
    without = state.hits(
        "dns_zone", "r.domain", "'no CAA record'", "json_extract(r.data, '$.recordSet.caa.records') IS NULL"
    )
    for hit, name in served_here(state, without):
        if name in domains:
            yield hit


CHECK = Check(
    id="dns-caa-missing",
    family="dns",
    severity="info",
    title="A domain has no CAA record",
    why="Every certificate authority may issue certificates for it.",
    fix="Add a CAA record that names the authorities you use, such as letsencrypt.org.",
    table="dns_zone",
    reads=("domain",),
    find=find,
)
