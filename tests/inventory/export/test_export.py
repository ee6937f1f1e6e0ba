"""Views exported as tables for people: their contents, and that no spreadsheet executes any of it."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import mittwald_async.cli.export as export_command
from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import Store
from mittwald_async.inventory.export import tables_of, write_tables
from mittwald_async.inventory.sinks.csv import cell_text

from ...support.inventory_file import InventoryFile

CUSTOMER = {"customerId": "c1", "name": "=cmd|' /C calc'!A0"}
PROJECT = {
    "id": "p1",
    "shortId": "p-one",
    "description": "Käse & „Wein“",
    "customerId": "c1",
    "enabled": True,
    "createdAt": "2026-01-02T03:04:05.000Z",
    "webStorageUsageInBytes": 12,
    "features": ["redis", "node"],
}
MAIL = {
    "id": "m1",
    "address": "info@example.org",
    "projectId": "p1",
    "customerId": "c1",
    "mailbox": {"storageInBytes": {"limit": 10, "current": {"value": 7}}},
    "deliveries": [{"a": 1}],
    "=1+1": "@SUM(A1)",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = InventoryFile(tmp_path / "inventory.sqlite")
    made.sweep({"customer": [CUSTOMER], "project": [PROJECT], "mail_address": [MAIL], "domain": []})
    return made.path


def export(file: Path, form: str, *views: str, where: str = "") -> bytes:
    out = io.BytesIO()
    with Store(file, writable=False) as store:
        write_tables(tables_of(store.database, views, where), out, form)
    return out.getvalue()


def lines(file: Path, *views: str, where: str = "") -> list[dict[str, Any]]:
    return [json.loads(line) for line in export(file, "jsonl", *views, where=where).splitlines()]


def test_names_come_first_and_technical_columns_are_omitted(file: Path) -> None:
    (row,) = lines(file, "mail_address")
    assert list(row)[:5] == ["customer", "customer_id", "project", "project_short_id", "project_id"]
    assert row["project"] == "Käse & „Wein“"
    assert not {"key", "operation", "drifted", "data", "content_hash", "account", "parent_id"} & row.keys()


def test_nested_properties_become_columns_and_lists_of_objects_are_omitted(file: Path) -> None:
    (mail,) = lines(file, "v_mail_address")
    assert (mail["mailbox_storage_in_bytes_limit"], mail["mailbox_storage_in_bytes_current_value"]) == (10, 7)
    assert "deliveries" not in mail
    (project,) = lines(file, "project")
    assert (project["features"], project["enabled"]) == ("redis, node", True)


def test_accounts_are_named_if_there_are_several(file: Path, tmp_path: Path) -> None:
    made = InventoryFile(tmp_path / "two.sqlite")
    for account in ("first", "second"):
        made.sweep({"project": [PROJECT]}, account=account)
    assert [row["account"] for row in lines(made.path, "project")] == ["first", "second"]
    made.sweep({"project": [PROJECT], "mail_address": [MAIL]}, account="second")
    # Also where one of them has rows only.
    assert [row["account"] for row in lines(made.path, "mail_address")] == ["second"]


def test_a_spreadsheet_executes_nothing_from_a_csv(file: Path) -> None:
    text = export(file, "csv", "mail_address").decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["customer"] == "'=cmd|' /C calc'!A0"
    assert row["'=1+1"] == "'@SUM(A1)"
    assert row["address"] == "info@example.org"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("x;=1+1", "x;'=1+1"),
        ("x\n=1+1", "x\n'=1+1"),
        ("x\r\n\t@SUM(A1)", "x\r\n\t'@SUM(A1)"),
        ("x; \u00a0-1;+2", "x; \u00a0'-1;'+2"),
        ("\x00=1", "'\x00=1"),
        ("\u3000\u200b=1", "'\u3000\u200b=1"),
        ("\t=1", "'\t'=1"),
        ("a=b, c - d; e", "a=b, c - d; e"),
        ("first\n\nsecond", "first\n\nsecond"),
        ("", ""),
    ],
)
def test_a_formula_is_defused_also_where_another_separator_would_begin_it(text: str, safe: str) -> None:
    """Spreadsheets in Germany part a file at semicolons, and every one of them at the ends of lines that no quote
    begins."""
    assert cell_text(text) == safe


def test_defusing_a_long_text_takes_no_longer_than_reading_it() -> None:
    begin = time.process_time()
    for text in ("\n" * 200_000, ";" + " " * 200_000, "; " * 100_000):
        assert cell_text(text) in (text, f"'{text}")
    assert time.process_time() - begin < 2


def test_a_text_that_is_too_long_for_a_cell_ends_in_an_ellipsis(tmp_path: Path) -> None:
    """Excel counts UTF-16 units, and repairs a file by dropping what is too long."""
    openpyxl: Any = pytest.importorskip("openpyxl")
    made = InventoryFile(tmp_path / "inventory.sqlite")
    texts = ["x" * 32_767, "x" * 32_768, "\U0001f600" * 16_383, "\U0001f600" * 16_384]
    made.sweep({"project": [{**PROJECT, "id": f"p{n}", "description": text} for n, text in enumerate(texts)]})
    (tmp_path / "x.xlsx").write_bytes(export(made.path, "xlsx", "project"))
    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx")["project"]
    place = [cell.value for cell in sheet[1]].index("description")
    found = [row[place].value for row in sheet.iter_rows(min_row=2)]
    assert found == [texts[0], "x" * 32_766 + "…", texts[2], texts[2] + "…"]


def test_more_rows_than_a_sheet_holds_are_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openpyxl")
    monkeypatch.setattr("mittwald_async.inventory.export.xlsx.MOST_ROWS", 1)
    with pytest.raises(
        ConfigurationError, match="project has 1 rows and a sheet holds 0; choose fewer with --where, or"
    ):
        export(file, "xlsx", "project")


def test_more_columns_than_a_sheet_holds_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    made = InventoryFile(tmp_path / "inventory.sqlite")
    made.sweep({"project": [{**PROJECT, "labels": {f"label{n}": n for n in range(16_384)}}]})
    with pytest.raises(ConfigurationError, match=r"project has 16,\d+ columns and a sheet holds 16,384; write .jsonl"):
        export(made.path, "xlsx", "project")


def test_a_workbook_has_one_sheet_per_resource_with_frozen_and_filtered_headers(file: Path, tmp_path: Path) -> None:
    openpyxl: Any = pytest.importorskip("openpyxl")
    (tmp_path / "x.xlsx").write_bytes(export(file, "xlsx"))
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    assert book.sheetnames == ["customer", "project", "mail_address"]
    sheet = book["project"]
    heads = [cell.value for cell in sheet[1]]
    cells = dict(zip(heads, sheet[2], strict=True))
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", sheet.dimensions)
    assert cells["created_at"].value == datetime(2026, 1, 2, 3, 4, 5)
    assert cells["created_at"].is_date
    assert cells["web_storage_usage_in_bytes"].value == 12
    assert cells["enabled"].value is True
    assert (cells["customer"].value, cells["customer"].data_type) == (CUSTOMER["name"], "s")
    assert {cell.data_type for row in book["mail_address"] for cell in row} <= {"s", "n", "b", "d"}


def test_characters_and_numbers_that_excel_cannot_hold_do_not_stop_the_export(tmp_path: Path) -> None:
    openpyxl: Any = pytest.importorskip("openpyxl")
    made = InventoryFile(tmp_path / "inventory.sqlite")
    odd = {
        **PROJECT,
        "description": "a\x0bb\x0cc",
        "createdAt": "0001-01-01T00:00:00Z",
        "webStorageUsageInBytes": 2**60,
    }
    made.sweep({"project": [odd]})
    (tmp_path / "x.xlsx").write_bytes(export(made.path, "xlsx"))
    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx")["project"]
    cells = dict(zip((cell.value for cell in sheet[1]), (cell.value for cell in sheet[2]), strict=True))
    assert cells["description"] == "a b c"
    assert cells["created_at"].startswith("0001-01-01")
    assert cells["web_storage_usage_in_bytes"] == str(2**60)


def test_parquet_has_typed_columns(file: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    (tmp_path / "x.parquet").write_bytes(export(file, "parquet", "project"))
    table = parquet.read_table(tmp_path / "x.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert types["created_at"] == "timestamp[us, tz=UTC]"
    assert (types["enabled"], types["web_storage_usage_in_bytes"]) == ("bool", "int64")
    assert table.to_pylist()[0]["description"] == PROJECT["description"]


def test_a_condition_selects_rows_and_an_invalid_one_is_named(file: Path) -> None:
    assert lines(file, "project", where="enabled = 0") == []
    assert len(lines(file, "project", where="enabled = 1")) == 1
    with pytest.raises(ConfigurationError, match="--where 'enabeld': no such column: enabeld"):
        lines(file, "project", where="enabeld")
    for where, complaint in (
        ("1=1; DROP TABLE project", "one statement"),
        ("id = ?", "bindings"),
        ("randomblob(1 << 40)", "too big"),
    ):
        with pytest.raises(ConfigurationError, match=f"--where .*{complaint}"):
            lines(file, "project", where=where)


def test_an_unknown_view_is_reported_with_the_existing_ones(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown view 'projekt'.*did you mean project"):
        lines(file, "projekt")


def test_a_property_with_values_of_several_types_is_text(tmp_path: Path) -> None:
    made = InventoryFile(tmp_path / "inventory.sqlite")
    mixed = ({**PROJECT, "id": str(n), "odd": value} for n, value in enumerate((1, "x", True, {"deep": 2.5}, None)))
    made.sweep({"project": list(mixed)})
    rows = lines(made.path, "project")
    assert [row["odd"] for row in rows] == ["1", "x", "true", None, None]
    assert [row["odd_deep"] for row in rows] == [None, None, None, 2.5, None]


def command(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "mittwald_async.cli", "export", *arguments], capture_output=True, timeout=60
    )


def test_the_command_writes_a_private_file_or_standard_output(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "projects.csv"
    done = command(str(file), "-o", str(out), "--view", "project")
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert b"1 row of 1 table" in done.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    for stdout in ("-", "/dev/stdout"):
        assert command(str(file), "-o", stdout, "--view", "project").stdout == out.read_bytes()
    refused = command(str(file), "-o", str(tmp_path / "all.csv"))
    assert refused.returncode == 2
    assert b"--view" in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".sqlite") == ["projects.csv"]


def test_a_sweep_that_writes_meanwhile_is_not_mixed_into_an_export(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode = WAL")

    def later(*arguments: Any) -> None:
        with closing(sqlite3.connect(file)) as db:
            db.execute("UPDATE project SET data = json_set(data, '$.webStorageUsageInBytes', 'much', '$.more', 1)")
            db.commit()
        write_tables(*arguments)

    monkeypatch.setattr(export_command, "write_tables", later)
    out = tmp_path / "projects.csv"
    assert export_command.export(file, out, ["project"]) == 0
    (row,) = csv.DictReader(io.StringIO(out.read_text(encoding="utf-8-sig")))
    assert row["web_storage_usage_in_bytes"] == "12"


def test_whole_numbers_keep_every_digit(tmp_path: Path) -> None:
    """Of those that SQLite's integers cannot hold it has an approximation, which would make all of the column
    inexact."""
    made = InventoryFile(tmp_path / "numbers.sqlite")
    sizes = [2**53 + 1, 2**63, -(2**63) - 1]
    made.sweep({"project": [{"id": f"p{n}", "webStorageUsageInBytes": size} for n, size in enumerate(sizes)]})
    assert [line["web_storage_usage_in_bytes"] for line in lines(made.path, "project")] == [str(size) for size in sizes]


def test_a_number_that_no_reader_can_hold_is_text(tmp_path: Path) -> None:
    made = InventoryFile(tmp_path / "numbers.sqlite")
    made.sweep({"project": [{"id": "p0", "webStorageUsageInBytes": 1}, {"id": "p1", "webStorageUsageInBytes": 2}]})
    with closing(sqlite3.connect(made.path)) as db, db:
        db.execute("UPDATE project SET data = replace(data, '2', '1e999') WHERE id = 'p1'")
    assert [line["web_storage_usage_in_bytes"] for line in lines(made.path, "project")] == ["1", "inf"]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_an_inventory_whose_first_sweep_still_runs_is_not_exported_as_empty(tmp_path: Path, form: str) -> None:
    made = InventoryFile(tmp_path / "running.sqlite")
    made.sweep({"project": [PROJECT]}, state="running")
    out = tmp_path / f"out.{form}"
    with pytest.raises(ConfigurationError, match="has no finished sweep: run `mittwald-async sweep"):
        export_command.export(made.path, out=out, view=["project"])
    assert not out.exists()
