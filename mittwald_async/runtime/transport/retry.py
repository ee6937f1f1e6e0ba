"""Whether a call may be repeated, and after how long. A table, small functions and one quota; nothing here sleeps.

In numbers: 3 retries; full jitter, attempt n sleeps `U(0, min(20, 0.5 * 2**n))` seconds (n from 0), so at most 0.5, 1
and 2 s; all such sleeps of one call together stay under 60 s. What the server asks for (`Retry-After`) is slept
instead, up to `max_retry_wait`. Repeated are, for GET, HEAD, OPTIONS, PUT and DELETE: 408 425 429 500 502 503 504, 520
to 527 and every connection error; for POST and PATCH: 429 (not executed) and errors where the request provably was not
sent. What another attempt cannot better, such as a certificate that is not accepted, is not repeated.
"""

from __future__ import annotations

from typing import Literal

from ..errors import CallTimeoutError, NotSentError, TransportError

IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
"""Methods that do no harm a second time."""

WhenRepeated = Literal["always", "idempotent"]

STATUSES: dict[int, WhenRepeated] = {
    408: "idempotent",
    425: "idempotent",
    429: "always",  # refused before it was executed
    500: "idempotent",
    502: "idempotent",
    503: "idempotent",
    504: "idempotent",
    **dict.fromkeys(range(520, 528), "idempotent"),  # of a proxy that does not reach the server behind it
}
"""Statuses that may be better the next time, and for which methods another attempt does no harm."""
ERRORS: dict[type[TransportError], WhenRepeated | None] = {
    CallTimeoutError: None,  # no time is left
    NotSentError: "always",
    TransportError: "idempotent",
}
"""The same for failures of the connection; the first class that fits counts."""

BASE, CAP = 0.5, 20.0
"""Seconds: the longest sleep before the first retry, doubled from retry to retry, and the longest of all."""
BUDGET = 60.0
"""Seconds all jittered sleeps of one call may take together."""


def maybe_carried_out(status: int) -> bool:
    """Can a request with this response have been carried out all the same? A proxy may say so, or a server that failed
    later."""
    return status == 408 or status >= 500


def repeats_status(method: str, status: int) -> bool:
    """Is a response with this status worth another attempt, and is that harmless?"""
    return _harmless(method, STATUSES.get(status))


def repeats_error(method: str, error: TransportError) -> bool:
    """Is a call that failed with this worth another attempt, and is that harmless?"""
    return not error.permanent and _harmless(
        method, next(when for kind, when in ERRORS.items() if isinstance(error, kind))
    )


def _harmless(method: str, when: WhenRepeated | None) -> bool:
    return when == "always" or (when == "idempotent" and method in IDEMPOTENT)


def jitter(retry: int, chance: float) -> float:
    """Seconds to sleep before retry number `retry` (from 0); `chance` is uniform in [0, 1)."""
    return chance * min(CAP, BASE * 2.0 ** min(retry, 32))


class Quota:
    """A bucket that keeps retries a small part of the traffic while the server is in trouble.

    A full bucket of 500 pays 100 retries at 5 each (10 after a timeout). A call that succeeds at once gives 1 back, one
    that succeeds after retries gives back what its last retry cost. Empty: errors are raised at once, without retry.
    """

    __slots__ = ("capacity", "tokens")

    RETRY = 5
    """Price of a retry."""
    TIMEOUT = 10
    """Price of a retry after a timeout, which has cost the server more."""

    def __init__(self, capacity: int = 500) -> None:
        self.capacity: int = capacity
        self.tokens: int = capacity

    def take(self, cost: int) -> bool:
        """Pay for a retry; False: no retry."""
        if cost > self.tokens:
            return False
        self.tokens -= cost
        return True

    def give(self, amount: int = 1) -> None:
        """A call succeeded."""
        self.tokens = min(self.capacity, self.tokens + amount)
