"""Readers of the data set: DuckDB, polars, pandas, Dask and Delta; object stores; history and checks."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Fault
from mittwald_async.errors import ConfigurationError
from mittwald_async.fleet import Lake, sweep_fleet
from mittwald_async.fleet.delta import commit_to_delta
from mittwald_async.fleet.history import inventory_of
from mittwald_async.inventory import History
from mittwald_async.inventory.checks import run_checks

from ..support.sample_rows import row
from .accounts import RESOURCES, accounts, ids, token_of, truth
from .cluster import free_port, wait_until_open
from .lakes import publish

# None of these has types for both checkers.
boto3: Any = importlib.import_module("boto3")
deltalake: Any = importlib.import_module("deltalake")
duckdb: Any = importlib.import_module("duckdb")
polars: Any = importlib.import_module("polars")
dataset: Any = importlib.import_module("pyarrow.dataset")
parquet: Any = importlib.import_module("pyarrow.parquet")
s3fs: Any = importlib.import_module("s3fs")


async def test_every_reader_sees_the_same_rows_even_of_empty_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = tmp_path / "lake"
    with accounts(monkeypatch, 3, 0, 2) as (_, found):
        await sweep_fleet(found, lake)
    for folder in sorted(lake.glob("resource=*")):
        pattern = f"{folder}/**/*.parquet"
        (in_duckdb,) = duckdb.sql(
            f"SELECT count(*) FROM read_parquet('{pattern}', hive_partitioning = true)"
        ).fetchall()[0]
        in_polars = polars.scan_parquet(pattern, hive_partitioning=True).collect()
        in_arrow = dataset.dataset(folder, partitioning="hive").to_table()
        assert in_duckdb == in_polars.height == in_arrow.num_rows
        assert "account" in in_polars.columns
        assert "account" in in_arrow.column_names
    # Reading the whole folder, as a user may do at first, shows nothing twice.
    every = duckdb.sql(
        f"SELECT count(*), count(DISTINCT (resource, account, key)) FROM read_parquet('{lake}/**/*.parquet', "
        "hive_partitioning = true, union_by_name = true)"
    ).fetchall()[0]
    assert every[0] == every[1] > 20


def in_pandas(folder: Path) -> Any:
    return importlib.import_module("pandas").read_parquet(folder)


def in_dask(folder: Path) -> Any:
    return importlib.import_module("dask.dataframe").read_parquet(str(folder)).compute()


def in_polars(folder: Path) -> Any:
    return polars.read_parquet(f"{folder}/**/*.parquet", hive_partitioning=True).to_pandas()


def in_duckdb(folder: Path) -> Any:
    return duckdb.sql(f"SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true)").df()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("reader", [in_pandas, in_dask, in_polars, in_duckdb])
async def test_a_column_that_is_empty_in_one_account_has_one_type(
    tmp_path: Path, reader: Callable[[Path], Any]
) -> None:
    """For the first account only the id is known: its other columns hold only nulls."""
    lake = Lake(tmp_path / "lake")
    lake.open_for_writing()
    publish(lake, "bare", [row("project", "p-1", id="p-1")])
    publish(
        lake,
        "full",
        [row("project", "p-2", id="p-2", description="shop", enabled=True, createdAt="2026-01-02T03:04:05Z")],
    )
    publish(lake, "none", [])
    found = reader(tmp_path / "lake" / "resource=project").sort_values("id")
    assert list(found["id"]) == ["p-1", "p-2"]
    assert [str(name) for name in found["account"]] == ["bare", "full"]
    assert list(found["description"])[1] == "shop"
    assert found["description"].isna().tolist() == [True, False]
    assert found["created_at"].iloc[1].year == 2026


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("reader", [in_pandas, in_dask, in_polars, in_duckdb])
async def test_unusual_account_names_are_read_back(tmp_path: Path, reader: Callable[[Path], Any]) -> None:
    names = ["a/b", "a=b", "ü ber", "100%", "shop", "4711", "2026-01-02"]
    lake = Lake(tmp_path / "lake")
    lake.open_for_writing()
    for name in names:
        publish(lake, name, [row("project", f"p-{name}", id=f"p-{name}")])
    found = reader(tmp_path / "lake" / "resource=project")
    assert {str(name) for name in found["account"]} == set(names)
    assert all(own == f"p-{name}" for own, name in zip(found["id"], found["account"], strict=True))


# Dask's reader uses deprecated pandas functions.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
async def test_pandas_and_dask_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas: Any = importlib.import_module("pandas")
    dask: Any = importlib.import_module("dask.dataframe")
    with accounts(monkeypatch, 3, 0) as (_, found):
        await sweep_fleet(found, tmp_path / "lake", resources=["project"])
    assert len(pandas.read_parquet(tmp_path / "lake" / "resource=project")) == 3
    frame = dask.read_parquet(str(tmp_path / "lake" / "resource=project"))
    assert len(frame.compute()) == 3


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A local S3 server as its own process: deltalake lets no other thread run while it waits."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_open(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait(10)


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A bucket on a local S3 server."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", s3),
        ("AWS_ALLOW_HTTP", "true"),
    ):
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"inventory-{token_hex(4)}"
    client: Any = boto3.client("s3")
    client.create_bucket(Bucket=name)
    client.close()
    return f"s3://{name}/lake"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
async def test_delta_tables_can_be_on_an_object_store(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 3, 2) as (_, found):
        first = await sweep_fleet(found, bucket, resources=["project", "domain"], delta=True)
        assert first.state == "done", first.failed
        assert not commit_to_delta(Lake(bucket), first.run, "account-1")
        second = await sweep_fleet(found[:1], bucket, resources=["project"], delta=True)
        assert second.state == "done", second.failed
    table = deltalake.DeltaTable(f"{bucket}/delta")
    read = table.to_pyarrow_table().to_pylist()
    projects = [(one["account"], one["id"]) for one in read if one["resource"] == "project"]
    assert len(projects) == len(set(projects)) == 5


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
async def test_one_account_at_a_time_is_committed_to_delta_on_an_object_store(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several at once wait for each other without end: deltalake holds on to what its own threads wait for."""
    under_way: list[str] = []
    most: list[int] = []

    def commit(lake: Lake, run: str, account: str) -> bool:
        under_way.append(account)
        time.sleep(0.02)
        most.append(len(under_way))
        under_way.remove(account)
        return True

    monkeypatch.setattr("mittwald_async.fleet.account_sweep.commit_to_delta", commit)
    with accounts(monkeypatch, *[1] * 5) as (_, found):
        summary = await sweep_fleet(found, bucket, resources=["project"], delta=True)
    assert summary.state == "done"
    assert most == [1] * 5


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
async def test_the_data_set_can_be_on_an_object_store(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, 3, 2, 2) as (api, found):
        monkeypatch.setenv("FLEET_TOKEN_2", "wrong")
        first = await sweep_fleet(found, bucket, resources=RESOURCES)
        assert [one.state for one in first.accounts] == ["done", "done", "failed"]
        monkeypatch.setenv("FLEET_TOKEN_2", token_of("account-3"))
        before = len(api.requests)
        second = await sweep_fleet(found, bucket, resume=True)
        assert second.state == "done"
        assert {entry.account for entry in api.requests[before:]} == {"account-3"}
        lake = Lake(bucket)
        for one in api.accounts:
            folder = lake.view_folder("project", one.name)
            (path,) = lake.fs.ls(folder, detail=False)
            with lake.fs.open(path) as file:
                found_ids: list[str] = parquet.read_table(file)["id"].to_pylist()
            assert set(found_ids) == truth(one, "project")
            assert len(found_ids) == len(truth(one, "project"))
        with inventory_of(bucket) as file, History(file) as history:
            assert sorted((one.account, one.state) for one in history.sweeps()) == [
                ("account-1", "done"),
                ("account-2", "done"),
                ("account-3", "done"),
            ]


async def test_the_data_set_can_be_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"memory://{tmp_path.name}/lake"
    with accounts(monkeypatch, 2) as (_, found):
        assert (await sweep_fleet(found, url, resources=RESOURCES)).state == "done"
        assert (await sweep_fleet(found, url, resources=RESOURCES)).state == "done"
    lake = Lake(url)
    assert len(lake.runs()) == 2
    assert len(lake.fs.find(lake.view_folder("project", "account-1"))) == 1


# Delta


async def test_delta_commits_once_per_account_and_run_and_recognises_repetitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, 3, 2, 0) as (api, found):
        first = await sweep_fleet(found, tmp_path / "lake", resources=RESOURCES, delta=True)
        assert first.state == "done"
        path = str(tmp_path / "lake" / "delta")
        table = deltalake.DeltaTable(path)
        assert len([one for one in table.history() if "run" in one]) == 3
        lake = Lake(tmp_path / "lake")
        version = table.version()
        assert not commit_to_delta(lake, first.run, "account-1")
        assert deltalake.DeltaTable(path).version() == version
        async with Mittwald(token_of("account-1"), base_url=api.url) as mw:
            await mw.project.delete_project(sorted(truth(api.accounts[0], "project"))[0])
        second = await sweep_fleet(found, tmp_path / "lake", resources=["project"], delta=True)
        assert second.state == "done"
        read = deltalake.DeltaTable(path).to_pyarrow_table().to_pylist()
        projects = [(one["account"], one["id"]) for one in read if one["resource"] == "project"]
        assert sorted(projects) == ids(tmp_path / "lake")
        assert len(projects) == 4
        # Other resources keep the rows of the previous run.
        assert {one["account"] for one in read if one["resource"] == "domain"} == {"account-1", "account-2"}
        # A late commit of the older run does not restore its rows.
        assert not commit_to_delta(lake, first.run, "account-1")


async def test_a_fleet_killed_before_its_delta_commit_catches_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(monkeypatch, 2, 2) as (_, found):
        monkeypatch.setenv("FLEET_TOKEN_1", "wrong")
        await sweep_fleet(found, tmp_path / "lake", resources=["project"])
        monkeypatch.setenv("FLEET_TOKEN_1", token_of("account-2"))
        await sweep_fleet(found, tmp_path / "lake", resume=True, delta=True)
    table = deltalake.DeltaTable(str(tmp_path / "lake" / "delta"))
    assert table.to_pyarrow_table().num_rows == 4


async def test_delta_refuses_an_unsupported_location(monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 1) as (_, found), pytest.raises(ConfigurationError, match="Delta tables are written to"):
        await sweep_fleet(found, "memory://lake", delta=True)


# History


async def test_history_and_diff_work_on_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = tmp_path / "lake"
    with accounts(monkeypatch, 3, 2) as (api, found):
        await sweep_fleet(found, lake, resources=RESOURCES)
        gone, changed, _ = sorted(truth(api.accounts[0], "project"))
        async with Mittwald(token_of("account-1"), base_url=api.url) as mw:
            await mw.project.delete_project(gone)
            await mw.project.update_project(changed, description="renamed")
        await sweep_fleet(found, lake, resources=RESOURCES)
        with inventory_of(lake) as file, History(file) as history:
            found_diff = history.diff(resources=["project"])
            assert [one.account for one in history.sweeps()].count("account-1") == 2
            snapshot = {row.id for row in history.at(history.sweeps("account-2")[-1]).rows("project")}
        assert [(one.account, one.id) for one in found_diff.gone] == [("account-1", gone)]
        assert [(one.account, one.id, one.fields) for one in found_diff.changed] == [
            ("account-1", changed, {"description": (found_diff.changed[0].fields["description"][0], "renamed")})  # type: ignore[index]
        ]
        assert found_diff.added == []
        assert snapshot == truth(api.accounts[1], "project")
    assert not file.exists()


async def test_what_a_fleet_could_not_see_is_unknown_rather_than_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = tmp_path / "lake"
    with accounts(monkeypatch, 3) as (api, found):
        await sweep_fleet(found, lake, resources=["project", "mysql_database"])
        api.inject(Fault(operation="database-list-mysql-databases", status=500, probability=1.0))
        await sweep_fleet(found, lake, resources=["project", "mysql_database"])
        with inventory_of(lake) as file, History(file) as history:
            diff = history.diff()
        assert diff.gone == []
        assert {one.resource for one in diff.unknown} == {"mysql_database"}


async def test_checks_distinguish_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 4, 4) as (_, found):
        await sweep_fleet(found, tmp_path / "lake")
        await sweep_fleet(found, tmp_path / "lake")
    with inventory_of(tmp_path / "lake") as file:
        report = run_checks(file)
    assert {one.account for one in report.findings} == {"account-1", "account-2"}
    assert {one.standing for one in report.findings} == {"still"}


async def test_a_split_account_is_one_sweep_in_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 7) as (_, found):
        await sweep_fleet(found, tmp_path / "lake", split_over=3)
        await sweep_fleet(found, tmp_path / "lake")
    with inventory_of(tmp_path / "lake") as file, History(file) as history:
        assert [one.state for one in history.sweeps()] == ["done", "done"]
        diff = history.diff()
    assert (diff.empty, diff.unknown) == (True, [])


def test_a_folder_without_a_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a data set"), inventory_of(tmp_path):
        pass
    Lake(tmp_path / "lake").open_for_writing()
    with pytest.raises(ConfigurationError, match="no account is published in it yet"), inventory_of(tmp_path / "lake"):
        pass
    assert os.listdir(tmp_path) == ["lake"]
