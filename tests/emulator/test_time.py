"""The clock: the machine's, or a virtual one that stands still; both can be advanced."""

from __future__ import annotations

import asyncio
import time
from datetime import date

import pytest

from mittwald_async.emulator import Emulator
from mittwald_async.emulator.clock import EmulatorClock, midnight

EPOCH = midnight(date(2026, 1, 1))


def test_a_virtual_clock_stands_still() -> None:
    clock = EmulatorClock(virtual=True, start=EPOCH)
    assert clock.now() == EPOCH
    assert clock.iso() == "2026-01-01T00:00:00.000Z"
    clock.advance(1.5)
    assert clock.iso() == "2026-01-01T00:00:01.500Z"
    assert clock.iso(EPOCH) == "2026-01-01T00:00:00.000Z"


def test_a_real_clock_runs_and_can_be_advanced() -> None:
    clock = EmulatorClock()
    assert clock.now() == pytest.approx(time.time(), abs=1)
    clock.advance(3600)
    assert clock.now() == pytest.approx(time.time() + 3600, abs=1)


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_time_cannot_go_backwards_or_out_of_range(seconds: float) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        EmulatorClock().advance(seconds)


async def test_sleepers_wake_when_their_time_is_skipped() -> None:
    clock = EmulatorClock(virtual=True)
    short, long = asyncio.create_task(clock.sleep(5)), asyncio.create_task(clock.sleep(50))
    await asyncio.sleep(0)
    assert clock.sleepers == 2
    clock.advance(10)
    await short
    assert (long.done(), clock.sleepers) == (False, 1)
    clock.advance(40)
    await long


async def test_a_real_sleep_ends_by_itself_or_when_time_is_advanced() -> None:
    clock = EmulatorClock()
    await clock.sleep(0.01)
    await clock.sleep(0)
    task = asyncio.create_task(clock.sleep(1000))
    await asyncio.sleep(0)
    clock.advance(1001)
    await asyncio.wait_for(task, 1)


async def test_a_cancelled_sleeper_is_removed() -> None:
    clock = EmulatorClock()
    task = asyncio.create_task(clock.sleep(1000))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.sleepers == 0


def test_with_a_virtual_clock_writes_are_visible_at_once_unless_a_lag_is_set() -> None:
    assert Emulator(clock="virtual").options.lag == 0
    assert Emulator(clock="virtual", lag=0.5).options.lag == 0.5
    assert Emulator().options.lag > 0
