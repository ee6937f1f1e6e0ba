"""An inventory that is kept: what a night adds to the file, how long a comparison takes, and whether it is ever wrong.

Rows go straight into the store, as a sweep writes them; the pairs are whole sweeps of the emulator's account, judged
against what the account was before and after each of them, and what was created in between. What changed while a sweep
ran may be told either way.

2026-11-27, on a machine busy with other work: 60 nightly sweeps of 100,000 rows, 129 MB after the first one's 119 MB
(1.08 ×); a comparison of two sweeps of 1,000,000 rows, 0.1 % of them changed, 0.11 s and 5 MB over idle. 2026-11-28:
4,000 pairs (40 runs of 100, up to five at once, so that the machine was too busy for them) with faults, cuts, refused
lists, changes while paging, and every eighth sweep killed in the middle and resumed, 520 in all: nothing falsely gone,
added or changed and nothing left out; 4,233 changes were found and 3,742 were unknown.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Fault, Transitions
from mittwald_async.errors import MittwaldError
from mittwald_async.inventory import Bounds, History, Known, Row, Store, Target, chosen, sweep, sweep_to
from mittwald_async.inventory.store import SweepProgress

from .frame import Settings, Table
from .history_judge import Judge, Span, State, Thing

RESOURCE, OPERATION = "mail_address", "mail-list-mail-addresses-for-user"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BATCH = 5_000


def run(settings: Settings) -> Iterable[Table]:
    yield _nights(settings)
    yield _comparison(settings)
    yield asyncio.run(_pairs(settings))


def _item(number: int, changed: int) -> bytes:
    """About 600 bytes of JSON, as a mail address has."""
    return msgspec.json.encode(
        {
            "id": f"{number:08x}-0000-4000-8000-{number:012x}",
            "address": f"box{number}@example{number % 977}.example",
            "projectId": f"{number % 2000:08x}-0000-4000-8000-000000000000",
            "forwardAddresses": [],
            "isArchived": False,
            "isCatchAll": number % 7 == 0,
            "receivingDisabled": False,
            "updatedAt": f"2026-01-{1 + changed % 28:02}T00:00:00.000Z",
            "archive": {"active": False, "quota": 10_737_418_240, "usedBytes": changed},
            "autoResponder": {"active": False},
            "mailbox": {
                "name": f"m-{number:06x}",
                "passwordUpdatedAt": "2025-02-03T04:05:06.000Z",
                "sendingEnabled": True,
                "spamProtection": {"active": True, "autoDeleteSpam": False, "folder": "spam"},
                "storageInBytes": {
                    "current": {"updatedAt": "2026-01-01T00:00:00Z", "value": number},
                    "limit": 26_843_545_600,
                },
            },
        }
    )


def _rows(count: int, changed: dict[int, int]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for number in range(count):
        raw = _item(number, changed.get(number, 0))
        own = f"{number:08x}-0000-4000-8000-{number:012x}"
        batch.append(
            Row(
                resource=RESOURCE,
                id=own,
                key=own,
                customer_id=f"c-{number % 300}",
                project_id=f"{number % 2000:08x}-0000-4000-8000-000000000000",
                fetched_at=AT,
                operation=OPERATION,
                raw=raw,
            )
        )
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def _night(path: Path, count: int, changed: dict[int, int]) -> float:
    """One sweep; gives the seconds spent in the store."""
    spent = 0.0
    with Store(path) as store:
        store.begin(chosen([RESOURCE]), [RESOURCE], Target(), Known(), "https://api.example", "me")
        for batch in _rows(count, changed):
            begin = time.perf_counter()
            store.write(batch, [])
            spent += time.perf_counter() - begin
        begin = time.perf_counter()
        store.write([], [SweepProgress(RESOURCE, OPERATION, None, count, True, count)])
        store.finish("done", 1)
        spent += time.perf_counter() - begin
    return spent


def _nights(settings: Settings) -> Table:
    count, nights = settings.pick(100_000, 2_000), settings.pick(60, 5)
    table = Table(
        f"{nights} nightly sweeps of {count:,} rows, 0.1 % changed each",
        ("sweeps", "MB", "× the first", "seconds in the store, first", "a night"),
    )
    dice = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inventory.sqlite"
        changed: dict[int, int] = {}
        first = _night(path, count, changed)
        one = path.stat().st_size
        table.add(1, one / 1e6, 1.0, first, None)
        spent = 0.0
        for night in range(1, nights):
            for number in dice.sample(range(count), count // 1000):
                changed[number] = night
            spent += _night(path, count, changed)
        size = path.stat().st_size
        table.add(nights, size / 1e6, size / one, None, spent / (nights - 1))
    table.notes.append("aim: at most 2 × the file of one sweep")
    return table


def _comparison(settings: Settings) -> Table:
    count = settings.pick(1_000_000, 5_000)
    table = Table(
        f"a comparison of two sweeps of {count:,} rows",
        ("rows", "changed", "seconds", "CPU seconds", "MB over idle", "found"),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inventory.sqlite"
        _night(path, count, {})
        _night(path, count, dict.fromkeys(range(0, count, 1000), 1))
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.history", str(path)], capture_output=True, text=True, check=True
        )
        seconds, cpu, peak, found = done.stdout.split()
        table.add(count, count // 1000, float(seconds), float(cpu), float(peak), int(found))
    table.notes.append("aim: at most 2 s and 200 MB; 0.1 % of the rows changed")
    return table


_WATCHED = ("customer", "project", "domain", "mail_address", "mysql_database", "mysql_user", "cronjob")


async def _pairs(settings: Settings) -> Table:
    """Sweeps of an account that changes between and during them, with faults: is every comparison right?"""
    pairs = settings.pick(1_000, 12)
    judge, kills = await pairs_of_sweeps(pairs)
    table = Table(
        f"{pairs:,} pairs of sweeps with random faults, cuts, refused lists, kills, and changes while they run",
        ("pairs", "killed", *(f"false {what}" for what in judge.false), "left out", "changes found", "changes unknown"),
    )
    table.add(pairs, kills, *judge.false.values(), judge.left_out, judge.found, judge.unknown)
    table.notes.append("aim: 0 false, 0 left out; what may be either while a sweep runs is not judged")
    table.notes.append("killed: with kill -9 in the middle of a sweep, which was then resumed")
    return table


async def pairs_of_sweeps(pairs: int, *, seed: int = 7, kill_every: int = 8) -> tuple[Judge, int]:
    """Sweep an account again and again while it changes, with faults, cuts and kills; gives the judge, and how many
    sweeps were killed in the middle and resumed."""
    judge, kills = Judge(), 0
    small_pages = {"*": 10}
    calm = Transitions(length=0, failing=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inventory.sqlite"
        async with (
            Emulator(
                seed=4,
                customers=3,
                projects=12,
                max_limit=small_pages,
                rate_limit=None,
                drift=0.0,
                lag=0.0,
                transitions=calm,
            ) as api,
            Mittwald(api.token, base_url=api.url, max_retries=0) as mw,
        ):
            dice = random.Random(seed)
            before = await _disturbed_sweep(api, mw, path, dice)
            earlier = 1
            for number in range(pairs):
                for _ in range(dice.randrange(6)):
                    await _change(mw, dice)
                kill = number % kill_every == 0
                after = await (_killed_sweep if kill else _disturbed_sweep)(api, mw, path, dice)
                kills += kill
                with History(path) as history:
                    # A sweep that was killed just after its end is followed by another one.
                    judge.look(history.diff(earlier, all_fields=True), before, after)
                    earlier = history.sweeps()[-1].id
                before = after
    return judge, kills


async def _state(mw: Mittwald) -> State:
    return {(row.resource, row.key): row.raw async for row in sweep(mw, resources=_WATCHED)}


async def _disturbed_sweep(api: Emulator, mw: Mittwald, path: Path, dice: random.Random) -> Span:
    """Sweep with faults and changes; gives what was in the account meanwhile."""
    first = await _state(mw)
    for _ in range(dice.randrange(3)):
        operation = dice.choice(_FAULTY)
        api.inject(
            Fault(
                operation=operation,
                status=dice.choice((500, 403, 404)),
                probability=dice.choice((0.2, 1.0)),
                seed=dice.randrange(10**6),
            )
        )
    cut = dice.choice((None, None, None, dice.randrange(1, 40)))
    changes = asyncio.create_task(_change_meanwhile(mw, dice, dice.randrange(4)))
    try:
        await sweep_to(mw, path, resources=_WATCHED, resume=False, bounds=Bounds(max_requests=cut, concurrency=4))
    finally:
        created = await changes
        api.core.faults.clear()
    return Span(first, await _state(mw), created)


async def _killed_sweep(api: Emulator, mw: Mittwald, path: Path, dice: random.Random) -> Span:
    """Kill a sweep in a process of its own in the middle, let things change, and resume it."""
    first = await _state(mw)
    api.inject(Fault(operation="*", delay=0.005))
    sent, after = len(api.requests), dice.randrange(3, 60)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.history", "--victim", api.url, api.token, str(path))
    )
    ended = asyncio.create_task(child.wait())
    while not ended.done() and len(api.requests) < sent + after:
        await asyncio.wait([ended], timeout=0.005)
    with suppress(ProcessLookupError):
        child.kill()
    await ended
    api.core.faults.clear()
    created = await _change_meanwhile(mw, dice, dice.randrange(3))
    # Killed before it had begun, it left the sweep before it, which may be complete or may be resumed.
    await sweep_to(mw, path, resources=_WATCHED, resume=None)
    return Span(first, await _state(mw), created)


async def _victim(url: str, token: str, path: str) -> None:
    async with Mittwald(token, base_url=url) as mw:
        await sweep_to(mw, path, resources=_WATCHED, resume=False, bounds=Bounds(concurrency=2))


_FAULTY = (
    "project-list-projects",
    "domain-list-domains",
    "mail-list-mail-addresses-for-user",
    "mail-list-mail-addresses",
    "database-list-mysql-databases",
    "database-list-mysql-users",
    "cronjob-list-cronjobs",
)


async def _change_meanwhile(mw: Mittwald, dice: random.Random, times: int) -> set[Thing]:
    """Change things while a sweep runs; gives what was created."""
    created: set[Thing] = set()
    for _ in range(times):
        await asyncio.sleep(dice.random() * 0.05)
        with suppress(MittwaldError):  # A fault of the sweep's may hit it as well.
            thing = await _change(mw, dice)
            if thing is not None:
                created.add(thing)
    return created


async def _change(mw: Mittwald, dice: random.Random) -> Thing | None:
    """Something that people do: a mailbox more or less, another name for a project, a cronjob that goes away. Gives
    what was created."""
    projects = await mw.project.list_projects().collect()
    project = dice.choice(projects)
    what = dice.choice(("mail", "mail", "unmail", "rename", "cronjob"))
    if what == "mail":
        domains = await mw.domain.list_domains(project_id=project.id).collect()
        if domains:
            created = await mw.call(
                "mail-create-mail-address",
                path={"projectId": project.id},
                body={"address": f"n{dice.randrange(10**9)}@{domains[0].domain}", "forwardAddresses": ["a@b.example"]},
            )
            return "mail_address", created.id
    elif what == "unmail":
        addresses = await mw.mail.list_mail_addresses(project.id).collect()
        if addresses:
            await mw.mail.delete_mail_address(dice.choice(addresses).id)
    elif what == "rename":
        await mw.project.update_project(project.id, description=f"name {dice.randrange(10**6)}")
    else:
        cronjobs = await mw.cronjob.list_cronjobs(project.id).collect()
        if len(cronjobs) > 1:
            await mw.cronjob.delete_cronjob(dice.choice(cronjobs).id)
    return None


def _measure_comparison(path: Path) -> None:
    """In a process of its own; prints seconds, CPU seconds, the peak of memory over what it began with, and how many
    changes there are."""
    from .sweep import _peak  # pyright: ignore[reportPrivateUsage]

    idle = _peak()
    begin = time.perf_counter(), time.process_time()
    with History(path) as history:
        found = len(history.diff(all_fields=True).changed)
    print(time.perf_counter() - begin[0], time.process_time() - begin[1], _peak() - idle, found)


if __name__ == "__main__":
    if sys.argv[1] == "--victim":
        asyncio.run(_victim(*sys.argv[2:]))
    else:
        _measure_comparison(Path(sys.argv[1]))
