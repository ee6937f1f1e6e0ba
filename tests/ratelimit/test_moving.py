"""A waiter that is cancelled while routes are reassigned to budgets takes no other waiter's place with it."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from mittwald_async.errors import RateLimitError
from mittwald_async.runtime.ratelimit import Limiter, Policy, Slot
from tests.support.clock import run_virtual, virtual


def headers(limit: int, remaining: int) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": "10",
    }


def answer(slot: Slot, limit: int, remaining: int) -> None:
    slot.answered(200, headers(limit, remaining))
    slot.release()


@virtual
async def test_a_waiter_cancelled_during_reassignment_loses_no_other_waiters_place() -> None:
    limiter = Limiter(random=lambda: 0.0)
    for _ in range(2):
        answer(await limiter.acquire("a"), 100, 99)
    last, other = await limiter.acquire("a"), await limiter.acquire("b")
    answer(last, 100, 0)
    waiting = [asyncio.create_task(limiter.acquire("a")) for _ in range(3)]
    await asyncio.sleep(1)
    assert limiter.status.waiting == 3

    waiting[0].cancel()  # It is notified only after the next response.
    answer(other, 7, 5)
    await asyncio.sleep(1)
    assert limiter.status.waiting == 2

    for task in waiting[1:]:
        answer(await asyncio.wait_for(task, 30), 100, 90)
    assert waiting[0].cancelled()
    assert limiter.status.waiting == limiter.status.in_flight == 0
    answer(await asyncio.wait_for(limiter.acquire("a"), 30), 100, 89)


class Scattered:
    """A server with a budget per kind of route, which it reassigns now and then."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.limits = {route: dice.choice((5, 7, 20)) for route in "abcd"}
        self.used: Counter[int] = Counter()
        self.end = 0.0

    def answer(self, route: str, now: float) -> tuple[int, dict[str, str]]:
        if now >= self.end:
            self.end, self.used = now + 5, Counter()
        if self.dice.random() < 0.03:
            self.limits[self.dice.choice("abcd")] = self.dice.choice((5, 7, 20, 0))
        limit = self.limits[route]
        if not limit:
            return 200, {"x-ratelimit-exempt": "yes"}
        if self.used[limit] >= limit or self.dice.random() < 0.01:
            return 429, {}
        self.used[limit] += 1
        told = headers(limit, limit - self.used[limit])
        return 200, {**told, "x-ratelimit-reset": str(math.ceil(self.end - now))}


async def called(
    limiter: Limiter, server: Scattered, dice: random.Random, everybody: Sequence[asyncio.Task[None]]
) -> None:
    """One call. Just before its response some of the others are cancelled, and are notified after the response."""
    route, loop = dice.choice("abcd"), asyncio.get_running_loop()
    policy = Policy(
        priority=dice.choice((0, 0, 5)),
        max_wait=dice.choice((None, None, 0.5, 30.0)),
        max_concurrency=dice.choice((None, None, 3)),
        reserve=dice.choice((0.0, 0.2)),
    )
    slot = await limiter.acquire(route, policy)
    try:
        await asyncio.sleep(dice.random() / 5)
        if dice.random() < 0.1:
            for task in dice.sample(everybody, len(everybody) // 8):
                task.cancel()
        slot.answered(*server.answer(route, loop.time()))
        await asyncio.sleep(dice.random() / 10)
    finally:
        slot.release(sent=dice.random() < 0.5)


@pytest.mark.parametrize("seed", range(25))
def test_storms_of_cancellations_during_reassignment_leave_nothing_and_stop_no_call(seed: int) -> None:
    async def storm() -> None:
        dice = random.Random(seed)
        limiter, server = Limiter(random=dice.random), Scattered(dice)
        tasks: list[asyncio.Task[None]] = []
        for _ in range(60):
            tasks += [asyncio.create_task(called(limiter, server, dice, tasks)) for _ in range(dice.randrange(12))]
            await asyncio.sleep(dice.random() / 3)
        ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 3600)
        assert {type(each) for each in ended} <= {type(None), asyncio.CancelledError, RateLimitError}
        status = limiter.status
        assert (status.waiting, status.in_flight, limiter.busy) == (0, 0, set())
        assert [budget.estimate.in_flight for budget in limiter.routes.all()] == [0] * len(limiter.routes.all())
        for route in "abcd":
            answer(await asyncio.wait_for(limiter.acquire(route), 3600), 20, 19)

    run_virtual(storm())
