"""Several independent clients on one budget: all of it is used, fairly, without 429s."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from mittwald_async.runtime.ratelimit import Limiter
from tests.support.clock import START, run_virtual


@dataclass
class Budget:
    """Successive windows as in the API: resets in whole seconds, no headers on a 429."""

    limit: int
    period: float
    passed: Counter[tuple[int, str]] = field(default_factory=Counter[tuple[int, str]])
    """Calls by window and client."""
    refused: int = 0

    def call(self, client: str, now: float) -> tuple[int, dict[str, str]]:
        window = int((now - START) // self.period)
        used = self.window(window)
        if used >= self.limit:
            self.refused += 1
            return 429, {}
        self.passed[window, client] += 1
        return 200, {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.limit - used - 1),
            "x-ratelimit-reset": str(math.ceil(START + (window + 1) * self.period - now)),
        }

    def window(self, number: int) -> int:
        """Calls of all clients in one window."""
        return sum(calls for (window, _), calls in self.passed.items() if window == number)

    def calls(self, client: str, first: int, last: int) -> int:
        """Calls of one client in these windows."""
        return sum(self.passed[window, client] for window in range(first, last + 1))


async def client(budget: Budget, name: str, since: float, until: float, dice: random.Random, tasks: int = 16) -> None:
    """Tasks that call as fast as they may, with a round trip of 20 to 35 ms."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(since)
    limiter = Limiter(random=dice.random)

    async def task() -> None:
        while loop.time() < START + until:
            slot = limiter.try_acquire("r") or await limiter.acquire("r")
            await asyncio.sleep(dice.uniform(0.01, 0.0175))
            status, headers = budget.call(name, loop.time())
            await asyncio.sleep(dice.uniform(0.01, 0.0175))
            slot.answered(status, headers)
            slot.release()

    await asyncio.wait([loop.create_task(task()) for _ in range(tasks)])


def together(budget: Budget, windows: int, spans: dict[str, tuple[float, float]], seed: int = 3) -> None:
    dice = random.Random(seed)

    async def main() -> None:
        tasks = [asyncio.create_task(client(budget, name, *span, dice)) for name, span in spans.items()]
        await asyncio.wait(tasks, timeout=windows * budget.period)

    run_virtual(main())


def test_a_lone_client_uses_almost_everything_without_a_429() -> None:
    budget = Budget(100, 2.0)
    together(budget, 10, {"a": (0, 99)})
    assert sum(budget.passed.values()) >= 0.98 * 1000
    assert budget.refused == 0


@pytest.mark.parametrize("late", [0.0, 0.7], ids=["at once", "one after the other"])
@pytest.mark.parametrize("count", [2, 4])
def test_clients_share_the_budget(count: int, late: float) -> None:
    budget, names = Budget(200, 2.0), [f"client {n}" for n in range(count)]
    together(budget, 8, {name: (n * late, 99) for n, name in enumerate(names)})
    assert sum(budget.passed.values()) >= 0.97 * 8 * 200
    assert budget.refused <= 0.002 * 8 * 200
    each = [budget.calls(name, 3, 7) for name in names]
    assert min(each) >= 0.7 * sum(each) / count


def test_a_client_that_joins_gets_a_share_and_one_that_stays_gets_all() -> None:
    budget = Budget(200, 2.0)
    together(budget, 12, {"stays": (0, 99), "guest": (6.5, 15)})
    assert budget.calls("stays", 1, 2) >= 0.97 * 400
    assert budget.calls("guest", 5, 6) >= 0.7 * 200
    assert budget.calls("stays", 9, 11) >= 0.97 * 600
    assert budget.refused <= 3


def test_a_single_foreign_call_delays_a_job_by_seconds_rather_than_a_window() -> None:
    budget = Budget(3000, 600.0)

    async def main() -> None:
        asyncio.get_running_loop().call_at(START + 0.3, budget.call, "browser", START + 0.3)
        job = asyncio.create_task(client(budget, "job", 0.0, 99.0, random.Random(3), tasks=4))
        await asyncio.wait([job], timeout=30)  # Alone it makes 145 calls a second.

    run_virtual(main())
    assert budget.calls("job", 0, 0) >= 2900
    assert budget.refused == 0
