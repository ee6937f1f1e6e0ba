"""What happens after a 429, with times and counts worked out by hand."""

from __future__ import annotations

from mittwald_async.runtime.ratelimit.estimate import Estimate
from mittwald_async.runtime.ratelimit.tuning import TUNING
from tests.support.clock import close_to

from ..support.estimates import alone, opened, told
from ..support.limited_calls import when


def test_a_429_near_the_end_of_the_budget_pauses_until_the_reset() -> None:
    estimate = opened(remaining=4)
    estimate.refused(1.0, 1.1, None, estimate.sent(1.0))
    assert estimate.floor == 0
    assert when(estimate, 1.1) == estimate.end
    assert when(estimate, estimate.end) == estimate.end
    assert estimate.sent(estimate.end)
    assert when(estimate, estimate.end) > estimate.end  # One probe, while the others wait.


def test_a_fresh_remainder_of_a_lone_client_is_trusted_to_the_last_few_calls() -> None:
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


def test_a_429_that_contradicts_the_budget_pauses_for_one_step() -> None:
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
    # Doubles up to a minute; then the reset is less than two steps away.
    assert [round(step) for step in steps[:10]] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert steps[-2] == 60
    assert when(estimate, at) == estimate.end


def test_a_429_with_retry_after_is_obeyed() -> None:
    estimate = alone()
    estimate.refused(1.0, 1.1, None, estimate.sent(1.0), 7.0)
    assert close_to(when(estimate, 1.1), 8.1)
    assert estimate.sent(8.2)  # One probe.
    assert when(estimate, 8.2) == 8.2 + TUNING.patience


def test_a_429_with_a_retry_after_of_zero_still_pauses_for_one_step() -> None:
    for claim, wait in ((None, 0.0), (told(0, 0), None)):
        estimate = Estimate(random=lambda: 0.0)
        for used in range(70):
            estimate.answered(0.0, 0.0, told(99 - used, 10), estimate.sent(0.0))
        estimate.refused(1.0, 1.1, claim, estimate.sent(1.0), wait)
        assert close_to(when(estimate, 1.1), 2.1)


def test_the_longest_retry_after_of_one_burst_counts() -> None:
    estimate = alone()
    for _ in range(3):
        estimate.sent(1.0)
    for seconds in (2.0, 5.0, 3.0):
        estimate.refused(1.0, 1.1, None, False, seconds)
    assert close_to(when(estimate, 1.2), 6.1)


def test_a_429_with_a_large_remainder_does_not_concern_the_budget() -> None:
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


def test_many_429s_of_one_burst_count_as_one() -> None:
    estimate = alone()
    for _ in range(20):
        estimate.sent(1.0)
    for n in range(20):
        estimate.refused(1.0, 1.1 + n / 100, None, False)
    assert close_to(when(estimate, 1.3), 2.1)
    assert estimate.throttled == 20


def test_headers_of_a_429_are_used() -> None:
    estimate = alone()
    estimate.refused(1.0, 1.1, told(0, 5), estimate.sent(1.0))
    assert close_to(when(estimate, 1.1), 6.1 + 10 / 600)


def test_a_refused_opening_waits_for_the_second_that_rounding_can_hide() -> None:
    estimate = alone()
    end = estimate.end
    estimate.refused(end, end + 0.1, None, estimate.sent(end))
    assert close_to(when(estimate, end + 0.1), 11.0, 0.02)
