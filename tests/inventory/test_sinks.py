"""Output formats: each can be read back, and a file is complete or absent."""

from __future__ import annotations

import csv
import gc
import gzip
import json
import os
import resource
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import Known, Row, Store, StoreError, Target, chosen, sink_for
from mittwald_async.inventory.sinks import export
from mittwald_async.inventory.sinks.parquet import READERS

from ..support.sample_rows import DOMAINS, PROJECTS, row

RESOURCES = ["project", "domain"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    with Store(tmp_path / "rows.sqlite") as found:
        found.begin(chosen(RESOURCES), RESOURCES, Target(), Known(), "https://api.example", "me")
        found.write([*PROJECTS, *DOMAINS], [])
        yield found


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.jsonl.zst"])
def test_json_lines_hold_every_row_with_its_item(store: Store, tmp_path: Path, name: str) -> None:
    if name.endswith(".zst"):
        zstd = pytest.importorskip("backports.zstd", reason="no zstd on this Python")
        unpack = zstd.decompress
    else:
        unpack = gzip.decompress if name.endswith(".gz") else bytes
    sink = sink_for(tmp_path / name, None, RESOURCES)
    with store:
        export(store, sink, RESOURCES)
    found = lines(unpack(sink.path.read_bytes()))
    assert [line["resource"] for line in found] == ["project"] * 3 + ["domain"] * 2
    assert found[3]["data"] == json.loads(DOMAINS[0].raw)
    assert found[3]["project_id"] == "p-0"
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_the_same_rows_compress_to_the_same_bytes(store: Store, tmp_path: Path) -> None:
    with store:
        for name in ("a.jsonl.gz", "b.jsonl.gz"):
            export(store, sink_for(tmp_path / name), RESOURCES)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_csv_is_a_folder_of_tables_and_survives_commas_quotes_and_umlauts(store: Store, tmp_path: Path) -> None:
    sink = sink_for(tmp_path / "tables", "csv", RESOURCES)
    with store:
        export(store, sink, RESOURCES)
        export(store, sink, RESOURCES)  # A second export replaces the first.
    assert sorted(path.name for path in sink.path.iterdir()) == ["domain.csv", "project.csv"]
    with (sink.path / "domain.csv").open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert [line["domain"] for line in found] == ["müller.example", 'a,b\n"c".example']
    assert [line["connected"] for line in found] == ["true", "false"]
    assert json.loads(found[0]["data"]) == json.loads(DOMAINS[0].raw)


def test_other_files_in_the_folder_stay(store: Store, tmp_path: Path) -> None:
    sink = sink_for(tmp_path / "docs", "csv", RESOURCES)
    sink.path.mkdir()
    (sink.path / "thesis.txt").write_text("years of work")
    (sink.path / "domain.csv").write_text("the old one")
    with store:
        export(store, sink, RESOURCES)
    assert sorted(path.name for path in sink.path.iterdir()) == ["domain.csv", "project.csv", "thesis.txt"]
    assert (sink.path / "thesis.txt").read_text() == "years of work"
    assert (sink.path / "domain.csv").read_text() != "the old one"
    assert list(tmp_path.glob(".*")) == []


def test_one_resource_may_be_one_csv_file(store: Store, tmp_path: Path) -> None:
    sink = sink_for(tmp_path / "projects.csv", None, ["project"])
    with store:
        export(store, sink, ["project"])
    assert len(sink.path.read_text(encoding="utf-8").splitlines()) == 4


def test_parquet_keeps_types_and_sets_mismatching_values_to_null(store: Store, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    sink = sink_for(tmp_path / "tables", "parquet", RESOURCES)
    with store:
        export(store, sink, RESOURCES)
    table = parquet.read_table(sink.path / "domain.parquet")
    assert table.column("connected").to_pylist() == [True, False]
    assert str(table.schema.field("connected").type) == "bool"
    assert str(table.schema.field("fetched_at").type) == "timestamp[us, tz=UTC]"
    assert table.column("fetched_at").to_pylist()[0] == DOMAINS[0].fetched_at
    projects = parquet.read_table(sink.path / "project.parquet")
    assert projects.column("created_at").to_pylist() == [None, None, None]


def sent(*bodies: str) -> list[Row]:
    """Projects in notations that a server may use."""
    return [msgspec.structs.replace(row("project", f"o-{n}"), raw=body.encode()) for n, body in enumerate(bodies)]


def test_json_lines_have_one_line_per_row_whatever_the_servers_layout(store: Store, tmp_path: Path) -> None:
    store.write(sent('{\r\n  "id": "o-0",\n  "description": "a\\nb"\n}'), [])
    sink = sink_for(tmp_path / "rows.jsonl")
    export(store, sink, ["project"])
    found = [json.loads(line) for line in sink.path.read_bytes().split(b"\n") if line]
    assert len(found) == 4
    assert found[-1]["data"] == {"id": "o-0", "description": "a\nb"}


def test_numbers_that_no_column_can_hold_stay_in_the_item_only(store: Store, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    odd = ("1e999", str(2**70), "1" + "0" * 5000)
    items = [f'{{"description":"odd","webStorageUsageInBytes":{number}}}' for number in odd]
    store.write(sent(*items, '"no object"', "[1e999]", '{"webStorageUsageInBytes":7}'), [])
    for form in ("csv", "parquet"):
        export(store, sink_for(tmp_path / form, form, ["project"]), ["project"])
    table = parquet.read_table(tmp_path / "parquet" / "project.parquet").to_pylist()[3:]
    assert [line["web_storage_usage_in_bytes"] for line in table] == [None] * 5 + [7]
    assert [line["description"] for line in table] == ["odd"] * 3 + [None] * 3
    assert [line["data"] for line in table[:3]] == items
    with (tmp_path / "csv" / "project.csv").open(encoding="utf-8-sig", newline="") as text:
        lines = list(csv.DictReader(text))[3:]
    assert [line["data"] for line in lines[:3]] == items
    assert [line["description"] for line in lines] == ["odd"] * 3 + [""] * 3


def test_large_integers_fit_a_float_column() -> None:
    read = READERS["float"]
    assert [read(value) for value in (2**53 + 1, 0.5, 10**400, True, "1")] == [float(2**53 + 1), 0.5, None, None, None]


@pytest.mark.parametrize(
    ("name", "form", "resources", "complaint"),
    [
        ("rows.txt", None, RESOURCES, "cannot tell the form"),
        ("rows", "yaml", RESOURCES, "cannot tell the form"),
        ("rows.csv.gz", None, ["project"], "only .jsonl is written compressed"),
        ("rows.csv", None, RESOURCES, "one csv file holds one resource"),
        ("missing/rows.jsonl", None, RESOURCES, "no such folder"),
        ("folder.sqlite", None, RESOURCES, "is a folder"),
        ("file", "csv", RESOURCES, "needs a folder"),
    ],
)
def test_invalid_targets_are_refused_before_anything_is_sent(
    tmp_path: Path, name: str, form: str | None, resources: list[str], complaint: str
) -> None:
    (tmp_path / "folder.sqlite").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=complaint):
        sink_for(tmp_path / name, form, resources)


def test_a_failed_export_keeps_the_old_file_and_leaves_no_partial_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = sink_for(tmp_path / "rows.jsonl")
    sink.path.write_text("the old one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with store, pytest.raises(StoreError, match="No space left"):
        export(store, sink, RESOURCES)
    assert sink.path.read_text() == "the old one"
    assert list(tmp_path.glob(".*partial*")) == []


@contextmanager
def files_of_at_most(size: int) -> Generator[None]:
    """Simulates a full disk: writing beyond this file size fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("rows.jsonl", None),
        ("rows.jsonl.gz", None),
        ("rows.jsonl.zst", None),
        ("rows.csv", None),
        ("tables", "csv"),
        ("rows.parquet", None),
        ("tables", "parquet"),
    ],
)
def test_without_space_every_format_reports_it_and_keeps_the_old_file(
    store: Store, tmp_path: Path, name: str, form: str | None
) -> None:
    if name.endswith(".zst"):
        pytest.importorskip("backports.zstd", reason="no zstd on this Python")
    if "parquet" in (form or name):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    delivered = ["project"] if form is None and "jsonl" not in name else RESOURCES
    sink = sink_for(tmp_path / name, form, delivered)
    with store:
        export(store, sink, delivered)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        with files_of_at_most(8), pytest.raises(StoreError, match=r"too large.*--resume"):
            export(store, sink, delivered)
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_a_disk_that_fills_up_midway_leaves_no_open_transaction(store: Store, tmp_path: Path, name: str) -> None:
    store.write([row("project", f"m-{number}", description="long" * 50) for number in range(500)], [])
    unraisable: list[object] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "unraisablehook", unraisable.append)
        with files_of_at_most(8), pytest.raises(StoreError, match="too large"):
            export(store, sink_for(tmp_path / name), ["project"])
        store.close()
        gc.collect()
    assert unraisable == []


def test_without_space_sqlite_reports_it_and_keeps_what_was_written(store: Store) -> None:
    with store:
        with (
            files_of_at_most(store.path.stat().st_size),
            pytest.raises(StoreError, match=r"cannot be .*written.*--resume"),
        ):
            store.write([*PROJECTS, *DOMAINS] * 200, [])
        assert store.counts() == {"domain": 2, "project": 3}


def test_a_read_only_folder_or_file_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "old.sqlite"
    Store(old).close()
    old.chmod(0o444)
    tmp_path.chmod(0o555)
    command = [sys.executable, "-m", "tests.support.unprivileged_process", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    tmp_path.chmod(0o755)
    *refused, reading = ran.stdout.splitlines()
    assert refused == [f"rows.{form}: the folder cannot be written to" for form in ("sqlite", "jsonl", "csv")]
    assert reading.startswith("old.sqlite: cannot be ")


@pytest.mark.parametrize("form", ["jsonl", "csv-raw", "parquet"])
def test_every_form_says_below_which_thing_a_row_was_listed(tmp_path: Path, form: str) -> None:
    """The items of some lists do not name it themselves."""
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    with Store(tmp_path / "rows.sqlite") as store:
        store.begin(chosen(["backup_path"]), ["backup_path"], Target(), Known(), "https://api.example", "me")
        store.write([msgspec.structs.replace(row("backup_path", None, key="b-7#1", name="html"), parent_id="b-7")], [])
        sink = sink_for(tmp_path / "rows", form, ["backup_path"])
        export(store, sink, ["backup_path"])
    if form == "jsonl":
        (found,) = lines(sink.path.read_bytes())
    elif form == "csv-raw":
        (found,) = csv.DictReader((sink.path / "backup_path.csv").read_text(encoding="utf-8").splitlines())
    else:
        parquet = pytest.importorskip("pyarrow.parquet")
        (found,) = parquet.read_table(sink.path / "backup_path.parquet").to_pylist()
    assert found["parent_id"] == "b-7"
