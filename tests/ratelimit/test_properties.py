"""Invariants: no call too many, no slot lost, always progress."""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import dataclass, field

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mittwald_async.runtime.operation import RateLimit
from mittwald_async.runtime.ratelimit import TUNING, Limiter, Policy, Slot
from mittwald_async.runtime.ratelimit.estimate import Estimate
from tests.support.clock import run_virtual

from ..support.limited_calls import when

_calm = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class Server:
    """Enforces a budget and counts its refusals."""

    limit: int
    period: int
    refused: int = 0
    passed: int = 0
    used: int = 0
    end: float = -math.inf

    def judge(self, now: float) -> tuple[int, dict[str, str]]:
        if now >= self.end:
            self.end, self.used = now + self.period, 0
        if self.used >= self.limit:
            self.refused += 1
            return 429, {}
        self.used += 1
        self.passed += 1
        return 200, {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.limit - self.used),
            "x-ratelimit-reset": str(math.ceil(self.end - now)),
        }


@dataclass
class Mess:
    """Everything that can go wrong with a call, drawn from a seed."""

    dice: random.Random
    trouble: float
    nonsense: list[str] = field(default_factory=lambda: ["-1", "x", "", "99999999999999999999", "nan"])

    async def call(self, limiter: Limiter, server: Server, policy: Policy) -> None:
        loop, dice = asyncio.get_running_loop(), self.dice
        slot = limiter.try_acquire("r", policy) or await limiter.acquire("r", policy)
        try:
            if dice.random() < self.trouble:
                slot.release(sent=False)
                return
            await asyncio.sleep(dice.uniform(0, 0.1))
            status, headers = server.judge(loop.time())
            await asyncio.sleep(dice.uniform(0, 0.1))
            fate = dice.random()
            if fate < self.trouble:
                return  # The response never came.
            if fate < 2 * self.trouble:
                headers = dict.fromkeys(headers, dice.choice(self.nonsense))
            slot.answered(status, headers)
        finally:
            slot.release()


@_calm
@given(
    seed=st.integers(0, 2**32),
    limit=st.integers(1, 60),
    period=st.sampled_from([2, 5, 20]),
    callers=st.integers(1, 80),
    pace=st.sampled_from(["burst", "smooth"]),
    trouble=st.sampled_from([0.0, 0.05]),
)
def test_a_lone_client_never_exceeds_the_budget_and_always_makes_progress(
    seed: int, limit: int, period: int, callers: int, pace: str, trouble: float
) -> None:
    server, dice = Server(limit, period), random.Random(seed)
    mess = Mess(dice, trouble)

    async def main() -> None:
        limiter = Limiter(random=dice.random)
        policies = [Policy(pace="burst" if pace == "burst" else "smooth", priority=p) for p in (0, 1)]
        tasks = [
            asyncio.create_task(mess.call(limiter, server, dice.choice(policies))) for _ in range(callers + 2 * limit)
        ]
        for task in tasks:
            if dice.random() < 2 * trouble:
                asyncio.get_running_loop().call_later(dice.uniform(0, 2 * period), task.cancel)
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 400 * period)
        status = limiter.status
        assert (status.waiting, status.in_flight) == (0, 0)
        assert limiter.busy == set()

    run_virtual(main())
    if not trouble:
        assert server.refused == 0


@_calm
@given(order=st.permutations(range(12)))
def test_with_responses_in_any_order_calls_in_flight_fit_the_remainder(order: list[int]) -> None:
    estimate = Estimate(random=lambda: 0.0)
    estimate.answered(0.0, 0.0, RateLimit(40, 39, 10), estimate.sent(0.0))
    on_server, at, under_way = 39, 0.1, dict[int, tuple[int, float]]()
    for step, number in enumerate([*range(12), *order]):
        at += 0.01
        if step < 12:
            if when(estimate, at) <= at:
                estimate.sent(at)
                on_server -= 1
                under_way[number] = (on_server, at)
        elif number in under_way:
            remaining, sent_at = under_way.pop(number)
            estimate.answered(sent_at, at, RateLimit(40, remaining, 10), False)
        assert estimate.in_flight == len(under_way)
        assert (estimate.floor or 0) >= on_server
        assert (estimate.available() or 0) <= on_server
    assert estimate.others.foreign == 0


@_calm
@example(told=[(None, 0, 0.0, 200), (4, 1, 0.0, 200), (None, None, None, 200)])
@example(told=[(None, 0, 1e-135, 200), (4, 1, 0.0, 200), (None, None, None, 200)])
@given(
    told=st.lists(
        st.tuples(
            st.none() | st.integers(1, 50),
            st.none() | st.integers(0, 50),
            st.none() | st.floats(0, 100),
            st.sampled_from([200, 429, 0]),
        ),
        max_size=40,
    )
)
def test_whatever_the_server_claims_a_next_call_is_always_scheduled(
    told: list[tuple[int | None, int | None, float | None, int]],
) -> None:
    estimate, at = Estimate(random=lambda: 0.5), 0.0
    for limit, remaining, reset, status in told:
        due = when(estimate, at)
        assert due < at + 200
        at = max(at, due)
        probe = estimate.sent(at)
        claim = RateLimit(limit, remaining, reset)
        if status == 200:
            estimate.answered(at, at + 0.1, claim, probe)
        elif status == 429:
            estimate.refused(at, at + 0.1, claim, probe)
        else:
            estimate.lost(at + 0.1, probe)
        at += 0.1
        assert estimate.in_flight == 0
        assert 0 <= estimate.others.count <= TUNING.most_others


_STEP = st.tuples(
    st.sampled_from(["send", "send", "send", "answer", "answer", "answer", "lose", "refuse", "nothing"]),
    st.integers(0, 9),
    st.sampled_from([0.0, 0.0, 0.01, 0.3, 4.0]),
    st.sampled_from([0, 0, 0, 0, 0, 1, 3]),
)


@_calm
@given(steps=st.lists(_STEP, max_size=60), before=st.sampled_from([(200, 80), (3000, 1), (3000, 5), (790, 3)]))
@example(steps=[("send", 0, 0.0, 0)] * 30 + [("answer", 0, 0.0, 0)] * 30, before=(3000, 1))
@example(steps=[("send", 0, 0.0, 0)] * 6 + [("send", 0, 0.0, 3)] * 6 + [("answer", 2, 0.0, 0)] * 12, before=(3000, 5))
def test_the_fast_path_is_equivalent_to_the_slow_one(
    steps: list[tuple[str, int, float, int]], before: tuple[int, int]
) -> None:
    """Two estimates get the same input; one takes the fast path where it applies, the other always the slow path."""
    short, long = Estimate(random=lambda: 0.5), Estimate(random=lambda: 0.5)
    limit, answers = before
    for n in range(answers):
        for estimate in (short, long):
            estimate.answered(0.0, 0.0, RateLimit(limit, limit - 1 - n, 10.0), estimate.sent(0.0), n + 1)
    remaining = limit - answers - 1
    assert short.try_send_fast(0.0)
    assert short.observe_fast(0.0, 0.0, RateLimit(limit, remaining, 10.0), answers + 1)
    long.answered(0.0, 0.0, RateLimit(limit, remaining, 10.0), long.sent(0.0), answers + 1)
    at, out = 0.0, list[tuple[float, int, bool, int]]()
    for what, number, later, foreign in steps:
        at += later
        if what == "send" and when(long, at) <= at:
            probe, went = long.sent(at), short.try_send_fast(at)
            assert went or when(short, at) <= at
            assert (False if went else short.sent(at)) == probe
            remaining -= 1 + foreign
            out.append((at, remaining, probe, long.number))
        elif out and what != "send":
            sent_at, left, probe, turn = out.pop(number % len(out))
            told = RateLimit(limit, max(left, 0), max(0.0, 10.0 - sent_at % 10.0))
            if what == "answer":
                if probe or not short.observe_fast(sent_at, at, told, turn):
                    short.answered(sent_at, at, told, probe, turn)
                long.answered(sent_at, at, told, probe, turn)
            else:
                for estimate in (short, long):
                    if what == "lose":
                        estimate.lost(at, probe, turn)
                    elif what == "refuse":
                        estimate.refused(sent_at, at, None, probe, number=turn)
                    else:
                        estimate.answered(sent_at, at, None, probe, turn)
        for name in ("limit", "floor", "in_flight", "own", "end", "number", "throttled"):
            assert getattr(short, name) == getattr(long, name), name
        for name in ("foreign", "count", "proof", "hiding"):
            assert getattr(short.others, name) == getattr(long.others, name), name
        assert when(short, at) == when(long, at)


@_calm
@given(actions=st.lists(st.tuples(st.sampled_from(["ask", "cancel", "answer", "drop", "unsent"]), st.integers(0, 30))))
def test_slots_are_neither_lost_nor_counted_twice(actions: list[tuple[str, int]]) -> None:
    async def main() -> None:
        limiter, policy = Limiter(), Policy(max_concurrency=4)
        asked: list[asyncio.Task[Slot]] = []
        held: list[Slot] = []
        for action, number in actions:
            if action == "ask":
                asked.append(asyncio.create_task(limiter.acquire("r", policy)))
            elif action == "cancel" and asked:
                asked[number % len(asked)].cancel()
            elif held:
                slot = held.pop(number % len(held))
                if action == "answer":
                    slot.answered(200, {})
                slot.release(sent=action != "unsent")
            if number % 3:
                await asyncio.sleep(0)
                held += [task.result() for task in asked if task.done() and not task.cancelled()]
                asked = [task for task in asked if not task.done()]
            assert limiter.in_flight <= 4
        while asked or held:
            for slot in held:
                slot.answered(200, {})
                slot.release()
            await asyncio.sleep(0)
            held = [task.result() for task in asked if task.done() and not task.cancelled()]
            asked = [task for task in asked if not task.done()]
        assert (limiter.in_flight, limiter.status.waiting) == (0, 0)

    run_virtual(asyncio.wait_for(main(), 1000))
