"""Callers with real sockets, each a process of its own: bare aiohttp and a contender, or the whole client.

`python -m benchmarks.ratelimit_worker` reads jobs, one line of JSON each, and answers each with the seconds it took.
The processes of a `Crew` live as long as the benchmark, so a row does not have to wait until they have started.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Coroutine, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass

import aiohttp

from mittwald_async import Mittwald

from .ratelimit_rivals import Contender, contenders

CLIENT = "mittwald_async, whole client"
TOKEN = "token-for-benchmarks"


@dataclass(frozen=True)
class Worker:
    """What one process is to do: call from `begin` until `end`, or until the calls are made."""

    url: str
    """Of the server, without a path."""
    contender: str
    limit: int
    period: float
    name: int
    """Which caller it is: in the query, where every server finds it."""
    tasks: int
    begin: float
    """Instants of `time.monotonic()`, which all processes share."""
    end: float
    calls: int = 0
    """0: without end."""


class Crew:
    """Processes that wait for work."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def work(self, workers: Sequence[Worker]) -> list[float]:
        """Let them work at the same time; seconds that each took."""
        pairs = list(zip(self._processes, workers, strict=False))
        if len(pairs) < len(workers):
            raise ValueError(f"{len(workers)} workers for {len(self._processes)} processes")
        for process, worker in pairs:
            assert process.stdin is not None
            process.stdin.write(json.dumps(asdict(worker)) + "\n")
            process.stdin.flush()
        return [float(_line(process)) for process, _ in pairs]


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a worker process ended")
    return line


@contextmanager
def crew(size: int) -> Generator[Crew]:
    """So many worker processes, ready."""
    command = [sys.executable, "-m", "benchmarks.ratelimit_worker"]
    with ExitStack() as stack:
        processes: list[subprocess.Popen[str]] = []
        for _ in range(size):
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)  # Closes its stdin, then waits for it.
            processes.append(process)
        for process in processes:
            _line(process)
        yield Crew(processes)


async def work(worker: Worker) -> float:
    """Do it in this process; returns the seconds it took."""
    if worker.contender == CLIENT:
        async with Mittwald(TOKEN, base_url=worker.url, max_retries=20) as mw:
            await asyncio.sleep(worker.begin - time.monotonic())
            return await _in_time(worker, [_typed(worker, mw) for _ in range(worker.tasks)])
    contender = contenders(worker.limit, worker.period)[worker.contender]()
    connector, headers = aiohttp.TCPConnector(limit=worker.tasks), {"x-access-token": TOKEN}
    left = [worker.calls or 1 << 60]
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await asyncio.sleep(worker.begin - time.monotonic())
        return await _in_time(worker, [_bare(worker, contender, session, left) for _ in range(worker.tasks)])


async def _in_time(worker: Worker, loops: Sequence[Coroutine[None, None, None]]) -> float:
    tasks = [asyncio.create_task(loop) for loop in loops]
    await asyncio.wait(tasks, timeout=worker.end - time.monotonic())
    took = time.monotonic() - worker.begin
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
    return took


async def _typed(worker: Worker, mw: Mittwald) -> None:
    while True:
        await mw.project.list_projects(limit=1, skip=worker.name)


async def _bare(worker: Worker, contender: Contender, session: aiohttp.ClientSession, left: list[int]) -> None:
    url = f"{worker.url}/v2/projects?limit=1&skip={worker.name}"
    while left[0] > 0:
        left[0] -= 1
        status = 429
        while status == 429:
            slot = await contender.before()
            try:
                async with session.get(url) as response:
                    status = response.status
                    pause = contender.after(slot, status, response.headers)
            finally:
                if slot is not None:
                    slot.release()
            if pause:
                await asyncio.sleep(pause)


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        print(asyncio.run(work(Worker(**json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
