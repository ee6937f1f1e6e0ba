"""One caller with real sockets: bare aiohttp and a limiter. Also runs as a process of its own for the rows with several.

`python -m benchmarks.ratelimit_worker URL CONTENDER LIMIT PERIOD NAME TASKS BEGIN END CALLS` (instants of
`time.monotonic()`; CALLS 0: without end) prints the seconds that it took.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from .ratelimit_rivals import Contender, contenders


@dataclass(frozen=True)
class Worker:
    """A caller, as text on a command line."""

    url: str
    contender: str
    limit: int
    period: float
    name: str
    tasks: int
    begin: float
    end: float
    calls: int = 0

    def arguments(self) -> list[str]:
        return [str(getattr(self, field)) for field in self.__dataclass_fields__]

    @classmethod
    def parsed(cls, text: Sequence[str]) -> Worker:
        url, contender, limit, period, name, tasks, begin, end, calls = text
        return cls(url, contender, int(limit), float(period), name, int(tasks), float(begin), float(end), int(calls))


async def work(worker: Worker) -> float:
    """Call from `begin` until `end`, or until the calls are made; returns the seconds it took."""
    contender = contenders(worker.limit, worker.period)[worker.contender]()
    left = [worker.calls or 1 << 60]
    connector = aiohttp.TCPConnector(limit=worker.tasks)
    async with aiohttp.ClientSession(connector=connector, headers={"x-caller": worker.name}) as session:
        await asyncio.sleep(worker.begin - time.monotonic())
        tasks = [asyncio.create_task(_loop(worker, contender, session, left)) for _ in range(worker.tasks)]
        await asyncio.wait(tasks, timeout=worker.end - time.monotonic())
        took = time.monotonic() - worker.begin
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return took


async def _loop(worker: Worker, contender: Contender, session: aiohttp.ClientSession, left: list[int]) -> None:
    while left[0] > 0:
        left[0] -= 1
        status = 429
        while status == 429:
            slot = await contender.before()
            try:
                async with session.get(worker.url) as response:
                    status = response.status
                    pause = contender.after(slot, status, response.headers)
            finally:
                if slot is not None:
                    slot.release()
            if pause:
                await asyncio.sleep(pause)


def started(worker: Worker) -> subprocess.Popen[str]:
    """The same in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ratelimit_worker", *worker.arguments()], stdout=subprocess.PIPE, text=True
    )


if __name__ == "__main__":
    print(asyncio.run(work(Worker.parsed(sys.argv[1:]))))
