"""Uses the whole request budget and never more, also together with others who draw on it.

`headers` reads, `window` computes, `edge` learns how the reset is rounded, `company` and `share` how much others take,
`pause` stops after a 429, `scopes` sorts routes, `budget` queues, `bucket` is the static ceiling, `limiter` is what
callers hold.
"""

from __future__ import annotations

from .headers import read_headers
from .limiter import Limiter, Limiters, Slot
from .policy import Policy, RateLimitStatus, RateLimitWait

__all__ = [
    "Limiter",
    "Limiters",
    "Policy",
    "RateLimitStatus",
    "RateLimitWait",
    "Slot",
    "read_headers",
]
