"""Rolling sweeps: what they request first, what they carry forward, and that they never claim more than they saw."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.rolling import simulate
from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Fault, Transitions
from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import (
    Bounds,
    History,
    Rolling,
    Summary,
    SweepJob,
    chosen,
    sink_for,
    sweep,
    sweep_to,
    target,
)
from mittwald_async.inventory.rolling import DAY, ListState, choose, freshness, needed_requests, rates, seen_change

WANTED = ("customer", "project", "domain", "dns_zone", "mysql_database", "mysql_user", "cronjob", "volume")


def a_list(
    owner: str, age: float | None = 1.0, *, changes: float = 0.0, days: float = 100.0, **more: object
) -> ListState:
    found = {"id": ("cronjob", "list", owner), "age": age, "tried": age, "changes": changes, "days": days, **more}
    return msgspec.convert(found, ListState)


def asked(states: list[ListState], rolling: Rolling, interval: float = 1.0) -> set[str | None]:
    return {own[2] for own in choose(states, rolling, interval).asked}


# Choosing


def test_the_list_with_most_changes_per_request_comes_first() -> None:
    states = [a_list("quiet"), a_list("busy", changes=50), a_list("dear", changes=50, price=40)]
    assert asked(states, Rolling(max_requests=1)) == set()  # A twentieth is reserved for exploration.
    assert asked(states, Rolling(max_requests=2)) == {"busy"}


def test_a_quiet_list_is_requested_once_it_is_old() -> None:
    assert asked([a_list("quiet", 40.0), a_list("busy", 1.0, changes=50)], Rolling(max_requests=2)) == {"quiet"}


def test_unread_lists_and_lists_that_others_depend_on_come_first() -> None:
    states = [a_list("busy", 30.0, changes=99), a_list("new", None), a_list("all", 0.1, always=True)]
    assert asked(states, Rolling(max_requests=3)) == {"new", "all"}
    assert asked(states, Rolling(max_requests=1)) == {"all"}


def test_a_list_that_always_fails_does_not_displace_others() -> None:
    failing = a_list("refused", None, tried=1.0)
    assert asked([failing, a_list("busy", 1.0, changes=50)], Rolling(max_requests=2)) == {"busy"}


def test_a_list_that_would_be_too_old_by_the_next_sweep_precedes_busy_ones() -> None:
    states = [a_list("late", 2.5), a_list("busy", 1.0, changes=99)]
    assert asked(states, Rolling(max_requests=2, max_age=3 * DAY)) == {"late"}
    assert asked(states, Rolling(max_age=3 * DAY)) == {"late"}
    assert asked(states, Rolling(max_age=30 * DAY)) == set()


def test_a_list_brings_along_the_one_that_shows_its_owner() -> None:
    parent = a_list("p-1", 1.0)
    child = a_list("m-1", 9.0, changes=50, feeder=parent.id)
    assert asked([parent, child], Rolling(max_requests=3)) == {"p-1", "m-1"}
    assert asked([parent, child], Rolling(max_requests=1)) == set()


def test_change_rates_are_learned_and_forgotten() -> None:
    changes, days = seen_change(0.0, 0.0, items=3, elapsed=1.0)
    assert (changes, days) == (3.0, 1.0)
    for _ in range(60):
        changes, days = seen_change(changes, days, items=0, elapsed=1.0)
    assert changes == pytest.approx(1.5)  # pyright: ignore[reportUnknownMemberType]
    busy, quiet = a_list("busy", changes=20, days=10), a_list("quiet", days=10)
    rate = rates([busy, quiet])
    assert rate[busy.id] > 1.5 * rate[quiet.id] > 0


def test_ages_and_the_requests_needed_to_keep_them() -> None:
    states = [a_list("new", None), a_list("old", 4.0), a_list("fresh", 1.0), a_list("all", 0.0, always=True)]
    found = freshness(states, 3.0)
    assert (found.lists, found.unread, found.overdue, found.oldest) == (4, 1, 2, 4 * DAY)
    assert freshness(states, None).overdue == 0
    assert needed_requests(states, timedelta(days=3), 1.0) == 3
    with pytest.raises(ConfigurationError, match="max_requests or max_age"):
        Rolling()


# Sweeping


class Nights:
    """An account, its file, and a clock that the test moves."""

    def __init__(self, api: Emulator, mw: Mittwald, path: Path) -> None:
        self.api, self.mw, self.path = api, mw, path
        self.now = datetime(2026, 3, 1, 2, tzinfo=UTC)

    async def sweep(self, most: int | None = None, age: float | None = None, **options: bool) -> Summary:
        rolling = None if most is None and age is None else Rolling(max_requests=most, max_age=age)
        resume = options.get("resume", False)
        job = SweepJob(
            sink_for(self.path), chosen(WANTED), target(), rolling=rolling, resume=resume, clock=lambda: self.now
        )
        try:
            return await job.run(self.mw)
        finally:
            job.close()

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(query).fetchall()


@pytest.fixture
async def nights(tmp_path: Path) -> AsyncGenerator[Nights]:
    async with account() as (api, mw):
        yield Nights(api, mw, tmp_path / "inventory.sqlite")


@asynccontextmanager
async def account() -> AsyncGenerator[tuple[Emulator, Mittwald]]:
    calm = Transitions(length=0, failing=0)
    async with (
        Emulator(seed=1, customers=2, projects=6, rate_limit=None, drift=0.0, lag=0.0, transitions=calm) as api,
        Mittwald(api.token, base_url=api.url, max_retries=0) as mw,
    ):
        yield api, mw


async def test_rows_that_are_not_requested_are_carried_forward_with_the_time_they_were_seen(nights: Nights) -> None:
    full = await nights.sweep()
    begun = nights.now
    nights.now += timedelta(days=1)
    summary = await nights.sweep(10)
    assert summary.state == "done"
    assert summary.requests <= 10 < full.requests
    assert summary.rows == full.rows
    verified = nights.ask("SELECT verified_at FROM v_project")
    assert {str(at)[:10] for (at,) in verified} == {str(datetime.now(UTC))[:10]}  # Seen for the first time just now.
    with closing(sqlite3.connect(nights.path)) as db:
        db.execute("UPDATE cronjob SET fetched_at = '2026-01-01T00:00:00.000+00:00'")
        db.commit()
    stamps = {str(at)[:10] for (at,) in nights.ask("SELECT verified_at FROM v_cronjob")}
    assert stamps <= {begun.date().isoformat(), nights.now.date().isoformat()}
    assert begun.date().isoformat() in stamps


async def test_rows_that_were_not_requested_are_unknown_rather_than_gone_or_added(nights: Nights) -> None:
    await nights.sweep()
    jobs = [job async for job in sweep(nights.mw, resources=["project", "cronjob"]) if job.resource == "cronjob"]
    job = jobs[0].data
    await nights.mw.cronjob.delete_cronjob(job.id)
    nights.now += timedelta(days=1)
    await nights.sweep(3)  # The customers, the projects, and at most one more.
    with History(nights.path) as history:
        diff = history.diff()
    assert diff.empty
    unknown = {one.resource: one.reason for one in diff.unknown}
    assert "carried the others forward" in unknown["cronjob"]
    assert nights.ask(f"SELECT count(*), min(unseen_since) FROM v_cronjob WHERE id = '{job.id}'") == [(1, None)]
    # Once its list is read again the row is gone, at an unknown time.
    nights.now += timedelta(days=1)
    await nights.sweep(age=DAY / 2)
    assert nights.ask(f"SELECT count(*) FROM v_cronjob WHERE id = '{job.id}'") == [(0,)]
    with History(nights.path) as history:
        assert [one.maybe for one in history.diff().unknown if one.key == job.id] == ["gone"]
        first, *_, last = history.sweeps()
        assert [one.key for one in history.diff(first, last).gone] == [job.id]


async def test_rows_of_a_failed_list_are_unseen_and_carried_rows_are_not(nights: Nights) -> None:
    await nights.sweep()
    nights.now += timedelta(days=1)
    nights.api.inject(Fault(operation="cronjob-list-cronjobs", status=500))
    summary = await nights.sweep(age=DAY / 2)
    assert summary.state == "incomplete"
    assert nights.ask("SELECT count(*) FROM v_cronjob WHERE unseen_since IS NULL") == [(0,)]
    nights.now += timedelta(days=1)
    nights.api.core.faults.clear()
    assert (await nights.sweep(age=DAY / 2)).state == "done"
    assert nights.ask("SELECT count(*) FROM v_cronjob WHERE unseen_since IS NOT NULL") == [(0,)]


async def test_a_maximum_age_is_kept_or_reported_as_exceeded(nights: Nights) -> None:
    await nights.sweep()
    for _ in range(6):
        nights.now += timedelta(days=1)
        summary = await nights.sweep(age=3 * DAY)
        assert summary.freshness is not None
        assert (summary.freshness.overdue, summary.needed) == (0, None)
        assert summary.freshness.oldest < 3 * DAY
    nights.now += timedelta(days=4)
    summary = await nights.sweep(4, 3 * DAY)
    assert summary.freshness is not None
    assert summary.freshness.overdue > 0
    assert summary.needed is not None
    assert summary.needed > 4


async def test_a_maximum_age_is_kept_where_the_requests_suffice(nights: Nights) -> None:
    """Lists that would be too old precede busy ones."""
    whole = (await nights.sweep()).requests
    for _ in range(12):
        nights.now += timedelta(days=1)
        summary = await nights.sweep(whole // 2, 4 * DAY)
        assert summary.freshness is not None
        assert (summary.freshness.overdue, summary.freshness.unread) == (0, 0)
        assert summary.freshness.oldest < 4 * DAY
        assert summary.requests <= whole // 2


async def test_lists_below_carried_rows_are_known(nights: Nights) -> None:
    await nights.sweep()
    databases = nights.ask("SELECT id FROM v_mysql_database ORDER BY id")
    nights.now += timedelta(days=1)
    job = SweepJob(
        sink_for(nights.path), chosen(WANTED), target(), rolling=Rolling(max_requests=8), clock=lambda: nights.now
    )
    with closing(job):
        await job.run(nights.mw)
    assert job.sweep is not None
    assert sorted((owner.id,) for owner in job.sweep.frontier.lanes["mysql_user"].due) == databases


async def test_a_clock_set_back_makes_nothing_gone_or_older(nights: Nights) -> None:
    await nights.sweep()
    nights.now -= timedelta(days=3)
    summary = await nights.sweep(30, 4 * DAY)
    assert summary.state == "done"
    assert summary.freshness is not None
    assert summary.freshness.overdue == 0
    assert summary.freshness.oldest >= 0
    nights.now += timedelta(days=4)
    await nights.sweep()
    with History(nights.path) as history:
        assert [one.id for one in history.sweeps()] == [1, 2, 3]
        assert history.diff(1, 2).empty
        assert history.diff(2, 3).empty


async def test_the_first_sweep_of_a_file_can_be_rolling(nights: Nights) -> None:
    """It reads what its limit allows; later sweeps read the rest first."""
    unread: list[int] = []
    mine: dict[str, int] = {}
    for _ in range(12):
        summary = await nights.sweep(12)
        assert summary.requests <= 12
        assert summary.freshness is not None
        unread.append(summary.freshness.unread)
        mine = {name: count for name, count in summary.rows.items() if count}
        nights.now += timedelta(days=1)
    assert unread[-1] == 0
    nights.path.unlink()
    assert {name: count for name, count in (await nights.sweep()).rows.items() if count} == mine


async def test_a_row_that_moves_between_owners_is_gone_only_once_all_lists_were_read_without_it(nights: Nights) -> None:
    await nights.sweep()
    world = nights.api.core.world
    key = world.keys("dns_zone")[0:1][0]
    zone = world.id("dns_zone", key)
    world.remove("dns_zone", key)
    gone_at: list[int] = []
    for night in range(12):
        nights.now += timedelta(days=1)
        await nights.sweep(14, 4 * DAY)
        if not nights.ask(f"SELECT 1 FROM v_dns_zone WHERE id = '{zone}'"):
            gone_at.append(night)
    assert gone_at
    assert gone_at[0] > 1


class Stop(Exception):
    """Stops a sweep after its first progress report."""


async def interrupted(nights: Nights, most: int) -> None:
    """A rolling sweep with a request limit, stopped at its start, one night after a full sweep."""

    def stop(_: object) -> None:
        raise Stop

    await nights.sweep()
    nights.now += timedelta(days=1)
    rolling = Rolling(max_requests=most)
    job = SweepJob(sink_for(nights.path), chosen(WANTED), target(), rolling=rolling, clock=lambda: nights.now)
    with closing(job), pytest.raises(Stop):
        await job.run(nights.mw, stop)


async def test_an_interrupted_rolling_sweep_resumes_as_it_began(nights: Nights) -> None:
    await interrupted(nights, 10)
    summary = await nights.sweep(resume=True)
    assert (summary.state, summary.sweep) == ("done", 2)
    with History(nights.path) as history:
        _, last = history.sweeps()
        assert last.rolling == Rolling(max_requests=10)
        assert last.requests <= 11
        assert history.diff().empty


@pytest.mark.parametrize("named", [3, 30])
async def test_an_interrupted_rolling_sweep_resumes_with_a_new_request_limit(nights: Nights, named: int) -> None:
    await interrupted(nights, 10)
    # Refused lists are replaced by others, so more are requested than were chosen.
    nights.api.inject(Fault(operation="domain-list-domains", status=403))
    nights.api.inject(Fault(operation="app-list-appinstallations", status=403))
    before = len(nights.api.requests)
    job = SweepJob(
        sink_for(nights.path),
        chosen(WANTED),
        target(),
        resume=True,
        bounds=Bounds(max_requests=named),
        clock=lambda: nights.now,
    )
    with closing(job):
        await job.run(nights.mw)
    sent = len(nights.api.requests) - before
    assert named - 3 <= sent <= named + 1, "beside the request for whose token it is"


async def test_rolling_is_refused_where_nothing_can_be_carried_forward(tmp_path: Path) -> None:
    async with account() as (_, mw):
        with pytest.raises(ConfigurationError, match=r"end the name in \.sqlite"):
            await sweep_to(mw, tmp_path / "rows.jsonl", rolling=Rolling(max_requests=5))
        with pytest.raises(ConfigurationError, match="of a whole account"):
            await sweep_to(mw, tmp_path / "a.sqlite", projects=["p-1"], rolling=Rolling(max_requests=5))
        with pytest.raises(ConfigurationError, match="more than 0"):
            await sweep_to(mw, tmp_path / "a.sqlite", rolling=Rolling(max_age=0))
        wrong: Any
        for wrong in ({"max_age": "3d"}, {"max_requests": 2.5}):
            with pytest.raises(ConfigurationError, match=r"must be a number of (seconds|requests), got"):
                Rolling(**wrong)
        path = tmp_path / "b.sqlite"
        await sweep_to(mw, path, resources=["project", "cronjob"])
        summary = await sweep_to(
            mw, path, resources=["project", "cronjob"], bounds=Bounds(concurrency=1), rolling=Rolling(max_requests=3)
        )
        assert summary.requests <= 3


async def test_a_month_at_a_sixth_of_the_requests() -> None:
    """The small version of `python -m benchmarks rolling`."""
    year = await simulate(projects=10, nights=30, every=6)
    assert year.share <= 1 / 6
    assert year.most == 0
    assert year.false_gone == 0
    assert year.failures == 0
    assert year.right >= 0.985  # In a small account each wrong row weighs more.
