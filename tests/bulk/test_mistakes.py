"""Every mistake in every input format is reported by row and column before the first request."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.bulk.row_job import RowJob
from mittwald_async.bulk.source_rows import SourceRow
from mittwald_async.bulk.sources import numbered_query, numbered_rows
from mittwald_async.bulk.values import Mistake
from mittwald_async.operations import OPERATIONS
from tests.cli.conftest import PROGRAM, Command, environment

Row = dict[str, Any]
Source = Callable[[], Iterable[SourceRow]]

ABSENT: Any = object()
"""Stands for an omitted value."""
TEXT: Row = {
    "projectId": "p-4x8k2q",
    "description": "",
    "timeout": "60",
    "active": "yes",
    "appId": "0a1b2c3d-0000-4000-8000-000000000001",
    "email": "kim@example.org",
    "concurrencyPolicy": "allow",
    "interval": "*/5 * * * *",
    "failedExecutionAlertThreshold": "5",
    "target.appInstallationId": "0a1b2c3d-0000-4000-8000-000000000001",
    "target.destination.url": "https://example.org",
}
EXACT: Row = {**TEXT, "timeout": 60, "active": True, "failedExecutionAlertThreshold": 5}
EVERYWHERE: dict[str, list[tuple[Any, str]]] = {
    "projectId": [(ABSENT, "is missing"), ("..", ".. cannot be part of a path")],
    "appId": [("12", "is not an id")],
    "email": [("kim", "is not an e-mail address")],
    "concurrencyPolicy": [("allowed", "must be one of allow, forbid, replace; did you mean allow?")],
    "target.appInstallationId": [("x!", "is not an id")],
    "target.destination.url": [("@null", "cannot be null")],
    "interval": [(ABSENT, "is missing")],
}
AS_TEXT: dict[str, list[tuple[Any, str]]] = {
    **EVERYWHERE,
    "timeout": [("0", "must be 1 or more"), ("90000", "must be 86400 or less"), ("soon", "is not a whole number")],
    "active": [("perhaps", "is not true or false")],
    "failedExecutionAlertThreshold": [("1.5", "is not a whole number"), ("nan", "is not a whole number")],
}
AS_JSON: dict[str, list[tuple[Any, str]]] = {
    **EVERYWHERE,
    "description": [(1, '1 is not text; write "1"'), (True, 'true is not text; write "true"'), ([], "has no parts")],
    "timeout": [(0, "must be 1 or more"), (90000, "must be 86400 or less"), ("60", '"60" is not a whole number')],
    "active": [("yes", '"yes" is not true or false'), (1, "1 is not true or false")],
    "failedExecutionAlertThreshold": [(1.5, "1.5 is not a whole number"), (None, "cannot be null")],
}
AS_CELLS: dict[str, list[tuple[Any, str]]] = {
    **EVERYWHERE,
    "timeout": [(0, "must be 1 or more"), (90000, "must be 86400 or less"), ("soon", "is not a whole number")],
    "active": [("perhaps", "is not true or false")],
    "failedExecutionAlertThreshold": [(1.5, "is not a whole number"), ("#REF!", "shows #REF!")],
    "description": [("=A1", "is a formula whose value is not in the file")],
}


def rows_with_mistakes(
    good: Row, kinds: dict[str, list[tuple[Any, str]]], rows: int
) -> tuple[list[Row], list[tuple[int, str, str]]]:
    """Rows, every seventh with a mistake, and the mistakes by row, column and problem. The first row is number 2."""
    every = [(column, value, problem) for column, pairs in kinds.items() for value, problem in pairs]
    made: list[Row] = []
    expected: list[tuple[int, str, str]] = []
    for number in range(2, rows + 2):
        row = {**good, "description": f"job {number}", "interval": f"{number % 60} {number // 60} * * *"}
        if number % 7 == 0:
            column, value, problem = every[number // 7 % len(every)]
            row[column] = value
            expected.append((number, column, problem))
        made.append({column: value for column, value in row.items() if value is not ABSENT})
    assert len(expected) >= len(every) >= 12
    return made, expected


def check(source: Source) -> list[Mistake]:
    found: list[Mistake] = []
    RowJob(OPERATIONS["cronjob-create-cronjob"], source).check(found.append)
    return found


def assert_named(found: list[Mistake], expected: list[tuple[int, str, str]]) -> None:
    assert [(one.row, one.column) for one in found] == [(row, column) for row, column, _ in expected]
    for one, (_, _, problem) in zip(found, expected, strict=True):
        assert one.problem.endswith(problem) or problem in one.problem, one


def as_csv(rows: list[Row]) -> str:
    file = io.StringIO(newline="")
    lines = csv.DictWriter(file, list(TEXT))
    lines.writeheader()
    lines.writerows(rows)
    return file.getvalue()


def test_csv(tmp_path: Path) -> None:
    rows, expected = rows_with_mistakes(TEXT, AS_TEXT, 500)
    path = tmp_path / "rows.csv"
    path.write_text(as_csv(rows), encoding="utf-8")
    assert_named(check(lambda: numbered_rows(path)), expected)


def test_json_lines_keep_value_types(tmp_path: Path) -> None:
    rows, expected = rows_with_mistakes(EXACT, AS_JSON, 500)
    lines = [json.dumps(row) for row in rows]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n" + "\n".join(lines), encoding="utf-8")
    assert_named(check(lambda: numbered_rows(path)), expected)


def test_sheet(tmp_path: Path) -> None:
    openpyxl: Any = pytest.importorskip("openpyxl")
    rows, expected = rows_with_mistakes(EXACT, AS_CELLS, 500)
    book = openpyxl.Workbook()
    book.active.append(list(TEXT))
    for row in rows:
        book.active.append([row.get(column) for column in TEXT])
    book.save(tmp_path / "rows.xlsx")
    assert_named(check(lambda: numbered_rows(tmp_path / "rows.xlsx")), expected)


def test_query_records(tmp_path: Path) -> None:
    rows, expected = rows_with_mistakes(TEXT, AS_TEXT, 500)
    path = tmp_path / "inventory.sqlite"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(f"CREATE TABLE jobs ({', '.join(map(json.dumps, TEXT))})")
        marks = ", ".join("?" * len(TEXT))
        file.executemany(f"INSERT INTO jobs VALUES ({marks})", [[row.get(column) for column in TEXT] for row in rows])
        file.execute("UPDATE jobs SET description = x'ff00' WHERE description = 'job 2'")
    by_record = [(1, "description", "is not text"), *((row - 1, column, problem) for row, column, problem in expected)]
    assert_named(check(lambda: numbered_query(path, "SELECT * FROM jobs")), by_record)


def test_pipe(server: str, tmp_path: Path) -> None:
    rows, expected = rows_with_mistakes(EXACT, AS_JSON, 500)
    start = [*PROGRAM, "bulk", "cronjob-create-cronjob", "-", "--format", "jsonl", "-j", "a.journal", "--yes"]
    done = subprocess.run(
        start,
        input="\n" + "\n".join(map(json.dumps, rows)),
        env=environment(server),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    *named, last = done.stderr.splitlines()
    assert [line.partition(": ")[0] for line in named] == [f"row {row}, {column}" for row, column, _ in expected]
    assert last.endswith(f"{len(expected)} mistakes in 500 rows; nothing was sent")


def test_mistakes_are_reported_before_the_first_request(command: Command) -> None:
    rows, expected = rows_with_mistakes(TEXT, AS_TEXT, 500)
    text = as_csv(rows)
    first = text.splitlines()[1]
    # A surplus cell, and a duplicate of the row.
    Path("rows.csv").write_text(f"{text}{first},one more\n", encoding="utf-8")
    code, out, err = command("bulk", "cronjob-create-cronjob", "rows.csv", "-j", "a.journal", "--yes")
    assert (code, out) == (2, "")
    *named, last = err.splitlines()
    assert named[-2].startswith("row 502, column 12 and on: the row has more cells than columns")
    assert named[-1].startswith("row 502, the row: is the same as in row 2")
    assert len(named) == len(expected) + 2
    assert last.endswith(f"{len(expected) + 2} mistakes in 501 rows; nothing was sent")
    assert not Path("a.journal").exists()


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        (
            "rows.jsonl",
            b'\xef\xbb\xbf{"projectId": "p-4x8k2q"\n[1]\n\n{"a": "\xff"}\n{"projectId": "..", "projectId": ".."}\n',
            ["row 1: not JSON", "row 2: must be an object", "row 4: ", "row 5, projectId: is there twice"],
        ),
        (
            "rows.csv",
            b'projectId,description\n"p-4x8k2q"x,a\n..,b\np-4x8k2q,\xe4\n"p-4x8k2q,c\n..,d\n',
            [
                "row 2: not CSV (',' expected after '\"')",
                "row 3, projectId: .. cannot be part of a path",
                "row 4, description: is not UTF-8 text; save the file as UTF-8",
                "row 5: not CSV (a quote is opened and not closed)",
                "row 6, projectId: .. cannot be part of a path",
            ],
        ),
    ],
)
def test_an_unreadable_row_does_not_hide_later_mistakes(
    tmp_path: Path, name: str, content: bytes, named: list[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    found: list[Mistake] = []
    job = RowJob(OPERATIONS["project-update-project"], lambda: numbered_rows(path))
    job.check(found.append)
    rows = list(dict.fromkeys(one.row for one in found))
    first = [next(str(one) for one in found if one.row == row) for row in rows]
    assert len(first) == len(named), found
    assert [line[: len(start)] for line, start in zip(first, named, strict=True)] == named
