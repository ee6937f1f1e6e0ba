"""The records that callers hand in and get back."""

from __future__ import annotations

from math import inf
from typing import Literal

import msgspec

from .turn import Reason

Pace = Literal["burst", "smooth"]


class Policy(msgspec.Struct, frozen=True, kw_only=True, weakref=True):
    """How one caller wants to draw on a budget; callers of one budget may differ."""

    pace: Pace = "burst"
    """`burst` spends freely what is left of the window, `smooth` spreads it over the time left."""
    reserve: float = 0.0
    """Share of the limit, 0 to 1, that is left to others."""
    priority: int = 0
    """Higher goes first; equal ones in the order of asking. Above 0 a call goes ahead of the pace that is kept with
    other clients on the same budget."""
    max_wait: float | None = None
    """Seconds; a longer wait is an error instead."""
    max_rate: tuple[float, float] | None = None
    """A ceiling of its own, `(calls, seconds)`, whatever the server allows. Callers with the same one share it."""
    max_concurrency: int | None = None
    """Most calls in flight under this ceiling. Callers with the same one share it; calls of others do not count."""
    max_retry_wait: float = inf
    """Seconds; where the server asks for a longer pause in a `Retry-After`, calls fail instead of waiting."""


DEFAULT = Policy()


class RateLimitStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the request budget at this moment."""

    limit: int | None
    """Calls per window, as the server says; `None` before the first answer."""
    remaining: int | None
    """Calls left in this window after everything in flight."""
    resets_in: float | None
    """Seconds until the next window."""
    in_flight: int
    """Calls in flight."""
    waiting: int
    """Calls waiting for their turn."""
    throttled: int
    """Answers with status 429 so far."""
    others: int
    """Estimate of other clients drawing on the same budget."""
    taken_by_others: int
    """Calls in this window that were not ours."""
    paused: float = 0.0
    """Seconds until calls resume after a 429; 0 if nothing was refused lately."""

    def __str__(self) -> str:
        """One line for people: `2,940 of 3,000 requests left, 412 s to the next window`."""
        if self.limit is None or self.remaining is None:
            said = ["the request budget is not known yet"]
        else:
            said = [f"{self.remaining:,} of {self.limit:,} requests left"]
        if self.resets_in is not None:
            said.append(f"{self.resets_in:.0f} s to the next window")
        for number, what in ((self.in_flight, "under way"), (self.waiting, "waiting"), (self.throttled, "refused")):
            if number:
                said.append(f"{number:,} {what}")
        if self.taken_by_others:
            said.append(f"{self.taken_by_others:,} taken by others")
        if self.paused:
            said.append(f"paused for {self.paused:.0f} s after a 429")
        return ", ".join(said)


class RateLimitWait(msgspec.Struct, frozen=True, kw_only=True):
    """A call has to wait for its turn."""

    route: str
    reason: Reason
    """What it waits for: the first answer, the next window, the end of a pause after a 429, the even pace or others,
    the ceilings of its policy, or those who came before."""
    expected: float | None
    """Seconds it will probably take; `None` where nothing can tell."""
