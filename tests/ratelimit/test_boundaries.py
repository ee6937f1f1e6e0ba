"""The values on either side of each threshold, worked out by hand."""

from __future__ import annotations

import asyncio
import logging

import pytest
from multidict import CIMultiDict

from mittwald_async.errors import RateLimitError
from mittwald_async.runtime.operation import RateLimit
from mittwald_async.runtime.ratelimit import (
    IETF,
    RATELIMIT,
    TUNING,
    X_RATELIMIT,
    HeaderReader,
    Limiter,
    Policy,
    RateLimitWait,
)
from mittwald_async.runtime.ratelimit import header_values as room
from mittwald_async.runtime.ratelimit.alarm import ClockAlarm, LoopAlarm
from mittwald_async.runtime.ratelimit.ceilings import RateCap
from mittwald_async.runtime.ratelimit.consumption import Consumption
from mittwald_async.runtime.ratelimit.contention import Contention
from mittwald_async.runtime.ratelimit.estimate import Estimate
from mittwald_async.runtime.ratelimit.rate_control import RateControl

from ..support.clock import START, VirtualClock, virtual
from ..support.limited_calls import call, headers


def opened(remaining: int, reset: float, limit: int, others: int = 0) -> Estimate:
    """A window whose first response came at 0, with a known number of other clients."""
    estimate = Estimate(random=lambda: 0.0)
    estimate.answered(0.0, 0.0, RateLimit(limit, remaining, reset), estimate.sent(0.0), 1)
    estimate.others.suspect, estimate.others.untouched = False, False
    estimate.others.count = estimate.others.weight = others
    estimate.others.tail = 0
    return estimate


# -- when a call may go ------------------------------------------------------------------------------------------------


def test_at_an_even_rate_calls_wait_for_the_pace_and_a_reserve_slows_it() -> None:
    estimate = opened(90, 2.0, 100)
    estimate.rate.active, estimate.rate.gap = True, 0.5
    turn = estimate.next_turn(0.0)
    assert (turn.at, turn.reason, turn.gap) == (0.5, "pace", 0.5)
    assert estimate.next_turn(0.0, reserve=0.5).gap == 1.0
    assert estimate.next_turn(0.0, reserve=1.0).gap == pytest.approx(5.0), "never slower than a tenth"
    assert estimate.next_turn(0.0, urgent=True).at == 0.0


def test_the_last_calls_left_to_others_wait_for_the_next_window() -> None:
    estimate = opened(3, 60.0, 100, others=3)
    estimate.others.tail = 3
    turn = estimate.next_turn(1.0)
    assert (turn.at, turn.reason) == (estimate.end, "window")
    estimate.others.tail = 2
    assert estimate.next_turn(1.0).reason == "pace" or estimate.next_turn(1.0).at == estimate.end
    assert estimate.next_turn(55.0).reason == "pace"


def test_others_with_a_quarter_of_our_calls_cause_sharing() -> None:
    estimate = opened(100, 60.0, 200, others=1)
    left = estimate.end
    for weight, factor in ((0.25, 2.0), (0.24, 1.0)):
        estimate.others.weight = weight
        assert estimate.next_turn(0.0).gap == pytest.approx(factor * left / 100)


def test_in_the_last_fifth_of_a_window_the_pace_uses_everything() -> None:
    estimate = opened(10, 60.0, 200, others=1)
    edge = estimate.end - TUNING.final_part * 60.0
    assert estimate.next_turn(edge - 0.01).gap == pytest.approx(2 * (estimate.end - edge + 0.01) / 10)
    assert estimate.next_turn(edge + 0.01).gap == pytest.approx((estimate.end - edge - 0.01) / 10)


@pytest.mark.parametrize(("limit", "slower"), [(128, True), (129, False)])
def test_in_short_windows_of_many_calls_other_clients_do_not_slow_the_pace(limit: int, slower: bool) -> None:
    estimate = opened(60, 2.0, limit, others=3)
    assert (estimate.next_turn(0.0).gap > 2.01 * estimate.end / 60) is slower


@pytest.mark.parametrize(("remaining", "most"), [(769, 769 // 12), (768, 48)])
def test_a_newcomer_may_have_a_twelfth_of_a_large_remainder_in_flight_or_a_sixteenth(remaining: int, most: int) -> None:
    estimate = opened(remaining, 600.0, 5000)
    estimate.others.proof = 0
    for _ in range(most):
        assert estimate.next_turn(0.0).at == 0.0
        estimate.sent(0.0)
    assert estimate.next_turn(0.0).reason == "opening"


@pytest.mark.parametrize(("reset", "untouched"), [(3.0, False), (4.0, True)])
def test_the_first_call_of_a_window_counts_more_in_long_windows(reset: float, untouched: bool) -> None:
    estimate = Estimate(random=lambda: 0.0)
    estimate.answered(0.0, 0.0, RateLimit(100, 99, reset), estimate.sent(0.0), 1)
    assert estimate.others.untouched is untouched
    assert not estimate.others.suspect


def test_with_nothing_remaining_calls_wait_for_the_window() -> None:
    turn = opened(0, 60.0, 100).next_turn(1.0)
    assert turn.reason == "window"
    assert turn.at == pytest.approx(60.1)


def test_an_even_rate_is_dropped_after_two_periods_without_demand() -> None:
    estimate = opened(90, 2.0, 100)
    estimate.rate.active, estimate.rate.gap = True, 0.5
    assert estimate.next_turn(4.0).reason == "pace"
    assert estimate.next_turn(4.1).reason != "pace"
    assert estimate.sent(4.1), "the window is over: this call opens the next"
    assert not estimate.rate.active


def test_at_the_very_end_of_a_window_the_fast_path_is_closed() -> None:
    estimate = opened(2999, 600.0, 3000)
    assert estimate.try_send_fast(estimate.end - 0.001)
    assert not estimate.try_send_fast(estimate.end)


def test_a_window_still_open_after_its_end_is_extended_a_little() -> None:
    estimate = opened(90, 10.0, 100)
    estimate.answered(10.3, 10.3, RateLimit(100, 89, 0.4), estimate.sent(10.3), 2)
    assert estimate.skew.low == pytest.approx(0.3)
    assert estimate.skew.high == pytest.approx(0.4)


def test_a_twentieth_of_a_rate_may_go_as_a_burst() -> None:
    cap = RateCap(100, 10.0)
    for call_number in range(10):
        assert cap.ready_at() <= 0.0 or call_number >= 5
        cap.take(0.0)
    assert cap.ready_at() == pytest.approx(1.0 - 0.4)


# -- what happens to a call --------------------------------------------------------------------------------------------


def test_a_later_response_without_headers_tells_nothing_about_earlier_calls() -> None:
    estimate = Estimate()
    probe = estimate.sent(0.0)
    estimate.answered(0.0, 0.1, None, probe)
    assert estimate.next_turn(0.1).at == 0.1
    assert not estimate.sent(0.1), "all may go, so none goes alone"


def test_three_openings_in_a_row_without_headers_end_the_budget() -> None:
    estimate = opened(90, 2.0, 100)
    for turn in range(3):
        assert estimate.floor is not None
        at = 3.0 + 3 * turn
        probe = estimate.sent(at)
        assert probe
        estimate.answered(at, at, None, probe, estimate.number)
    assert estimate.floor is None
    assert not estimate.sent(20.0), "nobody has to go alone"
    assert estimate.available() is None


def test_a_429_at_an_even_rate_pauses_for_one_gap_unless_the_server_says_how_long() -> None:
    estimate = Estimate(random=lambda: 1.0)
    estimate.answered(0.0, 0.0, RateLimit(100, 90, 2.0), estimate.sent(0.0), 1)
    estimate.rate.active, estimate.rate.gap = True, 0.5
    estimate.refused(1.0, 1.0, None, estimate.sent(1.0))
    assert 1.5 <= estimate.next_turn(1.0).at <= 3.0
    assert estimate.next_turn(1.0).reason == "pace"
    estimate.refused(1.5, 1.5, None, estimate.sent(1.5), wait=7.0)
    turn = estimate.next_turn(1.5)
    assert (turn.at, turn.reason, turn.demanded) == (8.5, "refused", True)


@pytest.mark.parametrize(("others", "step"), [(1, 0.9), (0, 1.0)])
def test_with_others_present_a_refused_opening_is_retried_after_half_a_window(others: int, step: float) -> None:
    estimate = opened(90, 1.8, 100, others=others)
    estimate.refused(1.81, 1.81, None, estimate.sent(1.81))
    assert estimate.skew.high == pytest.approx(min(1.0, 0.01 + step))


def test_a_429_at_the_instant_the_window_ends_means_it_was_opened_too_early() -> None:
    estimate = opened(2, 60.0, 100)
    estimate.refused(60.0, 60.0, None, estimate.sent(60.0))
    assert estimate.skew.high == 1.0
    assert estimate.floor == 2, "not that the window was empty"


def test_a_429_tells_nothing_about_a_window_that_others_drain_slowly() -> None:
    estimate = opened(900, 600.0, 1000)
    for number in range(2, 70):
        estimate.answered(0.0, 0.0, RateLimit(1000, 902 - number, 600.0), estimate.sent(0.0), number)
    estimate.others.consumption.fall = 10.0
    left = (estimate.floor or 0) / 20.0
    assert estimate.contradicts(1.0, left - 0.5, None)
    assert not estimate.contradicts(1.0, left + 0.5, None)


def test_the_fast_path_also_counts_a_call_marked_as_last() -> None:
    estimate = opened(2999, 600.0, 3000)
    for _ in range(6):
        assert estimate.try_send_fast(0.0) or not estimate.sent(0.0)
    others = estimate.others
    others.set_mark(1, 1, 6, 2999, 7)
    assert estimate.observe_fast(0.0, 0.1, RateLimit(3000, 2998, 600.0), 7)
    assert (others.hiding, others.own_above) == (5, 1)


# -- other clients -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs", "quiet"), [(20, 5, True), (20, 6, False), (8, 4, True), (8, 5, False)])
def test_others_with_less_than_a_quarter_of_our_calls_are_quiet(ours: int, theirs: int, quiet: bool) -> None:
    consumption = Consumption()
    consumption.see(1000, 0.0, 0)
    consumption.see(1000 - ours - theirs, 1.0, ours)
    assert consumption.see(1000 - 60 - theirs, 2.0, 60) is quiet


def test_a_short_observation_does_not_count_as_quiet() -> None:
    consumption = Consumption()
    consumption.see(1000, 0.0, 0)
    assert consumption.see(999, 3.0, 1) is False
    assert consumption.ratio is None


def test_the_first_client_of_a_window_is_alone_once_all_calls_that_might_hide_others_returned() -> None:
    for foreign, untouched in ((0, True), (1, True), (0, False)):
        others = Contention()
        others.untouched = untouched
        others.set_mark(8 + foreign, 4, 4, 92 - foreign, 8)
        for number in range(5, 9):
            others.over(number, 95)
        assert others.foreign == foreign
        assert (others.proof >= TUNING.alone_after) is (untouched and not foreign)


def test_a_two_hundredth_of_a_large_limit_is_left_over_in_each_window() -> None:
    control = RateControl()
    control.leave(0.0)
    control.active, control.gap = True, 1 / 50
    for _ in range(8):
        control.saw(300, 1.0, 2.0, 1000, 2.0)
    share = 100 / 700
    over = 300 - (5 + 1 / (2 * share))  # Five are to be left over, plus those not seen by any client of ours.
    assert 1 / control.gap == pytest.approx(50 * (1 - 0.02 * share**2) + 0.125 * 0.6 * over / 2)


# -- headers -----------------------------------------------------------------------------------------------------------


def test_an_api_without_exempt_routes_has_no_header_for_them() -> None:
    told = {"RateLimit-Limit": "9", "RateLimit-Remaining": "8", "RateLimit-Reset": "7"}
    for name in ("XXXX", "X-RateLimit-Exempt", "None"):
        assert HeaderReader(RATELIMIT).read({**told, name: "yes"}) == RateLimit(9, 8, 7.0)


def test_an_ignored_header_is_reported_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_complained", set[str]())
    lines = CIMultiDict([("X-RateLimit-Remaining", "3"), ("X-RateLimit-Remaining", "4"), ("X-RateLimit-Limit", "9")])
    with caplog.at_level(logging.WARNING, "mittwald_async.ratelimit"):
        assert HeaderReader(X_RATELIMIT).read(lines) is None
        assert HeaderReader(X_RATELIMIT).read({"X-RateLimit-Limit": "0"}) is None
        for name, text in (("RateLimit", '"a";r=x'), ("RateLimit-Policy", "-")):
            assert HeaderReader(IETF).read({"RateLimit": '"a"', name: text}) is None
    assert [record.getMessage() for record in caplog.records] == [
        "ignoring X-RateLimit-Remaining: '3, 4' (said once)",
        "ignoring X-RateLimit-Limit: '0' (said once)",
        "ignoring RateLimit: '\"a\";r=x' (said once)",
        "ignoring RateLimit-Policy: '-' (said once)",
    ]


def test_a_reset_is_at_most_a_day() -> None:
    for text, reset in (("86400", 86400.0), ("86400.0", 86400.0), ("86401", None), ("1." + "0" * 18, 1.0)):
        assert HeaderReader(X_RATELIMIT).read({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": text}) == RateLimit(
            None, 1, reset
        )
    assert HeaderReader(X_RATELIMIT).read({"X-RateLimit-Reset": "1." + "0" * 19}) is None


# -- the queue ---------------------------------------------------------------------------------------------------------


@virtual
async def test_a_pause_of_exactly_max_wait_is_waited_for() -> None:
    for allowed in (10.0, 9.9):
        limiter = Limiter()
        await call(limiter, told=headers(50))
        slot = await limiter.acquire("r")
        slot.answered(429, {"Retry-After": "10"})
        slot.release()
        began = asyncio.get_running_loop().time()
        policy = Policy(max_retry_wait=allowed)
        if allowed == 10.0:
            (await limiter.acquire("r", policy)).release()
            assert asyncio.get_running_loop().time() == pytest.approx(began + 10.0)
        else:
            with pytest.raises(RateLimitError, match=r"max_retry_wait allows 9\.9 s"):
                await limiter.acquire("r", policy)


@virtual
async def test_nothing_is_kept_of_calls_that_stopped_waiting() -> None:
    limiter = Limiter()
    await call(limiter, told=headers(1))
    slot = await limiter.acquire("r")
    waiting = asyncio.create_task(limiter.acquire("r", max_wait=50.0))
    await asyncio.sleep(0)
    budget = slot.budget
    assert budget.waiting == 1
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (budget.waiting, budget._deadlines) == (0, [])  # pyright: ignore[reportPrivateUsage]
    slot.release()


@virtual
async def test_an_alarm_set_twice_to_the_same_instant_rings() -> None:
    rung = list[float]()
    loop = asyncio.get_running_loop()
    alarm = ClockAlarm(loop, VirtualClock(), lambda: rung.append(loop.time() - START))
    alarm.set(START + 5)
    task = alarm._task  # pyright: ignore[reportPrivateUsage]
    alarm.set(START + 5)
    assert alarm._task is task  # pyright: ignore[reportPrivateUsage]
    await asyncio.sleep(6)
    alarm.set(START + 5.5)
    await asyncio.sleep(1)
    assert len(rung) == 2


@virtual
async def test_a_timer_set_twice_to_the_same_instant_fires() -> None:
    rung = list[float]()
    loop = asyncio.get_running_loop()
    alarm = LoopAlarm(loop, lambda: rung.append(loop.time() - START))
    alarm.set(START + 5)
    timer = alarm._timer  # pyright: ignore[reportPrivateUsage]
    alarm.set(START + 5)
    assert alarm._timer is timer  # pyright: ignore[reportPrivateUsage]
    await asyncio.sleep(6)
    assert len(rung) == 1


@virtual
async def test_in_windows_of_one_call_each_waiter_waits_one_window_longer() -> None:
    limiter, waits = Limiter(random=lambda: 0.0), list[RateLimitWait]()
    await call(limiter, told=headers(0, 10, 1))
    tasks = [asyncio.create_task(limiter.acquire("r", on_wait=waits.append)) for _ in range(3)]
    await asyncio.sleep(0)
    margin = 10 / 600
    assert [wait.expected for wait in waits] == [pytest.approx(10 * place + margin) for place in (1, 2, 3)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@virtual
async def test_a_call_that_waits_for_the_window_reports_that_rather_than_a_ceiling() -> None:
    limiter, waits, policy = Limiter(random=lambda: 0.0), list[RateLimitWait](), Policy(max_rate=(1, 20.0))
    slot = await limiter.acquire("r", policy)
    slot.answered(200, headers(0))
    slot.release()
    task = asyncio.create_task(limiter.acquire("r", policy, on_wait=waits.append))
    await asyncio.sleep(0)
    assert [wait.reason for wait in waits] == ["window"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
