"""`sweep_to`: an inventory in a file with one call, resumed automatically after an interruption."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mittwald_async import Mittwald, inventory
from mittwald_async.emulator import Emulator, Fault
from mittwald_async.errors import ConfigurationError

WANTED = ("project", "domain", "mysql_database")


@pytest.fixture
async def api() -> AsyncIterator[Emulator]:
    async with Emulator(seed=7, lag=0.0, drift=0.0) as emulator:
        yield emulator


@pytest.fixture
async def mw(api: Emulator) -> AsyncIterator[Mittwald]:
    async with Mittwald(api.token, base_url=api.url, max_retries=0) as client:
        yield client


def sweeps(file: Path) -> list[str]:
    database = sqlite3.connect(file)
    try:
        return [state for (state,) in database.execute("SELECT state FROM sweeps ORDER BY id")]
    finally:
        database.close()


class Killed(Exception):
    """Raised by a test to interrupt a sweep."""


async def interrupted(mw: Mittwald, file: Path) -> None:
    """Stop after everything is written and before the sweep is marked as finished, as a killed process may."""

    def die(sweep: inventory.Sweep) -> None:
        raise Killed

    with pytest.raises(Killed):
        await inventory.sweep_to(mw, file, resources=WANTED, watch=die)
    assert sweeps(file) == ["running"]


async def test_every_call_is_a_new_sweep(mw: Mittwald, tmp_path: Path) -> None:
    file = tmp_path / "inventory.sqlite"
    for number in (1, 2):
        summary = await inventory.sweep_to(mw, file, resources=WANTED)
        assert summary.rows["project"] == 20
        assert sweeps(file) == ["done"] * number


async def test_it_resumes_an_interrupted_sweep(mw: Mittwald, tmp_path: Path) -> None:
    file = tmp_path / "inventory.sqlite"
    whole = await inventory.sweep_to(mw, tmp_path / "whole.sqlite", resources=WANTED)
    await interrupted(mw, file)
    summary = await inventory.sweep_to(mw, file, resources=reversed(WANTED))
    assert summary.rows == whole.rows
    assert sweeps(file) == ["done"]


async def test_it_does_not_resume_a_sweep_of_another_selection(mw: Mittwald, tmp_path: Path) -> None:
    file = tmp_path / "inventory.sqlite"
    await interrupted(mw, file)
    summary = await inventory.sweep_to(mw, file, resources=["customer"])
    assert summary.rows == {"customer": 3}
    assert sweeps(file) == ["incomplete", "done"]
    await interrupted(mw, other := tmp_path / "other.sqlite")
    project = (await mw.project.list_projects()).items[0].id
    summary = await inventory.sweep_to(mw, other, resources=WANTED, projects=[project])
    assert summary.rows["project"] == 1


async def test_explicit_resuming_refuses_another_selection_and_needs_none(mw: Mittwald, tmp_path: Path) -> None:
    file = tmp_path / "inventory.sqlite"
    await interrupted(mw, file)
    with pytest.raises(ConfigurationError, match="was of something else"):
        await inventory.sweep_to(mw, file, resume=True, resources=["customer"])
    with pytest.raises(ConfigurationError, match="was of something else"):
        await inventory.sweep_to(mw, file, resume=True, projects=["p-1"])
    assert set((await inventory.sweep_to(mw, file, resume=True)).rows) == set(WANTED)


async def test_one_table_is_resumed_by_its_name_alone(mw: Mittwald, tmp_path: Path) -> None:
    file = tmp_path / "domains.csv"
    part = await inventory.sweep_to(mw, file, resources=["domain"], bounds=inventory.Bounds(max_requests=1))
    assert part.resumable
    assert (await inventory.sweep_to(mw, file, resume=True)).state == "done"
    assert file.exists()


async def test_it_can_be_made_to_start_over(mw: Mittwald, tmp_path: Path) -> None:
    file = tmp_path / "inventory.sqlite"
    await interrupted(mw, file)
    await inventory.sweep_to(mw, file, resources=WANTED, resume=False)
    assert sweeps(file) == ["incomplete", "done"]


async def test_a_list_that_keeps_failing_does_not_delay_the_next_night(
    api: Emulator, mw: Mittwald, tmp_path: Path
) -> None:
    file = tmp_path / "inventory.sqlite"
    api.inject(Fault(operation="domain-list-domains", status=503))
    for number in (1, 2):
        summary = await inventory.sweep_to(mw, file, resources=WANTED)
        assert [failure.resource for failure in summary.failures] == ["domain"]
        assert sweeps(file) == ["incomplete"] * number


async def test_with_nothing_to_resume_it_raises_an_error(mw: Mittwald, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing to resume"):
        await inventory.sweep_to(mw, tmp_path / "inventory.sqlite", resume=True)


async def test_a_file_for_one_resource_is_refused_for_all_of_them(tmp_path: Path) -> None:
    async with Mittwald("token", base_url="http://127.0.0.1:9") as mw:
        with pytest.raises(ConfigurationError, match="one csv file holds one resource"):
            await inventory.sweep_to(mw, tmp_path / "rows.csv")
