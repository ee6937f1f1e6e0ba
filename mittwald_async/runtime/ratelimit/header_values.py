"""What every form of the budget headers has in common: lines, bounds, and one complaint for each header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..logs import logger
from ..operation import RateLimit

MOST_REQUESTS = 10_000_000
"""A limit or remainder above this is ignored as invalid."""
MOST_SECONDS = 86_400.0
"""A reset further away than a day is ignored as invalid, so that a timestamp in its place stops no caller."""

_log = logger("ratelimit")
_complained: set[str] = set()


def lines_of(headers: Mapping[str, str], name: str) -> Sequence[str]:
    """A header line by line."""
    low = name.lower()
    return [value for key, value in headers.items() if key.lower() == low]


def least_left(every: Iterable[RateLimit | None]) -> RateLimit | None:
    """That of which least remains; those that do not say when it comes back only if no other does."""

    def rank(one: RateLimit) -> tuple[bool, bool, int]:
        return one.remaining is None, one.reset is None, one.remaining or 0

    return min((one for one in every if one is not None), key=rank, default=None)


def budget_of(name: str, most: int | None, left: int | None, until: float | None) -> RateLimit | None:
    if most == 0:  # A budget of nothing looks like a mistake, and believing it would stop every call.
        most = left = None
        complain(name, "0")
    if most is not None and left is not None and left > most:
        left = most
    if most is None and left is None and until is None:
        return None
    return RateLimit(most, left, until)


def complain(name: str, text: str) -> None:
    if name not in _complained:
        _complained.add(name)
        _log.warning("ignoring %s: %r (said once)", name, text[:80])
