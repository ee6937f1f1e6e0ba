"""Edge cases of a window, with times and counts worked out by hand: its end, its last calls, a change of its limit."""

from __future__ import annotations

from math import inf

import pytest

from mittwald_async.runtime.operation import RateLimit
from mittwald_async.runtime.ratelimit.contention import Contention
from mittwald_async.runtime.ratelimit.estimate import Estimate
from mittwald_async.runtime.ratelimit.route_budgets import RouteBudgets

MARGIN = 10 / 600
"""Seconds to wait after the stated end of a window of 10 s."""


def lone(limit: int = 300, calls: int = 65, at: float = 0.0, reset: float = 10.0) -> Estimate:
    """A client that made these calls at one instant with immediate responses, and is alone in its window."""
    estimate = Estimate(random=lambda: 0.0)
    for used in range(1, calls + 1):
        estimate.answered(at, at, RateLimit(limit, limit - used, reset), estimate.sent(at), estimate.number)
    assert (estimate.floor, estimate.others.foreign, estimate.others.count) == (limit - calls, 0, 0)
    return estimate


def test_a_client_is_alone_only_once_the_margin_after_the_end_has_passed() -> None:
    estimate = lone()
    assert estimate.end == pytest.approx(10 + MARGIN)
    assert estimate.sent(9.99) is False
    assert estimate.sent(10.0) is False
    assert estimate.sent(10 + MARGIN + 0.001) is True


@pytest.mark.parametrize(
    ("limit", "spread"),
    [(80, 2), (100, 2), (150, 3), (300, 6), (400, 8), (900, 8)],  # a fiftieth, between two and eight
)
def test_the_last_calls_of_a_window_are_spread(limit: int, spread: int) -> None:
    before = lone(limit, limit - spread - 1)
    assert before.next_turn(0.0).at == 0.0
    estimate = lone(limit, limit - spread)
    turn = estimate.next_turn(0.0)
    first = 10 + MARGIN - 10 * (0.05 + 0.9 * (spread - 1) / spread)
    assert turn.reason == "window"
    assert turn.at == pytest.approx(first)
    assert estimate.next_turn(0.0, urgent=True).at == 0.0
    assert estimate.next_turn(first + 0.01).at == first + 0.01


def test_a_reset_of_zero_in_an_open_window_means_that_resets_are_rounded_down() -> None:
    estimate = lone()
    estimate.answered(9.5, 9.5, RateLimit(300, 234, 0.0), estimate.sent(9.5))
    assert (estimate.skew.high, estimate.end) == (1.0, 10.5)
    # Found open 0.4 s after the stated end: it lasts no longer than that.
    estimate.answered(9.9, 9.9, RateLimit(300, 299, 10.0), estimate.sent(9.9))
    assert estimate.skew.high == pytest.approx(0.4)


SHORT = 2 / 600
"""The margin of a window of 2 s."""


def test_a_short_window_ends_one_period_after_its_first_response_however_resets_are_rounded() -> None:
    estimate = lone(reset=2.0)
    estimate.answered(0.9, 0.9, RateLimit(300, 234, 0.0), estimate.sent(0.9))  # Rounding leaves up to a second unknown.
    assert estimate.end == pytest.approx(1.9)
    estimate.skew.offset = 5.0
    assert estimate.end == pytest.approx(2 + SHORT)
    assert estimate.next_turn(2.0).at == 2.0
    assert not estimate.sent(2.003)
    assert estimate.try_send_fast(2.003)
    assert not estimate.try_send_fast(2.004)
    assert estimate.sent(2.004), "it opens the next window"


def test_a_short_window_that_outlasts_every_reset_is_one_second_longer_than_stated() -> None:
    estimate = lone(reset=2.0)
    estimate.answered(2.5, 2.5, RateLimit(300, 234, 0.0), estimate.sent(2.5))  # Rounded down, 2 s are up to 3.
    assert estimate.end == 3.0
    estimate.answered(3.0, 3.0, RateLimit(300, 299, 2.0), estimate.sent(3.0))
    estimate.skew.offset = 5.0
    assert estimate.end == pytest.approx(3.0 + 2.0 + 1.0 + SHORT)


def test_a_429_after_the_latest_end_shows_that_short_windows_are_longer() -> None:
    estimate = lone(calls=299, reset=2.0)
    estimate.refused(2.1, 2.1, None, estimate.sent(2.1))
    assert estimate.end == 3.0
    estimate.answered(3.1, 3.1, RateLimit(300, 299, 2.0), estimate.sent(3.1))
    estimate.skew.offset = 5.0
    assert estimate.end == pytest.approx(6.1 + SHORT)


def test_a_429_that_states_the_end_of_the_window_is_trusted() -> None:
    estimate = lone(calls=299, reset=2.0)
    estimate.refused(1.9, 1.9, RateLimit(300, 0, 1.0), estimate.sent(1.9))
    assert estimate.end == pytest.approx(2.9 + SHORT)


def test_a_computed_end_gives_way_to_a_reset_that_contradicts_it() -> None:
    estimate = lone(limit=200, reset=2.0)
    estimate.answered(0.7, 0.7, RateLimit(200, 130, 1.0), estimate.sent(0.7))
    assert estimate.others.count, "four calls of others"
    estimate.answered(2.6, 2.6, RateLimit(200, 199, 2.0), estimate.sent(2.6))
    assert estimate.end == pytest.approx(3.7 + SHORT), "two seconds after the end before"
    estimate.answered(2.8, 2.8, RateLimit(200, 190, 2.0), estimate.sent(2.8))
    assert (estimate.floor, estimate.own) == (190, 2), "no new window: nothing came back"
    assert estimate.end == pytest.approx(4.6 + SHORT)
    estimate.answered(4.7, 4.7, RateLimit(200, 199, 2.0), estimate.sent(4.7))
    assert estimate.end == pytest.approx(6.7 + SHORT), "nothing is counted on any more"


def test_a_first_response_with_a_reset_of_zero_also_means_rounding_down() -> None:
    estimate = Estimate(random=lambda: 0.0)
    estimate.answered(0.0, 0.0, RateLimit(300, 299, 0.0), estimate.sent(0.0))
    assert estimate.skew.high == 1.0


def test_a_429_contradicts_the_estimate_unless_something_explains_it() -> None:
    estimate = lone()
    assert estimate.contradicts(1.0, 1.1, None)
    assert estimate.contradicts(1.0, 1.1, RateLimit(300, 5, 9.0))
    assert estimate.contradicts(1.0, 1.1, RateLimit(300, 0, None))
    assert not estimate.contradicts(1.0, 1.1, RateLimit(300, 0, 9.0))
    assert not estimate.contradicts(10.0, 10.1, None), "the window was over"
    estimate.pause.until = 1.2
    assert not estimate.contradicts(1.0, 1.1, None), "calls pause"
    assert estimate.contradicts(1.0, 1.2, None), "they go on"
    estimate.pause.probing = True
    assert not estimate.contradicts(1.0, 1.2, None), "one probes"
    estimate.pause.probing = False
    estimate.rate.active = True
    assert not estimate.contradicts(1.0, 1.2, None), "an even rate is in force"


def test_with_an_unknown_budget_a_429_only_shows_that_a_limit_exists() -> None:
    estimate = Estimate()
    assert not estimate.contradicts(0.0, 0.1, None)
    estimate.lift()
    assert estimate.contradicts(0.0, 0.1, None)


@pytest.mark.parametrize(("left", "contradicts"), [(7, True), (6, False)])
def test_a_429_among_the_last_calls_of_a_lone_client_is_trusted(left: int, contradicts: bool) -> None:
    assert lone(300, 300 - left).contradicts(0.5, 0.6, None) is contradicts


@pytest.mark.parametrize(("left", "contradicts"), [(16, True), (15, False)])
def test_after_a_second_of_silence_others_may_have_used_a_twentieth(left: int, contradicts: bool) -> None:
    estimate = lone(300, 300 - left)
    assert estimate.contradicts(0.5, 1.0, None) is (left > 6)
    assert estimate.contradicts(0.5, 1.001, None) is contradicts


def test_a_limit_that_changes_in_a_window_keeps_the_consumption_of_others() -> None:
    estimate = lone(300, 65)
    estimate.lost(1.0, estimate.sent(0.9))
    in_flight = estimate.sent(1.1)
    # 65 and this one are done, one is lost, one is in flight: 68 calls of 200.
    estimate.answered(1.1, 1.2, RateLimit(200, 132, 8.8), estimate.sent(1.1))
    assert (estimate.limit, estimate.floor, estimate.others.foreign) == (200, 132, 0)
    estimate.answered(1.1, 1.3, RateLimit(200, 133, 8.7), in_flight)
    assert estimate.others.foreign == 0
    estimate.answered(1.4, 1.5, RateLimit(200, 130, 8.5), estimate.sent(1.4))
    assert estimate.others.foreign == 1, "two fell, one was ours"


def test_a_new_window_clears_what_was_hidden_in_the_previous_one() -> None:
    others = Contention()
    others.set_mark(10, 6, 4, 90, 10)
    assert (others.hiding, others.marked, others.mark, others.own_above) == (4, 10, 90, 6)
    others.new_window(own=10, in_flight=4, number=14)
    assert (others.hiding, others.foreign, others.last_foreign) == (0, 0, 0)
    for number in range(7, 11):
        others.over(number, 90)
    assert others.foreign == 0


@pytest.mark.parametrize(("above", "foreign"), [(4, 0), (3, 1), (0, 4)])
def test_calls_before_a_marked_remainder_are_not_mistaken_for_others(above: int, foreign: int) -> None:
    others = Contention()
    others.set_mark(10, 6, 4, 90, 10)  # Ten are gone, six of ours are done, four in flight.
    for number in range(7, 10):
        others.over(number, 90 if number - 7 < above else 89)
        assert others.foreign == 0
    others.over(11, 95)  # Sent after it, so it says nothing.
    assert others.hiding == 1
    others.over(10, 90 if above == 4 else 89)
    assert (others.hiding, others.foreign) == (0, foreign)


def test_a_call_of_unknown_number_clears_the_mark() -> None:
    others = Contention()
    others.set_mark(10, 6, 4, 90, 10)
    others.over(None, 90)
    assert (others.hiding, others.foreign) == (0, 0)


def test_the_learned_consumption_of_others_is_dropped_once_they_are_gone() -> None:
    others = Contention()
    others.consumption.ratio = 2.0
    others.look(100, gone=5, own=5, in_flight=0, remaining=95, now=1.0, number=5)
    assert others.consumption.ratio is None
    assert (others.proof, others.count, others.tail) == (1, 0, 0)


def test_others_of_the_previous_window_are_expected_again_in_proportion() -> None:
    others = Contention()
    others.look(100, gone=20, own=5, in_flight=0, remaining=80, now=1.0, number=None)
    assert (others.foreign, others.count, others.weight) == (15, 3, 3)
    assert others.tail == 3  # Three others and less than half a percent, at most seven of a hundred.
    others.new_window(own=5, in_flight=0, number=5)
    assert (others.foreign, others.last_foreign) == (0, 15)
    others.look(100, gone=1, own=1, in_flight=0, remaining=99, now=2.0, number=None)
    assert others.count == 3


class Budget:
    """A budget of which only the limit matters here."""

    class Known:
        limit: int | None = None

    def __init__(self) -> None:
        self.estimate = Budget.Known()


def test_of_two_budgets_with_equally_many_routes_the_larger_is_the_common_one() -> None:
    for first, second in ((100, 3000), (3000, 100)):
        budgets: RouteBudgets[Budget] = RouteBudgets(Budget)
        budgets.common.estimate.limit = first
        budgets.learn("a", RateLimit(first, 1, 1.0), 0.0, 0.0)
        budgets.learn("b", RateLimit(second, 1, 1.0), 0.0, 0.0)
        assert budgets.common.estimate.limit == 3000
        assert [budget.estimate.limit for budget in budgets.own] == [100]
        budgets.learn("c", RateLimit(100, 1, 1.0), 0.0, 0.0)
        assert budgets.common.estimate.limit == 100, "now it has more routes"


def test_without_information_there_is_no_end() -> None:
    estimate = Estimate()
    assert estimate.end == inf
    assert estimate.available() is None
