"""`mittwald-async bulk` and `journal`."""

from __future__ import annotations

import csv
import json
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mittwald_async import bulk
from tests.cli.conftest import PROGRAM, Command, environment, faults


def table(path: str, heads: Iterable[str], *rows: Iterable[str]) -> str:
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([heads, *rows])
    return path


def done_in(path: str) -> int:
    """Count the finished items of a journal that another process is still writing."""
    if not Path(path).exists():
        return 0
    try:
        with closing(bulk.read_journal(path)) as journal:
            return journal.counts()[bulk.ItemState.DONE]
    except bulk.JournalError:  # the other process is still creating the file
        return 0


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll for up to 30 s."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen")


@pytest.fixture
def projects(command: Command) -> list[str]:
    """Ids of the account's projects."""
    _, out, _ = command("call", "project-list-projects", "--all")
    return [project["id"] for project in json.loads(out)]


def test_each_row_is_sent_once(command: Command, projects: list[str]) -> None:
    rows = table("rows.csv", ["projectId", "description"], *([id, f"shop {id}"] for id in projects))
    code, out, err = command("bulk", "project-update-project", rows, "-j", "a.journal", "--yes")
    assert code == 0, err
    assert out.startswith(f"{len(projects)} done, 0:0")
    assert f"{len(projects)} rows ({len(projects)} new); {len(projects)} to do" in err
    _, out, _ = command("call", "project-get-project", f"projectId={projects[3]}")
    assert json.loads(out)["description"] == f"shop {projects[3]}"
    code, out, err = command("bulk", "project-update-project", rows, "-j", "a.journal", "--yes")
    assert (code, out) == (0, "")
    assert f"({len(projects)} done); 0 to do" in err
    code, out, err = command("journal", "a.journal")
    assert code == 0
    assert out.split()[-6:] == ["project-update-project", "0", "0", str(len(projects)), "0", "0"]


def test_unknown_columns_and_duplicate_rows_are_mistakes(command: Command, projects: list[str]) -> None:
    path = table("rows.csv", ["projectId", "descripton"], [projects[0], "a"], [projects[0], "b"])
    code, _, err = command("bulk", "project-update-project", path, "-j", "a.journal", "--yes")
    assert code == 2
    assert "row 2, descripton: project-update-project has no such argument; did you mean description?" in err
    assert "row 3, projectId: is the same as in row 2" in err


def test_generated_passwords_are_written_only_to_their_own_file(command: Command, projects: list[str]) -> None:
    heads = ["projectId", "address", "isCatchAll", "mailbox.password", "mailbox.quotaInBytes"]
    heads += ["mailbox.enableSpamProtection"]
    rows = [[projects[0], f"box-{n}@secrets.example", "no", "@random", "1000000", "yes"] for n in range(3)]
    rows.append([projects[0], "own@secrets.example", "no", "Chosen-by-hand-77", "1000000", "yes"])
    path = table("rows.csv", heads, *rows)
    arguments = ("bulk", "mail-create-mail-address", path, "-j", "a.journal", "--yes")
    code, _, err = command(*arguments)
    assert code == 2
    assert "--secrets: 3 rows with @random" in err
    code, out, err = command(*arguments, "--secrets", "passwords.csv")
    assert code == 0, err
    assert stat.S_IMODE(Path("passwords.csv").stat().st_mode) == 0o600
    with Path("passwords.csv").open(newline="", encoding="utf-8") as file:
        made = list(csv.DictReader(file))
    assert [row["column"] for row in made] == ["mailbox.password"] * 3
    assert {json.loads(row["key"])[1] for row in made} == {f"box-{n}@secrets.example" for n in range(3)}
    assert len({row["value"] for row in made}) == 3
    everything = out + err + Path("a.journal").read_bytes().decode("latin-1")
    assert all(row["value"] not in everything for row in made)
    assert "Chosen-by-hand" not in everything
    _, shown, _ = command("bulk", "mail-create-mail-address", path, "--dry-run")
    assert '"password":"***"' in shown
    assert "Chosen-by-hand" not in shown


def test_a_dry_run_sends_nothing_and_reports_the_cost(command: Command, projects: list[str]) -> None:
    path = table("rows.csv", ["projectId", "description"], *([id, "dry"] for id in projects))
    code, out, _ = command("bulk", "project-update-project", path, "--dry-run")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == f'PATCH /v2/projects/{projects[0]} {{"description":"dry"}}'
    assert lines[3] == f"… and {len(projects) - 3} more"
    assert lines[4].startswith(
        f"{len(projects)} rows ({len(projects)} new): {len(projects)} requests, within one window"
    )
    assert lines[5] == "key: projectId"
    assert "compares what was sent" in lines[6]
    _, out, _ = command("call", "project-get-project", f"projectId={projects[0]}")
    assert json.loads(out)["description"] != "dry"
    _, out, _ = command("bulk", "project-update-project", path, "--dry-run", "--json")
    assert json.loads(out)["requests"] == len(projects)


def test_failed_rows_can_be_corrected_and_run_again(command: Command, projects: list[str], server: str) -> None:
    path = table("rows.csv", ["projectId", "description"], [projects[0], "mend"], ["p-zzzzzz", "mend"])
    arguments = ("bulk", "project-update-project", "-j", "a.journal", "--yes", "--failed", "failed.csv")
    code, out, err = command(*arguments, path)
    assert code == 3
    assert out.startswith("1 done, 1 failed")
    assert "failed: row 3 (p-zzzzzz): 40" in err
    assert stat.S_IMODE(Path("failed.csv").stat().st_mode) == 0o600
    text = Path("failed.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == "projectId,description,#state,#error"
    Path("mended.csv").write_text(text.replace("p-zzzzzz", projects[1]), encoding="utf-8")
    code, out, err = command(*arguments, "mended.csv")
    assert (code, out[:6]) == (0, "1 done"), err


def test_it_stops_after_a_number_of_failures_or_items(command: Command, projects: list[str], server: str) -> None:
    path = table("rows.csv", ["projectId", "description"], *([id, "some"] for id in projects))
    arguments = ("bulk", "project-update-project", path, "-j", "a.journal", "--yes", "--json", "--concurrency", "1")
    with faults(server, {"operation": "project-update-project", "status": 400}):
        code, out, _ = command(*arguments, "--stop-after-failures", "2")
    assert (code, json.loads(out)["failed"]) == (3, 2)
    code, out, _ = command(*arguments, "--limit", "3")
    assert (code, json.loads(out)["done"]) == (0, 3)
    code, out, _ = command(*arguments)
    assert json.loads(out)["done"] == len(projects) - 3
    assert json.loads(out)["journal"]["done"] == len(projects)


def test_an_unknown_item_is_listed_and_settled_by_hand(command: Command, projects: list[str], server: str) -> None:
    """No read can show whether a password was set."""
    _, out, _ = command("call", "mail-list-mail-addresses", f"projectId={projects[0]}", "--all")
    boxes = [box["id"] for box in json.loads(out) if box.get("mailbox")]
    path = table("rows.csv", ["mailAddressId", "password"], [boxes[0], "Some-password-77"])
    arguments = ("bulk", "mail-update-mail-address-password", path, "-j", "a.journal", "--yes")
    with faults(server, {"operation": "mail-update-mail-address-password", "status": 502, "executed": True}):
        code, out, err = command(*arguments)
    assert code == 3
    assert f"unknown: row 2 ({boxes[0]}): 502" in err
    code, out, _ = command("journal", "a.journal", "--state", "unknown")
    assert "unknown  20" in out
    assert boxes[0] in out
    code, _, err = command("journal", "a.journal", "--resolve", f"{boxes[0]}=not-done")
    assert code == 0, err
    code, out, _ = command(*arguments)
    assert (code, out[:6]) == (0, "1 done")


def test_rows_can_come_from_a_query_json_lines_a_sheet_or_a_pipe(
    command: Command, projects: list[str], server: str
) -> None:
    with closing(sqlite3.connect("inventory.sqlite")) as file, file:
        file.execute("CREATE TABLE project (id, description)")
        file.executemany("INSERT INTO project VALUES (?, ?)", [(id, "x") for id in projects])
    query = "SELECT id AS projectId, 'by query' AS description FROM project LIMIT 2"
    code, out, err = command(
        "bulk", "project-update-project", "--from", "inventory.sqlite", "--query", query, "-j", "1.journal", "--yes"
    )
    assert (code, out[:6]) == (0, "2 done"), err
    lines = [json.dumps({"projectId": id, "description": "by line"}) for id in projects[:2]]
    Path("rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    code, out, err = command("bulk", "project-update-project", "rows.jsonl", "-j", "2.journal", "--yes")
    assert (code, out[:6]) == (0, "2 done"), err
    openpyxl: Any = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["projectId", "description"])
    book.active.append([projects[0], 2026])
    book.save("rows.xlsx")
    code, out, err = command("bulk", "project-update-project", "rows.xlsx", "-j", "3.journal", "--yes")
    assert (code, out[:6]) == (0, "1 done"), err
    piped = subprocess.run(
        [*PROGRAM, "bulk", "project-update-project", "-", "-j", "4.journal", "--yes"],
        input=f"projectId;description\n{projects[0]};by pipe\n",
        env=environment(server),
        capture_output=True,
        text=True,
    )
    assert (piped.returncode, piped.stdout[:6]) == (0, "1 done"), piped.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rows.csv",), "--journal: is required"),
        ((), "name one source"),
        (("rows.csv", "--query", "SELECT 1"), "--from: and --query belong together"),
        (("none.csv", "--dry-run"), "none.csv: No such file"),
        (("rows.txt", "--dry-run"), "rows come from .csv, .jsonl or .xlsx"),
        (("rows.csv", "--dry-run", "--marker", "foo"), "marker: project-update-project cannot be found again"),
        (("rows.csv", "-j", "a.journal"), "without a terminal to ask on, pass --yes"),
        (("--from", "rows.csv", "--query", "SELECT * FROM x", "--dry-run"), "the query failed"),
    ],
)
def test_misuse_gives_a_one_line_message(
    command: Command, projects: list[str], arguments: tuple[str, ...], said: str
) -> None:
    table("rows.csv", ["projectId", "description"], [projects[0], "x"])
    code, _, err = command("bulk", "project-update-project", *arguments)
    assert code == 2
    assert said in err.splitlines()[-1]


def test_read_operations_are_refused(command: Command) -> None:
    code, _, err = command("bulk", "project-get-project", "rows.csv", "--dry-run")
    assert code == 2
    assert "only reads" in err


def test_operations_show_how_a_lost_response_is_verified(command: Command) -> None:
    _, out, _ = command("operations", "mail-create-mail-address")
    assert "lost answers: looks for its address in the list (mail-list-mail-addresses)" in out
    _, out, _ = command("operations", "mail-update-mail-address-password")
    assert "lost answers: nothing in the API tells" in out
    _, out, _ = command("operations", "project-get-project")
    assert "lost answers" not in out


def test_help_starts_with_a_summary() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "mittwald_async.cli", "bulk", "--help"], capture_output=True, text=True
    )
    assert shown.returncode == 0
    assert "Call one operation for every row of a table" in shown.stdout


def test_ctrl_c_leaves_nothing_open_and_the_same_command_resumes(
    command: Command, projects: list[str], server: str
) -> None:
    path = table("rows.csv", ["projectId", "description"], *([id, "stopped"] for id in projects))
    arguments = ["bulk", "project-update-project", path, "-j", "a.journal", "--yes", "--concurrency", "2"]
    with (
        faults(server, {"operation": "project-update-project", "delay": 0.4}),
        subprocess.Popen(
            [*PROGRAM, *arguments], env=environment(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        wait_until(lambda: done_in("a.journal") > 0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "interrupted; run the same command to resume" in err
    assert "Traceback" not in err
    _, shown, _ = command("journal", "a.journal", "--json")
    states = json.loads(shown.splitlines()[0])["jobs"]["project-update-project"]
    assert states["started"] == states["unknown"] == states["failed"] == 0
    assert f"{states['done']} done" in out.split("journal: ")[1]
    code, out, _ = command(*arguments, "--json")
    assert (code, json.loads(out)["done"]) == (0, len(projects) - states["done"])


def test_no_output_file_may_overwrite_another_file_of_the_command(command: Command, projects: list[str]) -> None:
    """Failed rows are written to a file for correction. If that were the input file, the input would be emptied."""
    rows = table("rows.csv", ["projectId", "description"], [projects[0], "shop"], ["missing", "x"])
    content = Path(rows).read_bytes()
    Path("link.csv").symlink_to(rows)
    for option, path, other in (
        ("--failed", rows, "ROWS"),
        ("--failed", "./rows.csv", "ROWS"),
        ("--failed", "link.csv", "ROWS"),
        ("--secrets", rows, "ROWS"),
        ("--failed", "a.journal", "--journal"),
        ("--journal", rows, "ROWS"),
    ):
        journal = () if option == "--journal" else ("-j", "a.journal")
        code, _, err = command("bulk", "project-update-project", rows, *journal, option, path, "--yes")
        assert code == 2
        assert f"{Path(path)} is {other} as well and would be lost; choose another name" in err
        assert Path(rows).read_bytes() == content
        assert not Path("a.journal").exists()
    code, _, err = command(
        "bulk", "project-update-project", rows, "-j", "a.journal", "--yes", "--failed", "x", "--secrets", "x"
    )
    assert (code, "x is --failed as well" in err) == (2, True)


def test_closed_or_empty_standard_input_gives_a_message(server: str, tmp_path: Path) -> None:
    start = f"{' '.join(PROGRAM)} bulk project-update-project - --dry-run"
    for redirected, expected in (
        ("<&-", "ROWS: standard input is closed"),
        ("</dev/null", "standard input: has no heads of columns in its first row"),
    ):
        done = subprocess.run(
            f"{start} {redirected}", shell=True, env=environment(server), cwd=tmp_path, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"mittwald-async: {expected}\n")
