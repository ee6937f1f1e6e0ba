"""Parts of the limiter on their own: alarm, back-off, the pace among many clients, resets too far away to be true."""

from __future__ import annotations

import asyncio

import pytest

from mittwald_async.errors import RateLimitError
from mittwald_async.runtime.clock import SystemClock
from mittwald_async.runtime.operation import RateLimit
from mittwald_async.runtime.ratelimit import IETF, HeaderReader, Limiter, Limiters, Policy, RateLimitWait
from mittwald_async.runtime.ratelimit.alarm import ClockAlarm
from mittwald_async.runtime.ratelimit.backoff import Backoff
from mittwald_async.runtime.ratelimit.estimate import Estimate
from mittwald_async.runtime.ratelimit.header_values import MOST_REQUESTS
from mittwald_async.runtime.ratelimit.rate_control import RateControl

from ..support.clock import START, VirtualClock, close_to, virtual


def opened(remaining: int, reset: float, limit: int) -> Estimate:
    estimate = Estimate(random=lambda: 0.0)
    estimate.answered(0.0, 0.0, RateLimit(limit, remaining, reset), estimate.sent(0.0))
    return estimate


@virtual
async def test_an_alarm_that_is_reset_rings_once_at_the_new_instant() -> None:
    loop, rung = asyncio.get_running_loop(), list[float]()
    alarm = ClockAlarm(loop, VirtualClock(), lambda: rung.append(loop.time() - START))
    alarm.set(START + 5)
    alarm.set(START + 10)
    await asyncio.sleep(20)
    assert [close_to(at, 10) for at in rung] == [True]
    alarm.set(START + 30)
    alarm.set(float("inf"))
    await asyncio.sleep(20)
    assert len(rung) == 1


def test_a_call_sent_at_the_instant_of_a_429_ends_the_probing() -> None:
    pause = Backoff(lambda: 0.0)
    assert pause.begin(4.0, 5.0)
    assert not pause.begin(4.5, 5.5), "sent before the first refusal was known"
    pause.passed(4.9)
    assert pause.probing
    pause.passed(5.0)
    assert not pause.probing


@virtual
async def test_the_system_clock_is_equivalent_to_none() -> None:
    plain = Limiters.shared("key")
    assert Limiters.shared("key", clock=SystemClock()) is plain
    clock = VirtualClock()
    other = Limiters.shared("key", clock=clock)
    assert other is not plain
    assert Limiters.shared("key", clock=clock) is other


@virtual
async def test_a_waiter_at_an_even_pace_hears_of_those_before_it() -> None:
    limiter, waits = Limiter(), list[RateLimitWait]()
    first = await limiter.acquire("r")
    first.answered(200, {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "10"})
    first.release()
    smooth = Policy(pace="smooth")
    tasks = [asyncio.create_task(limiter.acquire("r", smooth, on_wait=waits.append)) for _ in range(3)]
    slots = await asyncio.gather(*tasks)
    assert [wait.reason for wait in waits] == ["pace"] * 3
    gap = (10 + 10 / 600) / 9
    assert [close_to((wait.expected or 0) / gap, place, 1e-3) for place, wait in enumerate(waits, 1)] == [True] * 3
    for slot in slots:
        slot.release()


def test_of_a_few_calls_in_a_short_window_each_client_takes_its_share() -> None:
    estimate = opened(8, 2.0, 10)
    others = estimate.others
    others.suspect, others.count, others.weight, others.tail = False, 3, 3.0, 0
    # An even share among four clients: four times as far apart as eight calls in the rest of the window.
    assert estimate.next_turn(0.0).gap == pytest.approx(4 * (2 + 2 / 600) / 8)


@pytest.mark.parametrize(("spare", "factor"), [(1, 3.0), (750, 1.0)])
def test_many_clients_go_slower_the_further_the_remainder_falls_below_an_even_line(spare: int, factor: float) -> None:
    estimate = opened(spare, 600.0, 750)
    others = estimate.others
    others.suspect, others.count, others.weight, others.tail = False, 2, 2.0, 0
    # With the margin of a second, the rest is 1/600 longer than the window: below the line by as much.
    line = min((601 / 600 * 750 / spare) ** 2.5, 3.0)
    assert line == pytest.approx(factor, rel=0.01)
    assert estimate.next_turn(0.0).gap == pytest.approx(2 * line * 601 / spare)


def test_a_distant_reset_is_probed_only_where_nothing_remains() -> None:
    some = opened(1, 2000.0, 100)
    some.sent(0.0)
    assert some.next_turn(0.0).at > 2000.0
    none = opened(0, 2000.0, 100)
    assert none.next_turn(0.0).at == 60.0
    assert none.sent(60.0) is True
    none.answered(60.0, 60.0, RateLimit(100, 0, 1940.0), True)
    assert none.next_turn(60.0).at == 60.0 + 120.0


def test_a_policy_of_the_largest_number_is_read() -> None:
    for most, limit in ((MOST_REQUESTS, MOST_REQUESTS), (MOST_REQUESTS + 1, None)):
        told = {"RateLimit": '"a";r=5;t=9', "RateLimit-Policy": f'"a";q={most}'}
        assert HeaderReader(IETF).read(told) == RateLimit(limit, 5, 9.0)


def test_a_window_of_exactly_three_seconds_is_short() -> None:
    control = RateControl()
    control.window_over(0.0, 100, 3.0, 0, 0, 90)
    for _ in range(40):
        control.sent(True)
    control.window_over(3.0, 100, 3.0, 40, 40, 90)
    assert control.active
    assert 1 / control.gap == pytest.approx(40 / 3 * 0.98)


def test_a_small_share_takes_twice_its_part_of_what_is_left_over() -> None:
    control = RateControl()
    for number in range(3):
        control.window_over(2.0 * number, 100, 2.0, 3, 3, 24)
    control.gap = 1.0
    for _ in range(8):
        control.saw(50, 1.0, 6.0, 100, 2.0)
    # Share 2 / 50 = 0.04; 1 + 1 / 0.08 = 13.5 should be left over: 36.5 too many.
    # 1 - 0.02 * 0.0016 = 0.999968; 0.08 of 0.6 * 36.5 in 2 s: 0.876.
    assert 1 / control.gap == pytest.approx(1.875968)


@virtual
async def test_a_priority_of_one_precedes_the_spread_last_calls() -> None:
    limiter = Limiter()
    first = await limiter.acquire("r")
    first.answered(200, {"X-RateLimit-Limit": "3", "X-RateLimit-Remaining": "2", "X-RateLimit-Reset": "10"})
    first.release()
    loop = asyncio.get_running_loop()
    (await limiter.acquire("r", Policy(priority=1))).release()
    assert close_to(loop.time() - START, 0.0)
    (await limiter.acquire("r", Policy(priority=0))).release()
    assert loop.time() - START > 5.0


@virtual
async def test_max_wait_applies_to_the_budget_a_route_turns_out_to_have() -> None:
    def told(limit: int, remaining: int, reset: int) -> dict[str, str]:
        names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
        return dict(zip(names, map(str, (limit, remaining, reset)), strict=True))

    limiter = Limiter()
    first = await limiter.acquire("a")
    first.answered(200, told(100, 99, 60))
    first.release()
    early, second = await limiter.acquire("b"), await limiter.acquire("a")
    second.answered(200, told(100, 0, 60))
    second.release()
    waiting = asyncio.create_task(limiter.acquire("b", max_wait=100))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    early.answered(200, told(50, 0, 600))
    early.release()
    with pytest.raises(RateLimitError, match=r"100\.0 s are allowed"):
        await waiting
    assert close_to(asyncio.get_running_loop().time() - START, 0.5, 1e-3)
