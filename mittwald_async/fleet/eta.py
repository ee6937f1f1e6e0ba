"""How long a fleet still takes: what its accounts need by their budgets, in as many places as there are."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from ..inventory.plan import BUDGET, seconds_for


class FleetEta(msgspec.Struct, frozen=True):
    """Time to go."""

    seconds: float
    at_least: bool
    """For some accounts the number of requests is not known yet."""


class AccountCost(msgspec.Struct, frozen=True):
    """What an account took, or took the last time."""

    requests: int
    budget: tuple[int, float] | None = None


def seconds_needed(cost: AccountCost, each: float) -> float:
    """The least time of an account: its requests at the speed seen, and the windows of its budget that it waits for."""
    working = cost.requests * each
    return max(working, seconds_for(cost.requests, cost.budget or BUDGET))


def _seconds_of_a_request(finished: Sequence[tuple[AccountCost, float]]) -> float | None:
    """What accounts took that did not wait for their budget. Where all did, the quickest tells most of what a request
    takes."""
    free = [
        seconds / cost.requests for cost, seconds in finished if not seconds_for(cost.requests, cost.budget or BUDGET)
    ]
    if free:
        return median(free)
    return min((seconds / cost.requests for cost, seconds in finished), default=None)


def estimate(
    *,
    under_way: Iterable[tuple[AccountCost | None, float]],
    waiting: Sequence[AccountCost | None],
    places: int,
    finished: Sequence[tuple[AccountCost, float]],
) -> FleetEta | None:
    """The time to go.

    Args:
        under_way: of each account that has begun, what it is expected to take and how long it has been at it.
        waiting: of each account that has not begun, what it is expected to take.
        places: how many accounts run at once.
        finished: what accounts took, and in how many seconds.

    Returns:
        `None` before anything is known of the speed.
    """
    each = _seconds_of_a_request([(cost, seconds) for cost, seconds in finished if cost.requests])
    if each is None:
        return None
    typical = AccountCost(
        round(median(cost.requests for cost, _ in finished)),
        next((cost.budget for cost, _ in finished if cost.budget is not None), None),
    )
    begun = list(under_way)
    guessed = any(cost is None for cost, _ in begun) or any(cost is None for cost in waiting)
    left = [seconds_needed(cost or typical, each) - since for cost, since in begun]
    # How long a late account takes is not known.
    guessed = guessed or any(seconds <= 0 for seconds in left)
    ends = [max(0.0, seconds) for seconds in left]
    last = max(ends, default=0.0)
    free = [0.0] * max(0, places - len(ends)) + ends
    heapq.heapify(free)
    for cost in waiting:
        end = heapq.heappop(free) + seconds_needed(cost or typical, each)
        last = max(last, end)
        heapq.heappush(free, end)
    return FleetEta(last, guessed)
