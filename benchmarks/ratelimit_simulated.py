"""Clients and judge on one loop with virtual time: hours of windows in seconds, and every run the same."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tests.support.clock import START, run_virtual

from .ratelimit_judge import Judge, Log, Verdict, verdict
from .ratelimit_rivals import OURS, Contender, contenders

END = 1e9
"""Seconds after the start that never come."""


@dataclass(frozen=True)
class Client:
    """One process that calls from `begin` to `end`, seconds after the start."""

    contender: str = OURS
    begin: float = 0.0
    end: float = END
    tasks: int = 64
    calls: int | None = None
    """Calls to make; `None`: without end."""
    burst_every: float | None = None
    """Calls `tasks` at once every so many seconds and does not listen."""
    think: float = 0.0
    """Seconds that each task does something else before each call."""
    watched: bool = False
    """Whether what its calls wait for their turn is kept."""
    stranger: bool = False
    """Its 429s are its own affair."""


@dataclass(frozen=True)
class Latency:
    """Seconds there and back: from, to, evenly spread; and at most so many more on the way back."""

    least: float = 0.02
    most: float = 0.02
    late: float = 0.0

    def half(self, dice: random.Random) -> float:
        return dice.uniform(self.least, self.most) / 2


@dataclass(frozen=True)
class Case:
    """One simulation: until `seconds` are over, or every finite job is done."""

    judge: Judge
    clients: Sequence[Client]
    seconds: float
    latency: Latency = field(default_factory=Latency)
    jitter: float = 0.0
    """Seconds by which the judge's clock is off, at random, from call to call."""
    seed: int = 7
    """Of latency and jitter."""


@dataclass(frozen=True)
class Outcome:
    """What the judge saw."""

    took: float
    log: Log
    waits: list[float] = field(default_factory=list[float])
    """Seconds that the calls of watched clients waited for their turn."""

    @property
    def refused(self) -> int:
        return sum(status == 429 for _, _, status in self.log)


def simulated(case: Case) -> Outcome:
    """Simulate one case. Instants of the log count from the start."""
    judge = replace(
        case.judge,
        epoch=START + case.judge.epoch,
        silent=(START + case.judge.silent[0], START + case.judge.silent[1]),
        changes=tuple((START + at, limit) for at, limit in case.judge.changes),
        log=[],
        random=random.Random(4),
    )
    random.seed(case.seed)  # Back-off of the contenders.
    waits: list[float] = []
    took = run_virtual(_run(judge, case, random.Random(case.seed), waits))
    return Outcome(took, [(at - START, caller, status) for at, caller, status in judge.log], waits)


class Simulator:
    """Runs many cases on all cores."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def outcomes(self, cases: Sequence[Case]) -> list[Outcome]:
        return list(self._pool.map(simulated, cases))

    def judged(self, cases: Sequence[Case]) -> list[Verdict]:
        """Cases of clients without end."""
        return [judged(case, outcome) for case, outcome in zip(cases, self.outcomes(cases), strict=True)]


@contextmanager
def simulating() -> Generator[Simulator]:
    fresh = multiprocessing.get_context("spawn")  # A fork would keep the other processes' pipes open.
    with ProcessPoolExecutor(os.cpu_count(), fresh) as pool:
        yield Simulator(pool)


def judged(case: Case, outcome: Outcome) -> Verdict:
    """Fairness is counted while all are there, from one window after the last one came."""
    judge, clients = case.judge, case.clients
    return verdict(
        outcome.log,
        strangers={str(number) for number, client in enumerate(clients) if _is_stranger(client)},
        begin=0.0,
        end=case.seconds,
        rate=judge.limit / judge.period,
        fair_from=max(client.begin for client in clients) + judge.period,
        fair_until=min(min(client.end for client in clients), case.seconds),
    )


def _is_stranger(client: Client) -> bool:
    return client.stranger or client.burst_every is not None


async def _run(judge: Judge, case: Case, dice: random.Random, waits: list[float]) -> float:
    loop = asyncio.get_running_loop()
    finite = [client for client in case.clients if client.calls is not None]
    known = contenders(case.judge.limit, case.judge.period)

    async def send(name: str) -> tuple[int, dict[str, str]]:
        await asyncio.sleep(case.latency.half(dice))
        status, headers = judge.call(loop.time() + dice.uniform(-case.jitter, case.jitter), name)
        await asyncio.sleep(case.latency.half(dice) + dice.uniform(0, case.latency.late))
        return status, dict(headers)

    async def task(contender: Contender, client: Client, name: str, left: list[int]) -> None:
        while loop.time() < START + client.end and left[0] > 0:
            left[0] -= 1
            status = 429
            while status == 429 and loop.time() < START + client.end:
                await asyncio.sleep(client.think)
                asked = loop.time()
                slot = await contender.before()
                if client.watched:
                    waits.append(loop.time() - asked)
                status, headers = await send(name)
                pause = contender.after(slot, status, headers)
                if pause:
                    await asyncio.sleep(pause)

    async def act(client: Client, name: str) -> None:
        await asyncio.sleep(client.begin)
        if client.burst_every is not None:
            while loop.time() < START + client.end:
                await asyncio.gather(*(send(name) for _ in range(client.tasks)))
                await asyncio.sleep(client.burst_every)
            return
        contender, left = known[client.contender](), [client.calls if client.calls is not None else 1 << 60]
        await asyncio.gather(*(task(contender, client, name, left) for _ in range(client.tasks)))

    running = [loop.create_task(act(client, str(number))) for number, client in enumerate(case.clients)]
    waited = [t for t, client in zip(running, case.clients, strict=True) if client.calls is not None]
    await asyncio.wait(waited if finite else running, timeout=case.seconds)
    took = loop.time() - START
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return took
