"""Many accounts: in virtual time under real budgets, on one and two workers, with workers killed, and beside single
sweeps.

The emulator judges. Under budgets it is asked without sockets on a virtual clock (`fleet_virtual`), since ten minutes
of every account's budget would have to be waited for; all else is real time, with the emulator in a process of its own.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import msgspec

from mittwald_async.fleet import Account, AccountTask, DaskExecutor, FleetSummary, run_account, sweep_fleet
from tests.fleet.cluster import Cluster, state_dump

from .fleet_cpu import EmulatingExecutor
from .fleet_cpu import accounts as busy_accounts
from .fleet_virtual import BUDGET, FleetVerdict
from .frame import Settings, Table

cloudpickle: Any = importlib.import_module("cloudpickle")

_SECRET = "benchmark-token"


def run(settings: Settings) -> Iterator[Table]:
    for name in _TABLES:
        yield one(name, settings)


def one(name: str, settings: Settings) -> Table:
    """One table by its name."""
    with tempfile.TemporaryDirectory() as place:
        return asyncio.run(_table(name, settings, Path(place)))


async def _table(name: str, settings: Settings, folder: Path) -> Table:
    return await _TABLES[name](settings, folder)


# Under budgets, in virtual time


async def _under_budgets(settings: Settings, folder: Path) -> Table:
    table = Table(
        f"accounts of {BUDGET[0]:,} requests per {BUDGET[1]:.0f} s each, virtual time",
        (
            *("accounts", "projects of each", "requests", "rows", "minutes", "hours with one token", "least used %"),
            *("most 429 %", "real seconds", "CPU s", "MB"),
        ),
    )
    table.notes += [
        "aim: 11 minutes for 500 accounts of 3,000 requests, a budget used to 98 % at least, 0.1 % of 429s at most",
        "least used: of the account that used its full windows least; – where no account had a full window",
    ]
    sizes = [(settings.pick(500, 3), settings.pick(200, 20)), (settings.pick(3, 1), settings.pick(800, 220))]
    for accounts, projects in sizes:
        # A process of its own: its memory is the fleet's and the emulators'.
        command = [sys.executable, "-m", "benchmarks.fleet_virtual", str(accounts), str(projects)]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        out, _ = await process.communicate()
        found = msgspec.json.decode(out, type=FleetVerdict)
        alone = found.requests / BUDGET[0] * BUDGET[1] / 3600
        used = None if found.seconds < BUDGET[1] else found.least_used * 100
        table.add(
            *(accounts, projects, found.requests, found.rows, found.seconds / 60, alone, used),
            *(found.most_refused * 100, found.real_seconds, found.cpu_seconds, found.peak),
        )
    return table


# In real time


@asynccontextmanager
async def emulator(
    accounts: int, projects: int, delay: float = 0.0, budget: str = "none"
) -> AsyncGenerator[list[Account]]:
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
            *("--rate-limit", budget, "--drift", "0", "--lag", "0", "--faults", f"@{faults}"),
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


async def _in_real_time(settings: Settings, folder: Path) -> Table:
    """A small budget, of which an account needs several windows."""
    accounts, projects, limit, period = settings.pick(12, 2), settings.pick(20, 2), settings.pick(60, 20), 10
    table = Table(
        f"{accounts} accounts of {limit} requests per {period} s each, real time",
        ("requests of an account", "seconds", "ideal seconds", "× the ideal"),
    )
    async with emulator(accounts, projects) as found:
        free = await sweep_fleet(found, folder / "free")
    async with emulator(accounts, projects, budget=f"{limit}/{period}") as found:
        begin = time.perf_counter()
        summary = await sweep_fleet(found, folder / "budgets")
        seconds = time.perf_counter() - begin
    most = max(one.requests for one in summary.accounts)
    windows = -(-most // limit) - 1
    ideal = windows * period + free.seconds * (most - windows * limit) / most
    table.add(most, seconds, ideal, seconds / ideal)
    table.notes.append(
        "aim: 1.05; ideal: every window but the last is waited for, and what is left takes as long as it does without a budget"
    )
    return table


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
    accounts, projects, delay = settings.pick(8, 2), settings.pick(6, 2), 0.1
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


async def _busy_workers(settings: Settings, folder: Path) -> Table:
    """Throughput where the workers' processor time is the limit: what they ask is emulated inside them."""
    accounts, projects, rounds = settings.pick(16, 2), settings.pick(200, 5), settings.pick(3, 1)
    table = Table(
        f"{accounts} accounts of {projects} projects that workers emulate themselves",
        ("workers", "requests", "seconds", "requests/s", "× one worker", "CPU s of workers", "CPU s of the fleet"),
    )
    found = busy_accounts(accounts, projects)
    measured: dict[int, list[tuple[float, float, float, int]]] = {1: [], 2: []}
    counted: dict[int, list[float]] = {1: [], 2: []}
    async with AsyncExitStack() as stack:
        executors = {
            workers: await stack.enter_async_context(EmulatingExecutor(workers=workers, threads=1))
            for workers in measured
        }
        for workers, executor in executors.items():
            # Imports are not what is measured.
            await sweep_fleet(found[: workers * 2], folder / f"warm{workers}", executor=executor)
        for turn in range(rounds):
            for workers, results in measured.items():
                counted[workers].append(await _counting(workers, settings.pick(30_000_000, 1_000_000)))
                results.append(await _busy(found, folder / f"busy{turn}-{workers}", executors[workers]))
    median = {workers: sorted(results)[len(results) // 2] for workers, results in measured.items()}
    for workers, (seconds, busy, own, requests) in median.items():
        table.add(workers, requests, seconds, requests / seconds, median[1][0] / seconds, busy, own)
    plain = {number: sorted(seconds)[len(seconds) // 2] for number, seconds in counted.items()}
    table.notes += [
        "aim: 1.8 on two cores that have nothing else to do; median of the rounds, one and two workers in turn",
        f"two processes that do nothing but count did {2 * plain[1] / plain[2]:.2f} × the work of one in between: "
        "what these two cores gave",
        "the fleet: the process of the command, with Dask's scheduler",
    ]
    return table


async def _counting(processes: int, number: int) -> float:
    """Seconds of so many processes that count up to a number each: what the machine gives to that many."""
    begin = time.perf_counter()
    program = f"for _ in range({number}): pass"
    started = [await asyncio.create_subprocess_exec(sys.executable, "-c", program) for _ in range(processes)]
    for process in started:
        await process.wait()
    return time.perf_counter() - begin


async def _busy(found: Sequence[Account], lake: Path, executor: DaskExecutor) -> tuple[float, float, float, int]:
    """Seconds, CPU seconds of the workers and of this process, and requests."""
    before: dict[str, float] = await executor.client.run(time.process_time)
    begin, own = time.perf_counter(), time.process_time()
    summary = await sweep_fleet(found, lake, executor=executor)
    seconds, own = time.perf_counter() - begin, time.process_time() - own
    after: dict[str, float] = await executor.client.run(time.process_time)
    if summary.state != "done":
        raise RuntimeError(str(summary.failed[:3]))
    return seconds, sum(after.values()) - sum(before.values()), own, summary.requests


async def _killed(settings: Settings, folder: Path) -> Table:
    """One of four workers is killed at random moments, again and again; another one is started for it."""
    kills = settings.pick(20, 1)
    accounts, projects = settings.pick(24, 4), settings.pick(4, 2)
    table = Table(
        f"{accounts} accounts on four workers, of which one is killed at random moments",
        (
            *("kills", "fleets", "accounts published", "rows of each", "rows that differ", "rows twice"),
            *("ids that the API has and they have not, or the other way", "places searched", "tokens found"),
        ),
    )
    dice, killed, fleets, published, differ, twice = random.Random(5), 0, 0, 0, 0, 0
    # Pickled as it is sent to the scheduler.
    searched: list[bytes] = []
    async with emulator(accounts, projects, 0.1) as found:
        await sweep_fleet(found, folder / "undisturbed")
        expected = list(_rows_readers_see(folder / "undisturbed"))
        truth = await asyncio.to_thread(_ids_by_api, found)
        wrong = len(truth ^ {_identity(row) for row in expected if row[0] in _LISTED})
        searched += [cloudpickle.dumps((run_account, _task(one))) for one in found]
        with Cluster(folder / "cluster", 4, threads=1) as cluster:
            seconds = await _seconds_on(cluster, found, folder / "on-workers")
            while killed < kills:
                lake = folder / f"killed{fleets}"
                summary, dumps = await _sweep_while_killing(cluster, found, lake, seconds, dice)
                killed, fleets = killed + len(dumps), fleets + 1
                rows = list(_rows_readers_see(lake))
                published += sum(each.published for each in summary.accounts)
                twice += len(rows) - len(set(rows))
                differ += len(set(rows) ^ set(expected))
                wrong += len(truth ^ {_identity(row) for row in rows if row[0] in _LISTED})
                searched += [*(path.read_bytes() for path in lake.rglob("*") if path.is_file()), *dumps]
            searched.append(cluster.logs().encode())
    tokens = sum(_SECRET.encode() in place for place in searched)
    table.add(killed, fleets, published, len(expected), differ, twice, wrong, len(searched), tokens)
    table.notes += [
        "workers are `dask worker` processes, killed with kill -9; what the API has is asked for without this package",
        "tokens are looked for in the tasks as they are sent, the state of the scheduler and its workers at every kill, "
        "their logs, and all files of the data sets",
    ]
    return table


_LISTED = {"resource=customer": "/v2/customers", "resource=project": "/v2/projects", "resource=domain": "/v2/domains"}
"""Lists of a whole account, and where the API has them."""
_ID = {"resource=customer": "customerId", "resource=domain": "domainId"}


def _ids_by_api(found: Sequence[Account]) -> set[tuple[str, str, str]]:
    """`(resource, account, id)` of the lists, asked for with the standard library."""
    ids: set[tuple[str, str, str]] = set()
    for account in found:
        for resource, path in _LISTED.items():
            request = Request(f"{account.base_url}{path}?limit=1000")
            request.add_header("X-Access-Token", os.environ[str(account.token_env)])
            with urlopen(request, timeout=60) as answer:
                page = json.load(answer)
            if not 0 < len(page) < 1000:
                raise RuntimeError(f"{path}: {len(page)} items are not the whole list of an account")
            ids |= {(resource, f"account={account.name}", each[_ID.get(resource, "id")]) for each in page}
    return ids


def _identity(row: tuple[str, str, str, bytes]) -> tuple[str, str, str]:
    resource, account, _, data = row
    return resource, account, json.loads(data)[_ID.get(resource, "id")]


def _task(account: Account) -> AccountTask:
    return AccountTask(lake="lake", run="run", account=account, resources=("project",))


async def _seconds_on(cluster: Cluster, found: Sequence[Account], lake: Path) -> float:
    async with DaskExecutor(cluster.address, worker_seconds=300) as executor:
        await executor.client.wait_for_workers(4)
        return (await sweep_fleet(found, lake, executor=executor)).seconds


async def _sweep_while_killing(
    cluster: Cluster, found: Sequence[Account], lake: Path, seconds: float, dice: random.Random
) -> tuple[FleetSummary, list[bytes]]:
    """How the fleet ended, and the state of the cluster at each moment at which a worker was killed."""
    dumps: list[bytes] = []
    async with DaskExecutor(cluster.address, worker_seconds=300) as executor:
        sweeping = asyncio.create_task(_until_published(found, lake, executor))
        while True:
            await asyncio.wait([sweeping], timeout=dice.uniform(0.1, max(1.0, seconds / 2)))
            if sweeping.done():
                return await sweeping, dumps
            dump = await state_dump(cluster.address, lake.with_suffix(f".dump{len(dumps)}"))
            dumps.append(dump.encode())
            victim = dice.choice([worker for worker in cluster.workers[-4:] if worker.poll() is None])
            victim.kill()
            victim.wait()
            cluster.workers.remove(victim)
            cluster.start_worker()


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


_TABLES: Mapping[str, Callable[[Settings, Path], Awaitable[Table]]] = {
    "budgets": _under_budgets,
    "real-time": _in_real_time,
    "side-by-side": _side_by_side,
    "waiting-workers": _one_and_two_workers,
    "busy-workers": _busy_workers,
    "killed": _killed,
}
"""By the name that `python -m benchmarks.fleet NAME` takes."""


if __name__ == "__main__":
    for word in sys.argv[1:] or list(_TABLES):
        if word != "--quick":
            print(one(word, Settings("--quick" in sys.argv)).text(), flush=True)
