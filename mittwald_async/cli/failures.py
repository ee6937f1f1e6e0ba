"""Failures, and what is unknown for that, for people: grouped by what failed and why, with counts and one example."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..inventory import Failure, Undecided
from .output import count

_VARYING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[a-z]{1,3}-[a-z0-9]{4,12}\b|\b[0-9a-f]{16,}\b"
)
"""Ids and traces: what differs between messages that say the same."""


def grouped(failures: Iterable[Failure]) -> Iterator[str]:
    """A line for each resource and reason, the most frequent first."""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((failure.resource, _alike(failure.error, failure.owner)), []).append(failure)
    for (resource, _), found in sorted(groups.items(), key=lambda pair: -len(pair[1])):
        if len(found) == 1:
            yield str(found[0])
        else:
            yield f"{resource}: {count(len(found), 'list')}, such as that of {found[0].owner}: {found[0].error}"


def grouped_unknown(unknown: Iterable[Undecided], *, several: bool) -> Iterator[str]:
    """A line for each resource, sweep and reason, in the order they come.

    Args:
        unknown: what a diff could not tell.
        several: the accounts are named.
    """
    groups: dict[tuple[object, ...], list[Undecided]] = {}
    for one in unknown:
        kind = (one.account, one.resource, one.sweep, one.maybe, _alike(one.reason, one.owner))
        groups.setdefault(kind, []).append(one)
    for found in groups.values():
        first = found[0]
        maybe = f", maybe {first.maybe}" if first.maybe else ""
        own = first.id or first.key if first.maybe else first.owner
        if len(found) > 1:
            many = count(len(found), "item" if first.maybe else "list")
            what = f": {many}{maybe}" + (f", such as {'' if first.maybe else 'that of '}{own}" if own else "")
        else:
            what = (f" {'' if first.maybe else 'of '}{own}" if own else "") + maybe
        where = "" if first.reason.startswith("sweep ") else f" (sweep {first.sweep})"
        yield f"{first.account + ': ' if several else ''}{first.resource}{what}: {first.reason}{where}"


def _alike(reason: str, owner: str | None) -> str:
    """A reason without what differs between lists that failed for the same."""
    plain = _VARYING.sub("…", reason)
    return plain.replace(owner, "…") if owner else plain
