"""The estimate of a sweep's remaining time: every number here is worked out by hand."""

from __future__ import annotations

from typing import Any

from mittwald_async.cli.eta import Eta, EtaEstimator, used_up
from mittwald_async.runtime.ratelimit import RateLimitStatus


def budget(remaining: int | None, resets_in: float | None, limit: int | None = 100, **more: Any) -> RateLimitStatus:
    facts = {"in_flight": 1, "waiting": 0, "throttled": 0, "others": 0, "taken_by_others": 0, **more}
    return RateLimitStatus(limit=limit, remaining=remaining, resets_in=resets_in, **facts)


def test_without_a_budget_the_rate_so_far_decides() -> None:
    outlook = EtaEstimator()
    outlook.look(10, budget(None, None, None))
    # 20 lists in 10 s: 40 more take 20 s.
    assert outlook.estimate(10, 20, 40, budget(None, None, None)) == Eta(20, at_least=False)


def test_before_the_first_list_is_done_there_is_no_estimate() -> None:
    assert EtaEstimator().estimate(10, 0, 40, budget(50, 5)) is None


def test_what_fits_this_window_waits_for_no_other() -> None:
    assert EtaEstimator().estimate(10, 20, 40, budget(40, 500)) == Eta(20, at_least=False)


def test_the_current_window_ends_when_the_server_says() -> None:
    # 10 of 40 fit now; the other 30 go in the next window, 7 s from now, at half a second each.
    assert EtaEstimator().estimate(10, 20, 40, budget(10, 7)) == Eta(7 + 15, at_least=False)


def test_slow_lists_take_longer_than_the_windows_they_need() -> None:
    # 15 fit now; the other 5 could go in a second from now. But at 100 s each, all 20 take 2000 s.
    assert EtaEstimator().estimate(1000, 10, 20, budget(15, 1)) == Eta(2000, at_least=False)


def test_the_length_of_windows_is_observed_not_assumed() -> None:
    outlook = EtaEstimator()
    outlook.look(0, budget(90, 30))
    # 10 now, 100 in 20 s, 100 a window later, and the last 40 after another.
    due = budget(10, 20)
    outlook.look(10, due)
    # No window has been observed from its start: it lasts at least the 30 s that were left of it.
    assert outlook.estimate(10, 100, 250, due) == Eta(20 + 2 * 30 + 40 * 0.1, at_least=True)
    outlook.look(31, budget(99, 60))
    outlook.look(71, due)
    assert outlook.estimate(10, 100, 250, due) == Eta(20 + 2 * 60 + 40 * 0.1, at_least=False)


def test_time_spent_waiting_does_not_count_as_work() -> None:
    outlook = EtaEstimator()
    for second in range(100):
        outlook.look(second, budget(0, 100 - second, in_flight=0, waiting=32))
    # 100 s have passed, all but one of them waiting: ten lists took one second.
    assert outlook.estimate(100, 10, 50, budget(90, 100)) == Eta(5, at_least=False)


def test_the_reserve_is_not_counted_on() -> None:
    # Half of 100 is kept: 30 of 80 remain for us, the other 20 wait for the next window.
    assert EtaEstimator(reserve=0.5).estimate(5, 50, 50, budget(80, 60)) == Eta(60 + 2, at_least=False)


def test_lists_yet_to_be_discovered_make_the_estimate_a_lower_bound() -> None:
    assert EtaEstimator().estimate(10, 20, 40, budget(90, 9), growing=True) == Eta(20, at_least=True)


def test_only_an_empty_budget_causes_waiting() -> None:
    waiting: dict[str, Any] = {"in_flight": 0, "waiting": 3}
    assert used_up(budget(2, 60, **waiting), 0.0)
    assert used_up(budget(52, 60, **waiting), 0.5)
    # Others draw on the budget as well and calls are spread, or a call is in flight.
    assert not used_up(budget(70, 60, others=1, **waiting), 0.0)
    assert not used_up(budget(0, 60, in_flight=1, waiting=3), 0.0)
