"""The picture of one budget, with times and counts worked out by hand."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest

from mittwald_async.runtime.operation import RateLimit
from mittwald_async.runtime.ratelimit.consumption import Consumption
from mittwald_async.runtime.ratelimit.estimate import Estimate
from mittwald_async.runtime.ratelimit.reset_skew import ResetSkew, counted_on
from mittwald_async.runtime.ratelimit.tuning import TUNING
from tests.support.clock import close_to

from ..support.limited_calls import when


def told(remaining: int, reset: float, limit: int = 100) -> RateLimit:
    return RateLimit(limit, remaining, reset)


def opened(remaining: int = 99, reset: float = 10, limit: int = 100, at: float = 0.0) -> Estimate:
    """A window whose first answer came at `at`."""
    estimate = Estimate(random=lambda: 0.0)
    estimate.answered(at, at, told(remaining, reset, limit), estimate.sent(at))
    return estimate


def alone() -> Estimate:
    """A lone client that has made 65 calls and knows that it is alone; 83 of now 100 remain."""
    estimate = opened(remaining=147, limit=148)
    for used in range(64):
        estimate.answered(0.0, 0.0, told(146 - used, 10, 148 if used < 63 else 100), estimate.sent(0.0))
    assert (estimate.floor, estimate.limit, estimate.others.foreign) == (83, 100, 0)
    return estimate


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


def test_a_newcomer_to_a_used_window_goes_gently_until_it_knows_better() -> None:
    estimate, at = opened(remaining=49), 0.0
    for used in range(8):
        assert estimate.others.count == (1 if used < 7 else 0)
        at = max(at, when(estimate, at))
        estimate.answered(at, at, told(48 - used, 10 - int(at)), estimate.sent(at))
    assert estimate.others.count == 0
    assert when(estimate, at) == at


def test_a_newcomer_to_a_window_with_plenty_left_does_not_wait_for_proof_that_it_is_alone() -> None:
    for remaining, limit in ((2599, 3000), (899, 3000), (900, 1000)):
        estimate = opened(remaining=remaining, reset=300, limit=limit)
        assert estimate.others.suspect
        estimate.others.proof = 1
        allowed = remaining // 12 + 1  # One more for the first answer.
        for _ in range(allowed):
            assert when(estimate, 0.0) == 0.0
            estimate.sent(0.0)
        assert when(estimate, 0.0) == TUNING.patience


def test_a_newcomer_to_a_window_with_little_left_looks_around_longer_the_longer_it_calls() -> None:
    estimate, at, went = opened(remaining=200, reset=599, limit=3000), 0.0, list[float]()
    for used in range(8):
        turn = estimate.next_turn(at)
        at = max(at, turn.at)
        went.append(at)
        estimate.answered(at, at, told(199 - used, 599 - int(at), 3000), estimate.sent(at, turn.gap), used + 2)
    assert went[2] <= 2.0  # Who makes a few calls only is not kept waiting.
    gaps = [later - sooner for sooner, later in pairwise(went)]
    assert gaps[:6] == sorted(gaps[:6])
    assert 8.0 < at <= 20.0  # Whoever spread 200 calls over 600 s would have made a few in that time.
    assert when(estimate, at) == at


def test_who_came_late_to_a_window_does_not_rush_into_the_next() -> None:
    estimate = opened(remaining=5, reset=10, limit=3000)
    estimate.answered(10.0, 10.1, told(2999, 600, 3000), estimate.sent(10.0), 2)
    assert estimate.others.suspect
    assert when(estimate, 10.1) > 10.1  # The others, who know each other, begin with it as well.


def test_a_call_of_others_shows_however_many_of_ours_are_in_flight() -> None:
    estimate = opened(remaining=2999, limit=3000, reset=600)
    for n in range(40):
        estimate.sent(0.0)
        assert estimate.number == n + 2
    numbers = list(range(2, 42))
    left = [3000 - n for n in numbers]
    left[20:] = [one - 1 for one in left[20:]]  # One call of somebody else came in between.
    for at in (3, 2, 1, 0, *range(39, 3, -1)):  # Answers come in any order.
        estimate.answered(0.0, 0.1, told(left[at], 600, 3000), False, numbers[at])
        estimate.sent(0.1)  # And there are always as many in flight.
        if estimate.others.foreign:
            break
    for number, one in zip(range(42, 82), range(left[-1] - 1, 0, -1), strict=False):
        estimate.answered(0.1, 0.2, told(one, 600, 3000), False, number)
    assert estimate.others.foreign == 1


@pytest.mark.parametrize("clients", [1, 4, 33, 100])
def test_a_crowd_slows_down_as_less_remains_than_on_an_even_line(clients: int) -> None:
    estimate = opened(remaining=2999, limit=3000, reset=600)
    estimate.others.count, estimate.others.weight = clients - 1, clients - 1
    even, late = (estimate.next_turn(at).gap for at in (0.0, 300.0))
    assert late <= even  # On the line or above it they go as two would.
    estimate.floor = 600
    assert estimate.next_turn(0.0).gap <= clients * 2 * 600 / (600 - 150 - clients)
    if clients > 4:
        assert estimate.next_turn(0.0).gap > 2 * 2 * 600 / 600


def test_a_newcomer_to_an_old_window_keeps_few_in_flight_at_first() -> None:
    estimate = opened(remaining=98)  # Not the first call of the window: six at a time.
    estimate.others.suspect, estimate.others.count = False, 0
    for _ in range(6):
        assert when(estimate, 0.0) == 0.0
        estimate.sent(0.0)
    turn = estimate.next_turn(0.0)
    assert (turn.at, turn.reason, turn.sure) == (TUNING.patience, "opening", False)  # The next answer lets one go.
    for left in (97, 96, 95):
        estimate.answered(0.0, 0.1, told(left, 10), False)
    for _ in range(3):  # Of 95 five at a time, and one more for four answers.
        assert when(estimate, 0.1) == 0.1
        estimate.sent(0.1)
    assert when(estimate, 0.1) == 0.1 + TUNING.patience


def test_whoever_has_the_first_call_of_a_window_may_take_two_thirds_until_others_would_have_shown() -> None:
    estimate = opened()  # 99 of 100: all who came at the same instant know that they were not first.
    for _ in range(65):  # And one is over.
        assert when(estimate, 0.0) == 0.0
        estimate.sent(0.0)
    assert when(estimate, 0.0) == TUNING.patience
    for number in range(2, 66):
        estimate.answered(0.0, 0.1, told(101 - number, 10), False, number)
        assert (when(estimate, 0.1) == 0.1) is (estimate.in_flight < TUNING.hiding)
    estimate.answered(0.0, 0.1, told(34, 10), False, 66)  # The last that may have hidden somebody.
    assert estimate.others.proof >= TUNING.alone_after
    for _ in range(32):
        assert when(estimate, 0.1) == 0.1
        estimate.sent(0.1)
    assert estimate.available() == 2


def test_whoever_has_the_first_call_of_a_window_sees_others_in_the_second_answer() -> None:
    estimate = opened()
    estimate.sent(0.0)
    estimate.answered(0.0, 0.1, told(20, 10), False)  # 79 calls for one of ours: they are here after all.
    assert estimate.others.count
    assert not estimate.others.untouched


def test_a_newcomers_call_that_hangs_keeps_nobody_for_long() -> None:
    estimate = opened(remaining=8, limit=10)
    estimate.others.suspect, estimate.others.count = False, 0
    estimate.sent(0.0)  # One at a time, of so few; and this one hangs.
    assert when(estimate, 1.0) == TUNING.patience
    assert when(estimate, TUNING.patience) == TUNING.patience
    estimate.sent(TUNING.patience + 0.1)
    assert when(estimate, 6.0) == estimate.end  # Then the next window comes sooner.


def test_a_changed_limit_is_taken_over_within_the_window() -> None:
    estimate = alone()
    estimate.answered(1.0, 1.1, told(16, 9, limit=33), estimate.sent(1.0))
    assert (estimate.limit, estimate.floor, estimate.others.foreign) == (33, 16, 0)
    estimate.answered(1.2, 1.3, told(82, 9, limit=100), estimate.sent(1.2))
    assert (estimate.limit, estimate.floor, estimate.others.foreign) == (100, 82, 0)


def test_a_429_near_the_end_of_the_budget_stops_until_the_reset() -> None:
    estimate = opened(remaining=4)
    estimate.refused(1.0, 1.1, None, estimate.sent(1.0))
    assert estimate.floor == 0
    assert when(estimate, 1.1) == estimate.end
    assert when(estimate, estimate.end) == estimate.end
    assert estimate.sent(estimate.end)
    assert when(estimate, estimate.end) > estimate.end  # One probe, the others wait.


def test_what_somebody_alone_has_just_been_told_is_trusted_to_the_last_few_calls() -> None:
    for left, since, until in ((40, 0.1, 1.0), (5, 0.1, None), (40, 2.0, None), (200, 2.0, 1.0)):
        estimate = Estimate(random=lambda: 0.0)
        for used in range(70):
            estimate.answered(0.0, 0.0, told(999 - used, 600, 1000), estimate.sent(0.0))
        for used in range(70, 1000 - left):
            estimate.answered(0.0, 0.0, told(999 - used, 600, 1000), estimate.sent(0.0))
        assert estimate.floor == left
        estimate.refused(since, since, None, estimate.sent(since))
        expected = estimate.end if until is None else since + until
        assert close_to(when(estimate, since), expected), left


def test_a_429_that_contradicts_the_budget_stops_for_one_step() -> None:
    estimate = alone()
    estimate.refused(1.0, 1.1, None, estimate.sent(1.0))
    assert close_to(when(estimate, 1.1), 2.1)
    assert estimate.sent(2.2)
    assert when(estimate, 2.2) == 2.2 + TUNING.patience
    estimate.answered(2.2, 2.3, told(82, 8), True)
    assert when(estimate, 2.3) == 2.3


def test_a_429_shortly_before_the_reset_waits_for_it() -> None:
    estimate = alone()
    estimate.refused(8.0, 8.1, None, estimate.sent(8.0))  # A step of one second, and less than two are left.
    assert when(estimate, 8.1) == estimate.end


def test_a_429_that_contradicts_the_budget_costs_seconds_instead_of_minutes() -> None:
    estimate, at = Estimate(random=lambda: 0.0), 0.0
    for used in range(70):
        estimate.answered(at, at, told(2999 - used, 600, 3000), estimate.sent(at))
    steps: list[float] = []
    for _ in range(14):
        at = when(estimate, at)
        estimate.refused(at, at, None, estimate.sent(at))
        steps.append(when(estimate, at) - at)
    # Doubling up to a minute; then the reset is less than two steps away.
    assert [round(step) for step in steps[:10]] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert steps[-2] == 60
    assert when(estimate, at) == estimate.end


def test_a_429_that_says_how_long_is_obeyed() -> None:
    estimate = alone()
    estimate.refused(1.0, 1.1, None, estimate.sent(1.0), 7.0)
    assert close_to(when(estimate, 1.1), 8.1)
    assert estimate.sent(8.2)  # One probe.
    assert when(estimate, 8.2) == 8.2 + TUNING.patience


def test_a_429_that_says_at_once_is_followed_by_a_step_all_the_same() -> None:
    for claim, wait in ((None, 0.0), (told(0, 0), None)):
        estimate = Estimate(random=lambda: 0.0)
        for used in range(70):
            estimate.answered(0.0, 0.0, told(99 - used, 10), estimate.sent(0.0))
        estimate.refused(1.0, 1.1, claim, estimate.sent(1.0), wait)
        assert close_to(when(estimate, 1.1), 2.1)


def test_the_longest_of_several_answers_to_one_burst_counts() -> None:
    estimate = alone()
    for _ in range(3):
        estimate.sent(1.0)
    for seconds in (2.0, 5.0, 3.0):
        estimate.refused(1.0, 1.1, None, False, seconds)
    assert close_to(when(estimate, 1.2), 6.1)


def test_a_429_that_says_that_much_remains_is_not_about_the_budget() -> None:
    estimate = alone()
    estimate.refused(1.0, 1.1, told(82, 9), estimate.sent(1.0))
    assert close_to(when(estimate, 1.1), 2.1)


def test_a_window_that_never_ends_is_probed_once_per_step() -> None:
    estimate, at, steps = alone(), 0.0, list[float]()
    estimate.refused(9.9, 9.9, told(0, 1), estimate.sent(9.9))
    for _ in range(9):
        steps.append(when(estimate, at) - at)
        at = when(estimate, at)
        assert estimate.sent(at)
        assert when(estimate, at) > at
        estimate.refused(at, at, None, True)
    assert sum(steps[1:4]) > 2
    assert steps[-1] == 60


def test_what_rises_within_a_window_is_believed_from_a_younger_answer_only() -> None:
    estimate = alone()
    estimate.sent(1.0)
    estimate.answered(1.2, 1.3, told(60, 9), estimate.sent(1.2))
    estimate.answered(1.0, 1.4, told(82, 9), False)  # Sent before the other was in.
    assert estimate.floor == 60
    estimate.answered(1.5, 1.6, told(70, 9), estimate.sent(1.5))  # Somebody's calls were given back.
    assert estimate.floor == 70
    assert when(estimate, 1.6) <= 2.0


def test_back_off_doubles_from_one_second_to_sixty() -> None:
    estimate, at, steps = Estimate(random=lambda: 0.0), 0.0, list[float]()
    for _ in range(9):
        estimate.refused(at, at, None, estimate.sent(at))
        steps.append(when(estimate, at) - at)
        at = when(estimate, at)
    assert steps == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert estimate.throttled == 9
    estimate.answered(at, at, None, estimate.sent(at))
    estimate.refused(at + 1, at + 1, None, estimate.sent(at + 1))
    assert when(estimate, at + 1) == at + 2


def test_jitter_adds_up_to_half() -> None:
    estimate = Estimate(random=lambda: 1.0)
    estimate.refused(0.0, 0.0, None, estimate.sent(0.0))
    assert when(estimate, 0.0) == 1.5


def test_many_429s_of_one_burst_are_one_refusal() -> None:
    estimate = alone()
    for _ in range(20):
        estimate.sent(1.0)
    for n in range(20):
        estimate.refused(1.0, 1.1 + n / 100, None, False)
    assert close_to(when(estimate, 1.3), 2.1)
    assert estimate.throttled == 20


def test_a_429_with_headers_is_believed() -> None:
    estimate = alone()
    estimate.refused(1.0, 1.1, told(0, 5), estimate.sent(1.0))
    assert close_to(when(estimate, 1.1), 6.1 + 10 / 600)


def test_an_opening_that_is_refused_waits_for_the_second_that_rounding_can_hide() -> None:
    estimate = alone()
    end = estimate.end
    estimate.refused(end, end + 0.1, None, estimate.sent(end))
    assert close_to(when(estimate, end + 0.1), 11.0, 0.02)


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


def test_edge_trusts_then_waits_then_halves() -> None:
    edge = ResetSkew()
    edge.plan(0, 2.0, True)
    assert edge.offset < 0.01
    edge.too_early(0.0)
    assert edge.offset == 1.0
    edge.plan(1999, 2.0, True)
    assert edge.offset == 1.0
    edge.plan(1, 2.0, True)
    assert edge.offset == 0.5
    edge.open(0.5)
    assert (edge.low, edge.high) == (0.0, 0.5)
    edge.plan(1, 2.0, True)
    assert edge.offset == 0.25
    edge.too_early(0.25)
    assert edge.offset == 0.5
    edge.too_early(3.0)
    assert edge.offset == 0.5


def test_edge_gives_a_whole_second_where_that_costs_nothing() -> None:
    edge = ResetSkew()
    edge.plan(0, 600.0, True)
    assert edge.offset == 1.0


def test_edge_learns_from_what_passes_by() -> None:
    edge = ResetSkew()
    edge.still_running(0.4)
    assert close_to(edge.offset, 0.5)
    edge.rounded_down()
    assert edge.offset == 1.0
    edge.open(0.3)
    assert (edge.low, edge.high) == (0.3, 0.3)


def test_an_end_is_counted_on_from_an_earlier_one() -> None:
    assert counted_on(before=10, told=20.7, earliest=19.7, period=10) == 20
    assert counted_on(before=10, told=40.7, earliest=39.7, period=10) == 40
    assert counted_on(before=10, told=23.5, earliest=22.5, period=10) == 23.5  # 20 cannot be, 30 is later than told.
    assert counted_on(before=inf, told=20.7, earliest=19.7, period=10) == 20.7
    assert counted_on(before=10, told=10.5, earliest=9.5, period=0.5) == 10.5


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
