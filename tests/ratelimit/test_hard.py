"""Servers whose windows cannot be recognised, and clients that start in the middle of one."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter, deque
from collections.abc import Callable

import pytest

from mittwald_async.runtime.ratelimit import Limiter, Policy
from mittwald_async.runtime.ratelimit.rate_control import RateControl
from tests.support.clock import START, run_virtual

Answer = tuple[int, dict[str, str]]


def told(limit: int, remaining: int, reset: float) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(math.ceil(reset)),
    }


class Sliding:
    """At most `limit` calls in any `period` seconds."""

    def __init__(self, limit: int, period: float) -> None:
        self.limit, self.period = limit, period
        self.recent: deque[float] = deque()

    def __call__(self, now: float) -> Answer:
        while self.recent and self.recent[0] <= now - self.period:
            self.recent.popleft()
        if len(self.recent) >= self.limit:
            return 429, {}
        self.recent.append(now)
        return 200, told(self.limit, self.limit - len(self.recent), self.recent[0] + self.period - now)


class Fixed:
    """Successive windows."""

    def __init__(self, limit: int, period: float, spent: int = 0) -> None:
        self.limit, self.period = limit, period
        self.used, self.window = spent, 0

    def __call__(self, now: float) -> Answer:
        window = int((now - START) // self.period)
        if window != self.window:
            self.used, self.window = 0, window
        if self.used >= self.limit:
            return 429, {}
        self.used += 1
        return 200, told(self.limit, self.limit - self.used, START + (window + 1) * self.period - now)


def drive(
    server: Callable[[float], Answer],
    seconds: float,
    clients: int = 1,
    tasks: int = 64,
    back: tuple[float, float] = (0.01, 0.01),
    policies: dict[int, Policy] | None = None,
    later: float = 0.0,
) -> tuple[Counter[tuple[int, int]], list[float]]:
    """Calls by client and status under unlimited demand, and the waits of calls with priority. Each client starts
    `later` seconds after the previous one."""
    dice, seen, waits = random.Random(3), Counter[tuple[int, int]](), list[float]()

    async def client(number: int) -> None:
        loop = asyncio.get_running_loop()
        limiter, policy = Limiter(random=dice.random), (policies or {}).get(number, Policy())
        await asyncio.sleep(number * later)

        async def task() -> None:
            while True:
                asked = loop.time()
                slot = limiter.try_acquire("r", policy) or await limiter.acquire("r", policy)
                if policy.priority:
                    waits.append(loop.time() - asked)
                await asyncio.sleep(dice.uniform(0.005, 0.015))
                status, headers = server(loop.time())
                seen[number, status] += 1
                await asyncio.sleep(dice.uniform(*back))
                slot.answered(status, headers)
                slot.release()
                if policy.priority:
                    await asyncio.sleep(1)

        await asyncio.gather(*(task() for _ in range(1 if policy.priority else tasks)))

    async def main() -> None:
        running = [asyncio.create_task(client(number)) for number in range(clients)]
        await asyncio.wait(running, timeout=seconds)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    run_virtual(main())
    return seen, waits


def passed(seen: Counter[tuple[int, int]]) -> int:
    return sum(count for (_, status), count in seen.items() if status == 200)


def refused(seen: Counter[tuple[int, int]]) -> int:
    return sum(count for (_, status), count in seen.items() if status == 429)


@pytest.mark.parametrize("clients", [1, 3])
def test_a_sliding_window_is_recognised_and_used(clients: int) -> None:
    seen, _ = drive(Sliding(200, 2.0), 60.0, clients)
    assert passed(seen) >= 0.9 * 60 * 100
    assert refused(seen) <= 0.003 * passed(seen)


def test_responses_slower_than_a_window_still_allow_full_use_of_the_budget() -> None:
    seen, _ = drive(Fixed(50, 1.0), 60.0, tasks=128, back=(0.01, 1.0))
    assert passed(seen) >= 0.9 * 60 * 50
    assert refused(seen) <= 0.003 * passed(seen)


def test_eight_clients_share_windows_of_fifty_calls() -> None:
    seen, _ = drive(Fixed(50, 1.0), 60.0, 8)
    assert passed(seen) >= 0.94 * 60 * 50
    assert refused(seen) <= 0.01 * passed(seen)
    each = [seen[number, 200] for number in range(8)]
    assert min(each) >= 0.6 * sum(each) / 8


def test_many_clients_leave_room_for_a_newcomer() -> None:
    seen, _ = drive(Fixed(3000, 600.0), 1800.0, 8, tasks=2, later=37.0)
    assert refused(seen) == 0
    assert passed(seen) >= 0.99 * 3 * 3000
    assert min(seen[number, 200] for number in range(8)) >= 0.8 * 3000 / 8 * 2


def test_two_clients_share_windows_of_fifty_calls_evenly() -> None:
    seen, _ = drive(Fixed(50, 1.0), 20.0, 2, later=0.01)
    each = [seen[number, 200] for number in range(2)]
    assert min(each) >= 0.8 * sum(each) / 2
    assert refused(seen) <= 0.005 * passed(seen)


def test_resets_rounded_to_nearest_cost_a_lone_client_no_window() -> None:
    class Nearest(Fixed):
        def __call__(self, now: float) -> Answer:
            status, headers = super().__call__(now)
            if headers:
                left = self.period - (now - START) % self.period
                headers["x-ratelimit-reset"] = str(math.floor(left + 0.5))
            return status, headers

    seen, _ = drive(Nearest(200, 2.0), 40.0)
    assert passed(seen) >= 0.98 * 20 * 200
    assert refused(seen) <= 3


def test_headers_missing_from_a_tenth_of_responses_cost_a_lone_client_nothing() -> None:
    dice = random.Random(5)

    class Forgetful(Fixed):
        def __call__(self, now: float) -> Answer:
            status, headers = super().__call__(now)
            return status, headers if dice.random() >= 0.1 else {}

    seen, _ = drive(Forgetful(200, 2.0), 40.0)
    assert passed(seen) >= 0.98 * 20 * 200
    assert refused(seen) <= 2


def test_calls_with_priority_precede_bulk_calls_of_another_process() -> None:
    seen, waits = drive(Fixed(3000, 600.0), 1500.0, 2, tasks=16, policies={1: Policy(priority=10)})
    assert sorted(waits)[int(len(waits) * 0.99)] <= 1.0
    assert passed(seen) >= 0.99 * 2 * 3000
    assert seen[1, 429] <= 3


@pytest.mark.parametrize("left", [900, 2600])
@pytest.mark.parametrize("calls", [10, 50, 200])
def test_a_short_job_in_mid_window_takes_as_long_as_without_a_budget(calls: int, left: int) -> None:
    async def job(server: Callable[[float], Answer]) -> float:
        limiter, loop = Limiter(), asyncio.get_running_loop()

        async def one() -> None:
            slot = limiter.try_acquire("r") or await limiter.acquire("r")
            await asyncio.sleep(0.025)
            answer = server(loop.time())
            await asyncio.sleep(0.025)
            slot.answered(*answer)
            slot.release()

        await asyncio.gather(*(one() for _ in range(calls)))
        return loop.time() - START

    bare = run_virtual(job(lambda _: (200, {})))
    assert run_virtual(job(Fixed(3000, 600.0, 3000 - left))) <= (1.1 if calls == 10 else 1.5) * bare


def test_an_even_rate_is_corrected_by_what_is_left_over() -> None:
    control = RateControl()
    control.active, control.gap = True, 1 / 50
    for answer in range(40):
        control.saw(60, 1.0, answer / 10, 200, 2.0)
    assert 50 < 1 / control.gap <= 100
    faster = control.gap
    assert control.refused(5.0)
    assert control.gap >= faster


def test_an_even_rate_refused_repeatedly_gives_way_to_windows() -> None:
    control = RateControl()
    control.active, control.gap = True, 1 / 50
    assert [control.refused(n / 10) for n in range(20)].count(True) == 16
    assert not control.active


def test_few_calls_are_too_little_evidence_to_switch() -> None:
    control = RateControl()
    for window in range(20):
        control.sent(True)
        control.window_over(window * 2.0, 5, 2.0, own=2, used=2, remaining=4)
    assert not control.active
