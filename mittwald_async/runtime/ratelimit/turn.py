"""The value that the estimate gives the scheduler: when the next call may go, and why not before."""

from __future__ import annotations

from typing import Literal

import msgspec

Reason = Literal["opening", "window", "refused", "pace", "rate", "concurrency", "queue"]


class Turn(msgspec.Struct, frozen=True, gc=False):
    """The instant from which one more call may go."""

    at: float
    """On the limiter's clock; not after now: at once. `inf`: a call that ends will tell."""
    reason: Reason = "queue"
    """What a call waits for until then."""
    gap: float = 0.0
    """Seconds between two calls while they are paced, else 0."""
    sure: bool = True
    """False: `at` is only the end of our patience; an answer will tell, most likely much sooner."""
    demanded: bool = False
    """Whether the server itself named this pause, in a `Retry-After`."""
