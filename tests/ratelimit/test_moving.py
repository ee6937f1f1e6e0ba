"""Whoever waits while routes are sorted anew, and gives up in that very moment, takes nobody else's place along."""

from __future__ import annotations

import asyncio

from mittwald_async.transport.ratelimit import Limiter, Slot
from tests.support.clock import virtual


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
async def test_a_waiter_cancelled_while_routes_are_sorted_anew_loses_nobody_elses_place() -> None:
    limiter = Limiter(random=lambda: 0.0)
    for _ in range(2):
        answer(await limiter.acquire("a"), 100, 99)
    last, other = await limiter.acquire("a"), await limiter.acquire("b")
    answer(last, 100, 0)
    waiting = [asyncio.create_task(limiter.acquire("a")) for _ in range(3)]
    await asyncio.sleep(1)
    assert limiter.status.waiting == 3

    waiting[0].cancel()  # It hears of it only after the answer that follows.
    answer(other, 7, 5)
    await asyncio.sleep(1)
    assert limiter.status.waiting == 2

    for task in waiting[1:]:
        answer(await asyncio.wait_for(task, 30), 100, 90)
    assert waiting[0].cancelled()
    assert limiter.status.waiting == limiter.status.in_flight == 0
    answer(await asyncio.wait_for(limiter.acquire("a"), 30), 100, 89)
