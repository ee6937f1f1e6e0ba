"""Where rows come from, and generated passwords."""

from __future__ import annotations

import sqlite3
import zipfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mittwald_async import bulk
from mittwald_async.bulk.passwords import random_password
from mittwald_async.bulk.sources import numbered_rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_first_line_determines_the_separator(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"id{delimiter}name\n1{delimiter}Käse\n", encoding="utf-8-sig")
    assert list(bulk.read_rows(path)) == [{"id": "1", "name": "Käse"}]


def test_rows_are_numbered_as_in_a_spreadsheet_and_empty_cells_are_omitted(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('id,name\n1,"two\nlines"\n,\n3,\n4,x,y\n', encoding="utf-8")
    found = [(row.number, row.values, row.surplus) for row in numbered_rows(path)]
    assert found == [
        (2, {"id": "1", "name": "two\nlines"}, 0),
        (4, {"id": "3"}, 0),
        (5, {"id": "4", "name": "x"}, 1),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "no heads of columns"),
        ("a.csv", b"id,,name\n", "column 2 has no head"),
        ("a.csv", b"id,id\n", "two columns 'id'"),
        ("a.csv", b"id\n\xff\xfe\n", "not UTF-8"),
        ("a.csv", b'id\n"open\n', "row 2: not CSV .a quote is opened and not closed"),
        ("a.csv", b"id,text\np-1,\np-2,,world\n", "row 3, column 3 and on: the row has more cells than columns .1"),
        ("a.jsonl", b'{"id": 1}\n{"id": \n', "row 2: not JSON"),
        ("a.jsonl", b"[1]\n", "row 1: must be an object"),
        ("a.xlsx", b"id,name\n", "not an Excel file"),
        ("a.txt", b"", "name the format"),
    ],
)
def test_unreadable_input_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    if name.endswith("xlsx"):
        pytest.importorskip("openpyxl")
    with pytest.raises(bulk.SourceError, match=said):
        list(bulk.read_rows(path))


def test_a_sheet_gives_plain_values(tmp_path: Path) -> None:
    openpyxl: Any = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in (["id", "when", "size", None], [7, datetime(2026, 1, 2, 3, 4), 2.5, None], [None, None, None, None]):
        book.active.append(line)
    book.save(tmp_path / "rows.xlsx")
    assert list(bulk.read_rows(tmp_path / "rows.xlsx")) == [{"id": 7, "when": "2026-01-02T03:04:00", "size": 2.5}]


def test_a_query_only_reads(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE project (id, name)")
        file.execute("INSERT INTO project VALUES ('p-1', NULL)")
    assert list(bulk.query(path, "SELECT id, name FROM project")) == [{"id": "p-1"}]
    for wrong in ("DELETE FROM project", "SELECT nothing FROM project", "PRAGMA user_version = 7"):
        with pytest.raises(bulk.SourceError):
            list(bulk.query(path, wrong))
    with pytest.raises(bulk.SourceError, match="no such file"):
        list(bulk.query(tmp_path / "none", "SELECT 1"))
    assert list(bulk.query(path, "SELECT count(*) AS n FROM project")) == [{"n": 1}]


def test_generated_passwords_satisfy_the_api() -> None:
    made = [random_password(least, most) for least, most in ((None, None), (40, None), (None, 12), (8, 64)) * 250]
    assert len(set(made)) == len(made)
    assert {len(password) for password in made} == {24, 40, 12}
    for password in made:
        assert password[0].isalpha()
        assert any(sign.islower() for sign in password)
        assert any(sign.isupper() for sign in password)
        assert any(sign.isdigit() for sign in password)
        assert any(not sign.isalnum() for sign in password)


def sheet(path: Path, *rows: list[Any], hidden: list[Any] | None = None) -> Path:
    """An Excel file with one visible sheet."""
    openpyxl: Any = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if hidden is not None:
        first = book.create_sheet("old", 0)
        first.append(hidden)
        first.sheet_state = "hidden"
    book.save(path)
    return path


def rewritten(path: Path, part: str, old: str, new: str) -> Path:
    """The same file with a text replaced in one of its parts."""
    with zipfile.ZipFile(path) as before:
        parts = {name: before.read(name) for name in before.namelist()}
    assert old.encode() in parts[part]
    parts[part] = parts[part].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w") as after:
        for name, content in parts.items():
            after.writestr(name, content)
    return path


def test_a_hidden_sheet_is_not_read(tmp_path: Path) -> None:
    path = sheet(tmp_path / "rows.xlsx", ["id"], ["new"], hidden=["id", "gone"])
    assert list(bulk.read_rows(path)) == [{"id": "new"}]


def test_a_sheet_that_states_a_wrong_size_is_read_whole(tmp_path: Path) -> None:
    path = sheet(tmp_path / "rows.xlsx", ["id", "name"], [1, "a"], [2, "b"])
    rewritten(path, "xl/worksheets/sheet1.xml", 'ref="A1:B3"', 'ref="A1"')
    assert list(bulk.read_rows(path)) == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]


def test_a_damaged_sheet_gives_a_message(tmp_path: Path) -> None:
    path = sheet(tmp_path / "rows.xlsx", ["id"], [1], [2])
    rewritten(path, "xl/worksheets/sheet1.xml", "<v>2</v>", "<v>2</w>")
    with pytest.raises(bulk.SourceError, match="not an Excel file"):
        list(bulk.read_rows(path))


def test_dates_and_formula_results_are_values(tmp_path: Path) -> None:
    path = sheet(tmp_path / "rows.xlsx", ["day", "sum"], [datetime(2026, 1, 2), "=1+2"])
    rewritten(path, "xl/worksheets/sheet1.xml", "<f>1+2</f><v", "<f>1+2</f><v>3</v><v")
    assert list(bulk.read_rows(path)) == [{"day": "2026-01-02", "sum": 3}]
