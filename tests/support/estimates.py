"""Estimates of a budget with some history."""

from __future__ import annotations

from mittwald_async.runtime.operation import RateLimit
from mittwald_async.runtime.ratelimit.estimate import Estimate


def told(remaining: int, reset: float, limit: int = 100) -> RateLimit:
    return RateLimit(limit, remaining, reset)


def opened(remaining: int = 99, reset: float = 10, limit: int = 100, at: float = 0.0) -> Estimate:
    """A window whose first response came at `at`."""
    estimate = Estimate(random=lambda: 0.0)
    estimate.answered(at, at, told(remaining, reset, limit), estimate.sent(at))
    return estimate


def alone() -> Estimate:
    """A lone client that made 65 calls and knows that it is alone; 83 of 100 remain."""
    estimate = opened(remaining=147, limit=148)
    for used in range(64):
        estimate.answered(0.0, 0.0, told(146 - used, 10, 148 if used < 63 else 100), estimate.sent(0.0))
    assert (estimate.floor, estimate.limit, estimate.others.foreign) == (83, 100, 0)
    return estimate
