"""A whole sweep into a file: its contents, and resuming after every kind of interruption."""

from __future__ import annotations

import asyncio
import importlib
import random
import sqlite3
import sys
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Fault, Transitions
from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import (
    Bounds,
    Plan,
    Step,
    Store,
    StoreError,
    Summary,
    Sweep,
    SweepJob,
    Target,
    chosen,
    sink_for,
    sweep,
    target,
)

from ..support.sweep_process import RESOURCES

RUN = importlib.import_module("mittwald_async.inventory.job")
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def account(**options: Any) -> AsyncGenerator[tuple[Emulator, Mittwald]]:
    settled = Transitions(length=0, failing=0)
    async with (
        Emulator(rate_limit=None, drift=0.0, transitions=settled, **options) as api,
        Mittwald(api.token, base_url=api.url, max_retries=0) as mw,
    ):
        yield api, mw


@contextmanager
def job(path: Path, *, part: Target | None = None, resources: Any = RESOURCES, **options: Any) -> Generator[SweepJob]:
    made = SweepJob(sink_for(path, None, resources), chosen(resources), part or target(), **options)
    try:
        yield made
    finally:
        made.close()


async def run(path: Path, mw: Mittwald, **options: Any) -> Summary:
    with job(path, **options) as made:
        return await made.run(mw)


def content(path: Path, sweep_id: int = 1) -> dict[str, list[tuple[str, str, str]]]:
    """Every row after a sweep, without the time it was fetched."""
    with closing(sqlite3.connect(path)) as db:
        return {
            name: sorted(
                db.execute(
                    f'SELECT key, coalesce(project_id, ""), data FROM "{name}" '
                    "WHERE from_sweep <= ? AND (to_sweep IS NULL OR to_sweep > ?)",
                    (sweep_id, sweep_id),
                )
            )
            for name in RESOURCES
        }


async def test_the_file_holds_the_rows_of_the_sweep(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    async with account(seed=1, customers=3, projects=8) as (_, mw):
        summary = await run(path, mw)
        expected: dict[str, list[str]] = {name: [] for name in RESOURCES}
        async for row in sweep(mw, resources=RESOURCES):
            expected[row.resource].append(row.key)
    assert summary.state == "done"
    assert not summary.resumable
    assert summary.rows == {name: len(keys) for name, keys in expected.items()}
    assert {name: [key for key, _, _ in rows] for name, rows in content(path).items()} == {
        name: sorted(keys) for name, keys in expected.items()
    }
    assert not path.with_name("inventory.sqlite-wal").exists()


async def test_a_second_sweep_knows_its_cost_from_the_first(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    async with account(seed=1, customers=3, projects=8) as (_, mw):
        first = await run(path, mw)
        with job(path) as made:
            assert made.plan.open == ()
            second = await made.run(mw)
    assert second.planned == second.requests == first.requests
    assert content(path, 1) == content(path, 2)


async def kill_at(moment: float, *arguments: str) -> int | None:
    """Start the sweep process and kill it after so many seconds; returns its exit code, or `None` if killed."""
    process = await anyio.open_process([sys.executable, "-m", "tests.support.sweep_process", *arguments], cwd=ROOT)
    async with process:
        with anyio.move_on_after(moment):
            await process.wait()
            return process.returncode
        process.kill()
        await process.wait()
    return None


async def test_a_sweep_killed_at_twenty_random_moments_ends_with_the_rows_of_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    dice = random.Random(7)
    undisturbed = tmp_path / "undisturbed.sqlite"
    async with account(seed=3, customers=6, projects=120) as (api, mw):
        await run(undisturbed, mw)
        api.inject(Fault(operation="*", delay=0.02))
        kills = finished = 0
        disturbed = tmp_path / "disturbed0.sqlite"
        while kills < 20 or not finished:
            moment = dice.uniform(0.3, 0.9) if kills < 20 else 120
            resume = ("--resume",) if disturbed.exists() and _has_sweep(disturbed) else ()
            code = await kill_at(moment, api.url, str(disturbed), *resume)
            kills += code is None
            if code is not None:
                assert code == 0
                assert content(disturbed) == content(undisturbed)
                finished += 1
                disturbed = tmp_path / f"disturbed{finished}.sqlite"


def _has_sweep(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        try:
            return bool(db.execute("SELECT count(*) FROM sweeps").fetchone()[0])
        except sqlite3.OperationalError:
            return False


async def test_a_sweep_interrupted_after_any_number_of_requests_resumes_to_the_same_rows(tmp_path: Path) -> None:
    undisturbed = tmp_path / "undisturbed.sqlite"
    async with account(seed=2, customers=3, projects=10) as (_, mw):
        whole = await run(undisturbed, mw)
        for cut in range(1, whole.requests, 3):
            path = tmp_path / f"cut{cut}.sqlite"
            first = await run(path, mw, bounds=Bounds(max_requests=cut))
            assert first.resumable
            assert first.requests == cut
            second = await run(path, mw, resume=True)
            assert second.state == "done"
            assert content(path) == content(undisturbed), cut


async def test_a_cancelled_sweep_is_resumable_at_once(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    async with account(seed=2, customers=3, projects=30) as (api, mw):
        api.inject(Fault(operation="dns-list-dns-zones", delay=30))
        begin = anyio.current_time()
        with anyio.move_on_after(0.6) as scope:
            await run(path, mw)
        assert scope.cancelled_caught
        assert anyio.current_time() - begin < 2.6
        with Store(path) as store:
            unfinished = store.unfinished()
            assert unfinished is not None
            assert unfinished.state == "running"
            assert unfinished.requests > 0
        api.core.faults.clear()
        assert (await run(path, mw, resume=True)).state == "done"


@pytest.mark.parametrize("everything", [False, True])
async def test_cancelling_a_task_during_a_write_does_not_close_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, everything: bool
) -> None:
    path = tmp_path / "inventory.sqlite"
    loop = asyncio.get_running_loop()
    begun, go_on = asyncio.Event(), threading.Event()
    write = Store.write

    def slow(store: Store, *arguments: Any) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(20)
        write(store, *arguments)

    async with account(seed=2, customers=3, projects=6) as (_, mw):
        await run(tmp_path / "undisturbed.sqlite", mw)
        with monkeypatch.context() as patched:
            patched.setattr(Store, "write", slow)
            others = asyncio.all_tasks()
            task = asyncio.create_task(run(path, mw))
            await begun.wait()
            for _ in range(3):  # The user is impatient, or ends a program by cancelling every task.
                for each in (asyncio.all_tasks() - others) if everything else {task}:
                    each.cancel()
                for _ in range(5):
                    await asyncio.sleep(0)
            assert not task.done()
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await task
        # The server runs in this process too, and may have lost connections.
        assert (await run(path, mw.with_options(max_retries=3), resume=True)).state == "done"
    assert content(path) == content(tmp_path / "undisturbed.sqlite")


async def test_resuming_a_file_without_a_sweep_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    Store(path).close()  # As after a kill at the first moment.
    with pytest.raises(ConfigurationError, match="no sweep had begun in it"), job(path, resume=True):
        pass


async def test_failed_lists_are_requested_again_when_resuming(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    async with account(seed=2, customers=3, projects=6) as (api, mw):
        api.inject(Fault(operation="dns-list-dns-zones", status=500, count=2))
        first = await run(path, mw)
        assert (first.state, len(first.failures), first.resumable) == ("incomplete", 2, True)
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT resource, status FROM failures").fetchall() == [("dns_zone", 500)] * 2
        second = await run(path, mw, resume=True)
        assert (second.state, second.requests, second.failures) == ("done", 2, ())


async def test_rows_listed_only_for_their_ids_survive_an_interruption(tmp_path: Path) -> None:
    path, whole = tmp_path / "cut.sqlite", tmp_path / "whole.sqlite"
    only = ["mysql_user"]
    async with account(seed=2, customers=3, projects=6) as (_, mw):
        expected = await run(whole, mw, resources=only)
        await run(path, mw, resources=only, bounds=Bounds(max_requests=5))
        summary = await run(path, mw, resources=only, resume=True)
    assert summary.rows == expected.rows
    assert list(summary.rows) == only


async def test_other_formats_are_written_from_a_temporary_working_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    async with account(seed=2, customers=2, projects=3) as (_, mw):
        part = await run(path, mw, bounds=Bounds(max_requests=3))
        assert part.resumable
        assert not path.exists()
        assert path.with_name("rows.jsonl.sweep").exists()
        summary = await run(path, mw, resume=True)
    assert len(path.read_bytes().splitlines()) == sum(summary.rows.values())
    assert [entry.name for entry in tmp_path.iterdir()] == ["rows.jsonl"]


async def test_resuming_needs_an_interrupted_sweep(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    with pytest.raises(ConfigurationError, match="nothing to resume"), job(path, resume=True):
        pass


async def test_a_full_disk_ends_the_sweep_with_a_clear_error_and_a_resumable_file(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    async with account(seed=2, customers=3, projects=20) as (_, mw):
        with job(path) as made:
            made.store._db.execute("PRAGMA max_page_count = 80")  # pyright: ignore[reportPrivateUsage]
            with pytest.raises(StoreError, match="disk is full"):
                await made.run(mw)
        assert (await run(path, mw, resume=True)).state == "done"


async def test_a_failed_export_can_be_repeated_without_requests(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    async with account(seed=2, customers=2, projects=3) as (_, mw):
        with job(path) as made:
            path.mkdir()  # Blocks the path of the result.
            with pytest.raises(StoreError, match="Is a directory"):
                await made.run(mw)
        path.rmdir()
        summary = await run(path, mw, resume=True)
    assert (summary.state, summary.requests) == ("done", 0)
    assert len(path.read_bytes().splitlines()) == sum(summary.rows.values())
    assert [entry.name for entry in tmp_path.iterdir()] == ["rows.jsonl"]


async def test_a_long_export_stops_at_once_and_can_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    begun = anyio.Event()
    loop = asyncio.get_running_loop()

    def endless(store: Store, *_: object) -> None:
        loop.call_soon_threadsafe(begun.set)
        while True:
            list(store.rows("project"))

    async with account(seed=2, customers=2, projects=3) as (_, mw):
        with monkeypatch.context() as patched:
            patched.setattr(RUN, "export", endless)
            with anyio.fail_after(10):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(run, path, mw)
                    await begun.wait()
                    tasks.cancel_scope.cancel()
        assert not path.exists()
        summary = await run(path, mw, resume=True)
    assert (summary.state, summary.requests) == ("done", 0)
    assert path.exists()


async def test_received_rows_are_written_while_other_lists_are_slow(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    async with account(seed=2, customers=3, projects=5) as (api, mw):
        api.inject(Fault(operation="dns-list-dns-zones", delay=30))
        written = anyio.Event()

        def watch(seen: Sweep) -> None:
            if seen.rows["domain"]:
                written.set()

        with anyio.fail_after(10), job(path) as made:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(made.run, mw, watch)
                await written.wait()
                with closing(sqlite3.connect(path)) as db:
                    assert db.execute("SELECT count(*) FROM domain").fetchone()[0] > 0
                tasks.cancel_scope.cancel()


async def test_rows_that_shift_between_two_runs_are_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"

    async def part(mw: Mittwald, **options: Any) -> Summary:
        with job(path, resources=["mail_address"], **options) as made:
            made.plan = Plan(tuple(map(_in_pages_of_ten, made.plan.steps)), made.plan.target)
            return await made.run(mw)

    async with account(seed=1, customers=2, projects=30, lag=0.0, max_limit={"*": 10}) as (_, mw):
        listed = [item.id for item in await mw.mail.list_mail_addresses_for_user().collect()]
        taken = (await part(mw, bounds=Bounds(max_requests=13))).rows["mail_address"]
        assert 40 <= taken < len(listed)
        for own in listed[: taken - 10]:
            await mw.mail.delete_mail_address(own)
        second = await part(mw, resume=True)
        assert second.state == "done"
    with closing(sqlite3.connect(path)) as db:
        found = {own for (own,) in db.execute("SELECT id FROM mail_address")}
    assert found == set(listed)


def _in_pages_of_ten(step: Step) -> Step:
    return msgspec.structs.replace(step, route=msgspec.structs.replace(step.route, page_size=10))
