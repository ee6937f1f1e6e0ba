"""Many calls at once through one client: how evenly they wait, what each holds while it waits, and how many connections
they open.

- Turns: so many tasks in loops over one client, with far fewer connections than tasks. Each call's time, less what the
  server takes, is the wait for its turn. Where everybody is served in turn, the slowest waits little longer than the
  median. Each task's first call is left out: they all come at once, so that they wait from nothing to a whole round.
  The same in CPU time of this process says what waiting is like on a machine that others do not use as well.
- Memory: what `tracemalloc` finds that each waiting call holds, its task included; less the task is what is ours.
- Connections: so many calls at once under a budget of 5 requests per second. A call takes a connection only when it is
  its turn to be sent, so that no more are open than requests are under way.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator

from mittwald_async import Mittwald, Pool

from .call import project
from .call_server import counted_by, slow_server
from .frame import Settings, Table

NAME = "crowd"
TOKEN = "token-for-benchmarks"
BODY = json.dumps({**project(1), "directories": {"Web": "/html"}}).encode()
DELAY = 0.02
"""Seconds that the server takes for a response."""


def run(settings: Settings) -> Iterator[Table]:
    yield asyncio.run(_turns(settings.pick(10_000, 300), settings.pick(3, 1), settings.pick(5, 3)))
    yield asyncio.run(_memory(settings.pick(10_000, 200)))
    yield asyncio.run(_connections(settings.pick(50, 6)))


async def _turns(tasks: int, rounds: int, calls: int) -> Table:
    columns = ("tasks", "calls of each", "connections", "p50 ms", "p99 ms", "p99 / p50", "p99 / p50 in CPU time", "aim")
    table = Table("The wait for a turn, beyond the server's time", columns)
    connections = max(8, tasks // 100)
    for _ in range(rounds):
        waits: list[tuple[float, float]] = []
        async with (
            slow_server(BODY, DELAY) as url,
            Mittwald(TOKEN, base_url=url, timeout=None, pool=Pool(connections=connections)) as mw,
        ):

            async def work(client: Mittwald, found: list[tuple[float, float]]) -> None:
                for number in range(calls):
                    begin, cpu = time.perf_counter(), time.process_time()
                    await client.project.get_project("p-000001")
                    if number:
                        found.append((time.perf_counter() - begin - DELAY, time.process_time() - cpu))

            await asyncio.gather(*(work(mw, waits) for _ in range(tasks)))
        wall, own = (statistics.quantiles(each, n=100) for each in zip(*waits, strict=True))
        even, evener = wall[98] / wall[49], own[98] / own[49]
        table.add(tasks, calls, connections, wall[49] * 1e3, wall[98] * 1e3, even, evener, "at most 1.5")
    return table


async def _memory(count: int) -> Table:
    table = Table("Bytes per waiting call", ("what waits", "bytes with its task", "beside a task", "aim"))
    lock = asyncio.Lock()
    async with lock:
        task = await _held(lock.acquire, count)
    table.add("a task that waits for an asyncio.Lock", task, None, None)
    async with slow_server(BODY, 3600) as url, Mittwald(TOKEN, base_url=url, pool=Pool(connections=1)) as mw:
        await mw.project.get_project("p-1")
        held = await _held(lambda: mw.project.get_project("p-1"), count)
        table.add("a call that waits for a connection", held, held - task, "at most 1,500")
    async with slow_server(BODY, 0, limit=1, window=600) as url, Mittwald(f"{TOKEN}-2", base_url=url) as mw:
        await mw.project.get_project("p-1")
        held = await _held(lambda: mw.project.get_project("p-1"), count)
        table.add("a call that waits for the budget", held, held - task, "at most 1,500")
    return table


async def _held(wait: Callable[[], Awaitable[object]], count: int) -> float:
    """Bytes that each of so many waiting tasks holds."""

    async def one() -> None:
        await wait()

    first = asyncio.create_task(one())
    await asyncio.sleep(0.2)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tasks = [asyncio.create_task(one()) for _ in range(count)]
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for task in (first, *tasks):
        task.cancel()
    await asyncio.gather(first, *tasks, return_exceptions=True)
    return (after - before) / count


async def _connections(calls: int) -> Table:
    columns = ("budget", "response after ms", "calls at once", "most connections", "requests of a window", "429")
    table = Table("Connections open at once under a budget", columns)
    for number, delay in enumerate((0.02, 0.2, 0.8)):
        async with (
            slow_server(BODY, delay, limit=5, window=1.0) as url,
            Mittwald(f"{TOKEN}-{number}", base_url=url, max_wait=None) as mw,
        ):
            await asyncio.gather(*(mw.project.get_project("p-000001") for _ in range(calls)))
            most, refused = await counted_by(url)
        table.add("5 per 1 s", delay * 1e3, calls, most, 5, refused)
    table.notes.append("the pool may have 100")
    return table
