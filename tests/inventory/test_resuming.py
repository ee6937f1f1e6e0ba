"""What a sweep leaves for the next one: its request count, its checkpoints, and its selection."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import (
    Bounds,
    Known,
    Rolling,
    Store,
    SweepJob,
    Target,
    chosen,
    sink_for,
    sweep_to,
    target,
)
from mittwald_async.inventory import database as database_module
from mittwald_async.inventory.store import SweepProgress

from ..support.sample_rows import FAILED, PROJECTS, row
from .test_run import RUN, account, job, run

TABLES = chosen(["project", "domain"])
ALL = Target()
DONE = SweepProgress("project", "project-list-projects", None, 3, True)
HALF = SweepProgress("domain", "domain-list-domains", None, 40, False)


def begin(store: Store) -> None:
    store.begin(TABLES, ["project", "domain"], ALL, Known(), "https://api.example", "me")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inventory.sqlite"


def test_requests_add_up_across_interruptions(path: Path) -> None:
    with Store(path) as store:
        begin(store)
        store.write(PROJECTS, [DONE], requests=7)
        assert store.sweeps()[0].requests == 7
    with Store(path) as store:
        unfinished = store.unfinished("me")
        assert unfinished is not None
        assert unfinished.state == "running"
        store.reopen(unfinished, TABLES)
        store.write([], [], requests=3)
        assert store.sweeps()[0].requests == 10
        store.finish("incomplete", 4)
        assert store.sweeps()[0].requests == 11


async def test_nothing_is_left_of_the_working_file_even_where_its_log_could_not_be_folded_in(tmp_path: Path) -> None:
    """The log holds what the account has; it stays where the disk is full, or where somebody looks into the file."""
    sink = sink_for(tmp_path / "rows.jsonl")
    reader: list[sqlite3.Connection] = []

    def look(_: object) -> None:
        if not reader:
            reader.append(sqlite3.connect(sink.store_path))
            reader[0].execute("BEGIN")
            reader[0].execute("SELECT * FROM sweeps").fetchall()

    async with account() as (_, mw):
        await sweep_to(mw, sink.path, resources=["project"], account="me", watch=look)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
    reader[0].close()


def test_checkpoints_of_an_unfinished_sweep_are_kept_until_the_next_one(path: Path) -> None:
    def kept(table: str) -> int:
        with closing(sqlite3.connect(path)) as db:
            (count,) = db.execute(f"SELECT count(*) FROM {table} WHERE sweep = 1").fetchone()
        return int(count)

    with Store(path) as store:
        begin(store)
        store.write(PROJECTS, [DONE, HALF], [FAILED])
        store.finish("incomplete", 1)
        assert sorted(one.resource for one in store.progress()) == ["domain", "project"]
        begin(store)
        assert kept("lists") == 2, "they tell which lists of the first one were not read to their end"
        assert list(store.progress()) == []
        assert [one.state for one in store.sweeps()] == ["incomplete", "running"]
        assert store.unfinished("me") == store.sweeps()[-1]


def test_an_unfinished_sweep_keeps_only_the_lists_of_missing_rows(path: Path) -> None:
    with Store(path) as store:
        begin(store)
        store.write(PROJECTS, [DONE, HALF], [FAILED])
        store.finish("incomplete", 1, ["project"])
        begin(store)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT resource FROM lists WHERE sweep = 1").fetchall() == [("domain",)]


def test_records_of_an_unchanged_sweep_are_dropped_by_the_next_one(path: Path) -> None:
    with Store(path) as store:
        for seen in (0, 1):
            begin(store)
            store.write(PROJECTS, [DONE])
            store.finish("done", 1)
            assert store.database.execute("SELECT count(*) FROM seen").fetchone() == (seen,)
        begin(store)
        assert store.database.execute("SELECT count(*) FROM seen").fetchone() == (0,)


def test_rows_marked_as_gone_are_restored_when_the_sweep_resumes(path: Path) -> None:
    with Store(path) as store:
        begin(store)
        store.write(PROJECTS, [DONE])
        store.finish("done", 1)
        begin(store)
        store.write(PROJECTS[:2], [DONE], [FAILED])
        store.finish("incomplete", 1, ["project"])
        assert store.database.execute("SELECT count(*) FROM project WHERE to_sweep = 2").fetchone() == (1,)
        store.reopen(store.sweeps()[-1], TABLES)
        assert store.database.execute("SELECT count(*) FROM project WHERE to_sweep IS NULL").fetchone() == (3,)


def test_rows_stay_gone_after_resuming_where_everything_was_gone(path: Path) -> None:
    """No valid row of a resource is left: resuming must not take the resource for new."""
    with Store(path) as store:
        begin(store)
        store.write(PROJECTS, [DONE])
        store.finish("done", 1)
        begin(store)
        store.write([], [DONE], [FAILED])
        store.finish("incomplete", 1, ["project"])
        store.reopen(store.sweeps()[-1], TABLES)
        store.write(PROJECTS[:1], [])
        store.finish("done", 1, ["project", "domain"])
        found = store.database.execute("SELECT id, from_sweep, to_sweep FROM project ORDER BY row_id").fetchall()
        assert found == [("p-0", 1, None), ("p-1", 1, 2), ("p-2", 1, 2)]
        assert store.counts()["project"] == 1


def test_what_changed_before_a_sweep_was_resumed_counts_once(path: Path) -> None:
    """Seen unchanged by the first run and changed by the second, it has two versions, of which one is valid."""
    with Store(path) as store:
        begin(store)
        store.write(PROJECTS, [DONE])
        store.finish("done", 1)
        begin(store)
        store.write(PROJECTS, [])
        store.reopen(store.sweeps()[-1], TABLES)
        store.write([row("project", "p-0", project="p-0", description="renamed")], [])
        assert store.counts()["project"] == 3
        store.finish("done", 1)
        assert store.counts()["project"] == store.known("me").items["project"] == 3


def test_an_interrupted_sweep_marks_nothing_as_gone(path: Path) -> None:
    """Rows not yet seen are neither gone nor missing, since the sweep resumes."""
    with Store(path) as store:
        begin(store)
        store.write(PROJECTS, [DONE])
        store.finish("done", 1)
        begin(store)
        store.finish("running", 1)
        assert not store.covered("project", [2])
        assert store.database.execute("SELECT count(*) FROM project WHERE to_sweep IS NULL").fetchone() == (3,)
        assert store.database.execute("SELECT count(*) FROM project WHERE unseen_since").fetchone() == (0,)


@pytest.mark.parametrize("rolling", [None, Rolling(max_requests=5)])
def test_rows_without_a_requested_list_are_unseen_unless_carried_forward(path: Path, rolling: Rolling | None) -> None:
    with Store(path) as store:
        begin(store)
        store.write(PROJECTS, [DONE])
        store.finish("done", 1)
        store.begin(TABLES, ["project", "domain"], ALL, Known(), "https://api.example", "me", rolling)
        store.finish("incomplete", 0, [])
        unseen = store.database.execute("SELECT DISTINCT unseen_since FROM project").fetchall()
        assert unseen == [(2 if rolling is None else None,)]


def test_a_rolling_sweep_gives_the_next_plan_everything_known(path: Path) -> None:
    with Store(path) as store:
        begin(store)
        store.write(PROJECTS, [DONE])
        store.finish("done", 1)
        store.begin(TABLES, ["project", "domain"], ALL, Known(), "https://api.example", "me", Rolling(max_requests=5))
        store.finish("done", 0, [])
        assert store.known("me").items == {"project": 3, "domain": 0}


async def test_the_summary_counts_requested_resources_only(path: Path) -> None:
    async with account(seed=1, customers=2, projects=4) as (_, mw):
        summary = await run(path, mw, resources=["mysql_user"], part=target(projects=["p-unkown"]))
        assert (summary.rows, summary.nothing_of) == ({"mysql_user": 0}, ("p-unkown",))
        summary = await run(path, mw, resources=["mysql_user"])
        assert list(summary.rows) == ["mysql_user"]
        assert summary.rows["mysql_user"] > 0
        assert (summary.path, summary.sweep, summary.state, summary.resumable) == (str(path), 2, "done", False)
        assert (summary.freshness, summary.needed, summary.nothing_of, summary.failures) == (None, None, (), ())
        assert 0 < summary.seconds < 60
        again = await run(path, mw, resources=["mysql_user"])
        assert again.planned == again.requests == summary.requests
        assert summary.planned == 0, "nothing was known yet"


async def test_a_cancelled_sweep_does_not_wait_for_a_locked_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would wait an hour."""
    monkeypatch.setattr(database_module, "_BUSY_SECONDS", 0.05)
    monkeypatch.setattr(RUN, "_LAST_SECONDS", 0.1)
    waits = asyncio.Event()
    loop = asyncio.get_running_loop()

    def notice(_: str) -> None:
        loop.call_soon_threadsafe(waits.set)

    async with account(seed=1, customers=2, projects=4) as (_, mw):
        with (
            job(path, on_wait=notice) as made,
            closing(sqlite3.connect(path, isolation_level=None)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            task = asyncio.create_task(made.run(mw))
            async with asyncio.timeout(30):
                await waits.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            other.execute("ROLLBACK")


def test_a_finished_sweep_needs_no_checkpoints(path: Path) -> None:
    with Store(path) as store:
        begin(store)
        store.write(PROJECTS, [DONE])
        store.finish("done", 1)
        assert store.unfinished("me") is None
        assert list(store.progress()) == []


def test_an_unfinished_sweep_is_incomplete_once_another_begins(path: Path) -> None:
    with Store(path) as store:
        begin(store)
        begin(store)
        assert [one.state for one in store.sweeps()] == ["incomplete", "running"]


@pytest.mark.skipif(os.name != "posix", reason="rights of files are reported the POSIX way")
def test_the_file_is_private_to_its_owner(path: Path) -> None:
    before = os.umask(0)
    try:
        Store(path).close()
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_reading_a_file_does_not_change_it(path: Path) -> None:
    with Store(path) as store:
        begin(store)
        store.write(PROJECTS, [DONE])
        store.finish("done", 1)
    before = path.read_bytes()
    with Store(path, writable=False) as store:
        assert [one.state for one in store.sweeps()] == ["done"]
        with pytest.raises(Exception, match="readonly"):
            begin(store)
    assert path.read_bytes() == before


async def test_a_resumed_sweep_keeps_the_plan_of_the_interrupted_one(path: Path) -> None:
    async with account(seed=2, customers=2, projects=4) as (_, mw):
        first = await run(path, mw, resources=["mysql_user"], bounds=Bounds(max_requests=3))
        assert first.resumable
        resumed = SweepJob(sink_for(path), chosen(["domain"]), target(), resume=True)
        try:
            assert [step.resource for step in resumed.plan.steps if step.delivered] == ["mysql_user"]
            summary = await resumed.run(mw)
        finally:
            resumed.close()
        assert resumed.resumed
        assert list(summary.rows) == ["mysql_user"]
        assert 0 <= summary.seconds < 60
    with Store(path, writable=False) as store:
        (one,) = store.sweeps()
        assert one.requests == first.requests + summary.requests


async def test_a_sweep_that_is_not_resumed_starts_over(path: Path) -> None:
    async with account(seed=2, customers=2, projects=4) as (_, mw):
        assert (await run(path, mw, bounds=Bounds(max_requests=3))).resumable
        summary = await run(path, mw, resources=["domain"])
        assert list(summary.rows) == ["domain"]
    with Store(path, writable=False) as store:
        assert [one.state for one in store.sweeps()] == ["incomplete", "done"]


async def test_a_sweep_with_nothing_left_has_a_summary_without_time_and_nothing_to_resume(path: Path) -> None:
    async with account(seed=2, customers=2, projects=3) as (_, mw):
        whole = await run(path, mw)
        again = await run(path, mw, resume=True)
    assert (again.state, again.seconds, again.resumable, again.requests) == ("done", 0.0, False, 0)
    assert (again.sweep, again.account) == (whole.sweep, whole.account)


async def test_an_interrupted_sweep_resumes_only_with_the_same_selection(path: Path) -> None:
    async with account(seed=2, customers=2, projects=4) as (_, mw):
        for wanted, sweeps in ((["domain"], 1), (["domain", "mysql_user"], 2)):
            await sweep_to(mw, path, resources=wanted, bounds=Bounds(max_requests=1), resume=None)
            with Store(path, writable=False) as store:
                assert len(store.sweeps()) == sweeps


async def test_a_job_knows_the_selection_of_the_interrupted_sweep_before_it_runs(path: Path) -> None:
    def delivered(**options: Any) -> list[str]:
        with job(path, resources=["domain"], **options) as made:
            assert made.others is None
            assert not made.nothing_to_do
            assert made.resumed is bool(options.get("resume"))
            return [step.resource for step in made.plan.steps if step.delivered]

    async with account(seed=2, customers=2, projects=4) as (_, mw):
        assert (await run(path, mw, resources=["mysql_user"], bounds=Bounds(max_requests=3))).resumable
        with Store(path, writable=False) as store:
            (one,) = store.sweeps()
        assert delivered(resume=True) == ["mysql_user"]
        assert delivered(resume=True, account=one.account) == ["mysql_user"]
        assert delivered(resume=True, account="somebody-else") == ["domain"]
        assert delivered(resume=False) == delivered(resume=None) == ["domain"]


async def test_a_sweep_resumed_automatically_keeps_its_plan(path: Path) -> None:
    async with account(seed=2, customers=2, projects=4) as (_, mw):
        first = await run(path, mw, resources=["mysql_user"], bounds=Bounds(max_requests=3))
        with closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE sweeps SET state = 'running'")  # as if it had been killed
            db.commit()
        with job(path, resources=["mysql_user"], resume=None) as made:
            assert made.plan.requests != first.planned, "before it runs, it is the plan of a new sweep"
            summary = await made.run(mw)
            assert made.resumed
            assert made.plan.requests == first.planned
    assert (summary.planned, summary.sweep, summary.state) == (first.planned, first.sweep, "done")


def test_a_resumed_sweep_must_match_the_requested_selection(path: Path) -> None:
    with Store(path) as store:
        part = Target(customers=("c-1",))
        store.begin(TABLES, ["project", "domain"], part, Known(), "https://api.example", "me")
        store.write(PROJECTS, [DONE])
    with job(path, resources=["customer"], resume=True) as made:
        made.check(None, None)
        made.check(chosen(["domain", "project"]), None)
        made.check(None, part)
        made.check(chosen(["project", "domain"]), Target(customers=("c-1",)))
        for resources, other in (
            (chosen(["project"]), None),
            (chosen(["project", "domain", "customer"]), part),
            (None, Target()),
            (chosen(["project", "domain"]), Target(customers=("c-2",))),
        ):
            with pytest.raises(ConfigurationError, match="was of something else"):
                made.check(resources, other)


async def test_a_sweep_can_be_resumed_after_its_account_is_renamed(path: Path) -> None:
    async with account(seed=2, customers=2, projects=4) as (_, mw):
        first = await run(path, mw, resources=["mysql_user"], bounds=Bounds(max_requests=3), account="mine")
        assert (first.account, first.state) == ("mine", "incomplete")
        with job(path, resources=["project"], resume=True, account="yours") as made:
            summary = await made.run(mw)
            assert made.others is None
            assert made.resumed
        assert (summary.account, list(summary.rows)) == ("yours", ["mysql_user"])
    with Store(path, writable=False) as store:
        assert [(one.account, one.state) for one in store.sweeps()] == [("yours", "done")]


async def test_the_watcher_sees_the_sweep_after_every_write_and_at_the_end(path: Path) -> None:
    seen: list[int] = []
    async with account(seed=2, customers=2, projects=4) as (_, mw):
        with job(path, resources=["domain"]) as made:
            summary = await made.run(mw, lambda sweep: seen.append(sweep.requests))
            assert made.sweep is not None
    assert seen[-1] == made.sweep.requests == summary.requests
    assert seen == sorted(seen)


@pytest.mark.parametrize(("at_once", "writes"), [(1, 4), (2, 2), (100, 0)])
async def test_lists_are_written_in_batches_no_larger_than_may_be_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, writes: int
) -> None:
    """The watcher is called after each write, and once at the end."""
    monkeypatch.setattr(RUN, "_SECONDS_AT_ONCE", 60)
    monkeypatch.setattr(RUN, "_BATCHES_AT_ONCE", at_once)
    seen: list[object] = []
    async with account(seed=1, customers=2, projects=4) as (_, mw):
        with job(path, resources=["customer", "server", "project", "domain"]) as made:
            await made.run(mw, seen.append)
    # An incomplete batch is written at the end.
    assert len(seen) == writes + 1
