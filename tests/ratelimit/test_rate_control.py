"""When an even rate replaces windows, and how it is corrected; every number is worked out by hand.

Most of it is about a limit of 100 calls in 2 s: 50 calls per second at most.
"""

from __future__ import annotations

import pytest

from mittwald_async.runtime.ratelimit.rate_control import RateControl
from mittwald_async.runtime.ratelimit.tuning import TUNING


def poor(
    remaining: int = 24, limit: int = 100, period: float = 2.0, every: float = 2.0, openings: int = 3
) -> RateControl:
    """Windows that open with a small remainder, in which we made too few calls to know our share."""
    control = RateControl()
    for number in range(openings):
        control.window_over(number * every, limit, period, 3, 3, remaining)
    return control


def used(own: int, used: int, *, waited: int, windows: int = 1, limit: int = 100, remaining: int = 90) -> RateControl:
    """So many whole windows of 2 s in which `own` of `used` calls were ours and `waited` of ours waited."""
    control = RateControl()
    control.window_over(0.0, limit, 2.0, own, used, remaining)
    for number in range(1, windows + 1):
        for call in range(own):
            control.sent(call < waited)
        control.window_over(2.0 * number, limit, 2.0, own, used, remaining)
    return control


def rate(control: RateControl) -> float:
    return 1 / control.gap


@pytest.mark.parametrize(
    ("remaining", "limit", "period", "openings", "active"),
    [
        (24, 100, 2.0, 3, True),
        (24, 100, 2.0, 2, False),
        (25, 100, 2.0, 3, False),  # a quarter remains
        (4, 20, 2.0, 3, True),
        (4, 19, 2.0, 3, False),  # the limit is too small
        (24, 100, 3.0, 3, True),
        (24, 100, 3.25, 9, False),  # the window is too long
        (24, 100, 0.0, 9, False),
    ],
)
def test_three_poor_openings_of_short_windows_end_window_mode(
    remaining: int, limit: int, period: float, openings: int, active: bool
) -> None:
    control = poor(remaining, limit, period, openings=openings)
    assert control.active is active
    if active:
        assert rate(control) == pytest.approx(limit / period * 0.33 * 0.98)


@pytest.mark.parametrize(
    ("own", "all_clients", "share"), [(98, 100, 0.98), (97, 100, 0.33), (25, 100, 0.25), (4, 100, 0.04), (3, 100, 0.33)]
)
def test_an_even_rate_begins_with_our_share_of_the_last_whole_window(own: int, all_clients: int, share: float) -> None:
    control = RateControl()
    control.saw(76, 1.25, 0.0, 100, 2.0)
    control.window_over(0.0, 100, 2.0, own, all_clients, 90)
    for number in range(1, 4):
        control.window_over(0.5 * number, 100, 2.0, 4, 90, 90)  # What is cut short says nothing of shares.
    assert rate(control) == pytest.approx(50 * share * 0.98)


@pytest.mark.parametrize(("own", "share"), [(98, 0.98), (97, 0.33), (10, 0.33)])
def test_after_poor_openings_our_share_counts_only_if_it_was_all(own: int, share: float) -> None:
    control = RateControl()
    for number in range(3):
        control.window_over(2.0 * number, 100, 2.0, own, 100, 24)
    assert rate(control) == pytest.approx(50 * share * 0.98)


def test_a_good_opening_resets_the_count_of_poor_ones() -> None:
    control = RateControl()
    for number, remaining in enumerate([24, 24, 90, 24, 24]):
        control.window_over(2.0 * number, 100, 2.0, 5, 5, remaining)
    assert not control.active
    control.window_over(10.0, 100, 2.0, 5, 5, 24)
    assert control.active


@pytest.mark.parametrize(
    ("every", "remaining", "reset", "active"),
    [
        (0.75, 76, 1.25, True),
        (1.0, 76, 1.25, False),  # half a window is not quick
        (0.75, 75, 1.25, False),  # not fresh: at most three quarters remained
        (0.75, 76, 1.0, False),  # a bucket: fresh, and its reset is near
    ],
)
def test_a_steadily_rising_remainder_has_no_windows(every: float, remaining: int, reset: float, active: bool) -> None:
    control = RateControl()
    control.saw(remaining, reset, 0.0, 100, 2.0)
    control.saw(remaining, 0.5, 0.0, 100, 2.0)
    for number in range(3):
        control.window_over(number * every, 100, 2.0, 3, 3, 90)
    assert not control.active  # the first began who knows when
    control.window_over(3 * every, 100, 2.0, 3, 3, 90)
    assert control.active is active
    if active:
        assert rate(control) == pytest.approx(50 * 0.33 * 0.98)


@pytest.mark.parametrize(
    ("own", "all_clients", "waited", "expected"),
    [
        (40, 40, 4, 20 * 0.98),  # 20 per second went through
        (40, 40, 3, None),  # too little demand
        (49, 50, 5, 24.5 * 0.98),
        (40, 41, 4, None),  # not alone
        (12, 12, 2, 6 * 0.98),
        (11, 11, 2, None),  # too few calls
        (60, 60, 60, None),  # three fifths of the budget: one window is not enough evidence
    ],
)
def test_one_very_bad_window_is_enough(own: int, all_clients: int, waited: int, expected: float | None) -> None:
    control = used(own, all_clients, waited=waited)
    assert control.active is (expected is not None)
    if expected is not None:
        assert rate(control) == pytest.approx(expected)


@pytest.mark.parametrize(("calls", "expected"), [(60, 30 * 0.98), (87, 43.5 * 0.98), (88, None)])
def test_two_windows_decide_whether_they_use_the_budget(calls: int, expected: float | None) -> None:
    control = used(calls, calls, waited=calls, windows=2)
    assert control.active is (expected is not None)
    if expected is not None:
        assert rate(control) == pytest.approx(expected)


def test_after_a_429_wasted_windows_are_not_held_against_window_mode() -> None:
    control = RateControl()
    control.window_over(0.0, 100, 2.0, 40, 40, 90)
    assert control.refused(1.0) is False
    for _ in range(40):
        control.sent(True)
    control.window_over(2.0, 100, 2.0, 40, 40, 90)
    assert not control.active


@pytest.mark.parametrize(
    ("limit", "own", "all_clients", "windows", "expected"),
    [
        (100, 15, 60, 1, None),  # two windows are needed
        (100, 15, 60, 2, 7.5 * 0.95 * 0.98),  # a quarter of 50 is more than the 7.5 that went through
        (100, 16, 60, 2, None),  # enough of our own calls to share a window
        (129, 15, 60, 2, None),  # enough calls in all
        (128, 15, 120, 2, 7.5 * 0.95 * 0.98),
        (16, 4, 16, 2, 2.0 * 0.95 * 0.98),
    ],
)
def test_several_clients_with_few_calls_try_an_even_rate(
    limit: int, own: int, all_clients: int, windows: int, expected: float | None
) -> None:
    control = used(own, all_clients, waited=own, windows=windows, limit=limit, remaining=limit - 1)
    assert control.active is (expected is not None)
    if expected is not None:
        assert rate(control) == pytest.approx(expected)


def test_a_shortened_window_is_counted_with_the_next_whole_one() -> None:
    control = RateControl()
    control.window_over(0.0, 100, 2.0, 0, 0, 90)
    for _ in range(40):
        control.sent(True)
    control.window_over(1.25, 100, 2.0, 20, 20, 90)
    assert not control.active
    control.window_over(3.25, 100, 2.0, 20, 20, 90)
    assert control.active
    assert rate(control) == pytest.approx(40 / 3.25 * 0.98)


def test_a_client_that_left_an_even_rate_tries_it_again_after_thirty_windows() -> None:
    control = used(40, 40, waited=40)
    assert control.active
    control.leave(2.0)
    for number in range(1, 31):
        assert not control.active
        for _ in range(40):
            control.sent(True)
        control.window_over(2.0 + 2.0 * number, 100, 2.0, 40, 40, 90)
    assert control.active


def answers(control: RateControl, remaining: int, *, until: float, count: int = 8) -> None:
    for _ in range(count):
        control.saw(remaining, 1.0, until, 100, 2.0)


def test_a_rate_rises_by_its_share_of_what_is_left_over() -> None:
    control = poor()  # 16.17 per second since 4 s
    assert rate(control) == pytest.approx(16.17)
    answers(control, 40, until=5.9)
    answers(control, 40, until=6.0, count=0)
    assert rate(control) == pytest.approx(16.17), "a window has not passed yet"
    control.saw(40, 1.0, 6.0, 100, 2.0)
    # Share 32.34 / 60 = 0.539; 1 and 1 / (0.539 * 2) = 0.9276 should be left over: 38.0724 too many.
    # 16.17 * (1 - 0.02 * 0.539²) = 16.0760; step 0.7 * 0.539 = 0.3773 of 0.6 * 38.0724 in 2 s: 4.3094.
    assert rate(control) == pytest.approx(20.3854, abs=1e-3)
    answers(control, 50, until=8.0, count=7)
    assert rate(control) == pytest.approx(20.3854, abs=1e-3), "of eight answers one is missing"
    control.saw(60, 1.0, 8.0, 100, 2.0)
    # Share 40.771 / 50 = 0.81542; 1 + 1 / (0.81542 * 2) = 1.6132 should be left over: 48.3868 too many, 10 more than
    # before. 20.3854 * (1 - 0.02 * 0.66491) = 20.1143; 0.7 * 0.81542 = 0.57079 of (0.6 * 48.3868 + 0.3 * 10) / 2:
    # 9.1418.
    assert rate(control) == pytest.approx(29.2562, abs=1e-3)


def test_a_client_with_almost_everything_uses_what_is_left_over_and_slows_down_gently() -> None:
    control = poor()
    answers(control, 65, until=6.0)
    # Share 32.34 / 35 = 0.924; 1.5411 should be left over: 0.9 * 63.4589 in 2 s more.
    assert rate(control) == pytest.approx(16.17 + 28.5565, abs=1e-3)
    answers(control, 1, until=8.0)
    # Share 89.4530 / 99 = 0.90357; 1 + 0.55336 should be left over, and 1 is: 0.55336 in 2 s less.
    assert rate(control) == pytest.approx(44.7265 - 0.2767, abs=1e-3)
    answers(control, 90, until=10.0)
    assert rate(control) == pytest.approx(50.0), "never more than the limit allows"


def test_a_rate_falls_when_too_little_is_left_over() -> None:
    control = poor()
    answers(control, 0, until=6.0)
    # Share 0.3234; 1 + 1.5461 should be left over: 2.5461 too few.
    # 16.17 * (1 - 0.02 * 0.104588) = 16.13618; 0.3234 of 0.6 * 2.5461 in 2 s less: 0.24702.
    assert rate(control) == pytest.approx(15.8892, abs=1e-3)


def test_a_429_lengthens_the_gap_at_once_and_less_for_a_large_share() -> None:
    control = poor()
    assert control.refused(5.0)
    assert control.gap == pytest.approx(1 / 16.17 * (1 + 0.2 * (1 - 0.3234)))
    control = used(49, 49, waited=49)
    before = control.gap
    assert control.refused(3.0)
    assert control.gap == pytest.approx(before * (1 + 0.2 * (1 - 24.5 * 0.98 / 50)))


def test_seventeen_429s_in_a_row_end_an_even_rate_and_a_success_resets_the_count() -> None:
    control = poor()
    for _ in range(TUNING.refusals_to_leave):
        assert control.refused(5.0)
    control.saw(40, 1.0, 5.0, 100, 2.0)
    for _ in range(TUNING.refusals_to_leave):
        assert control.refused(5.0)
    assert control.refused(5.0) is False
    assert not control.active


def test_the_first_correction_after_a_429_changes_nothing_more() -> None:
    control = poor()
    control.refused(4.5)
    slower = rate(control)
    answers(control, 0, until=6.0)
    assert rate(control) == pytest.approx(slower)
    answers(control, 0, until=8.0)
    assert rate(control) < slower


def test_a_late_newcomer_to_a_window_of_few_calls_starts_with_one_in_twelve() -> None:
    control = RateControl()
    control.window_over(0.0, 50, 1.0, 0, 0, 45)
    for window in (1.0, 2.0):
        control.sent(True)
        control.window_over(window, 50, 1.0, 1, 50, 45)
    assert control.active
    assert 1 / control.gap == pytest.approx(0.08 * 50 * 0.98)
