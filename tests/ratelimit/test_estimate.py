"""The picture of one budget, with times and counts worked out by hand."""

from __future__ import annotations

from mittwald_async.runtime.ratelimit.consumption import Consumption
from mittwald_async.runtime.ratelimit.estimate import Estimate
from mittwald_async.runtime.ratelimit.tuning import TUNING
from tests.support.clock import close_to

from ..support.estimates import alone, opened, told
from ..support.limited_calls import when


def test_the_first_call_goes_alone_and_the_rest_after_its_answer() -> None:
    estimate = Estimate()
    assert when(estimate, 0.0) == 0.0
    assert estimate.sent(0.0)
    assert when(estimate, 0.1) == TUNING.patience  # Nobody else, unless it takes too long.
    estimate.answered(0.0, 0.2, told(99, 10), True)
    assert when(estimate, 0.2) == 0.2


def test_without_headers_everybody_may_go() -> None:
    estimate = Estimate()
    estimate.answered(0.0, 0.1, None, estimate.sent(0.0))
    assert estimate.available() is None
    for _ in range(1000):
        assert when(estimate, 0.1) == 0.1
        estimate.sent(0.1)


def test_a_first_call_that_is_lost_is_followed_by_another() -> None:
    estimate = Estimate()
    estimate.lost(3.0, estimate.sent(0.0))
    assert when(estimate, 3.0) == 3.0
    assert estimate.sent(3.0)


def test_in_flight_counts_against_the_remainder() -> None:
    estimate = alone()
    for _ in range(81):  # 83 remain, two of them are spread over what is left of the window.
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


def test_answers_out_of_order_do_not_raise_the_remainder() -> None:
    estimate = alone()
    for _ in range(3):
        estimate.sent(1.0)
    estimate.answered(1.0, 1.5, told(80, 9), False)
    estimate.answered(1.0, 1.6, told(82, 9), False)
    assert estimate.floor == 80
    estimate.answered(1.0, 1.7, told(81, 9), False)
    assert estimate.available() == 80


def test_an_answer_without_headers_may_have_cost_a_call_until_a_younger_one_tells() -> None:
    estimate = alone()
    estimate.answered(1.0, 1.1, None, estimate.sent(1.0))
    assert estimate.available() == 82
    estimate.lost(1.2, estimate.sent(1.1))
    assert estimate.available() == 81
    estimate.answered(1.3, 1.4, told(82, 9), estimate.sent(1.3))  # Neither had been counted.
    assert estimate.available() == 82
    assert estimate.others.foreign == 0


def test_a_call_that_was_never_sent_costs_nothing() -> None:
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


def test_the_end_is_the_earliest_that_was_told() -> None:
    estimate = opened(reset=10)
    estimate.answered(0.5, 0.6, told(98, 10), estimate.sent(0.5))
    assert close_to(estimate.end, 10 + 10 / 600)
    estimate.answered(1.5, 1.6, told(97, 8), estimate.sent(1.5))
    assert close_to(estimate.end, 9.6 + 10 / 600)


def test_a_late_answer_of_the_window_before_does_not_spoil_the_new_one() -> None:
    estimate = alone()
    estimate.sent(8.0)
    estimate.answered(10.1, 10.2, told(99, 10), estimate.sent(10.1))
    estimate.answered(8.0, 10.3, told(0, 1), False)
    assert estimate.floor == 99


def test_a_new_window_is_known_by_its_later_end_even_if_others_emptied_it() -> None:
    estimate = alone()
    estimate.answered(11.2, 11.3, told(40, 10), estimate.sent(11.2))
    assert estimate.floor == 40
    assert estimate.others.foreign == 59
    assert estimate.others.count >= 1


def test_the_reserve_is_left_untouched() -> None:
    estimate = alone()
    for _ in range(31):  # 83 remain, 50 are kept, and the last two are spread.
        assert when(estimate, 1.0, reserve=0.5) == 1.0
        estimate.sent(1.0)
    assert when(estimate, 9.9, reserve=0.5) == 9.9
    estimate.sent(9.9)
    estimate.sent(9.9)
    assert when(estimate, 9.9, reserve=0.5) == estimate.end
    assert when(estimate, 9.9) == 9.9


def test_smooth_spreads_what_is_left_over_the_time_left() -> None:
    estimate = alone()
    assert when(estimate, 1.0, smooth=True) <= 1.0
    estimate.sent(1.0)
    assert close_to(when(estimate, 1.0, smooth=True), 1.0 + (estimate.end - 1.0) / 82)


def test_others_are_noticed_from_what_falls_beyond_our_own_use() -> None:
    estimate = alone()
    estimate.answered(
        1.0, 1.1, told(72, 9), estimate.sent(1.0)
    )  # 83 became 72 through one call of ours: ten of others.
    assert estimate.others.foreign == 10
    assert estimate.others.count == 1
    assert when(estimate, 2.0) <= 2.0
    estimate.sent(2.0)
    # 71 remain, one is left to the other, one more may be its next; and half the pace that would use it all.
    assert close_to(when(estimate, 2.0), 2.0 + 2 * (estimate.end - 2.0) / (71 - 1 - 1))
    estimate.answered(2.0, 2.1, told(71, 8), False)
    estimate.sent(8.5)  # In the last fifth of the window the pace uses it all.
    assert close_to(when(estimate, 8.5), 8.5 + (estimate.end - 8.5) / (70 - 1 - 1))


def test_calls_of_our_own_under_way_are_never_taken_for_others() -> None:
    estimate = alone()
    for _ in range(10):
        estimate.sent(1.0)
    estimate.answered(1.0, 1.1, told(73, 9), False)
    assert estimate.others.foreign == 0


def test_a_changed_limit_is_taken_over_within_the_window() -> None:
    estimate = alone()
    estimate.answered(1.0, 1.1, told(16, 9, limit=33), estimate.sent(1.0))
    assert (estimate.limit, estimate.floor, estimate.others.foreign) == (33, 16, 0)
    estimate.answered(1.2, 1.3, told(82, 9, limit=100), estimate.sent(1.2))
    assert (estimate.limit, estimate.floor, estimate.others.foreign) == (100, 82, 0)


def test_what_rises_within_a_window_is_believed_from_a_younger_answer_only() -> None:
    estimate = alone()
    estimate.sent(1.0)
    estimate.answered(1.2, 1.3, told(60, 9), estimate.sent(1.2))
    estimate.answered(1.0, 1.4, told(82, 9), False)  # Sent before the other was in.
    assert estimate.floor == 60
    estimate.answered(1.5, 1.6, told(70, 9), estimate.sent(1.5))  # Somebody's calls were given back.
    assert estimate.floor == 70
    assert when(estimate, 1.6) <= 2.0


def test_headers_that_stop_coming_end_the_budget() -> None:
    estimate, at = alone(), 11.0
    for _ in range(3):
        estimate.answered(at, at, None, estimate.sent(at))
    assert estimate.available() is None
    assert when(estimate, at) == at


def in_others(at: float = 0.0) -> Estimate:
    """A window whose end was seen to be at 10, as whole seconds tell it; others took ten of its 100 calls."""
    estimate = opened(remaining=99, reset=10, at=at)
    estimate.answered(at + 0.1, at + 0.1, told(88, 10), estimate.sent(at + 0.1))
    estimate.answered(at + 4.0, at + 4.0, told(50, 6), estimate.sent(at + 4.0))
    assert estimate.others.count
    return estimate


def test_whoever_comes_late_counts_the_end_from_that_of_earlier_windows() -> None:
    estimate = in_others()
    assert close_to(estimate.end, 10 + 10 / 600)
    estimate.answered(10.7, 10.7, told(40, 10), estimate.sent(10.7))  # By itself that would be 20.7.
    assert close_to(estimate.end, 20 + 10 / 600)
    estimate.answered(35.7, 35.7, told(40, 5), estimate.sent(35.7))  # A window went by without us: 40 rather than 40.7.
    assert close_to(estimate.end, 40 + 10 / 600)


def test_an_end_that_what_is_told_rules_out_is_not_believed() -> None:
    estimate = in_others()
    estimate.answered(
        13.5, 13.5, told(40, 10), estimate.sent(13.5)
    )  # Between 22.5 and 23.5: windows begin with a call.
    assert close_to(estimate.end, 23.5 + 10 / 600)


def test_a_refusal_at_an_end_counted_ahead_ends_counting_ahead() -> None:
    estimate = in_others()
    estimate.answered(10.7, 10.7, told(40, 10), estimate.sent(10.7))
    estimate.refused(20.1, 20.2, None, estimate.sent(20.1))
    assert close_to(when(estimate, 20.2), 20.7 + 10 / 600)
    assert estimate.skew.offset < 0.1  # It was not the rounding.
    estimate.answered(20.8, 20.8, told(60, 10), estimate.sent(20.8))
    assert close_to(estimate.end, 30.8 + 10 / 600)


def test_in_others_more_calls_than_before_show_that_a_window_began_before_its_end_as_told() -> None:
    estimate = opened(remaining=80, reset=1)  # A reset of one second tells nothing of windows that last one.
    estimate.answered(0.7, 0.7, told(20, 1), estimate.sent(0.7))
    estimate.answered(0.8, 0.8, told(95, 1), estimate.sent(0.8))
    assert (estimate.floor, estimate.own) == (95, 1)
    estimate.sent(0.9)
    estimate.answered(0.7, 1.0, told(18, 1), False)  # A late one of the window before: it may have cost a call.
    assert estimate.available() == 94


def test_how_many_others_is_told_by_what_falls_for_each_call_of_ours() -> None:
    estimate = in_others()
    for step in range(1, 13):  # Of every four calls, three are not ours.
        at = 4.0 + step / 10
        probe = estimate.sent(at)
        estimate.answered(at, at, told(50 - 4 * step, 6), probe, estimate.number)
    assert estimate.others.count == 3


def test_when_others_fall_silent_the_pace_uses_what_is_left() -> None:
    estimate = in_others()
    for step in range(1, 10):
        at = 4.0 + step / 10
        probe = estimate.sent(at)
        estimate.answered(at, at, told(50 - step, 6), probe, estimate.number)
    assert estimate.others.count == 1  # Until a window has gone by without them.
    estimate.sent(5.0)
    assert close_to(when(estimate, 5.0), 5.0 + (estimate.end - 5.0) / (41 - 1 - 1))


def test_a_refusal_while_the_rest_fell_fast_means_that_nothing_is_left() -> None:
    estimate = in_others()
    for step in range(1, 6):  # 32 calls in 0.4 s.
        at = 4.0 + step / 10
        probe = estimate.sent(at)
        estimate.answered(at, at, told(50 - 8 * step + 8, 6), probe, estimate.number)
    assert estimate.floor == 18
    estimate.refused(4.7, 4.7, None, estimate.sent(4.7))
    assert when(estimate, 4.7) == estimate.end


def test_the_share_of_others_is_looked_at_every_four_calls() -> None:
    share = Consumption()
    share.see(100, 0.0, 1)
    share.see(91, 0.3, 4)  # Only three calls later.
    unknown = share.ratio
    assert unknown is None
    share.see(88, 0.4, 5)
    assert (share.ratio, share.fall) == (2.0, 30.0)  # Twelve fell, four were ours.
    share.see(84, 0.8, 9)
    assert close_to(share.fall, 10.0)
    assert share.ratio == 1.0  # None of others, halfway.
    share.restart()
    share.see(199, 1.0, 10)
    share.see(191, 1.4, 14)
    assert share.ratio == 1.0
