"""The time to go, worked out by hand."""

from __future__ import annotations

from mittwald_async.fleet.eta import AccountCost, estimate

BUDGET = (3000, 600.0)
KNOWN = AccountCost(3000, BUDGET)


def test_nothing_is_said_before_anything_is_known() -> None:
    assert estimate(under_way=[(KNOWN, 5.0)], waiting=[], places=1, finished=[]) is None


def test_accounts_take_their_turns_in_the_places_there_are() -> None:
    cost = AccountCost(100, BUDGET)
    eta = estimate(under_way=[(cost, 4.0), (cost, 0.0)], waiting=[cost] * 3, places=2, finished=[(cost, 10.0)])
    # 6 s and 10 s are left of the two; then 10 s twice in the first place and once in the second.
    assert eta is not None
    assert (round(eta.seconds, 6), eta.at_least) == (26.0, False)


def test_windows_of_a_budget_are_waited_for() -> None:
    large = AccountCost(9001, BUDGET)
    eta = estimate(under_way=[(large, 100.0)], waiting=[], places=1, finished=[(AccountCost(1000, BUDGET), 10.0)])
    # 9001 requests are three full windows to wait for: 1800 s, of which 100 s are over.
    assert eta is not None
    assert (eta.seconds, eta.at_least) == (1700.0, False)


def test_accounts_that_were_never_swept_are_taken_for_typical_ones_and_that_is_said() -> None:
    cost = AccountCost(100, BUDGET)
    eta = estimate(under_way=[(None, 0.0)], waiting=[None], places=1, finished=[(cost, 10.0)])
    assert eta is not None
    assert (round(eta.seconds, 6), eta.at_least) == (20.0, True)


def test_who_takes_longer_than_expected_takes_at_least_so_long() -> None:
    cost = AccountCost(100, BUDGET)
    eta = estimate(under_way=[(cost, 60.0)], waiting=[], places=1, finished=[(cost, 10.0)])
    assert eta is not None
    assert (eta.seconds, eta.at_least) == (0.0, True)
