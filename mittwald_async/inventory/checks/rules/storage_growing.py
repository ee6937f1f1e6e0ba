"""The storage of a project grew by more than a quarter since the previous sweep."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from ..check import Check, Hit, InventoryReader

_LEAST = 1 << 30
"""Bytes of growth that are reported at least: small projects double all the time."""
_SHARE = 0.25


def find(state: InventoryReader) -> Iterator[Hit]:
    # Only what has changed can have grown: versions that were valid at the sweep before and have ended since. The plus
    # keeps SQLite to the index of those.
    ended = state.query(
        "SELECT h.account, h.key, h.web_storage_usage_in_bytes FROM state_sweep s CROSS JOIN main.v_project_history h "
        "WHERE +h.account = s.account AND +h.from_sweep <= s.previous AND h.to_sweep > s.previous"
    )
    before = {(account, key): size for account, key, size in ended if isinstance(size, int)}
    if not before:
        return
    used = "r.web_storage_usage_in_bytes"
    keys = msgspec.json.encode([key for _, key in before]).decode()
    for hit in state.hits(
        "project",
        "r.short_id || coalesce(' ' || r.description, '')",
        used,
        f"r.key IN (SELECT value FROM json_each(:keys)) AND typeof({used}) = 'integer'",
        keys=keys,
    ):
        old, new = before.get((hit.account, hit.key)), int(hit.detail)
        if old is not None and new - old >= max(_LEAST, _SHARE * old):
            yield replace(hit, detail=f"from {old / _LEAST:.1f} to {new / _LEAST:.1f} GiB")


CHECK = Check(
    id="storage-growing",
    family="storage",
    severity="medium",
    title="The storage of a project grew by more than a quarter since the previous sweep",
    why="A runaway log, a loop of uploads or a compromised site fills the server.",
    fix="Look at what grew: the file system, databases, mailboxes.",
    table="project",
    find=find,
)
