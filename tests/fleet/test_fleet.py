"""Many accounts in one process: each is swept once and completely, failures are isolated, and resuming repeats
nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Fault
from mittwald_async.errors import ConfigurationError
from mittwald_async.fleet import (
    Account,
    AccountResult,
    AccountTask,
    FleetProgress,
    Lake,
    LocalExecutor,
    TaskFunction,
    TaskResult,
    run_account,
    sweep_fleet,
)
from mittwald_async.fleet.beginning import costs_of_last_runs
from mittwald_async.inventory import sweep_to

from .accounts import RESOURCES, SECRET, accounts, ids, rows, token_of, truth


async def test_every_row_of_every_account_appears_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 3, 0, 5) as (api, found):
        summary = await sweep_fleet(found, tmp_path / "lake")
        assert summary.state == "done"
        assert [one.account for one in summary.accounts] == ["account-1", "account-2", "account-3"]
        for resource in ("project", "domain", "mail_address", "mysql_database"):
            expected = {(one.name, own) for one in api.accounts for own in truth(one, resource)}
            read = ids(tmp_path / "lake", resource)
            assert set(read) == expected
            assert len(read) == len(expected)
        # The rows match those of a sweep into a file.
        for one in api.accounts:
            async with Mittwald(one.token, base_url=api.url) as mw:
                await sweep_to(mw, tmp_path / f"{one.name}.sqlite")
            with closing(sqlite3.connect(tmp_path / f"{one.name}.sqlite")) as db:
                for resource, entries in rows(tmp_path / "lake", RESOURCES[:-1]).items():
                    inside = db.execute(f"SELECT key, data FROM {resource} ORDER BY key").fetchall()
                    assert [entry[1:] for entry in entries if entry[0] == one.name] == inside


async def test_a_second_run_replaces_what_readers_see_and_keeps_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, 3) as (api, found):
        first = await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        gone, *rest = sorted(truth(api.accounts[0], "project"))
        async with Mittwald(token_of("account-1"), base_url=api.url) as mw:
            await mw.project.delete_project(gone)
        second = await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        assert ids(tmp_path / "lake") == [("account-1", own) for own in rest]
        lake = Lake(tmp_path / "lake")
        assert lake.runs() == sorted([first.run, second.run])
        assert [lake.published(run, "account-1")[0].files[0].rows for run in (first.run, second.run)] == [3, 2]
        # The second run knew the number of projects.
        assert lake.published(first.run, "account-1")[0].known.items == {"project": 3}


async def test_failing_accounts_stop_no_other_and_only_they_are_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, 2, 2, 2, 2) as (api, found):
        monkeypatch.setenv("FLEET_TOKEN_1", f"{SECRET}-revoked")
        monkeypatch.delenv("FLEET_TOKEN_2")
        summary = await sweep_fleet(found, tmp_path / "lake", resources=RESOURCES)
        assert summary.state == "failed"
        assert [one.state for one in summary.accounts] == ["done", "failed", "failed", "done"]
        revoked, missing = summary.failed
        assert "401" in (revoked.error or "")
        assert missing.error == "the variable FLEET_TOKEN_2 is empty"
        assert SECRET not in repr(summary)
        assert {account for account, _ in ids(tmp_path / "lake")} == {"account-1", "account-4"}
        # Nothing of a failed account is published.
        assert not list((tmp_path / "lake").rglob("account=account-2/**/*.pq"))
        monkeypatch.setenv("FLEET_TOKEN_1", token_of("account-2"))
        monkeypatch.setenv("FLEET_TOKEN_2", token_of("account-3"))
        before = len(api.requests)
        again = await sweep_fleet(found, tmp_path / "lake", resume=True)
        assert (again.state, again.run) == ("done", summary.run)
        assert [one.repeated for one in again.accounts] == [True, False, False, True]
        asked = {entry.account for entry in api.requests[before:]}
        assert asked == {"account-2", "account-3"}
        assert len(ids(tmp_path / "lake")) == 8
        with pytest.raises(ConfigurationError, match="nothing to resume"):
            await sweep_fleet(found, tmp_path / "lake", resume=True)


async def test_an_interrupted_fleet_resumes_with_unpublished_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, *[2] * 6) as (api, found):
        task = asyncio.create_task(sweep_fleet(found, tmp_path / "lake", resources=RESOURCES, at_once=1))
        lake = Lake(tmp_path / "lake")
        while not (lake.exists() and lake.runs() and len(lake.manifests(lake.runs()[0])) >= 2):
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        published = set(lake.manifests(lake.runs()[0]))
        assert 2 <= len(published) < 6
        before = len(api.requests)
        summary = await sweep_fleet(found, tmp_path / "lake", resume=True)
        assert summary.state == "done"
        assert {entry.account for entry in api.requests[before:]}.isdisjoint(published)
        expected = sorted((one.name, own) for one in api.accounts for own in truth(one, "project"))
        assert ids(tmp_path / "lake") == expected
        # Nothing of the interrupted attempt remains.
        named = {entry.path for parts in lake.manifests(summary.run).values() for entry in parts[0].files}
        assert {str(path.relative_to(tmp_path / "lake")) for path in (tmp_path / "lake").rglob("*.pq")} == named


async def test_failed_lists_make_an_account_incomplete_but_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Fault(operation="database-list-mysql-databases", status=500, message="broken")
    with accounts(monkeypatch, 2, faults=[broken]) as (_, found):
        summary = await sweep_fleet(found, tmp_path / "lake", resources=["project", "mysql_database"])
        (account,) = summary.accounts
        assert (summary.state, account.state, account.failed_lists) == ("incomplete", "incomplete", 2)
        assert "mysql_database" in account.failures[0]
        assert account.rows == {"project": 2, "mysql_database": 0}
        (manifest,) = Lake(tmp_path / "lake").published(summary.run, "account-1")
        assert (manifest.state, manifest.complete) == ("incomplete", ("project",))


async def test_resuming_sweeps_only_accounts_with_failed_lists_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first two requests are for account-1.
    broken = Fault(operation="database-list-mysql-databases", after=2, count=1, status=400)
    with accounts(monkeypatch, 2, 3, 1, faults=[broken]) as (api, found):
        first = await sweep_fleet(found, tmp_path / "lake", resources=["project", "mysql_database"], at_once=1)
        assert [one.state for one in first.accounts] == ["done", "incomplete", "done"]
        before = len(api.requests)
        second = await sweep_fleet(found, tmp_path / "lake", resume=True)
        assert {entry.account for entry in api.requests[before:]} == {"account-2"}
        assert second.run != first.run
        assert [(one.account, one.state) for one in second.accounts] == [("account-2", "done")]
        for resource in ("project", "mysql_database"):
            expected = sorted((one.name, own) for one in api.accounts for own in truth(one, resource))
            assert ids(tmp_path / "lake", resource) == expected
        with pytest.raises(ConfigurationError, match="nothing to resume"):
            await sweep_fleet(found, tmp_path / "lake", resume=True)


async def test_an_account_whose_token_is_revoked_midway_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked = Fault(operation="*", after=6, count=3, status=401)
    with accounts(monkeypatch, 3, 2, faults=[revoked]) as (_, found):
        summary = await sweep_fleet(found, tmp_path / "lake", resources=RESOURCES, at_once=1, concurrency=1)
        assert [one.state for one in summary.accounts] == ["failed", "done"]
        assert "the token is not valid, or no longer" in (summary.failed[0].error or "")
        assert {account for account, _ in ids(tmp_path / "lake")} == {"account-2"}
        assert not list((tmp_path / "lake" / "_runs").rglob("account=account-1/**/*.pq"))


async def test_a_worker_that_cannot_see_the_data_set_sends_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that exists on the fleet's machine and not on the worker's."""
    with accounts(monkeypatch, 1) as (api, found):
        task = AccountTask(
            lake=str(tmp_path / "elsewhere"),
            run="20260102T030405.000000Z-aaaaaa",
            account=found[0],
            resources=("project",),
        )
        result = await asyncio.to_thread(run_account, task)
        assert isinstance(result, AccountResult)
        assert (result.state, result.unwritable) == ("failed", True)
        assert "is the data set within reach of every worker?" in (result.error or "")
        assert not api.requests
    assert not (tmp_path / "elsewhere").exists()


async def test_workers_find_the_data_set_from_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with accounts(monkeypatch, 1) as (_, found):
        async with LocalExecutor() as inner:
            counting = Counting(inner)
            await sweep_fleet(found, "lake", resources=["project"], executor=counting)
    assert counting.places == {str(tmp_path / "lake")}


async def test_an_account_that_cannot_be_written_is_swept_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, 1, 1) as (api, found):
        real = Lake.new_file

        def full(self: Lake, path: str) -> Any:
            if "account=account-1" in path:
                raise OSError(28, "No space left on device")
            return real(self, path)

        monkeypatch.setattr(Lake, "new_file", full)
        summary = await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        assert [one.state for one in summary.accounts] == ["failed", "done"]
        assert summary.failed[0].unwritable
        assert len([entry for entry in api.requests if entry.path == "/v2/projects"]) == 2


async def test_hundreds_of_running_accounts_keep_few_files_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every account has more rows than its buffer holds."""
    monkeypatch.setattr("mittwald_async.fleet.run._LEAST_BUFFER", 1)
    monkeypatch.setattr("mittwald_async.fleet.run._BUFFER_BYTES", 1)
    real, opened, most = Lake.new_file, [0], [0]

    @contextmanager
    def counted(self: Lake, path: str) -> Any:
        opened[0] += 1
        most[0] = max(most[0], opened[0])
        with real(self, path) as file:
            yield file
        opened[0] -= 1

    monkeypatch.setattr(Lake, "new_file", counted)
    with accounts(monkeypatch, *[2] * 30) as (api, found):
        summary = await sweep_fleet(found, tmp_path / "lake", resources=RESOURCES)
        assert summary.state == "done"
        assert ids(tmp_path / "lake") == sorted(
            (one.name, own) for one in api.accounts for own in truth(one, "project")
        )
    assert most[0] <= 8


async def test_a_list_whose_items_move_yields_no_duplicate_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 60, max_limit={"project-list-projects": 7}) as (api, found):
        await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        assert ids(tmp_path / "lake") == sorted(("account-1", own) for own in truth(api.accounts[0], "project"))


class Counting:
    """An executor that counts its tasks in flight."""

    def __init__(self, inner: LocalExecutor, count: Callable[[], int] = int) -> None:
        self._inner = inner
        self._count = count
        self.before_the_first = -1
        """What was counted when the first task came."""
        self.most = 0
        self.places: set[str] = set()

    async def submit(self, function: TaskFunction, task: AccountTask) -> Any:
        self.places.add(task.lake)
        if self.before_the_first < 0:
            self.before_the_first = self._count()
        return await self._inner.submit(function, task)

    async def gather(self, handles: Collection[Any]) -> Mapping[Any, TaskResult | BaseException]:
        self.most = max(self.most, len(handles))
        return await self._inner.gather(handles)


async def test_no_more_accounts_than_at_once_run_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, *[1] * 9) as (_, found):
        async with LocalExecutor() as inner:
            counting = Counting(inner)
            summary = await sweep_fleet(found, tmp_path / "lake", resources=["project"], executor=counting, at_once=3)
    assert (summary.state, counting.most) == ("done", 3)


class Losing:
    """An executor that loses its first workers: before they start, or after they publish."""

    def __init__(self, inner: LocalExecutor, times: int) -> None:
        self._inner = inner
        self.times = times

    async def submit(self, function: TaskFunction, task: AccountTask) -> Any:
        return await self._inner.submit(function, task)

    async def gather(self, handles: Collection[Any]) -> Mapping[Any, TaskResult | BaseException]:
        found = dict(await self._inner.gather(handles))
        for handle in found:
            if self.times:
                self.times -= 1
                found[handle] = RuntimeError("the worker is gone")
        return found


async def test_a_task_whose_worker_is_lost_is_resubmitted_without_repeating_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, 2, 2) as (api, found):
        async with LocalExecutor() as inner:
            summary = await sweep_fleet(
                found, tmp_path / "lake", resources=["project"], executor=Losing(inner, times=3)
            )
        assert summary.state == "done"
        assert len(ids(tmp_path / "lake")) == 4
        # The results were lost after everything had been published.
        assert len([entry for entry in api.requests if entry.path == "/v2/projects"]) == 2


async def test_a_task_that_is_always_lost_fails_its_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 1) as (_, found):
        async with LocalExecutor() as inner:
            summary = await sweep_fleet(
                found, tmp_path / "lake", resources=["project"], executor=Losing(inner, times=99)
            )
    assert summary.failed[0].error == "RuntimeError: the worker is gone"


async def test_two_fleets_can_write_to_one_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 3, 2, 4) as (api, found):
        one, two = await asyncio.gather(
            sweep_fleet(found, tmp_path / "lake", resources=RESOURCES),
            sweep_fleet(found, tmp_path / "lake", resources=RESOURCES),
        )
        assert (one.state, two.state) == ("done", "done")
        assert one.run != two.run
        expected = sorted((each.name, own) for each in api.accounts for own in truth(each, "project"))
        assert ids(tmp_path / "lake") == expected


async def test_two_processes_can_resume_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 2, 2) as (_, found):
        for number in range(2):
            monkeypatch.setenv(f"FLEET_TOKEN_{number}", "wrong")
        await sweep_fleet(found, tmp_path / "lake", resources=RESOURCES)
        for number in range(2):
            monkeypatch.setenv(f"FLEET_TOKEN_{number}", token_of(f"account-{number + 1}"))
        results = await asyncio.gather(*(sweep_fleet(found, tmp_path / "lake", resume=True) for _ in range(2)))
        assert [one.state for one in results] == ["done", "done"]
        assert len(ids(tmp_path / "lake")) == 4


async def test_an_account_keeps_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 1, 1) as (_, found):
        await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        before = ids(tmp_path / "lake")
        monkeypatch.setenv("FLEET_TOKEN_0", token_of("account-2"))
        summary = await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        assert "use that user's token, or another name for the account" in (summary.failed[0].error or "")
        assert ids(tmp_path / "lake") == before


async def test_a_large_account_is_split_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 11, 2) as (_, found):
        whole = await sweep_fleet(found, tmp_path / "whole")
        split = await sweep_fleet(found, tmp_path / "split", split_over=4)
        assert (whole.state, split.state) == ("done", "done")
        assert split.rows == whole.rows
        names = tuple(name for name, number in whole.rows.items() if number)
        assert rows(tmp_path / "split", names) == rows(tmp_path / "whole", names)
        lake = Lake(tmp_path / "split")
        assert len(lake.published(split.run, "account-1")) == 4
        assert len(lake.published(split.run, "account-2")) == 1
        # If the next run splits differently, nothing of the old parts remains.
        await sweep_fleet(found, tmp_path / "split", split_over=100)
        assert rows(tmp_path / "split", names) == rows(tmp_path / "whole", names)


async def test_a_worker_that_finds_its_account_published_sends_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, 1) as (api, found):
        summary = await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        before = len(api.requests)
        task = AccountTask(lake=str(tmp_path / "lake"), run=summary.run, account=found[0], resources=("project",))
        result = await asyncio.to_thread(run_account, task)
        assert (result.repeated, result.state, result.rows) == (True, "done", {"project": 1})
        assert len(api.requests) == before


async def test_progress_counts_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[FleetProgress] = []
    slow = Fault(operation="project-list-projects", delay=1.3)
    with accounts(monkeypatch, 1, 1, 1, faults=[slow]) as (_, found):
        await sweep_fleet(found, tmp_path / "lake", resources=["project"], at_once=2, watch=seen.append)
    first, last = seen[0], seen[-1]
    assert (first.accounts, first.under_way, first.waiting, first.eta) == (3, 2, 1, None)
    assert (last.published, last.under_way, last.waiting, last.rows) == (3, 0, 0, 3)
    assert all(one.published + one.failed + one.under_way + one.waiting == 3 for one in seen)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at_once": 0}, "at_once: at least 1"),
        ({"concurrency": 0}, "concurrency: at least 1"),
        ({"split_over": 0}, "split_over: at least 1"),
        ({"reserve": 2.0}, "reserve"),
        ({"resources": ["nonsense"]}, "nonsense"),
        ({"resume": True}, "not a data set"),
    ],
)
async def test_invalid_options_are_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    account = Account(name="shop", token_env="NONE")
    with pytest.raises(ConfigurationError, match=message):
        await sweep_fleet([account], tmp_path / "lake", **options)
    assert not (tmp_path / "lake").exists()


async def test_at_least_one_account_is_needed_and_names_must_differ(tmp_path: Path) -> None:
    account = Account(name="shop", token_env="NONE")
    with pytest.raises(ConfigurationError, match="two accounts are called 'shop'"):
        await sweep_fleet([account, account], tmp_path / "lake")
    with pytest.raises(ConfigurationError, match="no accounts were given"):
        await sweep_fleet([], tmp_path / "lake")


@pytest.mark.parametrize(
    ("name", "message"), [(" ", "needs a name"), ("ü" * 31, "is too long for the name of a folder")]
)
async def test_a_name_that_cannot_be_a_folder_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        await sweep_fleet([Account(name=name, token_env="NONE")], tmp_path / "lake")
    assert not (tmp_path / "lake").exists()


async def test_names_that_differ_only_in_case_are_refused_on_case_insensitive_file_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = [Account(name=name, token_env="NONE") for name in ("shop", "Shop")]
    summary = await sweep_fleet(several, tmp_path / "lake", resources=["project"])
    assert len(summary.failed) == 2
    # Such a file system finds every file under both names.
    (tmp_path / "lake" / "_FLEET.JSON").write_bytes((tmp_path / "lake" / "_fleet.json").read_bytes())
    with pytest.raises(ConfigurationError, match="the accounts 'shop' and 'Shop' would have one folder there"):
        await sweep_fleet(several, tmp_path / "lake", resources=["project"])


async def test_resuming_needs_the_same_accounts_and_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 1, 1) as (_, found):
        monkeypatch.setenv("FLEET_TOKEN_0", "wrong")
        await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        with pytest.raises(ConfigurationError, match="other resources"):
            await sweep_fleet(found, tmp_path / "lake", resources=["domain"], resume=True)
        with pytest.raises(ConfigurationError, match="has an account 'account-2' that is not among"):
            await sweep_fleet(found[:1], tmp_path / "lake", resume=True)


async def test_an_unwritable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a worker with a full disk the account fails with the reason, and no partial data remains."""
    with accounts(monkeypatch, 1) as (_, found):

        def full(self: Lake, path: str) -> Any:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Lake, "new_file", full)
        summary = await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        assert "No space left on device" in (summary.failed[0].error or "")
        monkeypatch.undo()
    assert not (tmp_path / "lake" / "resource=project").exists()


async def test_all_accounts_share_one_pool_and_each_has_its_own_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, 2, 2, 2, rate_limit=(1000, 60.0)) as (api, found):
        opened: list[object] = []
        import aiohttp

        connector: Any = aiohttp.TCPConnector
        real: Any = connector.__init__

        def counted(self: aiohttp.TCPConnector, *args: Any, **options: Any) -> None:
            opened.append(self)
            real(self, *args, **options)

        monkeypatch.setattr(connector, "__init__", counted)
        summary = await sweep_fleet(found, tmp_path / "lake", resources=RESOURCES)
        assert summary.state == "done"
        assert len(opened) == 1
        for one in summary.accounts:
            assert one.budget is not None
            assert one.budget[0] == 1000
            sent = [entry for entry in api.requests if entry.account == one.account]
            assert len(sent) == one.requests


def test_a_task_can_be_pickled_and_encoded_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    monkeypatch.setenv("FLEET_TOKEN_0", SECRET)
    account = Account(name="shop", token_env="FLEET_TOKEN_0")
    task = AccountTask(lake="lake", run="r", account=account, resources=("project",))
    assert account.token() == SECRET
    assert SECRET.encode() not in pickle.dumps(task) + msgspec.json.encode(task) + repr(task).encode()
    assert pickle.loads(pickle.dumps(task)) == task


async def test_beginning_reads_as_little_for_many_accounts_as_for_few_and_knows_what_each_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an object store, everything that is read takes a while, and nothing is under way before."""
    with accounts(monkeypatch, *[1] * 12) as (_, found):
        await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        real: Any = Lake._read  # pyright: ignore[reportPrivateUsage]
        read = [0]

        def counted(self: Lake, path: str, kind: Any) -> Any:
            read[0] += 1
            return real(self, path, kind)

        monkeypatch.setattr(Lake, "_read", counted)
        async with LocalExecutor() as inner:
            counting = Counting(inner, lambda: read[0])
            await sweep_fleet(found, tmp_path / "lake", resources=["project"], executor=counting)
    assert 0 < counting.before_the_first <= 6
    costs = costs_of_last_runs(Lake(tmp_path / "lake"))
    assert {name: cost.requests for name, cost in costs.items()} == {one.name: 2 for one in found}


async def test_the_manifest_of_a_run_names_every_account_and_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, 5, 1) as (_, found):
        summary = await sweep_fleet(found, tmp_path / "lake", resources=["project", "domain"], split_over=2)
    lake = tmp_path / "lake"
    manifest = msgspec.json.decode((lake / "_runs" / summary.run / "manifest.json").read_bytes())
    assert manifest.keys() == {"run", "accounts", "files"}
    assert [one["account"] for one in manifest["accounts"]] == ["account-1", "account-2"]
    assert {one["path"] for one in manifest["files"]} == {str(path.relative_to(lake)) for path in lake.rglob("*.pq")}
    assert sum(one["rows"] for one in manifest["files"]) == sum(summary.rows.values())
