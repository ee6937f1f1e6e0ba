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
    """A limiter that knows its window and assumes to be the only client."""
    limiter = Limiter(random=lambda: 0.0)
    for n in range(65):
        await call(limiter, told=headers(remaining + 64 - n, reset, remaining + 65))
    assert limiter.status.others == 0
    return limiter


def take(limiter: Limiter, count: int) -> list[Slot]:
    slots = [limiter.try_acquire("r") for _ in range(count)]
    return [slot for slot in slots if slot is not None]


@virtual
async def test_the_first_call_goes_alone_then_all_in_order_of_arrival() -> None:
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
async def test_an_exhausted_window_waits_for_the_next_which_one_call_opens() -> None:
    limiter = await opened(remaining=5)
    slots = take(limiter, 10)
    assert len(slots) == 3  # Two are spread over the rest of the window.
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
async def test_calls_that_keep_a_reserve_do_not_block_those_that_do_not() -> None:
    limiter = await opened(remaining=50)
    gentle = asyncio.create_task(limiter.acquire("r", Policy(reserve=0.9)))
    await asyncio.sleep(0)
    assert limiter.status.waiting == 1
    slot = await limiter.acquire("r")
    assert close_to(now(), 0)
    slot.release(sent=False)
    gentle.cancel()


@virtual
async def test_a_cancelled_waiter_gives_up_its_place() -> None:
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
async def test_a_waiter_cancelled_after_its_turn_was_granted_passes_it_on() -> None:
    limiter = Limiter()
    first = await limiter.acquire("r")
    second, third = (asyncio.create_task(limiter.acquire("r", Policy(max_concurrency=1))) for _ in range(2))
    await asyncio.sleep(0)
    first.answered(200, {})  # The second one's turn was granted, but its task has not run yet.
    assert limiter.status.in_flight == 1
    second.cancel()
    slot = await third
    with pytest.raises(asyncio.CancelledError):
        await second
    slot.release(sent=False)
    assert limiter.status.in_flight == 0


@virtual
async def test_release_is_idempotent_and_responses_count_once() -> None:
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
async def test_a_429_stops_all_calls_then_one_probe_then_all() -> None:
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
async def test_max_wait_raises_immediately_when_the_wait_is_known() -> None:
    limiter = await opened(remaining=2, reset=10)  # These two go in the middle and at the end of the window.
    with pytest.raises(RateLimitError, match="used up") as caught:
        await limiter.acquire("r", Policy(max_wait=4))
    assert close_to(now(), 0)
    assert caught.value.retry_after is not None
    assert close_to(caught.value.retry_after, 5 + 10 / 600)
    assert limiter.status.waiting == 0


@virtual
async def test_max_wait_raises_immediately_when_a_429_makes_the_wait_too_long() -> None:
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
async def test_max_wait_raises_in_time_when_the_wait_is_unknown() -> None:
    limiter = Limiter()
    first = await limiter.acquire("r")
    with pytest.raises(RateLimitError) as caught:
        await limiter.acquire("r", Policy(max_wait=9), max_wait=2)
    assert close_to(now(), 2)
    assert caught.value.retry_after is None
    first.release()


@virtual
async def test_observers_receive_the_reason_and_the_duration() -> None:
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
async def test_a_failing_observer_leaves_nothing_behind() -> None:
    limiter = Limiter()
    first = await limiter.acquire("r")

    def broken(wait: RateLimitWait) -> None:
        raise ValueError(wait.reason)

    with pytest.raises(ValueError, match="opening"):
        await limiter.acquire("r", on_wait=broken)
    assert limiter.status.waiting == 0
    first.release()


@virtual
async def test_reasons_for_ceilings_pace_and_windows() -> None:
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
async def test_max_concurrency_is_respected() -> None:
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
async def test_max_rate_is_an_even_ceiling_without_an_initial_burst() -> None:
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
async def test_a_route_with_its_own_budget_blocks_no_other() -> None:
    limiter = await opened(remaining=50)
    await call(limiter, told=headers(1, 600, 5), route="login")
    held = [limiter.try_acquire("login") for _ in range(3)]
    assert None in held
    assert limiter.try_acquire("r") is not None
    assert limiter.status.limit == 115


@virtual
async def test_exempt_routes_do_not_wait() -> None:
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
    """The first response shows that the route is exempt, which releases the others."""
    first = await waiting[0]
    first.answered(200, {"x-ratelimit-exempt": "yes"})
    first.release()
    for task in waiting[1:]:
        slot = await task
        slot.answered(200, {"x-ratelimit-exempt": "yes"})
        slot.release()
    return now()


@virtual
async def test_a_hanging_first_call_does_not_block_all_others() -> None:
    limiter = Limiter()
    hanging = await limiter.acquire("r")
    slot = await limiter.acquire("r")
    assert close_to(now(), 5)
    slot.answered(200, {})
    (await limiter.acquire("r")).release()
    assert close_to(now(), 5)
    hanging.release()


@virtual
async def test_time_allowed_for_the_first_call_does_not_count_as_a_known_wait() -> None:
    limiter = Limiter()
    first = await limiter.acquire("r")
    # Each new waiter reconsiders the queue; that the first response may take five seconds is no reason to give up.
    tasks = [asyncio.create_task(limiter.acquire("r", Policy(max_wait=2))) for _ in range(3)]
    await asyncio.sleep(0.1)
    first.answered(200, {})
    assert [slot.policy.max_wait for slot in await asyncio.gather(*tasks)] == [2, 2, 2]
    assert close_to(now(), 0.1)


@virtual
async def test_an_exhausted_reserve_is_a_known_wait_even_for_a_newcomer() -> None:
    limiter = Limiter()
    await call(limiter, told=headers(50, 600))
    take(limiter, 3)
    with pytest.raises(RateLimitError):
        await limiter.acquire("r", Policy(reserve=0.5), max_wait=5)
    assert close_to(now(), 0)


@virtual
async def test_a_newcomers_limit_on_calls_in_flight_is_not_a_known_wait() -> None:
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
async def test_a_wait_just_below_max_wait_is_waited_for() -> None:
    limiter = await opened(remaining=20, reset=10)
    smooth = Policy(pace="smooth")
    (await limiter.acquire("r", smooth)).release(sent=False)
    begin = now()  # About half a second from one call to the next.
    (await limiter.acquire("r", smooth, max_wait=0.5)).release(sent=False)
    assert 0.4 < now() - begin < 0.5
    with pytest.raises(RateLimitError):
        await limiter.acquire("r", smooth, max_wait=0.4)


@virtual
async def test_a_call_that_waits_for_a_window_is_told_which_one() -> None:
    limiter, seen = await opened(remaining=50, reset=10), list[RateLimitWait]()
    policy = Policy(reserve=1.0)  # None in this window.
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
async def test_each_call_may_have_its_own_max_wait_in_one_queue() -> None:
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
async def test_a_429_with_retry_after_stops_all_calls_for_that_time() -> None:
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
async def test_the_reserve_is_kept_at_both_paces() -> None:
    for pace in ("burst", "smooth"):
        limiter = await opened(remaining=35)  # Ninety of a hundred are available now.
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
async def test_a_rate_and_a_concurrency_limit_apply_together() -> None:
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
async def test_without_headers_nothing_waits_after_the_first_response() -> None:
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
async def test_a_limit_of_one_allows_one_call_per_window() -> None:
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
async def test_a_limit_of_zero_stops_no_call() -> None:
    limiter = Limiter()
    for _ in range(5):
        await call(limiter, told=headers(0, 600, 0))
    assert close_to(now(), 0)
