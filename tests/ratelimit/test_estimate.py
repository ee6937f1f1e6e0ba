"""The estimate of one budget, with times and counts worked out by hand."""

from __future__ import annotations

from mittwald_async.runtime.ratelimit.consumption import Consumption
from mittwald_async.runtime.ratelimit.estimate import Estimate
from mittwald_async.runtime.ratelimit.tuning import TUNING
from tests.support.clock import close_to

from ..support.estimates import alone, opened, told
from ..support.limited_calls import when


def test_the_first_call_goes_alone_and_the_rest_after_its_response() -> None:
    estimate = Estimate()
    assert when(estimate, 0.0) == 0.0
    assert estimate.sent(0.0)
    assert when(estimate, 0.1) == TUNING.patience  # No other call, unless it takes too long.
    estimate.answered(0.0, 0.2, told(99, 10), True)
    assert when(estimate, 0.2) == 0.2


def test_without_headers_all_calls_may_go() -> None:
    estimate = Estimate()
    estimate.answered(0.0, 0.1, None, estimate.sent(0.0))
    assert estimate.available() is None
    for _ in range(1000):
        assert when(estimate, 0.1) == 0.1
        estimate.sent(0.1)


def test_a_lost_first_call_is_followed_by_another() -> None:
    estimate = Estimate()
    estimate.lost(3.0, estimate.sent(0.0))
    assert when(estimate, 3.0) == 3.0
    assert estimate.sent(3.0)


def test_calls_in_flight_count_against_the_remainder() -> None:
    estimate = alone()
    for _ in range(81):  # 83 remain; two of them are spread over the rest of the window.
        assert when(estimate, 1.0) == 1.0
        estimate.sent(1.0)
    assert estimate.available() == 2
    assert close_to(when(estimate, 1.0), estimate.end - 10 * (0.05 + 0.9 / 2))
    assert when(estimate, 5.1) == 5.1
    estimate.sent(5.1)
    assert close_to(when(estimate, 5.1), estimate.end - 10 * 0.05)
    assert when(estimate, 9.6) == 9.6
    estimate.sent(9.6)
    assert estimate.available() == 0
    assert when(estimate, 9.6) == estimate.end


def test_responses_out_of_order_do_not_raise_the_remainder() -> None:
    estimate = alone()
    for _ in range(3):
        estimate.sent(1.0)
    estimate.answered(1.0, 1.5, told(80, 9), False)
    estimate.answered(1.0, 1.6, told(82, 9), False)
    assert estimate.floor == 80
    estimate.answered(1.0, 1.7, told(81, 9), False)
    assert estimate.available() == 80


def test_a_response_without_headers_may_have_cost_a_call_until_a_newer_one_tells() -> None:
    estimate = alone()
    estimate.answered(1.0, 1.1, None, estimate.sent(1.0))
    assert estimate.available() == 82
    estimate.lost(1.2, estimate.sent(1.1))
    assert estimate.available() == 81
    estimate.answered(1.3, 1.4, told(82, 9), estimate.sent(1.3))  # Neither had been counted.
    assert estimate.available() == 82
    assert estimate.others.foreign == 0


def test_an_unsent_call_costs_nothing() -> None:
    estimate = alone()
    estimate.unsent(estimate.sent(1.0))
    assert estimate.available() == 83


def test_after_the_end_one_call_opens_the_next_window() -> None:
    estimate = alone()
    end = estimate.end
    assert close_to(end, 10 + 10 / 600)
    assert when(estimate, end) == end
    assert estimate.sent(end)
    assert when(estimate, end) == end + TUNING.patience
    estimate.answered(end, end + 0.1, told(99, 10), True)
    assert estimate.floor == 99
    assert when(estimate, end + 0.1) == end + 0.1
    assert close_to(estimate.end, end + 10.1 + 10 / 600)


def test_the_earliest_stated_end_counts() -> None:
    estimate = opened(reset=10)
    estimate.answered(0.5, 0.6, told(98, 10), estimate.sent(0.5))
    assert close_to(estimate.end, 10 + 10 / 600)
    estimate.answered(1.5, 1.6, told(97, 8), estimate.sent(1.5))
    assert close_to(estimate.end, 9.6 + 10 / 600)


def test_a_late_response_of_the_previous_window_does_not_affect_the_new_one() -> None:
    estimate = alone()
    estimate.sent(8.0)
    estimate.answered(10.1, 10.2, told(99, 10), estimate.sent(10.1))
    estimate.answered(8.0, 10.3, told(0, 1), False)
    assert estimate.floor == 99


def test_a_new_window_is_recognised_by_its_later_end_even_if_others_drained_it() -> None:
    estimate = alone()
    estimate.answered(11.2, 11.3, told(40, 10), estimate.sent(11.2))
    assert estimate.floor == 40
    assert estimate.others.foreign == 59
    assert estimate.others.count >= 1


def test_the_reserve_is_not_used() -> None:
    estimate = alone()
    for _ in range(31):  # 83 remain, 50 are reserved, and the last two are spread.
        assert when(estimate, 1.0, reserve=0.5) == 1.0
        estimate.sent(1.0)
    assert when(estimate, 9.9, reserve=0.5) == 9.9
    estimate.sent(9.9)
    estimate.sent(9.9)
    assert when(estimate, 9.9, reserve=0.5) == estimate.end
    assert when(estimate, 9.9) == 9.9


def test_smooth_spreads_the_remainder_over_the_remaining_time() -> None:
    estimate = alone()
    assert when(estimate, 1.0, smooth=True) <= 1.0
    estimate.sent(1.0)
    assert close_to(when(estimate, 1.0, smooth=True), 1.0 + (estimate.end - 1.0) / 82)


def test_others_are_noticed_from_the_drop_beyond_our_own_calls() -> None:
    estimate = alone()
    estimate.answered(
        1.0, 1.1, told(72, 9), estimate.sent(1.0)
    )  # 83 became 72 through one call of ours, so others made ten.
    assert estimate.others.foreign == 10
    assert estimate.others.count == 1
    assert when(estimate, 2.0) <= 2.0
    estimate.sent(2.0)
    # 71 remain, one is left to the other, one more may be its next call; and half the pace that would use everything.
    assert close_to(when(estimate, 2.0), 2.0 + 2 * (estimate.end - 2.0) / (71 - 1 - 1))
    estimate.answered(2.0, 2.1, told(71, 8), False)
    estimate.sent(8.5)  # In the last fifth of the window the pace uses everything.
    assert close_to(when(estimate, 8.5), 8.5 + (estimate.end - 8.5) / (70 - 1 - 1))


def test_our_own_calls_in_flight_are_never_mistaken_for_others() -> None:
    estimate = alone()
    for _ in range(10):
        estimate.sent(1.0)
    estimate.answered(1.0, 1.1, told(73, 9), False)
    assert estimate.others.foreign == 0


def test_a_changed_limit_applies_within_the_window() -> None:
    estimate = alone()
    estimate.answered(1.0, 1.1, told(16, 9, limit=33), estimate.sent(1.0))
    assert (estimate.limit, estimate.floor, estimate.others.foreign) == (33, 16, 0)
    estimate.answered(1.2, 1.3, told(82, 9, limit=100), estimate.sent(1.2))
    assert (estimate.limit, estimate.floor, estimate.others.foreign) == (100, 82, 0)


def test_a_rise_within_a_window_is_accepted_from_a_newer_response_only() -> None:
    estimate = alone()
    estimate.sent(1.0)
    estimate.answered(1.2, 1.3, told(60, 9), estimate.sent(1.2))
    estimate.answered(1.0, 1.4, told(82, 9), False)  # Sent before the other response arrived.
    assert estimate.floor == 60
    estimate.answered(1.5, 1.6, told(70, 9), estimate.sent(1.5))  # Some calls were given back.
    assert estimate.floor == 70
    assert when(estimate, 1.6) <= 2.0


def test_missing_headers_end_the_budget() -> None:
    estimate, at = alone(), 11.0
    for _ in range(3):
        estimate.answered(at, at, None, estimate.sent(at))
    assert estimate.available() is None
    assert when(estimate, at) == at


def in_others(at: float = 0.0) -> Estimate:
    """A window whose end was observed at 10 in whole seconds; others used ten of its 100 calls."""
    estimate = opened(remaining=99, reset=10, at=at)
    estimate.answered(at + 0.1, at + 0.1, told(88, 10), estimate.sent(at + 0.1))
    estimate.answered(at + 4.0, at + 4.0, told(50, 6), estimate.sent(at + 4.0))
    assert estimate.others.count
    return estimate


def test_a_late_newcomer_computes_the_end_from_earlier_windows() -> None:
    estimate = in_others()
    assert close_to(estimate.end, 10 + 10 / 600)
    estimate.answered(10.7, 10.7, told(40, 10), estimate.sent(10.7))  # On its own this would be 20.7.
    assert close_to(estimate.end, 20 + 10 / 600)
    estimate.answered(
        35.7, 35.7, told(40, 5), estimate.sent(35.7)
    )  # A window passed without calls of ours: 40 rather than 40.7.
    assert close_to(estimate.end, 40 + 10 / 600)


def test_a_computed_end_that_contradicts_the_headers_is_dropped() -> None:
    estimate = in_others()
    estimate.answered(
        13.5, 13.5, told(40, 10), estimate.sent(13.5)
    )  # Between 22.5 and 23.5: windows start with a call.
    assert close_to(estimate.end, 23.5 + 10 / 600)


def test_a_429_at_a_computed_end_stops_the_computation() -> None:
    estimate = in_others()
    estimate.answered(10.7, 10.7, told(40, 10), estimate.sent(10.7))
    estimate.refused(20.1, 20.2, None, estimate.sent(20.1))
    assert close_to(when(estimate, 20.2), 20.7 + 10 / 600)
    assert estimate.skew.offset < 0.1  # Rounding does not explain it.
    estimate.answered(20.8, 20.8, told(60, 10), estimate.sent(20.8))
    assert close_to(estimate.end, 30.8 + 10 / 600)


def test_with_others_a_larger_remainder_shows_that_a_window_began_before_its_stated_end() -> None:
    estimate = opened(remaining=80, reset=1)  # A reset of one second says nothing about windows of one second.
    estimate.answered(0.7, 0.7, told(20, 1), estimate.sent(0.7))
    estimate.answered(0.8, 0.8, told(95, 1), estimate.sent(0.8))
    assert (estimate.floor, estimate.own) == (95, 1)
    estimate.sent(0.9)
    estimate.answered(0.7, 1.0, told(18, 1), False)  # A late response of the previous window: it may have cost a call.
    assert estimate.available() == 94


def test_the_number_of_others_follows_from_the_drop_per_call_of_ours() -> None:
    estimate = in_others()
    for step in range(1, 13):  # Of every four calls, three are foreign.
        at = 4.0 + step / 10
        probe = estimate.sent(at)
        estimate.answered(at, at, told(50 - 4 * step, 6), probe, estimate.number)
    assert estimate.others.count == 3


def test_when_others_stop_the_pace_uses_the_remainder() -> None:
    estimate = in_others()
    for step in range(1, 10):
        at = 4.0 + step / 10
        probe = estimate.sent(at)
        estimate.answered(at, at, told(50 - step, 6), probe, estimate.number)
    assert estimate.others.count == 1  # Until a window has passed without them.
    estimate.sent(5.0)
    assert close_to(when(estimate, 5.0), 5.0 + (estimate.end - 5.0) / (41 - 1 - 1))


def test_a_429_during_a_fast_drop_means_that_nothing_remains() -> None:
    estimate = in_others()
    for step in range(1, 6):  # 32 calls in 0.4 s.
        at = 4.0 + step / 10
        probe = estimate.sent(at)
        estimate.answered(at, at, told(50 - 8 * step + 8, 6), probe, estimate.number)
    assert estimate.floor == 18
    estimate.refused(4.7, 4.7, None, estimate.sent(4.7))
    assert when(estimate, 4.7) == estimate.end


def test_the_share_of_others_is_updated_every_four_calls() -> None:
    share = Consumption()
    share.see(100, 0.0, 1)
    share.see(91, 0.3, 4)  # Only three calls later.
    unknown = share.ratio
    assert unknown is None
    share.see(88, 0.4, 5)
    assert (share.ratio, share.fall) == (2.0, 30.0)  # A drop of twelve, four of them ours.
    share.see(84, 0.8, 9)
    assert close_to(share.fall, 10.0)
    assert share.ratio == 1.0  # None by others; halved.
    share.restart()
    share.see(199, 1.0, 10)
    share.see(191, 1.4, 14)
    assert share.ratio == 1.0
