"""The data set: each account is published once, whatever happens to attempts, and readers see its newest rows once."""

from __future__ import annotations

import importlib
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.fleet import Lake
from mittwald_async.fleet.lake import AccountManifest, FileEntry, RunRecord, run_id
from mittwald_async.fleet.tables import AccountTables, rows_of, schema_of
from mittwald_async.inventory import Known, StoreError

from ..support.sample_rows import AT, DOMAINS, PROJECTS, row
from .accounts import ids

RUN = "20260102T030405.000000Z-aaaaaa"


@pytest.fixture(params=["folder", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    found = Lake(tmp_path / "lake" if request.param == "folder" else f"memory://{tmp_path.name}/lake")
    found.open_for_writing()
    return found


def attempt(
    lake: Lake,
    name: str,
    *projects: str,
    account: str = "shop",
    run: str = RUN,
    part: tuple[int, int] = (0, 1),
    at: datetime = AT,
) -> AccountManifest:
    """The written but unpublished output of one attempt at an account."""
    tables = AccountTables(lake, f"_runs/{run}/account={account}/{name}", ["project", "domain"], 1 << 20)
    tables.add("project", [row("project", own, project=own, id=own) for own in projects])
    return AccountManifest(
        run=run,
        account=account,
        part=part[0],
        parts=part[1],
        state="done",
        source="https://api.example",
        user_id="u-1",
        resources=("project", "domain"),
        started_at=at,
        finished_at=at,
        requests=2,
        drifted=0,
        files=tables.finish(),
        complete=("project", "domain"),
        lists=(),
        failures=(),
        known=Known(),
    )


def shown(lake: Lake, account: str = "shop") -> list[str | None]:
    """Ids of the projects visible to readers."""
    found: list[str | None] = []
    for path in lake.fs.find(lake.view_folder("project", account)):
        inside = str(path).removeprefix(lake.root + "/")
        found += [one.id for one in rows_of(lake, FileEntry("project", inside, 0, 0))]
    return sorted(found, key=str)


def test_of_two_attempts_the_first_counts_and_the_other_leaves_nothing(lake: Lake) -> None:
    first, second = attempt(lake, "one", "p-1"), attempt(lake, "two", "p-1", "p-2")
    assert lake.publish(first) == first
    assert lake.publish(second) == first
    lake.show(RUN, "shop")
    assert shown(lake) == ["p-1"]
    assert not [path for path in lake.fs.find(lake.run_path(RUN)) if "/two/" in str(path)]


def test_of_many_simultaneous_attempts_one_counts(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.open_for_writing()
    attempts = [attempt(lake, f"a{n}", f"p-{n}") for n in range(12)]
    start, counted = threading.Barrier(12), list[AccountManifest]()

    def publish(one: AccountManifest) -> None:
        start.wait()
        counted.append(Lake(tmp_path / "lake").publish(one))

    threads = [threading.Thread(target=publish, args=(one,)) for one in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.files for one in counted}) == 1
    lake.show(RUN, "shop")
    assert len(shown(lake)) == 1


def test_showing_a_run_twice_changes_nothing(lake: Lake) -> None:
    lake.publish(attempt(lake, "one", "p-1", "p-2"))
    for _ in range(3):
        assert lake.show(RUN, "shop")
        assert shown(lake) == ["p-1", "p-2"]


def test_readers_see_the_newest_run_and_a_late_older_one_does_not_replace_it(lake: Lake) -> None:
    old, new = "20260101T000000Z-aaaaaa", "20260102T000000Z-bbbbbb"
    lake.publish(attempt(lake, "one", "p-new", run=new, at=AT + timedelta(hours=2)))
    lake.show(new, "shop")
    lake.publish(attempt(lake, "two", "p-old", run=old, at=AT))
    lake.show(old, "shop")
    assert shown(lake) == ["p-new"]
    assert lake.current("shop") is not None


def test_a_split_account_appears_once_all_parts_are_published(lake: Lake) -> None:
    lake.publish(attempt(lake, "one", "p-1", part=(0, 2)))
    assert not lake.show(RUN, "shop")
    assert shown(lake) == []
    assert lake.published(RUN, "shop") == ()
    lake.publish(attempt(lake, "two", "p-2", part=(1, 2)))
    assert lake.show(RUN, "shop")
    assert shown(lake) == ["p-1", "p-2"]
    # The next run does not split it, and nothing of the second part remains.
    later = "20260103T000000Z-cccccc"
    lake.publish(attempt(lake, "three", "p-1", run=later, at=AT + timedelta(days=1)))
    lake.show(later, "shop")
    assert shown(lake) == ["p-1"]


def test_the_first_split_of_an_account_stays(lake: Lake) -> None:
    assert lake.split(RUN, "shop") is None
    assert lake.split(RUN, "shop", [("p-1",), ("p-2",)]) == [("p-1",), ("p-2",)]
    assert lake.split(RUN, "shop", [("p-1", "p-2")]) == [("p-1",), ("p-2",)]
    assert lake.split(RUN, "shop") == [("p-1",), ("p-2",)]


@pytest.mark.parametrize("name", ["a/b", "..", ".", "a=b", "ü ber", "100%", "x" * 120, "a\\b", "*"])
def test_any_account_name_maps_to_one_folder(lake: Lake, name: str) -> None:
    tables = AccountTables(lake, f"_runs/{RUN}/one", ["project"], 1 << 20)
    tables.add("project", PROJECTS)
    base = attempt(lake, "other", account="other")
    lake.publish(msgspec.structs.replace(base, account=name, resources=("project",), files=tables.finish()))
    assert lake.show(RUN, name)
    assert shown(lake, name) == ["p-0", "p-1", "p-2"]
    assert set(lake.manifests(RUN)) == {name}
    top = {str(path).removeprefix(lake.root).split("/")[1] for path in lake.fs.find(lake.root)}
    assert top == {"resource=project", "_fleet.json", "_runs", "_current"}


def test_readers_see_the_original_names(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.open_for_writing()
    lake.publish(attempt(lake, "one", "p-1", account="shop"))
    lake.show(RUN, "shop")
    assert ids(tmp_path / "lake") == [("shop", "p-1")]


def test_runs_sort_by_time_and_the_newest_unfinished_one_is_resumed(lake: Lake) -> None:
    first, second = (run_id(datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 2))
    for name in (second, first):
        lake.begin(RunRecord(id=name, started_at=AT, resources=("project",), accounts=("shop",)))
    assert lake.runs() == [first, second]
    unfinished = lake.unfinished()
    assert unfinished is not None
    assert unfinished.id == second
    lake.end(second, [b"{", b"}"])
    unfinished = lake.unfinished()
    assert unfinished is not None
    assert unfinished.id == first
    lake.end(first, [b"{}"])
    assert lake.unfinished() is None


def test_rows_round_trip(lake: Lake) -> None:
    tables = AccountTables(lake, "_runs/x/one", ["domain", "project"], 1 << 20)
    tables.add("domain", DOMAINS)
    domains, projects = tables.finish()
    assert list(rows_of(lake, domains)) == DOMAINS
    assert list(rows_of(lake, projects)) == []
    assert (domains.rows, projects.rows) == (2, 0)


def test_a_duplicate_row_is_written_once_even_when_the_first_is_already_on_disk(lake: Lake) -> None:
    tables = AccountTables(lake, "_runs/x/one", ["project"], 1)
    tables.add("project", [row("project", "p-1", id="p-1", description="old")])
    tables.add("project", [row("project", "p-1", id="p-1", description="new")])
    assert tables.full
    tables.flush()
    assert not tables.full
    tables.add("project", [row("project", "p-1", id="p-1"), row("project", "p-2", id="p-2")])
    (entry,) = tables.finish()
    found = list(rows_of(lake, entry))
    assert [one.id for one in found] == ["p-1", "p-2"]
    assert b"new" in found[0].raw
    assert entry.rows == 2


def test_every_file_of_a_resource_has_the_same_columns(tmp_path: Path) -> None:
    dataset: Any = importlib.import_module("pyarrow.dataset")
    lake = Lake(tmp_path / "lake")
    lake.open_for_writing()
    for account, data in (("empty", None), ("null", {"id": "p-1"}), ("full", {"id": "p-2", "description": "x"})):
        tables = AccountTables(lake, f"_runs/{RUN}/account={account}/a", ["project"], 1 << 20)
        tables.add("project", [] if data is None else [row("project", data["id"], **data)])
        base = attempt(lake, "b", account=account)
        lake.publish(msgspec.structs.replace(base, resources=("project",), files=tables.finish()))
        lake.show(RUN, account)
    files = sorted((tmp_path / "lake").glob("resource=project/account=*/part-*.parquet"))
    assert len(files) == 3
    assert {dataset.dataset(file).schema for file in files} == {schema_of("project")}
    assert dataset.dataset(tmp_path / "lake" / "resource=project", partitioning="hive").to_table().num_rows == 2


def test_files_are_private_to_their_owner(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.open_for_writing()
    lake.publish(attempt(lake, "one", "p-1"))
    lake.show(RUN, "shop")
    for path in (tmp_path / "lake").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_folder_with_other_contents_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match="holds something else"):
        Lake(tmp_path / "mine").open_for_writing()
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="is a file"):
        Lake(tmp_path / "file").open_for_writing()
    with pytest.raises(ConfigurationError, match="not a data set"):
        Lake(tmp_path / "mine").check()


def test_a_newer_layout_is_refused(lake: Lake) -> None:
    lake.fs.pipe_file(lake.path("_fleet.json"), b'{"format": 99}')
    with pytest.raises(ConfigurationError, match="newer version"):
        lake.open_for_writing()


def test_damage_is_reported(lake: Lake) -> None:
    lake.publish(attempt(lake, "one", "p-1"))
    lake.fs.pipe_file(lake.account_path(RUN, "shop", "0000-of-0001.json"), b"{")
    with pytest.raises(StoreError, match=r"0000-of-0001.json: is damaged"):
        lake.published(RUN, "shop")


def test_an_unknown_url_scheme_is_a_usage_error() -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        Lake("nowhere://x")


def test_a_partly_written_manifest_publishes_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    folder = Path(lake.account_path("20261127T030000", "shop"))
    folder.mkdir(parents=True)
    (folder / "0000-of-0001.json-8a6fae02").write_text("{", encoding="utf-8")
    assert lake.published("20261127T030000", "shop") == ()
    assert lake.manifests("20261127T030000") == {}


@pytest.mark.parametrize("damage", ["another file", "cut", "other bytes"])
def test_a_damaged_file_of_rows_is_named(tmp_path: Path, damage: str) -> None:
    lake = Lake(tmp_path / "lake")
    lake.open_for_writing()
    made = attempt(lake, "a", *(f"p-{n}" for n in range(300)))
    (entry,) = (one for one in made.files if one.resource == "project")
    file = Path(lake.path(entry.path))
    whole = file.read_bytes()
    file.write_bytes(
        {"another file": b"x", "cut": whole[:-9], "other bytes": b"PAR1" + bytes(300) + whole[304:]}[damage]
    )
    with pytest.raises(StoreError, match=r"project\.pq: is damaged"):
        list(rows_of(lake, entry))
