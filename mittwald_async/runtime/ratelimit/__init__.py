"""Uses the whole request budget and never more, also together with others who draw on it.

Two halves, and a value between them. The *estimate* says when the next call may go (a `Turn`): `headers` and
`ietf_headers` are read, `estimate` draws the picture, `reset_skew` learns how the reset is rounded, `contention` and
`consumption` how much others take, `backoff` what follows a 429. All of it is pure. The *scheduler* says whose turn
that is: `scheduler` queues, `ceilings` hold callers to limits of their own, `alarm` wakes them. `route_budgets` sorts
routes, `limiter` is what callers hold. Every constant is in `tuning`.
"""

from __future__ import annotations

from ..budget_headers import IETF, RATELIMIT, X_RATELIMIT, X_RATELIMIT_EPOCH, BudgetHeaders
from .headers import HeaderReader
from .limiter import Limiter, Limiters, QueuedCall, Slot
from .policy import Policy, RateLimitStatus, RateLimitWait
from .tuning import TUNING, Tuning

__all__ = [
    "IETF",
    "RATELIMIT",
    "TUNING",
    "X_RATELIMIT",
    "X_RATELIMIT_EPOCH",
    "BudgetHeaders",
    "HeaderReader",
    "Limiter",
    "Limiters",
    "Policy",
    "QueuedCall",
    "RateLimitStatus",
    "RateLimitWait",
    "Slot",
    "Tuning",
]
