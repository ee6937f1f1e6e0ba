"""Failures for people: grouped by what failed and why, with counts and one example."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..inventory import Failure
from .output import count

_VARYING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[a-z]{1,3}-[a-z0-9]{4,12}\b|\b[0-9a-f]{16,}\b"
)
"""Ids and traces: what differs between messages that say the same."""


def grouped(failures: Iterable[Failure]) -> Iterator[str]:
    """A line for each resource and reason, the most frequent first."""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        reason = _VARYING.sub("…", failure.error)
        if failure.owner:
            reason = reason.replace(failure.owner, "…")
        groups.setdefault((failure.resource, reason), []).append(failure)
    for (resource, _), found in sorted(groups.items(), key=lambda pair: -len(pair[1])):
        if len(found) == 1:
            yield str(found[0])
        else:
            yield f"{resource}: {count(len(found), 'list')}, such as that of {found[0].owner}: {found[0].error}"
