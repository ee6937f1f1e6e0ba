"""Which headers an API states its request budget in: a record that a profile hands to the limiter."""

from __future__ import annotations

from typing import Literal

import msgspec


class BudgetHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """Which headers state an API's request budget, and what its reset means. Other forms are not read.

    Raises:
        ValueError: a name is missing.
    """

    limit: str = "X-RateLimit-Limit"
    """Requests per window."""
    remaining: str = "X-RateLimit-Remaining"
    """Requests left in it."""
    reset: str = "X-RateLimit-Reset"
    """When the next window begins."""
    reset_is: Literal["seconds", "epoch"] = "seconds"
    """Seconds left, or seconds since 1970."""
    exempt: str | None = "X-RateLimit-Exempt"
    """A header that says `yes` on routes that draw on no budget; `None`: there is none."""
    structured: str | None = None
    """Instead of all of the above: the IETF draft's field, `RateLimit` (`"name";r=50;t=30`), beside `RateLimit-Policy`
    (`"name";q=100;w=60`); also as draft 7 has them (`limit=100, remaining=50, reset=30` beside `100;w=60`)."""

    def __post_init__(self) -> None:
        if self.structured is None and not (self.limit and self.remaining and self.reset):
            raise ValueError("BudgetHeaders needs a name for limit, remaining and reset")


X_RATELIMIT = BudgetHeaders()
"""`X-RateLimit-*` with the seconds left."""
X_RATELIMIT_EPOCH = BudgetHeaders(reset_is="epoch")
"""`X-RateLimit-*` with the reset as a timestamp."""
RATELIMIT = BudgetHeaders(
    limit="RateLimit-Limit", remaining="RateLimit-Remaining", reset="RateLimit-Reset", exempt=None
)
"""The older drafts of the IETF: three fields, seconds left."""
IETF = BudgetHeaders(structured="RateLimit")
"""The IETF drafts from 7 on: `RateLimit` and `RateLimit-Policy` as structured fields."""
