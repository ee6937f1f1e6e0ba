"""The last calls of a job that exactly fits the remainder, beside continuing demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from mittwald_async.runtime.ratelimit import Limiter
from tests.support.clock import START, run_virtual

from .test_hard import Answer, Fixed, drive, passed

ROUND_TRIP = 0.04


def took(server: Callable[[float], Answer], calls: int, tasks: int) -> float:
    """Seconds for a job of so many calls with so many tasks."""

    async def job() -> float:
        limiter, loop, left = Limiter(), asyncio.get_running_loop(), [calls]

        async def task() -> None:
            while left[0]:
                left[0] -= 1
                slot = limiter.try_acquire("r") or await limiter.acquire("r")
                await asyncio.sleep(ROUND_TRIP / 2)
                status, headers = server(loop.time())
                await asyncio.sleep(ROUND_TRIP / 2)
                assert status == 200
                slot.answered(status, headers)
                slot.release()

        await asyncio.gather(*(task() for _ in range(tasks)))
        return loop.time() - START

    return run_virtual(job())


@pytest.mark.parametrize("tasks", [12, 64])
def test_a_job_that_uses_the_whole_window_does_not_wait_for_its_end(tasks: int) -> None:
    # Its first call goes alone, and its last calls wait for the responses of those before them.
    assert took(Fixed(600, 60.0), 600, tasks) <= took(lambda _: (200, {}), 600, tasks) + 2.1 * ROUND_TRIP


def test_all_calls_of_a_job_at_once_take_no_longer_than_needed() -> None:
    assert took(Fixed(600, 60.0), 600, 600) <= 5 * ROUND_TRIP


def test_a_job_of_exactly_three_windows_ends_soon_after_the_third_begins() -> None:
    assert 120 < took(Fixed(600, 60.0), 1800, 64) < 121.5


def test_a_job_of_few_tasks_shows_its_end_only_after_some_of_its_last_calls() -> None:
    assert 15 < took(Fixed(600, 60.0), 600, 8) < 60


@pytest.mark.parametrize("tasks", [1, 2, 8, 16])
def test_continuing_demand_leaves_room_for_a_newcomer(tasks: int) -> None:
    seen, _ = drive(Fixed(600, 60.0), 120.0, 2, tasks, later=45.0)
    assert seen[1, 200] >= 100
    assert seen[1, 429] == 0
    assert passed(seen) >= 0.98 * 2 * 600
