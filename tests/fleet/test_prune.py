"""Pruning old runs or an account: what readers see of other accounts stays, and running attempts are not affected."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.fleet import Lake, prune_lake, sweep_fleet
from mittwald_async.fleet.history import inventory_of
from mittwald_async.fleet.lake import RunRecord, run_id
from mittwald_async.inventory import History

from .accounts import SECRET, accounts, command, ids, token_of

deltalake: Any = importlib.import_module("deltalake")

FUTURE = datetime.now(UTC) + timedelta(days=1)


async def test_old_runs_are_pruned_except_what_readers_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path / "lake")
    with accounts(monkeypatch, 2, 3) as (_, found):
        first = await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        # Readers still see the first run of account-2.
        second = await sweep_fleet(found[:1], tmp_path / "lake", resources=["project"])
        third = await sweep_fleet(found[:1], tmp_path / "lake", resources=["project"])
        seen = ids(tmp_path / "lake")
        assert prune_lake(lake, datetime.now(UTC) - timedelta(days=1)).runs == 0
        done = prune_lake(lake, FUTURE)
        assert (done.runs, done.accounts) == (1, 2)
        assert lake.runs() == [first.run, third.run]
        assert second.run not in lake.runs()
        assert set(lake.manifests(first.run)) == {"account-2"}
        assert ids(tmp_path / "lake") == seen
        again = await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        assert again.state == "done"


async def test_what_only_an_older_run_swept_is_kept_for_looking_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path / "lake")
    with accounts(monkeypatch, 2) as (_, found):
        swept = [
            await sweep_fleet(found, tmp_path / "lake", resources=[resource])
            for resource in ("project", "domain", "project", "domain")
        ]
    assert prune_lake(lake, FUTURE).runs == 2
    assert lake.runs() == [one.run for one in swept[2:]]
    with inventory_of(tmp_path / "lake") as file, History(file) as history:
        assert {name for one in history.sweeps() for name in one.resources} == {"project", "domain"}


async def test_a_run_that_is_resumable_or_may_be_running_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path / "lake")
    with accounts(monkeypatch, 1) as (_, found):
        monkeypatch.setenv("FLEET_TOKEN_0", f"{SECRET}-wrong")
        other = await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        failed = await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        long_ago = datetime.now(UTC) - timedelta(days=200)
        dead = RunRecord(id=run_id(long_ago), started_at=long_ago, resources=("project",), accounts=("account-1",))
        lake.begin(dead)
        assert prune_lake(lake, FUTURE).runs == 1
        assert lake.runs() == [other.run, failed.run]
        monkeypatch.setenv("FLEET_TOKEN_0", token_of("account-1"))
        resumed = await sweep_fleet(found, tmp_path / "lake", resume=True)
        assert (resumed.run, resumed.state) == (failed.run, "done")


@pytest.mark.parametrize("delta", [False, True])
async def test_an_account_can_be_removed_completely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delta: bool
) -> None:
    lake = Lake(tmp_path / "lake")
    with accounts(monkeypatch, 1, 2) as (_, found):
        await sweep_fleet(found, tmp_path / "lake", resources=["project"], delta=delta)
    assert prune_lake(lake, account="account-2").accounts == 1
    assert {account for account, _ in ids(tmp_path / "lake")} == {"account-1"}
    assert lake.current("account-2") is None
    assert not [path for path in (tmp_path / "lake").rglob("account=account-2*/**/*") if path.is_file()]
    with pytest.raises(ConfigurationError, match="unknown account 'account-2'"):
        prune_lake(lake, account="account-2")
    if delta:
        table = deltalake.DeltaTable(str(tmp_path / "lake" / "delta"))
        assert {one["account"] for one in table.to_pyarrow_table().to_pylist()} == {"account-1"}


async def test_prune_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 1) as (_, found):
        await sweep_fleet(found, tmp_path / "lake", resources=["project"])
    done = command("prune", "lake", "--keep", "90d", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "forgot 0 runs and 0 sweeps of accounts in runs\n")
    assert command("prune", "lake", "--account", "account-1", "--json", folder=tmp_path).stdout.strip().startswith("{")
    assert command("prune", ".", "--keep", "90d", folder=tmp_path).returncode == 2
