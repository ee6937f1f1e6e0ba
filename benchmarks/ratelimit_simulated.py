"""Clients and judge on one loop with virtual time: hours of windows in seconds, and every run the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.clock import START, run_virtual

from .ratelimit_judge import Judge, Verdict, verdict
from .ratelimit_rivals import Contender


@dataclass(frozen=True)
class Client:
    """One process that calls from `begin` to `end`, seconds after the start."""

    make: Callable[[], Contender]
    begin: float = 0.0
    end: float = float("inf")
    tasks: int = 64
    calls: int | None = None
    """Calls to make; `None`: without end."""
    burst_every: float | None = None
    """Calls `tasks` at once every so many seconds and does not listen."""


@dataclass(frozen=True)
class Latency:
    """Seconds there and back: from, to, evenly spread."""

    least: float = 0.02
    most: float = 0.02

    def half(self, dice: random.Random) -> float:
        return dice.uniform(self.least, self.most) / 2


def simulate(
    judge: Judge, clients: Sequence[Client], seconds: float, latency: Latency, jitter: float = 0.0, seed: int = 7
) -> float:
    """Run until the time is over or every finite job is done; returns the seconds it took. The judge keeps the log.

    Args:
        jitter: seconds by which the judge's clock is off, at random, from call to call.
        seed: of latency and jitter.
    """
    judge.epoch = START
    judge.silent = (START + judge.silent[0], START + judge.silent[1])
    judge.changes = tuple((START + at, limit) for at, limit in judge.changes)
    return run_virtual(_run(judge, clients, seconds, latency, jitter, random.Random(seed)))


async def _run(
    judge: Judge, clients: Sequence[Client], seconds: float, latency: Latency, jitter: float, dice: random.Random
) -> float:
    loop = asyncio.get_running_loop()
    finite = [c for c in clients if c.calls is not None]

    async def send(name: str) -> tuple[int, dict[str, str]]:
        await asyncio.sleep(latency.half(dice))
        status, headers = judge.call(loop.time() + dice.uniform(-jitter, jitter), name)
        await asyncio.sleep(latency.half(dice))
        return status, dict(headers)

    async def task(contender: Contender, client: Client, name: str, left: list[int]) -> None:
        while loop.time() < START + client.end and left[0] > 0:
            left[0] -= 1
            status = 429
            while status == 429 and loop.time() < START + client.end:
                slot = await contender.before()
                status, headers = await send(name)
                pause = contender.after(slot, status, headers)
                if pause:
                    await asyncio.sleep(pause)

    async def run(client: Client, name: str) -> None:
        await asyncio.sleep(client.begin)
        if client.burst_every is not None:
            while loop.time() < START + client.end:
                await asyncio.gather(*(send(name) for _ in range(client.tasks)))
                await asyncio.sleep(client.burst_every)
        contender, left = client.make(), [client.calls if client.calls is not None else 1 << 60]
        await asyncio.gather(*(task(contender, client, name, left) for _ in range(client.tasks)))

    running = [loop.create_task(run(client, str(number))) for number, client in enumerate(clients)]
    waited = [t for t, client in zip(running, clients, strict=True) if client.calls is not None] if finite else running
    await asyncio.wait(waited, timeout=seconds)
    took = loop.time() - START
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return took


def judged(
    judge: Judge,
    clients: Sequence[Client],
    windows: int,
    latency: Latency | None = None,
    jitter: float = 0.0,
    seed: int = 7,
) -> Verdict:
    """Clients without end for so many windows, fairness counted while all are there."""
    rate, seconds = judge.limit / judge.period, windows * judge.period
    simulate(judge, clients, seconds, latency or Latency(), jitter, seed)
    rude = {str(number) for number, client in enumerate(clients) if client.burst_every is not None}
    return verdict(
        judge.log,
        strangers=rude,
        begin=START,
        end=START + seconds,
        rate=rate,
        fair_from=START + max(c.begin for c in clients) + judge.period,
        fair_until=START + min(min(c.end for c in clients), seconds),
    )
