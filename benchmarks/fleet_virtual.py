"""A fleet against the emulator without sockets, on a virtual clock: hours of budgets pass in minutes.

Everything else is real: client, limiter, sweep, Parquet files. The emulator judges: it counts requests and 429s of
every account by the same clock.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
from multidict import CIMultiDict

from mittwald_async.emulator import Emulator
from mittwald_async.emulator.core import Core
from mittwald_async.emulator.http_messages import EmulatedRequest
from mittwald_async.fleet import Account, FleetSummary, LocalExecutor, sweep_fleet
from mittwald_async.inventory import chosen
from mittwald_async.runtime.middleware import RawResponse
from mittwald_async.runtime.transport.session import Answered, Limits, Session, WireRequest
from tests.support.clock import VirtualClock, run_virtual

LATENCY = 0.05
"""Seconds that an answer takes."""
BUDGET = (3000, 600.0)
RESOURCES = (*(one.name for one in chosen(None)), "certificate_request", "project_invite", "registry")
"""15 requests for each project: an account of 200 projects has a little more to ask than one window holds."""


class FleetVerdict(msgspec.Struct, frozen=True):
    """What the judge saw."""

    accounts: int
    projects: int
    requests: int
    rows: int
    refused: int
    seconds: float
    """Virtual, to the last answer."""
    real_seconds: float
    cpu_seconds: float
    least_used: float
    """The least share of its budget that an account used in its full windows; 1 where none had a full window."""
    most_refused: float
    """The largest share of 429s among an account's answers."""
    peak: float
    """MB of the process at its largest."""


class Wire(Session):
    """Sends to the emulator's core, in a virtual time."""

    def __init__(self, cores: Mapping[str, Core]) -> None:
        self.loop = asyncio.get_running_loop()
        self._cores = cores
        self.begin = self.loop.time()
        self._at: defaultdict[str, float] = defaultdict(lambda: self.begin)
        self.last = self.begin
        self.sent: defaultdict[str, list[float]] = defaultdict(list)
        self.refused: defaultdict[str, int] = defaultdict(int)

    def lent(self) -> Session:
        return self

    async def close(self) -> None:
        """Nothing is open."""

    async def exchange(
        self,
        request: WireRequest,
        limits: Limits,
        answered: Answered | None = None,
        *,
        stream: bool = False,
        unsent: Callable[[], None] | None = None,
        largest: int | None = None,
    ) -> RawResponse:
        await asyncio.sleep(LATENCY / 2)
        now, token = self.loop.time(), str(request.headers["X-Access-Token"])
        core = self._cores[token]
        core.clock.advance(now - self._at[token])
        self._at[token] = now
        path, query = request.url.raw_path, request.url.raw_query_string
        answer = await core.answer(EmulatedRequest(request.method, path, query, request.headers))
        if answer.status == 429:
            self.refused[token] += 1
        else:
            self.sent[token].append(now - self.begin)
        await asyncio.sleep(LATENCY / 2)
        self.last = self.loop.time()
        headers = CIMultiDict(answer.headers)
        budget = None if answered is None else answered(answer.status, headers)
        return RawResponse(answer.status, headers, answer.body, rate_limit=budget)


def fleet_in_virtual_time(
    folder: Path, sizes: Sequence[int], resources: Sequence[str] = RESOURCES, concurrency: int = 8
) -> FleetVerdict:
    """Sweep accounts of so many projects each, every one with a budget of its own."""
    return run_virtual(_fleet(folder, sizes, resources, concurrency))


async def _fleet(folder: Path, sizes: Sequence[int], resources: Sequence[str], concurrency: int) -> FleetVerdict:
    from .sweep import _peak  # pyright: ignore[reportPrivateUsage]

    begin, cpu = time.perf_counter(), time.process_time()
    summary, wire = await swept(folder, sizes, resources, concurrency, len(sizes))
    if summary.state != "done":
        raise RuntimeError(str([one for one in summary.accounts if one.state != "done"][:3]))
    counts = {token: len(times) for token, times in wire.sent.items()}
    return FleetVerdict(
        accounts=len(sizes),
        projects=sum(sizes),
        requests=sum(counts.values()) + sum(wire.refused.values()),
        rows=sum(summary.rows.values()),
        refused=sum(wire.refused.values()),
        seconds=wire.last - wire.begin,
        real_seconds=time.perf_counter() - begin,
        cpu_seconds=time.process_time() - cpu,
        least_used=min(_used(times) for times in wire.sent.values()),
        most_refused=max(wire.refused[token] / (count + wire.refused[token]) for token, count in counts.items()),
        peak=_peak(),
    )


async def swept(
    folder: Path,
    sizes: Sequence[int],
    resources: Sequence[str],
    concurrency: int,
    at_once: int,
    budget: tuple[int, float] = BUDGET,
) -> tuple[FleetSummary, Wire]:
    """Sweep accounts of so many projects each on the running loop's clock; also gives what was sent, by token."""
    # An emulator for each account: what answers is quicker than one that has to look for the token's account.
    calm: dict[str, Any] = {
        "rate_limit": budget,
        "clock": "virtual",
        "lag": 0.0,
        "drift": 0.0,
        "log_size": 0,
        "foreign": 0,
    }
    wire = Wire(
        {
            f"benchmark-{n}": Emulator(
                n, token=f"benchmark-{n}", projects=size, customers=max(1, size // 50), **calm
            ).core
            for n, size in enumerate(sizes)
        }
    )
    accounts: list[Account] = []
    for n in range(len(sizes)):
        os.environ[f"BENCHMARK_TOKEN_{n}"] = f"benchmark-{n}"
        accounts.append(Account(name=f"a{n}", token_env=f"BENCHMARK_TOKEN_{n}", base_url="http://127.0.0.1:1"))
    async with LocalExecutor(pool=wire, clock=VirtualClock()) as executor:
        summary = await sweep_fleet(
            accounts, folder, resources=resources, executor=executor, concurrency=concurrency, at_once=at_once
        )
    return summary, wire


def _used(times: Sequence[float]) -> float:
    """The share of its full windows that an account used: all but the last one."""
    limit, period = BUDGET
    windows = ceil(max(times) / period) - 1
    if windows < 1:
        return 1.0
    return sum(at < windows * period for at in times) / (windows * limit)


def encoded(found: Any) -> str:
    return msgspec.json.encode(found).decode()


if __name__ == "__main__":
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        number, size = int(sys.argv[1]), int(sys.argv[2])
        print(encoded(fleet_in_virtual_time(Path(place) / "lake", [size] * number)))
