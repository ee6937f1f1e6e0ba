"""The ceilings of a caller's own, whatever the server allows: calls at a time, and calls per second. No clock, no
tasks."""

from __future__ import annotations

from math import inf

from .policy import Policy
from .turn import Turn

_SHARE_AT_ONCE = 20
"""One in so many of the `calls` of a rate may go at once: a cap that starts with a burst of everything is not even."""
_BLOCKED = Turn(inf, "concurrency")
_FREE = Turn(-inf)


class RateCap:
    """`calls` per `seconds`, evenly, with bursts of at most a twentieth (the generic cell rate algorithm)."""

    __slots__ = ("_burst", "_due", "_gap")

    def __init__(self, calls: float, seconds: float) -> None:
        self._gap = seconds / calls
        self._burst = (max(1.0, calls / _SHARE_AT_ONCE) - 1.0) * self._gap
        self._due = -inf

    def ready_at(self) -> float:
        """The instant from which the next call may go."""
        return self._due - self._burst

    def take(self, now: float) -> None:
        """A call goes now."""
        self._due = max(now, self._due) + self._gap


class Ceilings:
    """What was called under which ceiling. Callers with the same ceiling share it; all others do not count."""

    __slots__ = ("_in_flight", "_rates")

    def __init__(self) -> None:
        self._in_flight: dict[int, int] = {}
        self._rates: dict[tuple[float, float], RateCap] = {}

    def turn(self, policy: Policy) -> Turn:
        """When the policy's own ceilings allow a call; `inf`: as soon as one under the same ceiling ends."""
        most = policy.max_concurrency
        if most is not None and self._in_flight.get(most, 0) >= most:
            return _BLOCKED
        if policy.max_rate is not None:
            return Turn(self._rate(policy.max_rate).ready_at(), "rate")
        return _FREE

    def enter(self, policy: Policy, now: float) -> None:
        """A call goes out under this policy."""
        if policy.max_concurrency is not None:
            self._in_flight[policy.max_concurrency] = self._in_flight.get(policy.max_concurrency, 0) + 1
        if policy.max_rate is not None:
            self._rate(policy.max_rate).take(now)

    def leave(self, policy: Policy) -> None:
        """It is over."""
        most = policy.max_concurrency
        if most is not None:
            left = self._in_flight[most] = self._in_flight[most] - 1
            if not left:
                del self._in_flight[most]

    def _rate(self, rate: tuple[float, float]) -> RateCap:
        found = self._rates.get(rate)
        if found is None:
            found = self._rates[rate] = RateCap(*rate)
        return found
