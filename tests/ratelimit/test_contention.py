"""Other clients: equal clients share the budget, and an occasional call by a person causes only brief sharing."""

from __future__ import annotations

from mittwald_async.runtime.operation import RateLimit
from mittwald_async.runtime.ratelimit.consumption import Consumption
from mittwald_async.runtime.ratelimit.contention import Contention
from mittwald_async.runtime.ratelimit.estimate import Estimate
from mittwald_async.runtime.ratelimit.tuning import TUNING
from tests.support.clock import close_to


class Talk:
    """A window of 3000 calls in 600 seconds, and the server's count."""

    def __init__(self) -> None:
        self.estimate = Estimate(random=lambda: 0.0)
        self.left = 3000
        self.at = 0.0
        for _ in range(TUNING.alone_after + 1):
            self.call()
        assert self.estimate.others.count == 0

    def others(self, calls: int) -> None:
        self.left -= calls

    def call(self) -> float:
        """One call as soon as allowed, with an immediate response; returns the seconds it waited."""
        since = self.at
        turn = self.estimate.next_turn(since)
        self.at = max(since, turn.at)
        probe = self.estimate.sent(self.at, turn.gap)
        self.left -= 1
        told = RateLimit(3000, self.left, 600.0 - self.at)
        self.estimate.answered(self.at, self.at, told, probe, self.estimate.number)
        return self.at - since


def test_a_single_foreign_call_causes_sharing_for_a_few_seconds_only() -> None:
    talk = Talk()
    talk.others(1)
    talk.call()
    assert talk.estimate.others.count == 1
    waits = [talk.call() for _ in range(20)]
    assert talk.estimate.others.count == 0
    assert 2.0 < sum(waits) < 8.0
    assert talk.call() == 0.0
    assert talk.estimate.others.foreign == 1  # It is not forgotten, but it no longer counts.


def test_a_client_of_the_same_kind_is_shared_with_while_present() -> None:
    talk = Talk()
    for _ in range(200):
        talk.others(1)
        talk.call()
        assert talk.estimate.others.count == 1
    assert talk.at > 60


def test_the_next_foreign_call_causes_sharing_again() -> None:
    talk = Talk()
    talk.others(1)
    for _ in range(21):
        talk.call()
    assert talk.estimate.others.count == 0
    talk.others(1)
    talk.call()
    assert talk.estimate.others.count == 1


def test_an_excused_client_does_not_count_in_the_next_window() -> None:
    others = Contention()
    others.proof = TUNING.alone_after
    others.look(3000, gone=11, own=10, in_flight=0, remaining=2989, now=0.0, number=1)
    assert (others.count, others.foreign) == (1, 1)
    for turn in range(2, 24):
        others.look(3000, gone=10 + turn, own=9 + turn, in_flight=0, remaining=2990 - turn, now=turn / 5, number=turn)
    assert others.count == 0
    others.new_window(own=32, in_flight=0, number=23)
    assert (others.last_foreign, others.foreign) == (0, 0)


def test_with_a_small_remainder_others_may_be_quiet_because_they_yield() -> None:
    talk = Talk()
    talk.others(2900 - 70)
    talk.call()
    for _ in range(40):
        talk.call()
    assert talk.estimate.others.count >= 1


def test_the_small_consumption_of_others_is_kept_free() -> None:
    talk = Talk()
    talk.at = 60.0
    talk.others(30)
    calls = 0
    while talk.estimate.others.count or not calls:
        talk.call()
        calls += 1
    while talk.call() == 0.0:
        calls += 1
    # They took thirty in the first tenth of a window, so about two hundred and seventy are not spent freely.
    assert 230 <= talk.left <= 290


def test_a_stretch_is_quiet_after_sixteen_calls_and_two_seconds() -> None:
    consumption = Consumption()
    seen = [consumption.see(1000 - turn, turn / 4, turn) for turn in range(1, 40)]
    assert seen.index(True) == 16
    quick = Consumption()
    assert not any(quick.see(1000 - turn, turn / 100, turn) for turn in range(1, 100))


def test_a_stretch_with_a_quarter_of_our_calls_by_others_starts_over() -> None:
    consumption = Consumption()
    assert not any(consumption.see(1000 - turn - turn // 3, turn / 4, turn) for turn in range(1, 200))
    ratio = consumption.ratio
    assert ratio is not None
    assert close_to(ratio, 1 / 3, 0.2)


def test_for_a_single_call_of_somebody_else_nothing_is_kept() -> None:
    talk = Talk()
    talk.at = 1.0
    talk.others(1)
    calls = 0
    while talk.estimate.others.count or not calls:
        talk.call()
        calls += 1
    while talk.call() == 0.0:
        pass
    assert talk.left <= TUNING.most_headroom


def test_below_a_quarter_of_the_limit_nobody_is_excused() -> None:
    for left, count in ((774, 0), (750, 1)):
        others = Contention()
        others.look(3000, gone=11, own=10, in_flight=0, remaining=left, now=0.0, number=1)
        for turn in range(1, 25):
            others.look(
                3000, gone=11 + turn, own=10 + turn, in_flight=0, remaining=left - turn, now=turn / 5, number=turn + 1
            )
        assert others.count == count
