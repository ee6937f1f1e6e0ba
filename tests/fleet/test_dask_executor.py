"""How the executor handles cluster failures: a scheduler without workers, and workers that are lost or cannot write.

The scheduler and its workers are real and run in this process.
"""

from __future__ import annotations

import asyncio
import importlib
import socket
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.emulator import Fault
from mittwald_async.errors import ConfigurationError
from mittwald_async.fleet import (
    Account,
    AccountResult,
    AccountTask,
    ClusterLostError,
    DaskExecutor,
    Lake,
    TaskResult,
    run_account,
)
from mittwald_async.fleet import dask_executor as module
from mittwald_async.fleet import worker as worker_module
from mittwald_async.fleet.beginning import new_run

from .accounts import RESOURCES, accounts

distributed: Any = importlib.import_module("distributed")

TASK = AccountTask(lake="lake", run="r", account=Account(name="shop", token_env="NONE"), resources=("project",))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@asynccontextmanager
async def cluster(workers: int) -> AsyncGenerator[Any]:
    """A scheduler and workers in this process."""
    async with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=False,
        asynchronous=True,
        dashboard_address="127.0.0.1:0",  # Without one the usual port is taken, which another test may have.
        protocol="tcp",
        host="127.0.0.1",
    ) as found:
        yield found


def works_on_the_second_worker_only(task: AccountTask) -> AccountResult:
    worker = distributed.get_worker()
    if worker.name == 0:
        return AccountResult(
            account=task.account.name,
            state="failed",
            error="lake: Read-only file system",
            unwritable=True,
            worker="w:0",
        )
    return AccountResult(account=task.account.name, state="done", worker="w:1")


def works_nowhere(task: AccountTask) -> AccountResult:
    return AccountResult(account=task.account.name, state="failed", error="lake: full", unwritable=True)


async def outcome(executor: DaskExecutor, function: Any) -> TaskResult | BaseException:
    handle = await executor.submit(function, TASK)
    return (await executor.gather([handle]))[handle]


async def test_a_scheduler_without_workers_is_reported_with_the_command_that_starts_one() -> None:
    said: list[str] = []
    async with cluster(0) as found:
        executor = DaskExecutor(found.scheduler_address, worker_seconds=0.3, on_wait=said.append)
        with pytest.raises(
            ConfigurationError, match=r"no worker has come in 0\.3 s; start some with `dask worker tcp:"
        ):
            await executor.__aenter__()


async def test_waiting_for_the_first_worker_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NOTICE_SECONDS", 0.1)
    said: list[str] = []
    async with cluster(0) as found:
        executor = DaskExecutor(found.scheduler_address, worker_seconds=0.5, on_wait=said.append)
        with pytest.raises(ConfigurationError):
            await executor.__aenter__()
        assert said == [f"{found.scheduler_address}: no worker yet; waiting for one"]


async def test_when_all_workers_are_gone_it_waits_and_then_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NOTICE_SECONDS", 0.1)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.1)
    said: list[str] = []
    async with (
        cluster(1) as found,
        DaskExecutor(found.scheduler_address, reconnect_seconds=0.5, on_wait=said.append) as executor,
    ):
        for worker in found.workers.values():
            await worker.close()
        handle = await executor.submit(works_nowhere, TASK)
        with pytest.raises(ClusterLostError, match=r"there has been no worker for 0\.5 s"):
            await executor.gather([handle])
    assert said == [f"{found.scheduler_address}: no worker is left; waiting for one"]


@pytest.mark.parametrize("address", ["", "scheduler", "nonsense://here", "http://127.0.0.1:1", "127.0.0.1:99999999"])
def test_an_invalid_address_is_a_usage_error(address: str) -> None:
    with pytest.raises(ConfigurationError, match="is not the address of a scheduler"):
        DaskExecutor(address)


async def test_a_worker_that_cannot_write_passes_its_account_on_and_gets_no_more() -> None:
    async with cluster(2) as found, DaskExecutor(found.scheduler_address) as executor:
        results = [await outcome(executor, works_on_the_second_worker_only) for _ in range(8)]
    lost = [one for one in results if isinstance(one, BaseException)]
    assert len(lost) <= 1
    assert all("w:0: lake: Read-only file system" in str(one) for one in lost)
    done = [one for one in results if isinstance(one, AccountResult)]
    assert {(one.state, one.worker) for one in done} == {("done", "w:1")}


async def test_where_no_worker_can_write_the_account_fails_with_the_reason() -> None:
    async with cluster(1) as found, DaskExecutor(found.scheduler_address) as executor:
        result = await outcome(executor, works_nowhere)
    assert isinstance(result, AccountResult)
    assert (result.state, result.error) == ("failed", "lake: full")


class Fewer:
    """A local cluster that lost a worker while it started."""

    def __init__(self) -> None:
        self.scaled: list[int] = []

    def scale(self, number: int) -> None:
        self.scaled.append(number)


class Client:
    status = "running"

    async def nthreads(self) -> dict[str, int]:
        return {"tcp://127.0.0.1:1": 64}


async def test_a_local_worker_lost_during_startup_is_started_again() -> None:
    executor: Any = DaskExecutor(workers=2)
    executor._cluster, executor._client = Fewer(), Client()
    await executor._look_at_workers()
    assert executor._cluster.scaled == [2]
    assert executor.places == 64


def test_more_workers_than_the_machine_can_run_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"at most \d+ on this machine"):
        DaskExecutor(workers=1000)


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def test_what_workers_have_under_way_ends_with_the_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise workers would go on for hours after Ctrl-C, and whoever resumes would share the accounts' budgets with
    them."""
    monkeypatch.setattr(worker_module, "_LOOK_SECONDS", 0.1)
    lake = Lake(tmp_path / "lake")

    def attempts() -> Iterable[Path]:
        return (tmp_path / "lake").glob("_runs/*/account=*/*")

    with accounts(monkeypatch, 3, faults=[Fault(delay=0.3)]) as (api, found):
        run = new_run(lake, RESOURCES, [found[0].name], None).id
        task = AccountTask(lake=lake.address, run=run, account=found[0], resources=RESOURCES, concurrency=1)
        async with cluster(1) as local:
            async with DaskExecutor(local.scheduler_address) as executor:
                await executor.submit(run_account, task)
                await until(lambda: any(attempts()))
            await until(lambda: not any(attempts()))
    assert not lake.manifests(run)
    assert len(api.requests) < 8


async def test_a_fleet_that_is_stopped_while_it_connects_closes_what_it_had_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A scheduler that takes the connection and says nothing."""
    made: list[Any] = []
    real = distributed.Client

    def noted(*args: Any, **options: Any) -> Any:
        made.append(real(*args, **options))
        return made[-1]

    monkeypatch.setattr(distributed, "Client", noted)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        executor = DaskExecutor(f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        connecting = asyncio.create_task(executor.__aenter__())
        await asyncio.sleep(0.3)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
    assert [client.status for client in made] == ["closed"]
