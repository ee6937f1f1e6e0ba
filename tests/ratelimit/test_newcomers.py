"""A client that does not know yet whether others are present, with times and counts worked out by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mittwald_async.runtime.ratelimit.tuning import TUNING

from ..support.estimates import opened, told
from ..support.limited_calls import when


def test_a_newcomer_to_a_used_window_is_cautious_until_it_knows_more() -> None:
    estimate, at = opened(remaining=49), 0.0
    for used in range(8):
        assert estimate.others.count == (1 if used < 7 else 0)
        at = max(at, when(estimate, at))
        estimate.answered(at, at, told(48 - used, 10 - int(at)), estimate.sent(at))
    assert estimate.others.count == 0
    assert when(estimate, at) == at


def test_a_newcomer_to_a_window_with_a_large_remainder_does_not_wait_for_proof_that_it_is_alone() -> None:
    for remaining, limit in ((2599, 3000), (899, 3000), (900, 1000)):
        estimate = opened(remaining=remaining, reset=300, limit=limit)
        assert estimate.others.suspect
        estimate.others.proof = 1
        allowed = remaining // 12 + 1  # One more for the first response.
        for _ in range(allowed):
            assert when(estimate, 0.0) == 0.0
            estimate.sent(0.0)
        assert when(estimate, 0.0) == TUNING.patience


def test_a_newcomer_to_a_window_with_a_small_remainder_observes_longer_the_more_it_calls() -> None:
    estimate, at, went = opened(remaining=200, reset=599, limit=3000), 0.0, list[float]()
    for used in range(8):
        turn = estimate.next_turn(at)
        at = max(at, turn.at)
        went.append(at)
        estimate.answered(at, at, told(199 - used, 599 - int(at), 3000), estimate.sent(at, turn.gap), used + 2)
    assert went[2] <= 2.0  # A client that makes only a few calls is not delayed.
    gaps = [later - sooner for sooner, later in pairwise(went)]
    assert gaps[:6] == sorted(gaps[:6])
    assert 8.0 < at <= 20.0  # A client that spreads 200 calls over 600 s would have made a few in that time.
    assert when(estimate, at) == at


def test_a_late_newcomer_does_not_rush_into_the_next_window() -> None:
    estimate = opened(remaining=5, reset=10, limit=3000)
    estimate.answered(10.0, 10.1, told(2999, 600, 3000), estimate.sent(10.0), 2)
    assert estimate.others.suspect
    assert when(estimate, 10.1) > 10.1  # The others, who know each other, start with it as well.


def test_a_foreign_call_is_noticed_with_any_number_of_ours_in_flight() -> None:
    estimate = opened(remaining=2999, limit=3000, reset=600)
    for n in range(40):
        estimate.sent(0.0)
        assert estimate.number == n + 2
    numbers = list(range(2, 42))
    left = [3000 - n for n in numbers]
    left[20:] = [one - 1 for one in left[20:]]  # One foreign call came in between.
    for at in (3, 2, 1, 0, *range(39, 3, -1)):  # Responses arrive in any order.
        estimate.answered(0.0, 0.1, told(left[at], 600, 3000), False, numbers[at])
        estimate.sent(0.1)  # And the number in flight stays the same.
        if estimate.others.foreign:
            break
    for number, one in zip(range(42, 82), range(left[-1] - 1, 0, -1), strict=False):
        estimate.answered(0.1, 0.2, told(one, 600, 3000), False, number)
    assert estimate.others.foreign == 1


@pytest.mark.parametrize("clients", [1, 4, 33, 100])
def test_many_clients_slow_down_as_less_remains_than_on_an_even_line(clients: int) -> None:
    estimate = opened(remaining=2999, limit=3000, reset=600)
    estimate.others.count, estimate.others.weight = clients - 1, clients - 1
    even, late = (estimate.next_turn(at).gap for at in (0.0, 300.0))
    assert late <= even  # On or above the line they go as two would.
    estimate.floor = 600
    assert estimate.next_turn(0.0).gap <= clients * 2 * 600 / (600 - 150 - clients)
    if clients > 4:
        assert estimate.next_turn(0.0).gap > 2 * 2 * 600 / 600


def test_a_newcomer_to_an_old_window_keeps_few_calls_in_flight_at_first() -> None:
    estimate = opened(remaining=98)  # Not the first call of the window: six at a time.
    estimate.others.suspect, estimate.others.count = False, 0
    for _ in range(6):
        assert when(estimate, 0.0) == 0.0
        estimate.sent(0.0)
    turn = estimate.next_turn(0.0)
    assert (turn.at, turn.reason, turn.sure) == (TUNING.patience, "opening", False)  # The next response releases one.
    for left in (97, 96, 95):
        estimate.answered(0.0, 0.1, told(left, 10), False)
    for _ in range(3):  # Of 95 five at a time, and one more per four responses.
        assert when(estimate, 0.1) == 0.1
        estimate.sent(0.1)
    assert when(estimate, 0.1) == 0.1 + TUNING.patience


def test_the_first_client_of_a_window_may_use_two_thirds_until_others_would_have_shown() -> None:
    estimate = opened()  # 99 of 100: all that started at the same instant know that they were not first.
    for _ in range(65):  # And one is done.
        assert when(estimate, 0.0) == 0.0
        estimate.sent(0.0)
    assert when(estimate, 0.0) == TUNING.patience
    for number in range(3, 67):
        estimate.answered(0.0, 0.1, told(100 - number, 10), False, number)
        assert (when(estimate, 0.1) == 0.1) is (estimate.in_flight < TUNING.hiding)
    estimate.answered(0.0, 0.1, told(98, 10), False, 2)  # The last one that may have hidden another client.
    assert estimate.others.proof >= TUNING.alone_after
    for _ in range(32):
        assert when(estimate, 0.1) == 0.1
        estimate.sent(0.1)
    assert estimate.available() == 2


def test_a_client_with_the_first_two_calls_of_a_window_is_alone_at_once() -> None:
    for second, alone in ((98, True), (97, False)):
        estimate = opened()
        for _ in range(65):
            estimate.sent(0.0)
        estimate.answered(0.0, 0.1, told(95, 10), False, 5)
        assert when(estimate, 0.1) == TUNING.patience
        estimate.answered(0.0, 0.1, told(second, 10), False, 2)
        assert (when(estimate, 0.1) == 0.1) is alone


def test_the_first_client_of_a_window_detects_others_in_the_second_response() -> None:
    estimate = opened()
    estimate.sent(0.0)
    estimate.answered(0.0, 0.1, told(20, 10), False)  # A drop of 79 for one call of ours: they are present after all.
    assert estimate.others.count
    assert not estimate.others.untouched


def test_a_hanging_call_of_a_newcomer_blocks_others_only_briefly() -> None:
    estimate = opened(remaining=8, limit=10)
    estimate.others.suspect, estimate.others.count = False, 0
    estimate.sent(0.0)  # With so few, one at a time; and this one hangs.
    assert when(estimate, 1.0) == TUNING.patience
    assert when(estimate, TUNING.patience) == TUNING.patience
    estimate.sent(TUNING.patience + 0.1)
    assert when(estimate, 6.0) == estimate.end  # Then the next window comes sooner.
