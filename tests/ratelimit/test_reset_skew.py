"""When a window really ends, although its reset is stated in whole seconds."""

from __future__ import annotations

from math import inf

from mittwald_async.runtime.ratelimit.reset_skew import ResetSkew, counted_on
from tests.support.clock import close_to


def test_reset_skew_trusts_then_waits_then_halves() -> None:
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


def test_reset_skew_waits_a_whole_second_where_that_costs_nothing() -> None:
    edge = ResetSkew()
    edge.plan(0, 600.0, True)
    assert edge.offset == 1.0


def test_reset_skew_learns_from_observed_responses() -> None:
    edge = ResetSkew()
    edge.still_running(0.4)
    assert close_to(edge.offset, 0.5)
    edge.rounded_down()
    assert edge.offset == 1.0
    edge.open(0.3)
    assert (edge.low, edge.high) == (0.3, 0.3)


def test_an_end_is_computed_from_an_earlier_one() -> None:
    assert counted_on(before=10, reported=20.7, earliest=19.7, period=10) == 20
    assert counted_on(before=10, reported=40.7, earliest=39.7, period=10) == 40
    assert (
        counted_on(before=10, reported=23.5, earliest=22.5, period=10) == 23.5
    )  # 20 is impossible, 30 is later than stated.
    assert counted_on(before=inf, reported=20.7, earliest=19.7, period=10) == 20.7
    assert counted_on(before=10, reported=10.5, earliest=9.5, period=0.5) == 10.5


def test_ends_of_one_second_windows_are_computed_as_well() -> None:
    assert counted_on(10.0, 12.3, 11.4, 1.0) == 12.0
    assert counted_on(10.0, 12.3, 11.4, 0.9) == 12.3
