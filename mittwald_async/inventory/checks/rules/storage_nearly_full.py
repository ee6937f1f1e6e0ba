"""The storage of a server is nearly full."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..check import Check, Hit, InventoryReader

_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_USED = "CASE typeof(r.web_storage_usage_in_bytes) WHEN 'integer' THEN r.web_storage_usage_in_bytes ELSE 0 END"
_SHARE = 0.9
"""Share of the storage from which on it counts as nearly full."""


def find(state: InventoryReader) -> Iterator[Hit]:
    used = state.tally("project", "r.server_id", where="r.server_id IS NOT NULL", amount=_USED)
    for hit in state.hits(
        "server", "r.short_id || coalesce(' ' || r.description, '')", "r.storage", "r.storage IS NOT NULL"
    ):
        total = in_bytes(hit.detail)
        taken = used.get((hit.account, hit.key), 0)
        if total and taken >= _SHARE * total:
            yield replace(hit, detail=f"{taken / total:.0%} of {hit.detail} used by its projects")


def in_bytes(size: str) -> int:
    """`20Gi` as bytes; 0 for what is not a size."""
    number = size.rstrip("KMGTi")
    try:
        return int(float(number) * _UNITS.get(size[len(number) :], 1))
    except (ValueError, OverflowError):
        return 0


CHECK = Check(
    id="storage-nearly-full",
    family="storage",
    severity="high",
    title="The storage of a server is nearly full",
    why="Uploads, mail and databases fail once it is full.",
    fix="Delete what is not needed, or order more storage.",
    table="server",
    reads=("project",),
    find=find,
)
