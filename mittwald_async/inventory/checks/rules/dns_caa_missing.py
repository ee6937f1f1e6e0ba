"""A domain has no CAA record."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import Check, Hit, InventoryReader
from ._dns import registered, served_here, zones_of


def find(state: InventoryReader) -> Iterator[Hit]:
    without = "json_extract(r.data, '$.recordSet.caa.records') IS NULL"
    for hit, _ in served_here(state, zones_of(state, state.once(registered), "'no CAA record'", without)):
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
