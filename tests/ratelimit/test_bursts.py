"""Others who take many calls at once: what a refusal means then, and how much a company leaves them."""

from __future__ import annotations

import pytest

from mittwald_async.runtime.operation import RateLimit
from mittwald_async.runtime.ratelimit.consumption import Consumption
from mittwald_async.runtime.ratelimit.contention import Contention
from mittwald_async.runtime.ratelimit.estimate import Estimate
from mittwald_async.runtime.ratelimit.tuning import TUNING
from tests.support.clock import close_to

from ..support.estimates import opened


def shared(limit: int, period: float, remaining: int, burst: int) -> Estimate:
    """A window shared with three others, one of whom has taken so many calls at once."""
    estimate = opened(limit - 1, period, limit)
    others = estimate.others
    others.consumption.see(limit - 1, 0.1, 1)
    others.consumption.see(limit - 2 - burst, 0.2, 2)
    assert others.consumption.burst == burst
    others.consumption.fall = 0.0
    others.count, others.weight, others.suspect = 3, 3.0, False
    estimate.floor = remaining
    return estimate


def refuse(estimate: Estimate, at: float) -> None:
    estimate.refused(at, at, None, estimate.sent(at), number=estimate.number)


def test_a_refusal_means_an_empty_window_where_others_have_taken_as_much_at_once_before() -> None:
    for burst, empty in ((89, False), (90, True)):
        estimate = shared(600, 60.0, 90, burst)
        refuse(estimate, 11.0)
        assert (estimate.floor == 0) is empty
        assert (estimate.pause.until > 60.0) is empty


def test_a_company_leaves_more_after_a_burst_and_forgets_it_after_eight_windows() -> None:
    def gap(estimate: Estimate, at: float) -> float:
        estimate.others.count, estimate.others.weight, estimate.others.tail = 3, 3.0, 4
        estimate.floor = 50
        return estimate.next_turn(at).gap

    calm, wary = shared(200, 2.0, 3, 20), shared(200, 2.0, 3, 20)
    refuse(wary, 1.0)
    gaps = list[tuple[float, float]]()
    for window in range(1, 10):
        opens = 2.0 * window + 0.1
        for estimate in (calm, wary):
            estimate.pause.passed(opens)
            estimate.answered(opens, opens, RateLimit(200, 199, 2.0), estimate.sent(opens))
        gaps.append((gap(calm, opens), gap(wary, opens)))
    assert all(mindful > 2 * plain for plain, mindful in gaps[:7])
    assert all(close_to(mindful, plain) for plain, mindful in gaps[7:])


@pytest.mark.parametrize(
    ("limit", "period", "burst", "slows"),
    [
        (200, 2.0, 30, True),
        (200, 2.0, 31, False),  # It would empty the window anyway.
        (200, 3.5, 31, True),  # In longer windows, and with fewer calls, a crowd always keeps to the line.
        (128, 2.0, 31, True),
    ],
)
def test_after_a_burst_a_crowd_keeps_to_an_even_line(limit: int, period: float, burst: int, slows: bool) -> None:
    estimate = shared(limit, period, 3, burst)
    refuse(estimate, 1.0)
    estimate.answered(4.1, 4.1, RateLimit(limit, limit - 1, period), estimate.sent(4.1))
    estimate.floor = 50
    estimate.others.count, estimate.others.weight, estimate.others.tail = 1, 1.0, 4
    of_two = estimate.next_turn(4.1).gap
    estimate.others.count, estimate.others.weight = 3, 3.0
    assert (estimate.next_turn(4.1).gap > 1.5 * of_two) is slows


def test_a_company_that_has_left_is_noticed_by_the_first_call_that_should_have_seen_it() -> None:
    consumption = Consumption()
    consumption.see(1000, 0.0, 1)
    consumption.see(960, 1.0, 2)
    assert consumption.ratio == 39
    consumption.see(934, 2.0, 3)  # 40 were due, 26 came: fourteen fewer are chance.
    assert consumption.ratio == 32
    consumption.see(917, 3.0, 4)  # 33 were due, 17 came.
    assert consumption.ratio == 16
    consumption.see(916, 4.0, 5)
    assert consumption.ratio == 0


def test_where_none_of_ours_is_under_way_all_of_them_are_counted() -> None:
    others = Contention()
    others.proof = TUNING.alone_after
    others.look(3000, gone=10, own=8, in_flight=0, remaining=2990, now=0.0, number=3, latest=8)
    others.look(3000, gone=18, own=12, in_flight=0, remaining=2982, now=1.0, number=9, latest=12)
    assert others.consumption.ratio == 1.0  # Eight for four of ours, not for six.
