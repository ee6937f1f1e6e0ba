"""What the limiter itself costs: processor time of an uncontended call, memory and time of a crowd that waits."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Mapping
from functools import partial

from multidict import CIMultiDict, CIMultiDictProxy

from mittwald_async.runtime.ratelimit import Limiter

from .frame import Measured, Settings, Table

_CROWD = "import asyncio; from benchmarks.ratelimit_cost import {what}; asyncio.run({what}({count}))"


def cost(settings: Settings) -> Table:
    table = Table("What it costs", ("what", "figure", "unit"))
    calls = settings.pick(20_000, 2_000)
    answers = _answers(calls)
    spent: list[float] = []
    for _ in range(settings.pick(15, 5)):
        begin = time.process_time()
        asyncio.run(_uncontended(answers))
        spent.append((time.process_time() - begin) / calls * 1e6)
    table.add("acquire, answered, release, uncontended (processor time)", Measured(tuple(spent)).median, "µs per call")
    for count in (10_000, 100_000) if not settings.quick else (1_000,):
        seconds, cancel = _fresh("crowd", count)
        (ours,), (bare,) = _fresh("weight", count), _fresh("bare_weight", count)
        table.add(f"{count:,} waiting tasks: memory, tasks included", ours, "MB")
        table.add(f"{count:,} tasks that wait for a bare future", bare, "MB")
        table.add(f"{count:,} tasks: wait, go, answer, release", seconds / count * 1e6, "µs per task")
        table.add(f"{count:,} tasks: cancelled while waiting", cancel / count * 1e6, "µs per task")
    table.notes.append("memory as Python counts it (tracemalloc); that and the times are of processes of their own")
    return table


def _fresh(what: str, count: int) -> list[float]:
    script = _CROWD.format(what=what, count=count)
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return [float(number) for number in json.loads(found.stdout)]


def _answers(calls: int) -> list[Mapping[str, str]]:
    usual = {
        "content-type": "application/json",
        "date": "Thu, 01 Jan 1970 00:00:00 GMT",
        "x-ratelimit-limit": "9000000",
        "x-ratelimit-reset": "599",
    }
    return [CIMultiDictProxy(CIMultiDict({**usual, "x-ratelimit-remaining": str(8_000_000 - n)})) for n in range(calls)]


async def _uncontended(answers: list[Mapping[str, str]]) -> None:
    limiter = Limiter()
    for headers in answers:
        slot = limiter.try_acquire("r") or await limiter.acquire("r")
        slot.answered(200, headers)
        slot.release()


async def _call(limiter: Limiter) -> None:
    slot = await limiter.acquire("r")
    slot.answered(200, {})
    slot.release()


async def _waiting(count: int, caller: Callable[[], Coroutine[None, None, None]]) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(caller()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def crowd(count: int) -> None:
    """So many tasks wait behind the first call: prints the seconds until all have gone, and until all were
    cancelled."""
    seconds: list[float] = []
    for cancelled in (False, True):
        limiter = Limiter()
        first = await limiter.acquire("r")
        begin = time.perf_counter()
        tasks = await _waiting(count, partial(_call, limiter))
        if cancelled:
            begin = time.perf_counter()
            for task in tasks:
                task.cancel()
        first.answered(200, {})
        first.release()
        await asyncio.gather(*tasks, return_exceptions=cancelled)
        seconds.append(time.perf_counter() - begin)
    print(json.dumps(seconds))


async def weight(count: int) -> None:
    """Prints the megabytes of so many tasks that wait for their turn."""
    limiter, gate = Limiter(), asyncio.get_running_loop().create_future()
    first = await limiter.acquire("r")

    async def wait() -> None:
        await limiter.acquire("r")
        await gate  # A first call that timed out on a slow machine opens the gate for no other call.

    await _weighed(count, wait)
    first.release()


async def bare_weight(count: int) -> None:
    """Prints the megabytes of so many tasks that wait for a future of their own and nothing else."""
    loop = asyncio.get_running_loop()

    async def wait() -> None:
        await loop.create_future()

    await _weighed(count, wait)


async def _weighed(count: int, caller: Callable[[], Coroutine[None, None, None]]) -> None:
    tracemalloc.start()
    tasks = await _waiting(count, caller)
    print(json.dumps([tracemalloc.get_traced_memory()[0] / 1e6]))
    tracemalloc.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
