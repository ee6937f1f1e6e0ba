"""Many accounts: in virtual time under real budgets, on one and two workers, with workers killed, and beside single sweeps.

The emulator judges. Under budgets it is asked without sockets on a virtual clock (`fleet_virtual`), since ten minutes of
every account's budget would have to be waited for; all else is real time, with the emulator in a process of its own.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from mittwald_async.fleet import Account, DaskExecutor, FleetSummary, sweep_fleet

from .fleet_virtual import BUDGET, FleetVerdict
from .frame import Settings, Table

_SECRET = "benchmark-token"


def run(settings: Settings) -> Iterator[Table]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        yield _under_budgets(settings)
        yield asyncio.run(_side_by_side(settings, folder))
        yield asyncio.run(_one_and_two_workers(settings, folder))
        yield asyncio.run(_killed(settings, folder))


# Under budgets, in virtual time


def _under_budgets(settings: Settings) -> Table:
    table = Table(
        f"accounts of {BUDGET[0]:,} requests per {BUDGET[1]:.0f} s each, virtual time",
        (
            *("accounts", "projects of each", "requests", "rows", "minutes", "hours with one token", "least used %"),
            *("most 429 %", "real seconds", "MB"),
        ),
    )
    table.notes += [
        "aim: 11 minutes for 500 accounts of 3,000 requests, a budget used to 98 % at least, 0.1 % of 429s at most",
        "least used: of the account that used its full windows least; – where no account had a full window",
    ]
    sizes = [(settings.pick(500, 3), settings.pick(250, 20)), (settings.pick(3, 1), settings.pick(800, 220))]
    for accounts, projects in sizes:
        # A process of its own: its memory is the fleet's and the emulators'.
        command = [sys.executable, "-m", "benchmarks.fleet_virtual", str(accounts), str(projects)]
        done = subprocess.run(command, capture_output=True, check=True)
        found = msgspec.json.decode(done.stdout, type=FleetVerdict)
        alone = found.requests / BUDGET[0] * BUDGET[1] / 3600
        used = None if found.seconds < BUDGET[1] else found.least_used * 100
        table.add(
            *(accounts, projects, found.requests, found.rows, found.seconds / 60, alone, used),
            *(found.most_refused * 100, found.real_seconds, found.peak),
        )
    return table


# In real time


@asynccontextmanager
async def emulator(accounts: int, projects: int, delay: float = 0.0) -> AsyncGenerator[list[Account]]:
    """Accounts of an emulator in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "accounts.json"
        emulated = [
            {"name": f"a{n}", "token": f"{_SECRET}-{n}", "projects": projects, "customers": 1} for n in range(accounts)
        ]
        file.write_text(json.dumps(emulated))
        faults = Path(folder) / "faults.json"
        faults.write_text(json.dumps([{"delay": delay}] if delay else []))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mittwald_async.emulator", "--port", "0", "--accounts", f"@{file}"),
            *("--rate-limit", "none", "--drift", "0", "--lag", "0", "--faults", f"@{faults}"),
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            url = (await process.stdout.readline()).decode().strip()
            found: list[Account] = []
            for n in range(accounts):
                os.environ[f"BENCHMARK_TOKEN_{n}"] = f"{_SECRET}-{n}"
                found.append(Account(name=f"a{n}", token_env=f"BENCHMARK_TOKEN_{n}", base_url=url))
            yield found
        finally:
            process.terminate()
            await process.wait()


_CHILD = """
import asyncio, json, sys, time
from benchmarks.sweep import _peak
{imports}
{work}
print(json.dumps([time.process_time(), _peak()]))
"""
_ALONE = (
    "import os\nfrom mittwald_async import Mittwald\nfrom mittwald_async.inventory import sweep_to",
    "async def main():\n"
    "    async with Mittwald(os.environ[sys.argv[1]], base_url=sys.argv[2]) as mw:\n"
    "        await sweep_to(mw, sys.argv[3])\n"
    "asyncio.run(main())",
)
_TOGETHER = (
    "from mittwald_async.fleet import Account, sweep_fleet",
    "accounts = [Account(name=f'a{n}', token_env=f'BENCHMARK_TOKEN_{n}', base_url=sys.argv[1]) for n in range(int(sys.argv[3]))]\n"
    "summary = asyncio.run(sweep_fleet(accounts, sys.argv[2]))\n"
    "assert summary.state == 'done'",
)


async def _side_by_side(settings: Settings, folder: Path) -> Table:
    """CPU time and memory of accounts in one process, and of a process for each."""
    accounts, projects = settings.pick(64, 3), settings.pick(10, 2)
    measured = settings.pick(8, 1)
    table = Table(
        f"{accounts} accounts of {projects} projects: one process, and a process for each",
        ("how", "CPU s", "MB", "× CPU", "× memory"),
    )
    async with emulator(accounts, projects) as found:
        url = str(found[0].base_url)
        alone = [
            await _child(_ALONE, f"BENCHMARK_TOKEN_{n}", url, str(folder / f"alone{n}.sqlite")) for n in range(measured)
        ]
        cpu, memory = await _child(_TOGETHER, url, str(folder / "together"), str(accounts))
    cpus, memories = (sum(one[i] for one in alone) / measured * accounts for i in (0, 1))
    table.add("a process for each", cpus, memories, 1.0, 1.0)
    table.add("fleet in one process", cpu, memory, cpu / cpus, memory / memories)
    table.notes.append("aim: 0.5 × CPU, 0.1 × memory; memory is the largest resident size, start and imports included")
    if measured < accounts:
        table.notes.append(f"a process for each: {measured} measured, times {accounts / measured:g}")
    return table


async def _child(program: tuple[str, str], *arguments: str) -> tuple[float, float]:
    text = _CHILD.format(imports=program[0], work=program[1])
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", text, *arguments, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    cpu, memory = json.loads(out)
    return cpu, memory


async def _one_and_two_workers(settings: Settings, folder: Path) -> Table:
    """Throughput where neither a budget nor the emulator limits, but the answers' latency."""
    accounts, projects, delay = settings.pick(16, 2), settings.pick(10, 2), 0.1
    table = Table(
        f"{accounts} accounts of {projects} projects, {delay * 1000:.0f} ms an answer, one account at a time per worker",
        ("workers", "requests", "seconds", "requests/s", "× one worker"),
    )
    speeds: list[float] = []
    async with emulator(accounts, projects, delay) as found:
        for workers in (1, 2):
            async with DaskExecutor(workers=workers, threads=1) as executor:
                # Imports are not what is measured: every worker has swept something before.
                await sweep_fleet(
                    found[: workers * 2], folder / f"warm{workers}", resources=["project"], executor=executor
                )
                begin = time.perf_counter()
                summary = await sweep_fleet(found, folder / f"workers{workers}", executor=executor, concurrency=2)
                seconds = time.perf_counter() - begin
            speeds.append(summary.requests / seconds)
            table.add(workers, summary.requests, seconds, speeds[-1], speeds[-1] / speeds[0])
    table.notes.append(
        "aim: 1.8; waiting for answers is the limit here: the emulator takes the second core where requests come fast"
    )
    return table


async def _killed(settings: Settings, folder: Path) -> Table:
    """One of four workers is killed at random moments, again and again."""
    kills = settings.pick(20, 1)
    accounts, projects = settings.pick(32, 4), settings.pick(4, 2)
    table = Table(
        f"{accounts} accounts on four workers, of which one is killed at random moments",
        (
            "kills",
            "accounts published",
            "rows",
            "rows of an undisturbed run",
            "rows that differ",
            "rows twice",
            "tokens found",
        ),
    )
    async with emulator(accounts, projects, 0.05) as found:
        undisturbed = await sweep_fleet(found, folder / "undisturbed")
        summary, killed = await _sweep_while_killing(found, folder / "killed", kills)
    one, other = list(_rows_readers_see(folder / "undisturbed")), list(_rows_readers_see(folder / "killed"))
    twice = len(other) - len(set(other))
    differ = len(set(one) ^ set(other))
    tokens = sum(_SECRET.encode() in path.read_bytes() for path in (folder / "killed").rglob("*") if path.is_file())
    published = sum(each.published for each in summary.accounts)
    table.add(killed, published, len(other), sum(undisturbed.rows.values()), differ, twice, tokens)
    table.notes.append(
        "tokens are looked for in all files of the data set; a test looks in graph, scheduler and logs, too"
    )
    return table


async def _sweep_while_killing(found: Sequence[Account], out: Path, kills: int) -> tuple[FleetSummary, int]:
    dice = random.Random(5)
    killed = 0
    async with DaskExecutor(workers=4, threads=1) as executor:
        sweeping = asyncio.create_task(_until_published(found, out, executor))
        while killed < kills and not sweeping.done():
            await asyncio.sleep(dice.uniform(2.0, 8.0))
            workers: dict[str, int] = await executor.client.run(os.getpid)
            if workers and not sweeping.done():
                os.kill(dice.choice(sorted(workers.values())), signal.SIGKILL)
                killed += 1
        return await sweeping, killed


async def _until_published(found: Sequence[Account], out: Path, executor: DaskExecutor) -> FleetSummary:
    summary = await sweep_fleet(found, out, executor=executor)
    if summary.state == "failed":
        summary = await sweep_fleet(found, out, executor=executor, resume=True)
    return summary


def _rows_readers_see(lake: Path) -> Iterator[tuple[str, str, str, bytes]]:
    parquet: Any = importlib.import_module("pyarrow.parquet")
    for path in sorted(lake.glob("resource=*/account=*/part-*.parquet")):
        resource, account = path.parts[-3], path.parts[-2]
        table = parquet.ParquetFile(path).read(columns=["key", "data"])
        for row in table.to_pylist():
            yield resource, account, row["key"], row["data"].encode()
