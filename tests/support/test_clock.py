"""The virtual loop behaves as other tests rely on."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiolimiter import AsyncLimiter

from tests.support.clock import START, VirtualClock, close_to, run_virtual, virtual


@virtual
async def test_an_hour_passes_immediately() -> None:
    began, clock = time.monotonic(), VirtualClock()
    await clock.sleep(3600)
    assert close_to(clock.now(), START + 3600)
    assert time.monotonic() - began < 5


@virtual
async def test_timeouts_timers_and_rate_limiters_agree() -> None:
    loop, rang = asyncio.get_running_loop(), list[float]()
    loop.call_later(2.5, lambda: rang.append(loop.time()))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(4):
            await asyncio.Event().wait()
    assert len(rang) == 1
    assert close_to(rang[0], START + 2.5)
    bucket = AsyncLimiter(1, 10)
    await bucket.acquire()
    await bucket.acquire()
    assert close_to(loop.time(), START + 14)


def test_threads_still_reach_the_loop() -> None:
    async def main() -> int:
        return await asyncio.to_thread(lambda: 7)

    assert run_virtual(main()) == 7


def test_a_busy_thread_is_awaited_at_the_end() -> None:
    """Python 3.12 and later join it with a limit of 300 s of loop time, which pass at once."""
    ended: list[bool] = []

    def busy() -> None:
        time.sleep(0.05)
        ended.append(True)

    async def main() -> None:
        asyncio.get_running_loop().run_in_executor(None, busy)

    run_virtual(main())
    assert ended


def test_a_stuck_program_is_an_error_rather_than_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.clock._STUCK_AFTER", 0.01)

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="stuck"):
        run_virtual(main())
