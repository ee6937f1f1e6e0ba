"""Situations that once blocked calls without reason, each with the right outcome."""

from __future__ import annotations

import asyncio
import gc
from itertools import pairwise

import pytest

from mittwald_async.errors import RateLimitError
from mittwald_async.runtime.ratelimit import Limiter, Limiters, Policy, Slot, Tuning
from tests.support.clock import START, close_to, run_virtual, virtual

from ..support.limited_calls import call, headers


def now() -> float:
    return asyncio.get_running_loop().time() - START


async def opened(limiter: Limiter, route: str = "r", limit: int = 5000) -> None:
    """The window is known, and no other client uses the budget."""
    for used in range(70):
        await call(limiter, told=headers(limit - used, 600, limit), route=route)


@virtual
async def test_a_ceiling_counts_only_calls_made_under_it() -> None:
    """A clone with `max_concurrency=8` beside 16 busy workers (ouroboros#398) made 2 calls while they made 2,097."""
    limiter, made = Limiter(), {"workers": 0, "clone": 0}
    await call(limiter)
    most = 0
    under = 0

    async def work(name: str, policy: Policy) -> None:
        nonlocal most, under
        while now() < 20:
            slot = limiter.try_acquire("r", policy) or await limiter.acquire("r", policy)
            made[name] += 1
            under += name == "clone"
            most = max(most, under)
            await asyncio.sleep(0.1)
            under -= name == "clone"
            slot.answered(200, {})
            slot.release()

    private = Policy(max_concurrency=8)
    await asyncio.gather(*(work("workers", Policy()) for _ in range(16)), *(work("clone", private) for _ in range(16)))
    assert most == 8
    assert made["clone"] == pytest.approx(8 * 200, rel=0.02)
    assert made["workers"] == pytest.approx(16 * 200, rel=0.02)


@virtual
async def test_two_different_ceilings_do_not_count_each_other() -> None:
    limiter = Limiter()
    await call(limiter)
    small = [limiter.try_acquire("r", Policy(max_concurrency=2)) for _ in range(3)]
    large = [limiter.try_acquire("r", Policy(max_concurrency=3)) for _ in range(4)]
    assert [slot is None for slot in small] == [False, False, True]
    assert [slot is None for slot in large] == [False, False, False, True]


@virtual
async def test_a_route_that_always_returns_429_blocks_only_itself() -> None:
    limiter, made = Limiter(random=lambda: 0.0), {"bad": 0, "good": 0}
    await opened(limiter, "good")
    left = 4931

    async def work(route: str) -> None:
        nonlocal left
        while now() < 20:
            slot = limiter.try_acquire(route) or await limiter.acquire(route)
            made[route] += 1
            await asyncio.sleep(0.1)
            if route == "bad":
                slot.answered(429, {})
            else:
                left -= 1
                slot.answered(200, headers(left, int(600.99 - now()), 5000))
            slot.release()

    tasks = [asyncio.create_task(work(route)) for route in ("good", "good", "bad", "bad", "bad")]
    await asyncio.sleep(20.5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert made["good"] == pytest.approx(2 * 200, rel=0.03)
    assert made["bad"] <= 3 + 5  # All at first, then one after 1, 2, 4 and 8 seconds.
    assert (limiter.status.in_flight, limiter.status.waiting) == (0, 0)


@virtual
async def test_a_route_with_retry_after_pauses_alone_and_resumes() -> None:
    limiter = Limiter(random=lambda: 0.0)
    await opened(limiter)
    await call(limiter, 429, {"retry-after": "7"}, route="slow")
    assert limiter.try_acquire("slow") is None
    await call(limiter, told=headers(4900, 590, 5000))
    assert close_to(now(), 0)
    assert limiter.status.paused == pytest.approx(7)
    await call(limiter, told=headers(4899, 580, 5000), route="slow")
    assert close_to(now(), 7)
    await call(limiter, told=headers(4898, 580, 5000), route="slow")
    assert limiter.refused_routes == {}
    assert limiter.status.paused == 0


@virtual
async def test_two_refused_routes_with_no_success_between_them_stop_all_calls() -> None:
    limiter = Limiter(random=lambda: 0.0)
    await opened(limiter)
    slots = [await limiter.acquire(route) for route in ("one", "two")]
    for slot in slots:
        slot.answered(429, {})
        slot.release()
    assert limiter.try_acquire("three") is None
    await call(limiter, told=headers(4900, 590, 5000), route="three")
    assert close_to(now(), 1.0)


@virtual
async def test_a_cancelled_waiter_under_a_rate_leaves_no_task() -> None:
    limiter, policy = Limiter(), Policy(max_rate=(1, 100))
    (await limiter.acquire("r", policy)).release()
    waiter = asyncio.create_task(limiter.acquire("r", policy))
    await asyncio.sleep(1)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert limiter.busy == set()


class Hand:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.time = 50.0
        self.sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self.sleepers.append((self.time + seconds, event))
        await event.wait()

    async def advance(self, seconds: float) -> None:
        self.time += seconds
        for at, event in self.sleepers:
            if at <= self.time:
                event.set()
        for _ in range(5):
            await asyncio.sleep(0)


async def test_an_injected_clock_governs_the_wait_for_the_budget() -> None:
    clock = Hand()
    limiter = Limiters.shared("hand", clock=clock)
    await call(limiter, told=headers(0, 600))
    waiter = asyncio.create_task(limiter.acquire("r"))
    await clock.advance(599)
    assert not waiter.done()
    await clock.advance(2)
    assert waiter.done()
    waiter.result().release()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_an_injected_clock_governs_max_wait_rates_and_pauses() -> None:
    clock = Hand()
    limiter = Limiter(clock=clock, random=lambda: 0.0)
    await call(limiter, told=headers(99, 600))
    await call(limiter, 429, {"Retry-After": "30"})
    impatient = asyncio.create_task(limiter.acquire("r", max_wait=40))
    await clock.advance(0)
    await clock.advance(29)
    assert not impatient.done()
    await clock.advance(2)
    slot = impatient.result()
    late = asyncio.create_task(limiter.acquire("r", max_wait=3))  # Waits behind the probing call.
    await clock.advance(0)
    await clock.advance(2)
    assert not late.done()
    await clock.advance(2)
    with pytest.raises(RateLimitError):
        late.result()
    slot.answered(200, headers(98, 500))
    slot.release()
    capped = Policy(max_rate=(1, 10))
    (await limiter.acquire("r", capped)).release(sent=False)
    second = asyncio.create_task(limiter.acquire("r", capped))
    await clock.advance(0)
    await clock.advance(9)
    assert not second.done()
    await clock.advance(1.5)
    assert second.done(), limiter.status
    second.result().release(sent=False)


@virtual
async def test_a_pause_longer_than_max_wait_raises_for_all_waiters() -> None:
    limiter, policy = Limiter(), Policy(max_retry_wait=120.0)
    first = await limiter.acquire("r", policy)
    waiting = [asyncio.create_task(limiter.acquire("r", policy)) for _ in range(3)]
    await asyncio.sleep(0.1)
    first.answered(429, {"Retry-After": "3600"})
    first.release()
    for task in waiting:
        with pytest.raises(RateLimitError, match="max_retry_wait"):
            await task
    with pytest.raises(RateLimitError, match="asks to wait 3600 s") as caught:
        await limiter.acquire("other", policy)
    assert caught.value.retry_after == pytest.approx(3600)
    assert close_to(now(), 0.1)
    assert (limiter.status.waiting, limiter.status.in_flight) == (0, 0)
    patient = await limiter.acquire("r", Policy(max_retry_wait=4000.0))
    assert close_to(now(), 3600.1)
    patient.release()


@virtual
async def test_a_short_pause_is_waited_for() -> None:
    limiter = Limiter()
    await call(limiter, 429, {"Retry-After": "100"})
    (await limiter.acquire("r", Policy(max_retry_wait=120.0))).release()
    assert close_to(now(), 100)


@virtual
async def test_a_reset_far_beyond_the_known_window_is_probed_after_one_window() -> None:
    limiter = Limiter()
    await call(limiter, told=headers(99, 600))
    await call(limiter, told=headers(0, 80_000))  # 22 hours.
    slot = await limiter.acquire("r")
    assert close_to(now(), 600, 1)
    slot.answered(200, headers(99, 600))
    slot.release()
    for left in range(98, 90, -1):
        await call(limiter, told=headers(left, 600))
    assert now() < 800  # The rest is shared with its other users, but calls continue.


@virtual
async def test_a_distant_reset_in_the_very_first_response_is_probed_at_growing_intervals() -> None:
    limiter, went = Limiter(), list[float]()
    await call(limiter, told=headers(0, 80_000))
    for _ in range(4):
        slot = await limiter.acquire("r")
        went.append(now())
        slot.answered(429, headers(0, int(80_000 - now())))
        slot.release()
    gaps = [later - sooner for sooner, later in pairwise(went)]
    assert went[0] < 80_000 / 10
    assert all(gap > 60 for gap in gaps)
    assert gaps == sorted(gaps)


def test_disabling_the_fast_path_changes_nothing() -> None:
    def run(tuning: Tuning) -> list[tuple[float, int | None]]:
        async def main() -> list[tuple[float, int | None]]:
            limiter, seen, left, end = (
                Limiter(random=lambda: 0.0, tuning=tuning),
                list[tuple[float, int | None]](),
                300,
                20.0,
            )
            held: list[Slot] = []
            for number in range(900):
                slot = limiter.try_acquire("r") or await limiter.acquire("r")
                if now() >= end:
                    left, end = 300, end + 20.0
                left -= 1
                held.append(slot)
                if number % 7 == 0:
                    await asyncio.sleep(0.01)
                while len(held) > number % 5:
                    one = held.pop(number % len(held))
                    one.answered(200, headers(left, int(end - now()) + 1, 300))
                    one.release()
                seen.append((round(now(), 6), limiter.status.remaining))
            return seen

        return run_virtual(main())

    assert run(Tuning()) == run(Tuning(fast_path=False))


@virtual
async def test_a_limiter_is_garbage_collected_with_its_last_waiter() -> None:
    limiter = Limiters.shared("kept")
    await call(limiter, told=headers(0, 600))
    waiter = asyncio.create_task(limiter.acquire("r"))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    del limiter, waiter
    await asyncio.sleep(0)
    gc.collect()
    assert Limiters.shared("kept").status.limit is None
