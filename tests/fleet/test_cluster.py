"""A real scheduler and real workers: killed, restarted, and searched for tokens."""

from __future__ import annotations

import asyncio
import importlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.emulator import Fault
from mittwald_async.errors import ConfigurationError
from mittwald_async.fleet import (
    Account,
    AccountTask,
    DaskExecutor,
    FleetProgress,
    FleetSummary,
    Lake,
    run_account,
    sweep_fleet,
)
from mittwald_async.fleet.beginning import new_run

from .accounts import RESOURCES, SECRET, accounts, ids, rows, token_of, truth
from .cluster import Cluster, state_dump

cloudpickle: Any = importlib.import_module("cloudpickle")

SLOW = Fault(operation="mail-list-mail-addresses*", delay=0.3)


async def swept(
    cluster: Cluster, found: list[Account], lake: Path, events: dict[int, Callable[[], object]] | None = None
) -> FleetSummary:
    """Sweep on a cluster. Each event fires once when that many accounts are published and others are running."""

    def watch(progress: FleetProgress) -> None:
        due = [number for number in events or {} if progress.published >= number and progress.under_way]
        if events and due:
            events.pop(due[0])()

    async with DaskExecutor(cluster.address, worker_seconds=300) as executor:
        return await sweep_fleet(found, lake, resources=RESOURCES, executor=executor, watch=watch)


async def test_tokens_exist_only_on_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One token is in a variable of the workers, one in a file, one comes from a command, one from a function, and one
    account has a wrong token. None of them is in the graph, the scheduler's memory, a log or the data set."""
    with accounts(monkeypatch, 1, 1, 1, 1, 1, rate_limit=(1000, 60.0)) as (api, found):
        (tmp_path / "token").write_text(token_of("account-2") + "\n")
        (tmp_path / "vault.py").write_text(
            "def token_for(name):\n    import os\n    return os.environ['FLEET_TOKEN_PREFIX'] + '-' + name\n"
        )
        tellers = tmp_path / "tell"
        tellers.write_text(f"#!/bin/sh\necho {token_of('account-3')}\n")
        tellers.chmod(stat.S_IRWXU)
        url = api.url
        mixed = [
            found[0],
            Account(name="account-2", token_file=str(tmp_path / "token"), base_url=url),
            Account(name="account-3", token_command=(str(tellers),), base_url=url),
            Account(name="account-4", token_function="vault:token_for", base_url=url),
            Account(name="account-5", token_env="FLEET_WRONG", base_url=url),
        ]
        only_workers = {
            "FLEET_TOKEN_0": token_of("account-1"),
            "FLEET_TOKEN_PREFIX": SECRET,
            "FLEET_WRONG": f"{SECRET}-wrong",
            "VAULT": str(tmp_path),
        }
        for name in only_workers:
            monkeypatch.delenv(name, raising=False)
        with Cluster(tmp_path / "cluster", 1, environment=only_workers, path=tmp_path) as cluster:
            async with DaskExecutor(cluster.address, worker_seconds=300) as executor:
                summary = await sweep_fleet(mixed, tmp_path / "lake", resources=RESOURCES, executor=executor)
                dump = await state_dump(cluster.address, tmp_path / "dump")
            logs = cluster.logs()
        assert [one.state for one in summary.accounts] == ["done"] * 4 + ["failed"]
        assert [account for account, _ in ids(tmp_path / "lake")] == [f"account-{n}" for n in range(1, 5)]
        graph: bytes = cloudpickle.dumps(
            [(run_account, AccountTask(lake="lake", run="r", account=one, resources=RESOURCES)) for one in mixed]
        )
        assert b"account-1" in graph
        assert "run_account-account-1" in dump
        assert "Registered" in logs
        assert SECRET not in dump
        assert SECRET not in logs
        assert SECRET.encode() not in graph
        assert SECRET not in repr(summary)
        holders = {tmp_path / "token", tellers}
        for path in tmp_path.rglob("*"):
            if path.is_file() and path not in holders:
                assert SECRET.encode() not in path.read_bytes(), path


async def test_a_worker_without_disk_a_killed_worker_and_a_scheduler_restart_lose_and_repeat_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, *[3] * 10, faults=[SLOW]) as (api, found):
        with Cluster(tmp_path / "cluster", 2, threads=1) as cluster:
            cluster.start_worker(disk=False)

            def restart() -> None:
                cluster.stop_scheduler()
                cluster.start_scheduler()
                # Workers end with their scheduler; their supervisor starts them again.
                cluster.start_worker()

            events: dict[int, Callable[[], object]] = {1: cluster.workers[0].kill, 3: restart}
            summary = await swept(cluster, found, tmp_path / "lake", events)
        assert not events
        assert summary.state == "done"
        expected = sorted((one.name, own) for one in api.accounts for own in truth(one, "project"))
        assert ids(tmp_path / "lake") == expected
        # Only accounts running at one of those moments were requested again. A worker that cannot write sends nothing.
        asked = [entry for entry in api.requests if entry.path == "/v2/projects"]
        assert len(asked) <= len(found) + 3
        await sweep_fleet(found, tmp_path / "undisturbed", resources=RESOURCES)
        assert rows(tmp_path / "lake") == rows(tmp_path / "undisturbed")


async def test_local_workers_are_started_and_stopped_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with accounts(monkeypatch, 2, 2) as (api, found):
        async with DaskExecutor(workers=1, threads=2) as executor:
            summary = await sweep_fleet(found, tmp_path / "lake", resources=RESOURCES, executor=executor)
            pids = {int(one.worker.rpartition(":")[2]) for one in summary.accounts}
            # One that is stopped has something under way.
            api.inject(Fault(delay=2.0))
            before, run = len(api.requests), new_run(Lake(tmp_path / "lake"), RESOURCES, ["account-1"], None).id
            task = AccountTask(lake=str(tmp_path / "lake"), run=run, account=found[0], resources=RESOURCES)
            await executor.submit(run_account, task)
            while len(api.requests) == before:
                await asyncio.sleep(0.02)
    assert summary.state == "done"
    assert "WARNING" not in capfd.readouterr().err
    assert os.getpid() not in pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_an_unreachable_scheduler_is_a_usage_error() -> None:
    from .cluster import free_port

    executor = DaskExecutor(f"tcp://127.0.0.1:{free_port()}", connect_seconds=0.5)
    with pytest.raises(ConfigurationError, match="no scheduler answers there"):
        await executor.__aenter__()


def test_a_scheduler_or_workers_must_be_named() -> None:
    with pytest.raises(ConfigurationError, match="the address of a scheduler, or a number of workers"):
        DaskExecutor()
    with pytest.raises(ConfigurationError, match="workers: at least 1"):
        DaskExecutor(workers=0)
