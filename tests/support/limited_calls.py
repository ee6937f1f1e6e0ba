"""Calls that a limiter grants, and the server's responses to them."""

from __future__ import annotations

from mittwald_async.runtime.ratelimit import Limiter
from mittwald_async.runtime.ratelimit.estimate import Estimate


def headers(remaining: int, reset: int = 10, limit: int = 100) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(reset),
    }


async def call(limiter: Limiter, status: int = 200, told: dict[str, str] | None = None, route: str = "r") -> None:
    slot = await limiter.acquire(route)
    slot.answered(status, told or {})
    slot.release()


def when(estimate: Estimate, now: float, reserve: float = 0.0, smooth: bool = False) -> float:
    """The instant from which one more call may go."""
    return estimate.next_turn(now, reserve, smooth).at
