"""The storage of a project grew by more than a quarter since the sweep before."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..check import Check, Hit, InventoryReader

_LEAST = 1 << 30
"""Bytes of growth that are reported at least: small projects double all the time."""
_SHARE = 0.25


def find(state: InventoryReader) -> Iterator[Hit]:
    before: dict[tuple[str, str], int] = {}
    versions = state.query(
        "SELECT h.account, h.key, h.web_storage_usage_in_bytes FROM main.v_project_history h "
        "JOIN state_sweep s ON s.account = h.account "
        "WHERE h.from_sweep <= s.previous AND (h.to_sweep IS NULL OR h.to_sweep > s.previous) "
        "AND h.web_storage_usage_in_bytes IS NOT NULL"
    )
    for account, key, size in versions:
        before[account, key] = size
    used = "r.web_storage_usage_in_bytes"
    for hit in state.hits("project", "r.short_id || coalesce(' ' || r.description, '')", used, f"{used} IS NOT NULL"):
        old, new = before.get((hit.account, hit.key)), int(hit.detail)
        if old is not None and new - old >= max(_LEAST, _SHARE * old):
            yield replace(hit, detail=f"from {old / _LEAST:.1f} to {new / _LEAST:.1f} GiB")


CHECK = Check(
    id="storage-growing",
    family="storage",
    severity="medium",
    title="The storage of a project grew by more than a quarter since the sweep before",
    why="A runaway log, a loop of uploads or a compromised site fills the server.",
    fix="Look at what grew: the file system, databases, mailboxes.",
    table="project",
    find=find,
)
