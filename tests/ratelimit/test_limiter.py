"""The limiter on a loop with virtual time: queueing, waking, cancelling, ceilings."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from mittwald_async.errors import RateLimitError
from mittwald_async.runtime.ratelimit import Limiter, Policy, RateLimitWait, Slot
from tests.support.clock import START, close_to, virtual

from ..support.limited_calls import call, headers


def now() -> float:
    return asyncio.get_running_loop().time() - START


async def opened(remaining: int = 50, reset: int = 10) -> Limiter:
    """A limiter whose window is known and which believes to be alone."""
    limiter = Limiter(random=lambda: 0.0)
    for n in range(65):
        await call(limiter, told=headers(remaining + 64 - n, reset, remaining + 65))
    assert limiter.status.others == 0
    return limiter


def take(limiter: Limiter, count: int) -> list[Slot]:
    slots = [limiter.try_acquire("r") for _ in range(count)]
    return [slot for slot in slots if slot is not None]


@virtual
async def test_first_call_alone_then_all_in_the_order_of_asking() -> None:
    limiter, went = Limiter(), list[int]()

    async def caller(number: int) -> None:
        slot = await limiter.acquire("r")
        went.append(number)
        await asyncio.sleep(1)
        slot.answered(200, {})
        slot.release()

    tasks = [asyncio.create_task(caller(n)) for n in range(20)]
    await asyncio.sleep(0.5)
    assert went == [0]
    assert limiter.status.waiting == 19
    await asyncio.gather(*tasks)
    assert went == list(range(20))
    assert close_to(now(), 2)


@virtual
async def test_a_used_up_window_waits_for_the_next_and_one_call_opens_it() -> None:
    limiter = await opened(remaining=5)
    slots = take(limiter, 10)
    assert len(slots) == 3  # Two are spread over what is left of the window.
    for n, slot in enumerate(slots):
        slot.answered(200, headers(4 - n, limit=70))
        slot.release()
    went: list[float] = []

    async def caller() -> None:
        slot = await limiter.acquire("r")
        went.append(now())
        await asyncio.sleep(0.1)
        slot.answered(
            200,
            headers(72 - len(went), limit=70)
            if went[-1] > 10
            else headers(2 - len(went), 5 if len(went) == 1 else 1, 70),
        )
        slot.release()

    await asyncio.gather(*(caller() for _ in range(5)))
    margin = 10 / 600
    assert [round(at - margin, 1) for at in went] == [5.0, 9.5, 10.0, 10.1, 10.1]


@virtual
async def test_higher_priority_goes_first() -> None:
    limiter, went = Limiter(), list[str]()
    first = await limiter.acquire("r")

    async def caller(name: str, priority: int) -> None:
        slot = await limiter.acquire("r", Policy(priority=priority))
        went.append(name)
        slot.release(sent=False)

    tasks = [asyncio.create_task(caller(f"bulk {n}", 0)) for n in range(3)]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(caller("interactive", 10)))
    await asyncio.sleep(0)
    first.answered(200, {})
    await asyncio.gather(*tasks)
    assert went == ["interactive", "bulk 0", "bulk 1", "bulk 2"]


@virtual
async def test_whoever_keeps_a_reserve_does_not_block_those_who_do_not() -> None:
    limiter = await opened(remaining=50)
    gentle = asyncio.create_task(limiter.acquire("r", Policy(reserve=0.9)))
    await asyncio.sleep(0)
    assert limiter.status.waiting == 1
    slot = await limiter.acquire("r")
    assert close_to(now(), 0)
    slot.release(sent=False)
    gentle.cancel()


@virtual
async def test_a_cancelled_waiter_gives_its_place_back() -> None:
    limiter = Limiter()
    first = await limiter.acquire("r")
    tasks = [asyncio.create_task(limiter.acquire("r")) for _ in range(200)]
    await asyncio.sleep(0)
    for task in tasks[:-1]:
        task.cancel()
    await asyncio.sleep(0)
    assert limiter.status.waiting == 1
    first.answered(200, {})
    slot = await tasks[-1]
    slot.release()
    assert (limiter.status.waiting, limiter.status.in_flight) == (0, 0)


@virtual
async def test_cancelled_between_its_turn_and_running_on_it_passes_the_turn_on() -> None:
    limiter = Limiter()
    first = await limiter.acquire("r")
    second, third = (asyncio.create_task(limiter.acquire("r", Policy(max_concurrency=1))) for _ in range(2))
    await asyncio.sleep(0)
    first.answered(200, {})  # The second one's turn has come, but it has not run yet.
    assert limiter.status.in_flight == 1
    second.cancel()
    slot = await third
    with pytest.raises(asyncio.CancelledError):
        await second
    slot.release(sent=False)
    assert limiter.status.in_flight == 0


@virtual
async def test_release_is_idempotent_and_answers_count_once() -> None:
    limiter = await opened()
    slot = await limiter.acquire("r")
    slot.answered(200, headers(49))
    slot.answered(429, {})
    slot.release()
    slot.release()
    late = await limiter.acquire("r")
    late.release()
    late.answered(429, {})
    assert (limiter.status.in_flight, limiter.status.throttled) == (0, 0)


@virtual
async def test_a_429_stops_everybody_then_one_probe_then_all() -> None:
    limiter, went = await opened(), list[float]()
    await call(limiter, 429)
    answers = iter([429, 200, 200, 200])

    async def caller() -> None:
        slot = await limiter.acquire("r")
        went.append(round(now(), 2))
        await asyncio.sleep(0.1)
        status = next(answers)
        slot.answered(status, headers(40, 7) if status == 200 else {})
        slot.release()

    await asyncio.gather(*(caller() for _ in range(4)))
    assert went == [1.0, 3.1, 3.2, 3.2]  # A step of one second, then of two.
    assert limiter.status.throttled == 2


@virtual
async def test_max_wait_raises_at_once_when_the_wait_is_known() -> None:
    limiter = await opened(remaining=2, reset=10)  # These two go in the middle and at the end of the window.
    with pytest.raises(RateLimitError, match="used up") as caught:
        await limiter.acquire("r", Policy(max_wait=4))
    assert close_to(now(), 0)
    assert caught.value.retry_after is not None
    assert close_to(caught.value.retry_after, 5 + 10 / 600)
    assert limiter.status.waiting == 0


@virtual
async def test_max_wait_raises_at_once_when_a_429_makes_the_wait_too_long() -> None:
    limiter = Limiter(random=lambda: 0.0)
    first = await limiter.acquire("r")
    hasty = [asyncio.create_task(limiter.acquire("r", max_wait=wait)) for wait in (0.5, 3.0)]
    await asyncio.sleep(0.1)
    first.answered(429, {})
    with pytest.raises(RateLimitError, match=r"would take 1\.0 s, 0\.5 s are allowed") as caught:
        await hasty[0]
    assert close_to(caught.value.retry_after or 0.0, 1.0)
    assert close_to(now(), 0.1)
    (await hasty[1]).release()
    assert close_to(now(), 1.1)


@virtual
async def test_max_wait_raises_in_time_when_nobody_could_tell() -> None:
    limiter = Limiter()
    first = await limiter.acquire("r")
    with pytest.raises(RateLimitError) as caught:
        await limiter.acquire("r", Policy(max_wait=9), max_wait=2)
    assert close_to(now(), 2)
    assert caught.value.retry_after is None
    first.release()


@virtual
async def test_observers_learn_why_and_how_long() -> None:
    limiter, seen = Limiter(random=lambda: 0.0), list[RateLimitWait]()
    first = await limiter.acquire("r")
    tasks = [asyncio.create_task(limiter.acquire("r", on_wait=seen.append))]
    await asyncio.sleep(0)
    first.answered(429, {})
    tasks.append(asyncio.create_task(limiter.acquire("r", on_wait=seen.append)))
    await asyncio.sleep(0)
    assert [wait.reason for wait in seen] == ["opening", "refused"]
    assert seen[0].expected is None
    assert close_to(seen[1].expected or 0, 1.0)
    for task in tasks:
        task.cancel()


@virtual
async def test_an_observer_that_fails_leaves_nothing_behind() -> None:
    limiter = Limiter()
    first = await limiter.acquire("r")

    def broken(wait: RateLimitWait) -> None:
        raise ValueError(wait.reason)

    with pytest.raises(ValueError, match="opening"):
        await limiter.acquire("r", on_wait=broken)
    assert limiter.status.waiting == 0
    first.release()


@virtual
async def test_reasons_of_ceilings_pace_and_windows() -> None:
    limiter, seen = await opened(remaining=52), list[RateLimitWait]()
    policies = [Policy(max_concurrency=1), Policy(max_rate=(1, 60)), Policy(pace="smooth"), Policy(reserve=1.0)]
    held = await limiter.acquire("r", policies[0])
    (await limiter.acquire("r", policies[1])).release(sent=False)
    (await limiter.acquire("r", policies[2])).release(sent=False)
    tasks = [asyncio.create_task(limiter.acquire("r", policy, on_wait=seen.append)) for policy in policies]
    await asyncio.sleep(0)
    assert [wait.reason for wait in seen] == ["concurrency", "rate", "pace", "window"]
    held.release(sent=False)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert limiter.status.waiting == 0


@virtual
async def test_max_concurrency_is_kept() -> None:
    limiter, most = Limiter(), 0
    await call(limiter)
    policy = Policy(max_concurrency=3)

    async def caller() -> None:
        nonlocal most
        slot = await limiter.acquire("r", policy)
        most = max(most, limiter.status.in_flight)
        await asyncio.sleep(1)
        slot.answered(200, {})
        slot.release()

    await asyncio.gather(*(caller() for _ in range(9)))
    assert most == 3
    assert close_to(now(), 3)


@virtual
async def test_max_rate_is_an_even_ceiling_without_a_burst_at_the_start() -> None:
    limiter, went = Limiter(), list[float]()
    await call(limiter)
    policy = Policy(max_rate=(10, 1))
    for _ in range(31):
        slot = await limiter.acquire("r", policy)
        went.append(now())
        slot.answered(200, {})
        slot.release()
    assert close_to(went[-1], 3.0, 1e-3)
    assert all(later - sooner > 0.0999 for sooner, later in pairwise(went))


@virtual
async def test_smooth_takes_the_whole_window() -> None:
    limiter, went = await opened(remaining=20, reset=10), list[float]()
    for n in range(20):
        slot = await limiter.acquire("r", Policy(pace="smooth"))
        went.append(now())
        slot.answered(200, headers(19 - n, max(0, int(10.99 - now())), 37))
        slot.release()
    assert 9.0 < went[-1] <= 10.0
    gaps = [later - sooner for sooner, later in pairwise(went)]
    assert max(gaps) < 0.6


@virtual
async def test_a_route_with_a_budget_of_its_own_blocks_nobody_else() -> None:
    limiter = await opened(remaining=50)
    await call(limiter, told=headers(1, 600, 5), route="login")
    held = [limiter.try_acquire("login") for _ in range(3)]
    assert None in held
    assert limiter.try_acquire("r") is not None
    assert limiter.status.limit == 115


@virtual
async def test_exempt_routes_wait_for_nothing() -> None:
    limiter = await opened(remaining=2)
    waiting = [asyncio.create_task(limiter.acquire("ping")) for _ in range(3)]
    await asyncio.sleep(0)
    assert limiter.status.waiting == 3
    late = await asyncio.wait_for(_answer_exempt(waiting), 60)
    assert late > 5
    for _ in range(100):
        slot = limiter.try_acquire("ping")
        assert slot is not None
        slot.answered(200, {"x-ratelimit-exempt": "yes"})
        slot.release()
    assert limiter.status.in_flight == 0


async def _answer_exempt(waiting: list[asyncio.Task[Slot]]) -> float:
    """The first one's answer shows that the route is exempt; that lets the others go."""
    first = await waiting[0]
    first.answered(200, {"x-ratelimit-exempt": "yes"})
    first.release()
    for task in waiting[1:]:
        slot = await task
        slot.answered(200, {"x-ratelimit-exempt": "yes"})
        slot.release()
    return now()


@virtual
async def test_a_first_call_that_hangs_does_not_stop_the_world() -> None:
    limiter = Limiter()
    hanging = await limiter.acquire("r")
    slot = await limiter.acquire("r")
    assert close_to(now(), 5)
    slot.answered(200, {})
    (await limiter.acquire("r")).release()
    assert close_to(now(), 5)
    hanging.release()


@virtual
async def test_patience_with_the_first_call_is_not_held_against_those_who_wait_for_it() -> None:
    limiter = Limiter()
    first = await limiter.acquire("r")
    # Each one that comes looks at the queue anew; that the first answer may take five seconds is no reason to give up.
    tasks = [asyncio.create_task(limiter.acquire("r", Policy(max_wait=2))) for _ in range(3)]
    await asyncio.sleep(0.1)
    first.answered(200, {})
    assert [slot.policy.max_wait for slot in await asyncio.gather(*tasks)] == [2, 2, 2]
    assert close_to(now(), 0.1)


@virtual
async def test_a_reserve_that_is_reached_is_certain_even_for_a_newcomer() -> None:
    limiter = Limiter()
    await call(limiter, told=headers(50, 600))
    take(limiter, 3)
    with pytest.raises(RateLimitError):
        await limiter.acquire("r", Policy(reserve=0.5), max_wait=5)
    assert close_to(now(), 0)


@virtual
async def test_a_newcomers_few_calls_under_way_are_not_held_against_those_who_wait() -> None:
    limiter = Limiter()
    await call(limiter, told=headers(99))
    held = take(limiter, 67)
    assert limiter.try_acquire("r") is None
    task = asyncio.create_task(limiter.acquire("r", Policy(max_wait=1)))
    another = asyncio.create_task(limiter.acquire("r", Policy(max_wait=1)))
    await asyncio.sleep(0.5)
    for n, slot in enumerate(held):
        slot.answered(200, headers(98 - n))
    await asyncio.gather(task, another)
    assert close_to(now(), 0.5)


@virtual
async def test_a_wait_that_is_just_short_enough_is_waited() -> None:
    limiter = await opened(remaining=20, reset=10)
    smooth = Policy(pace="smooth")
    (await limiter.acquire("r", smooth)).release(sent=False)
    begin = now()  # About half a second from one call to the next.
    (await limiter.acquire("r", smooth, max_wait=0.5)).release(sent=False)
    assert 0.4 < now() - begin < 0.5
    with pytest.raises(RateLimitError):
        await limiter.acquire("r", smooth, max_wait=0.4)


@virtual
async def test_whoever_waits_for_the_next_window_is_told_which_one_it_will_be() -> None:
    limiter, seen = await opened(remaining=50, reset=10), list[RateLimitWait]()
    policy = Policy(reserve=1.0)  # Nothing of this window.
    tasks = [asyncio.create_task(limiter.acquire("r", policy, on_wait=seen.append)) for _ in range(231)]
    await asyncio.sleep(0)
    waits = [wait.expected or 0 for wait in seen]
    assert close_to(waits[0], 10 + 10 / 600)
    assert close_to(waits[114], waits[0])  # 115 calls fit into each window.
    assert close_to(waits[115], waits[0] + 10)
    assert close_to(waits[230], waits[0] + 20)
    for task in tasks:
        task.cancel()


@virtual
async def test_each_may_have_a_patience_of_its_own_without_a_queue_of_its_own() -> None:
    limiter, went = Limiter(), list[int]()
    first = await limiter.acquire("r")

    async def caller(number: int) -> None:
        slot = await limiter.acquire("r", Policy(max_wait=60 + number))
        went.append(number)
        slot.release(sent=False)

    tasks = [asyncio.create_task(caller(n)) for n in range(3000)]
    await asyncio.sleep(0)
    waiting = limiter.routes.common.everybody()
    assert [slot.policy.max_wait for slot in waiting] == [60 + n for n in range(3000)]
    assert len({slot.terms for slot in waiting}) == 1
    for slot in waiting:
        slot.move(limiter.routes.common)
    first.answered(200, {})
    await asyncio.gather(*tasks)
    assert went == list(range(3000))


@virtual
async def test_a_429_that_says_how_long_stops_everybody_so_long() -> None:
    limiter = await opened()
    slot = await limiter.acquire("r")
    assert limiter.status.paused == 0
    slot.answered(429, {"Retry-After": "4"})
    slot.release()
    assert close_to(limiter.status.paused, 4.0)
    await call(limiter, told=headers(49))
    assert close_to(now(), 4.0)
    assert limiter.status.paused == 0


@virtual
async def test_the_reserve_is_kept_in_both_paces() -> None:
    for pace in ("burst", "smooth"):
        limiter = await opened(remaining=35)  # Of a hundred, ninety as of now.
        policy = Policy(reserve=0.2, pace="smooth" if pace == "smooth" else "burst")
        begin, went = now(), 0
        left = 35
        while now() < begin + 9.9:
            try:
                slot = await limiter.acquire("r", policy, max_wait=max(0.01, begin + 9.9 - now()))
            except RateLimitError:
                break
            went, left = went + 1, left - 1
            slot.answered(200, headers(left, max(1, int(begin + 10.99 - now())), 100))
            slot.release()
        assert went == 35 - 20, pace
        await asyncio.sleep(30)


@virtual
async def test_a_rate_and_a_concurrency_hold_together() -> None:
    limiter, most, went = Limiter(), 0, list[float]()
    await call(limiter)
    policy = Policy(max_rate=(10, 1), max_concurrency=2)

    async def caller() -> None:
        nonlocal most
        slot = await limiter.acquire("r", policy)
        went.append(now())
        most = max(most, limiter.in_flight)
        await asyncio.sleep(0.5)
        slot.answered(200, {})
        slot.release()

    await asyncio.gather(*(caller() for _ in range(12)))
    assert most == 2
    assert close_to(went[-1], 2.5 + 0.1, 0.05)  # Two at a time, half a second each: slower than the rate.
    assert all(later - sooner > 0.0999 for sooner, later in pairwise(sorted(went)))


@virtual
async def test_without_headers_nothing_ever_waits_after_the_first_answer() -> None:
    limiter = Limiter()
    await call(limiter)
    slots = take(limiter, 1000)
    assert len(slots) == 1000
    for slot in slots:
        slot.answered(200, {})
        slot.release()
    assert len(take(limiter, 1000)) == 1000
    assert close_to(now(), 0)


@virtual
async def test_a_limit_of_one_lets_one_call_through_per_window() -> None:
    limiter, went = Limiter(), list[float]()
    end = 0.0
    for _ in range(4):
        slot = await limiter.acquire("r")
        went.append(now())
        end = now() + 10
        slot.answered(200, headers(0, 10, 1))
        slot.release()
    assert [round(at) for at in went] == [0, 10, 20, 30]
    assert end < 41


@virtual
async def test_a_limit_of_nothing_stops_nobody() -> None:
    limiter = Limiter()
    for _ in range(5):
        await call(limiter, told=headers(0, 600, 0))
    assert close_to(now(), 0)
