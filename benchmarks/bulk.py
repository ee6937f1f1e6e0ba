"""Journalled writes: what is left of them when they are killed again and again, and what the journal costs.

The emulator is the judge: its log has every write that was carried out, whatever became of the answer. Faults befall 5
% of the writes, a quarter each: carried out and answered with a proxy's 502, carried out and the answer lost, cut off
before anything was done, refused with 429. The job is killed with SIGKILL at instants drawn at random over the whole of
its work.
"""

from __future__ import annotations

import asyncio
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mittwald_async import Mittwald, bulk, fan_out
from mittwald_async.bulk.row_job import RowJob
from mittwald_async.bulk.sources import numbered_rows
from mittwald_async.bulk.values import Mistake
from mittwald_async.operations import OPERATIONS

from .bulk_worker import CREATE, HOMES, UPDATE, create, update
from .frame import Measured, Settings, Table
from .ratelimit_worker import TOKEN

_FAULTS = 0.05
"""Share of the writes."""
_SPOILT = f"journal, {_FAULTS:.0%} faults"
_GUESS = (1000, 15.0)
"""So many items in so many seconds, as long as little is known of the speed."""


def run(settings: Settings) -> Generator[Table]:
    """Survival, cost per item and memory, time by the budget, and mistakes in a table."""
    with tempfile.TemporaryDirectory(prefix="bulk-") as folder:
        yield _survival(settings, Path(folder))
        yield _cost(settings, Path(folder))
        yield _budget(settings, Path(folder))
        yield _mistakes(settings, Path(folder))


# -- killed again and again --------------------------------------------------------------------------------------------


def _survival(settings: Settings, folder: Path) -> Table:
    projects, rounds = settings.pick(10_000, 400), settings.pick(10, 3)
    boxes, kills = settings.pick(100, 2), settings.pick(200, 6)
    path, ids = folder / "survival.journal", folder / "ids"
    dice = random.Random(18)
    with _emulator("--projects", str(projects), "--rate-limit", "none", "--lag", "0.1") as url:
        found = asyncio.run(_ids(url))
        ids.write_text("\n".join(found), encoding="utf-8")
        _control(url, "POST", "faults", list(_faults()))
        began = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.bulk_worker", url, str(path), str(ids), str(rounds), str(boxes)]
        due = len(found) * rounds + min(HOMES, len(found)) * boxes
        ended, killed, worked = 0, 0, 0.0
        while not ended:
            mean = _seconds_left(path, due, worked) / (kills - killed + 1)
            alive, ended = _until_killed(command, dice.uniform(0.0, 2 * mean) if killed < kills else None)
            worked += alive
            killed += not ended
        seconds = time.perf_counter() - began
        hits = _control(url, "GET", "faults")
        written = _control(url, "GET", "writes")
        log = [json.dumps([one["operation_id"], one["path"], one["body"]], sort_keys=True) for one in written]
    updates = {_name(UPDATE, update(id, turn)) for id in found for turn in range(rounds)}
    creates = {_name(CREATE, create(id, number)) for id in found[:HOMES] for number in range(boxes)}
    carried_out = Counter(log)
    with closing(bulk.read_journal(path)) as journal:
        counts = journal.counts()
        listed = sum(1 for _ in journal.entries(bulk.ItemState.UNKNOWN))
    table = Table(
        f"{len(updates):,} updates and {len(creates):,} creates, {_FAULTS:.0%} faults, killed {killed} times",
        ("", "items", "never carried out", "carried out twice", "done", "failed", "unknown", "unknown, listed"),
    )
    for kind, wanted, operation in (("updates", updates, UPDATE), ("creates", creates, CREATE)):
        lost = sum(carried_out[one] == 0 for one in wanted)
        twice = sum(carried_out[one] > 1 for one in wanted)
        table.add(kind, len(wanted), lost, twice, None, None, None, None)
        table.notes += [f"{operation}: {sum(carried_out[one] for one in wanted):,} writes in the emulator's log"]
    state = bulk.ItemState
    everything = len(updates) + len(creates)
    numbers = (counts[state.DONE], counts[state.FAILED], counts[state.UNKNOWN], listed)
    table.add("together", everything, None, None, *numbers)
    table.notes.append(f"{seconds:.0f} s altogether, {kills} kills asked for, the emulator on the same machine")
    for one, times in carried_out.items():
        if times > 1:
            at = [
                f"{entry['at'] - written[0]['at']:.2f}" for entry, name in zip(written, log, strict=True) if name == one
            ]
            table.notes.append(f"twice, {' s and '.join(at)} s after the first write: {one}")
    refused = sum(one["hits"] for one in hits if one.get("status") == 429)
    table.notes.append(f"faults that happened: {sum(one['hits'] for one in hits):,}, of them 429: {refused:,}")
    table.notes.append(
        "a 429 stops all calls of the job for a second at least, which is what most of the time went into"
    )
    return table


def _seconds_left(path: Path, due: int, worked: float) -> float:
    """How long the job still takes at the speed it has had, so that the kills fall into all of it."""
    done = 0
    if path.exists():
        with closing(bulk.read_journal(path)) as journal:
            done = journal.counts()[bulk.ItemState.DONE]
    return (due - done) * (worked + _GUESS[1]) / (done + _GUESS[0])


def _until_killed(command: list[str], seconds: float | None) -> tuple[float, int]:
    """Let the job work for so long, then kill it. Gives the seconds that it worked, and 1 where it came to its end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as job:
        assert job.stdout is not None
        if job.stdout.readline().strip() != "begun":
            raise RuntimeError("the job did not begin")
        began = time.perf_counter()
        try:
            job.wait(seconds)
        except subprocess.TimeoutExpired:
            job.kill()
            return time.perf_counter() - began, 0
        if job.returncode:
            raise RuntimeError(f"the job ended with {job.returncode}")
        return time.perf_counter() - began, 1


def _name(operation_id: str, call: dict[str, Any]) -> str:
    path = OPERATIONS[operation_id].path.replace("{projectId}", call["path"]["projectId"])
    return json.dumps([operation_id, path, call["body"]], sort_keys=True)


def _faults() -> Generator[dict[str, Any]]:
    for method in ("PATCH", "POST"):
        share = {"operation": f"{method} *", "probability": _FAULTS / 4}
        yield {**share, "executed": True, "status": 502, "html": True}
        yield {**share, "executed": True, "reset": "before"}
        yield {**share, "reset": "before"}
        yield {**share, "status": 429, "type": "RateLimitError", "headers": {"Retry-After": "0"}}


async def _ids(url: str) -> list[str]:
    async with Mittwald(TOKEN, base_url=url) as mw:
        return [project.id async for project in mw.project.list_projects()]


# -- what it costs -----------------------------------------------------------------------------------------------------


def _cost(settings: Settings, folder: Path) -> Table:
    items, rounds = settings.pick(20_000, 2_000), settings.pick(5, 3)
    spent: dict[str, list[tuple[float, float]]] = {"fan_out": [], "journal": []}
    for turn in range(rounds):
        spent["fan_out"].append(asyncio.run(_fanned(items)))
        spent["journal"].append(asyncio.run(_journalled(items, folder / f"cost-{turn}.journal")))
    table = Table(
        f"{items:,} items of 5 ms each, 64 at once",
        ("", "s", "spread %", "µs more per item", "µs more of CPU per item"),
    )
    for name, rows in spent.items():
        wall = Measured(tuple(seconds for seconds, _ in rows))
        pairs = list(zip(spent["fan_out"], rows, strict=True))
        more = [Measured(tuple(1e6 * (b[part] - a[part]) / items for a, b in pairs)).median for part in (0, 1)]
        table.add(name, wall.median, round(wall.spread * 100), *(more if name == "journal" else (None, None)))
    idle, few, many = (_memory(number, folder) for number in (0, items, items * 10))
    table.notes.append("aim: at most 150 µs more per item")
    table.notes.append(
        f"memory (aim: at most 60 MB): {few - idle:.1f} MB for {items:,} items, {many - idle:.1f} MB for {items * 10:,}"
    )
    table.notes.append(
        "every commit is on disk (synchronous=FULL) before a work begins and before its outcome is given"
    )
    return table


async def _work(item: int) -> int:
    await asyncio.sleep(0.005)
    return item


async def _fanned(items: int) -> tuple[float, float]:
    began = time.perf_counter(), time.process_time()
    async for _ in fan_out(range(items), _work):
        pass
    return time.perf_counter() - began[0], time.process_time() - began[1]


async def _journalled(items: int, path: Path) -> tuple[float, float]:
    async with bulk.Journal(path) as journal:
        began = time.perf_counter(), time.process_time()
        async for _ in journal.run(range(items), _work):
            pass
        return time.perf_counter() - began[0], time.process_time() - began[1]


_MEMORY = """
import asyncio
from pathlib import Path
from mittwald_async import bulk
async def work(item):
    return item
async def main():
    async with bulk.Journal({path!r}) as journal:
        async for _ in journal.run(range({items}), work):
            pass
asyncio.run(main())
(line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(line.split()[1])
"""


def _memory(items: int, folder: Path) -> float:
    """Most memory that a process of its own takes, in MB. Linux only: elsewhere nothing tells it of one program
    alone."""
    program = _MEMORY.format(path=str(folder / f"memory-{items}.journal"), items=items)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024 / 1e6


# -- by the budget -----------------------------------------------------------------------------------------------------


def _budget(settings: Settings, folder: Path) -> Table:
    limit, period, windows = settings.pick(600, 100), float(settings.pick(20, 4)), 3
    items = limit * windows - limit // 2
    ideal = period * (windows - 1)
    table = Table(
        f"{items:,} updates with a budget of {limit} requests in {period:.0f} s",
        ("", "s", "× ideal", "× fan_out"),
    )
    with _emulator("--projects", str(items), "--rate-limit", f"{limit}/{period:.0f}", "--lag", "0") as url:
        _control(url, "PATCH", "behaviours", {"rate_limit": None})
        found = asyncio.run(_ids(url))
        taken: dict[str, float] = {}
        for name in ("fan_out", "journal", _SPOILT):
            if name == _SPOILT:
                _control(url, "POST", "faults", list(_faults()))
            _control(url, "PATCH", "behaviours", {"rate_limit": [limit, period]})
            taken[name] = asyncio.run(_paced(url, found, None if name == "fan_out" else folder / f"{name}.journal"))
            time.sleep(period)  # the next one begins with a window of its own
    for name, seconds in taken.items():
        table.add(name, seconds, seconds / ideal, seconds / taken["fan_out"])
    table.notes.append(
        f"ideal: the last window begins after {ideal:.0f} s, and half of its budget is all that is left to do"
    )
    table.notes.append("with faults, each 429 stops all calls for a second at least, and a lost answer is read back")
    return table


async def _paced(url: str, ids: list[str], path: Path | None) -> float:
    check = bulk.verifier_for(UPDATE)
    assert check is not None
    async with Mittwald(TOKEN, base_url=url) as mw:
        text = "in time" if path is None else path.stem

        def work(id: str) -> Any:
            return mw.project.update_project(id, description=text)

        def verify(id: str) -> Any:
            return check(mw, path={"projectId": id}, body={"description": text})

        began = time.perf_counter()
        if path is None:
            async for _ in fan_out(ids, work):
                pass
        else:
            async with bulk.Journal(path, client=mw) as journal:
                async for _ in journal.run(ids, work, verify=verify):
                    pass
        return time.perf_counter() - began


# -- mistakes ----------------------------------------------------------------------------------------------------------

_GOOD = {
    "projectId": "p-4x8k2q",
    "description": "job",
    "timeout": "60",
    "active": "yes",
    "appId": "0a1b2c3d-0000-4000-8000-000000000001",
    "email": "kim@example.org",
    "concurrencyPolicy": "allow",
    "interval": "*/5 * * * *",
    "failedExecutionAlertThreshold": "5",
    "target.appInstallationId": "0a1b2c3d-0000-4000-8000-000000000001",
    "target.destination.url": "https://example.org",
}
_WRONG = (
    ("projectId", ""),
    ("projectId", ".."),
    ("timeout", "0"),
    ("timeout", "90000"),
    ("timeout", "soon"),
    ("active", "perhaps"),
    ("appId", "12"),
    ("email", "kim"),
    ("concurrencyPolicy", "allowed"),
    ("failedExecutionAlertThreshold", "1.5"),
    ("interval", "@null"),
    ("target.appInstallationId", "x!"),
)


def _mistakes(settings: Settings, folder: Path) -> Table:
    rows = settings.pick(10_000, 1_000)
    path = folder / "rows.csv"
    expected: set[tuple[int, str]] = set()
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(_GOOD)
        for number in range(2, rows + 2):
            row = {**_GOOD, "description": f"job {number}"}
            if number % 10 == 0:
                column, value = _WRONG[number // 10 % len(_WRONG)]
                row[column] = value
                expected.add((number, column))
            lines.writerow(row.values())
    found: list[Mistake] = []
    began = time.perf_counter()
    checked = RowJob(OPERATIONS["cronjob-create-cronjob"], lambda: numbered_rows(path)).check(found.append)
    seconds = time.perf_counter() - began
    named = {(one.row, one.column) for one in found}
    table = Table(
        f"a CSV of {rows:,} rows with {len(_WRONG)} kinds of mistakes",
        ("rows", "mistakes", "named by row and column", "named wrongly", "s"),
    )
    table.add(checked.rows, len(expected), len(named & expected), len(named - expected), seconds)
    return table


# -- the emulator ------------------------------------------------------------------------------------------------------


@contextmanager
def _emulator(*options: str) -> Generator[str]:
    """An emulator as a process of its own; gives its URL."""
    command = [sys.executable, "-m", "mittwald_async.emulator", "--port", "0", "--drift", "0", "--token", TOKEN]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _control(url: str, method: str, name: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/__emulator/{name}", data, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())
