"""The whole inventory of an account: time over the ideal under a budget, rows per second without one, memory as it
grows.

The account is the emulator's, in a process of its own. Under a budget the ideal time is that of the windows its
requests need, plus the last window's share at full speed; without one, the comparison is a bare loop over the same
lists. On two cores the emulator takes one; where client and server share a core, the rows per second are the server's
as much as ours.

Without a budget, 2026-11-28, on two cores without other work, nine rounds: an account of 1,000 projects (12,318
requests, 39,300 rows) takes 2.08 s, 0.73 of the bare loop's rows per second and 0.63 of its rows per second of CPU
time; one of 300 projects 0.65 to 0.67 and 0.58 to 0.60. The aim is 0.75. Of these 2.08 s, the event loop's thread works
for 1.45, as long as the whole bare loop; 0.19 are beginning and ending, when nothing is requested: tables, indices,
views, and the log folded into the file. The rest are the writing thread's, which takes turns with the loop. A list has
three rows on average, so most of the cost is per list. Without its calls, a sweep of 12,318 lists takes 87 to 118 µs
per list, as busy as the machine is; at 118, reading rows takes 30, writing them and the progress of their lists 43,
closing the books and the file 14. Of 35 µs for writing alone, 8 go into the tables' generated columns: SQLite parses
each item's JSON as it is inserted. Views made with the first rows instead of before the first request, and a log folded
in earlier, move 50 ms of beginning and ending into the writing thread, and gain nothing by the clock (90 paired
sweeps): both threads wait for one interpreter.

Of 1,004,199 rows at most 129 MB over an idle client were in memory.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import re
import resource as system
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from mittwald_async import Mittwald
from mittwald_async.inventory import Known, SweepJob, chosen, make_plan, sink_for, target

from .frame import Measured, Settings, Table, installed, missing
from .sweep_rivals import Written, bare, official

TOKEN = "token-for-benchmarks"
OURS = "mittwald_async"
BARE = "aiohttp + msgspec loop"
OFFICIAL = "mittwald-api-client loop"
ACCOUNT_WIDE = ("project", "app_installation", "domain", "ingress", "mail_address")
"""Lists that come in large pages: rows without many requests, for watching memory."""


def run(settings: Settings) -> Iterator[Table]:
    projects = settings.pick(1000, 12)
    yield asyncio.run(_requests(projects))
    yield asyncio.run(_under_budget(projects, settings))
    yield asyncio.run(_without_budget(projects, settings))
    yield asyncio.run(_memory(settings))


@asynccontextmanager
async def emulator(projects: int, rate_limit: str = "none") -> AsyncGenerator[str]:
    """URL of an emulator in a process of its own."""
    size = ("--customers", str(max(1, projects // 10)), "--projects", str(projects))
    calm = ("--rate-limit", rate_limit, "--drift", "0", "--lag", "0", "--token", TOKEN)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mittwald_async.emulator", "--port", "0", *size, *calm), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


def refused(url: str) -> int:
    """429s the server has answered so far."""
    with urllib.request.urlopen(f"{url}/__emulator/counters") as answer:
        counters: dict[str, Any] = msgspec.json.decode(answer.read())
    return int(counters["rate_limit"]["refused"])


async def _job(url: str, path: Path, resources: tuple[str, ...] | None = None) -> tuple[int, int]:
    """One sweep of ours; requests and rows."""
    job = SweepJob(sink_for(path), chosen(resources), target())
    try:
        async with Mittwald(TOKEN, base_url=url) as mw:
            summary = await job.run(mw)
    finally:
        job.close()
    if summary.failures:
        raise RuntimeError(str(summary.failures[0]))
    return summary.requests, sum(summary.rows.values())


async def _requests(projects: int) -> Table:
    """What the planner saves, counted by sending it."""
    table = Table(
        f"requests for an inventory of {projects:,} projects", ("resources", "requests", "one list each", "saved %")
    )
    async with emulator(projects) as url:
        with tempfile.TemporaryDirectory() as folder:
            for name, resources in (("projects, app installations, domains", ACCOUNT_WIDE[:3]), ("default set", None)):
                sent, _ = await _job(url, Path(folder) / f"{len(name)}.sqlite", resources)
                naive = projects * len(chosen(resources))
                table.add(name, sent, naive, round(100 * (1 - sent / naive)))
    table.notes.append("one list each: one list per project and resource, as without a plan")
    return table


async def _under_budget(projects: int, settings: Settings) -> Table:
    """Windows of a scaled budget; the ideal is their sum and the rest at the speed of a window."""
    limit, period = settings.pick(1200, 60), float(settings.pick(4, 1))
    table = Table(
        f"a sweep of {projects:,} projects under {limit:,} requests per {period:.0f} s",
        ("sweep", "requests", "seconds", "ideal", "× ideal", "429s"),
    )
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(settings.pick(3, 1)):
            async with emulator(projects, f"{limit}/{period}") as url:
                begin = time.perf_counter()
                requests, _ = await _job(url, Path(folder) / f"{turn}.sqlite")
                seconds = time.perf_counter() - begin
                throttled = refused(url)
            windows = ceil(requests / limit) - 1
            rest = (requests - windows * limit) / limit * min(period, limit / 1000)
            ideal = windows * period + rest
            table.add(f"{OURS} #{turn + 1}", requests, seconds, ideal, seconds / ideal, throttled)
    table.notes.append("ideal: full windows, then the rest at 1,000 requests a second; aim: 1.05 and no 429")
    return table


class _Round(NamedTuple):
    """One sweep of one contender."""

    requests: int
    rows: int
    seconds: float
    cpu: float
    """Seconds of CPU time of this process, all of its threads."""


async def _without_budget(projects: int, settings: Settings) -> Table:
    """The same lists, in turn; each round is compared with itself, so that a machine that slows down slows both."""
    table = Table(
        f"a sweep of {projects:,} projects without a budget, into SQLite",
        (
            "sweep",
            "requests",
            "rows",
            "seconds",
            "CPU s",
            f"rows per CPU s of {OURS} over it",
            "quartiles",
            "by the clock",
        ),
    )
    results: dict[str, list[_Round]] = {}
    async with emulator(projects) as url:
        runners: dict[str, Callable[[Path], Awaitable[tuple[int, int]]]] = {
            OURS: lambda path: _job(url, path),
            BARE: lambda path: _rival(bare, url, path, projects, table),
        }
        if installed("mittwald_api_client"):
            runners[OFFICIAL] = lambda path: _rival(official, url, path, projects, table)
            importlib.import_module("mittwald_api_client.models")  # Not part of what is measured.
        else:
            table.notes.append(missing("mittwald-api-client"))
        for turn in range(settings.pick(9, 1) + 1):
            # Whoever comes first finds the caches as the others left them: it is not always the same one.
            for name in list(runners)[:: 1 if turn % 2 else -1]:
                found = await _round(runners[name])
                if turn:  # The first round warms up.
                    results.setdefault(name, []).append(found)
    for name, rounds in results.items():
        pairs = list(zip(results[OURS], rounds, strict=True))
        by_cpu = Measured(tuple((mine.rows / mine.cpu) / (one.rows / one.cpu) for mine, one in pairs))
        by_clock = Measured(tuple((mine.rows / mine.seconds) / (one.rows / one.seconds) for mine, one in pairs))
        seconds, cpu = Measured(tuple(o.seconds for o in rounds)), Measured(tuple(o.cpu for o in rounds))
        ordered, quarter = sorted(by_cpu.values), len(rounds) // 4
        table.add(
            *(name, rounds[0].requests, rounds[0].rows, seconds.median, cpu.median, by_cpu.median),
            *(f"{ordered[quarter]:.2f} to {ordered[-1 - quarter]:.2f}", by_clock.median),
        )
    table.notes.append("medians of rounds, and of the ratio within each round; aim: at least 0.75 of the bare loop")
    return table


async def _round(run_one: Callable[[Path], Awaitable[tuple[int, int]]]) -> _Round:
    with tempfile.TemporaryDirectory() as folder:
        gc.collect()
        begin, cpu = time.perf_counter(), time.process_time()
        requests, rows = await run_one(Path(folder) / "rows.sqlite")
        return _Round(requests, rows, time.perf_counter() - begin, time.process_time() - cpu)


async def _rival(
    sweep: Callable[..., Awaitable[None]], url: str, path: Path, projects: int, table: Table
) -> tuple[int, int]:
    # A stack's volumes and everything else, by the plan a person with counts at hand would make.
    plan = make_plan(chosen(None), target(), Known(items={"project": projects}))
    out = Written(path)
    try:
        await sweep(url, TOKEN, plan, out)
    finally:
        out.close()
    for operation, error in out.failed.items():
        note = f"{sweep.__name__}: no {operation}: {error}"
        if note not in table.notes:
            table.notes.append(note)
    return out.requests, out.rows


async def _memory(settings: Settings) -> Table:
    table = Table(
        "memory of a sweep as the account grows", ("projects", "rows", "seconds", "MB over idle", "MB per 100,000 rows")
    )
    first: tuple[int, float] | None = None
    for projects in (60, 600) if settings.quick else (60, 600, 6_000, 75_000):
        async with emulator(projects) as url:
            found = await _child(url)
        slope = None
        if first is not None:
            slope = (found["peak"] - first[1]) / (found["rows"] - first[0]) * 100_000
        else:
            first = (found["rows"], found["peak"])
        table.add(projects, found["rows"], found["seconds"], found["peak"], slope)
    table.notes.append("aim: at most 200 MB over idle for 1,000,000 rows; slope against the smallest account")
    return table


async def _child(url: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.sweep", url), stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    found: dict[str, Any] = msgspec.json.decode(out)
    return found


async def _measure_memory(url: str) -> None:
    """One sweep in a process of its own; prints rows, seconds, and the peak over what an open client takes."""
    with tempfile.TemporaryDirectory() as folder:
        async with Mittwald(TOKEN, base_url=url) as mw:
            await mw.customer.list_customers(limit=1)
        idle = _peak()
        begin = time.perf_counter()
        _, rows = await _job(url, Path(folder) / "rows.sqlite", ACCOUNT_WIDE)
        found = {"rows": rows, "seconds": time.perf_counter() - begin, "peak": _peak() - idle}
    print(msgspec.json.encode(found).decode())


def _peak() -> float:
    """The most memory this process has had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: on Linux a new program inherits that of the process it was started from.
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(found[1]) / 1024 if found else 0.0
    most = system.getrusage(system.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    asyncio.run(_measure_memory(sys.argv[1]))
