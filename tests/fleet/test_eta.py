"""The estimated time of a fleet, worked out by hand."""

from __future__ import annotations

from mittwald_async.fleet.eta import AccountCost, estimate

BUDGET = (3000, 600.0)
KNOWN = AccountCost(3000, BUDGET)


def test_without_data_there_is_no_estimate() -> None:
    assert estimate(under_way=[(KNOWN, 5.0)], waiting=[], places=1, finished=[]) is None


def test_accounts_take_turns_in_the_available_slots() -> None:
    cost = AccountCost(100, BUDGET)
    eta = estimate(under_way=[(cost, 4.0), (cost, 0.0)], waiting=[cost] * 3, places=2, finished=[(cost, 10.0)])
    # 6 s and 10 s are left of the two; then 10 s twice in the first slot and once in the second.
    assert eta is not None
    assert (round(eta.seconds, 6), eta.at_least) == (26.0, False)


def test_budget_windows_are_waited_for() -> None:
    large = AccountCost(9001, BUDGET)
    eta = estimate(under_way=[(large, 100.0)], waiting=[], places=1, finished=[(AccountCost(1000, BUDGET), 10.0)])
    # 9001 requests must wait for three full windows: 1800 s, of which 100 s have passed.
    assert eta is not None
    assert (eta.seconds, eta.at_least) == (1700.0, False)


def test_new_accounts_are_assumed_to_be_typical_and_the_estimate_says_so() -> None:
    cost = AccountCost(100, BUDGET)
    eta = estimate(under_way=[(None, 0.0)], waiting=[None], places=1, finished=[(cost, 10.0)])
    assert eta is not None
    assert (round(eta.seconds, 6), eta.at_least) == (20.0, True)


def test_an_overdue_account_is_expected_to_take_that_much_longer() -> None:
    cost = AccountCost(100, BUDGET)
    eta = estimate(under_way=[(cost, 60.0)], waiting=[], places=1, finished=[(cost, 10.0)])
    assert eta is not None
    assert (eta.seconds, eta.at_least) == (0.0, True)


def test_accounts_are_expected_to_take_what_most_took_and_not_what_the_quickest_did() -> None:
    cost = AccountCost(100, BUDGET)
    eta = estimate(
        under_way=[], waiting=[cost] * 4, places=2, finished=[(cost, 1.0), (cost, 30.0), (cost, 40.0), (KNOWN, 9.0)]
    )
    # A request took 0.003 s, 0.01 s, 0.3 s and 0.4 s: 0.155 s is in the middle, and each place has two accounts of 100.
    assert eta is not None
    assert round(eta.seconds, 6) == 31.0


def test_waiting_for_a_budget_is_not_taken_for_slowness() -> None:
    large, small = AccountCost(9001, BUDGET), AccountCost(100, BUDGET)
    eta = estimate(under_way=[], waiting=[small], places=1, finished=[(large, 1900.0), (small, 10.0), (small, 10.0)])
    assert eta is not None
    assert round(eta.seconds, 6) == 10.0
