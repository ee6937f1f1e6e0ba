"""`sweep` and `plan` as typed: what is printed, what is written, and the exit codes."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.cli import progress

from .conftest import ROOT, Command


@contextmanager
def faults(server: str, *plans: dict[str, Any]) -> Generator[None]:
    """Let things go wrong in the emulator for a while."""
    control(server, "PUT", list(plans))
    try:
        yield
    finally:
        control(server, "DELETE", None)


def rows(out: str) -> dict[str, str]:
    """The table of a summary."""
    return {line.split()[0]: line.split()[1] for line in out.splitlines()[1:-1]}


def control(server: str, method: str, body: Any) -> None:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server}/__emulator/faults", data, method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request):
        pass


def test_a_sweep_writes_the_file_and_prints_a_summary(command: Command) -> None:
    code, out, _ = command("sweep", "-r", "project", "-r", "domain")
    assert code == 0
    assert rows(out) == {"project": "12", "domain": "16"}
    assert "2 requests" in out
    assert "inventory.sqlite" in out
    with closing(sqlite3.connect("inventory.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM v_project").fetchone() == (12,)


def test_json_output_is_for_machines(command: Command) -> None:
    code, out, err = command("sweep", "--json", "-r", "project")
    summary = json.loads(out.splitlines()[-1])
    assert (code, err) == (0, "")
    assert (summary["event"], summary["state"], summary["rows"]) == ("summary", "done", {"project": 12})


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "projects.csv", "projects.parquet"])
def test_the_name_says_the_form(command: Command, name: str) -> None:
    code, _, _ = command("sweep", "-r", "project", "-o", name)
    assert code == 0
    assert [path.name for path in Path().iterdir()] == [name]


def test_explain_and_plan_send_nothing_and_tell_the_price_once_it_is_known(command: Command, server: str) -> None:
    with faults(server, {"status": 500}):
        code, out, _ = command("sweep", "--explain", "-r", "project", "-r", "cronjob")
        assert code == 0
        assert "1 per project" in out
        assert not Path("inventory.sqlite").exists()
    command("sweep", "-r", "project", "-r", "cronjob")
    code, out, _ = command("plan", "-r", "project", "-r", "cronjob")
    assert "total: 13 requests, within one window" in out
    code, out, _ = command("plan", "--json", "-r", "project", "-r", "cronjob")
    found = json.loads(out)
    assert (code, found["requests"], found["exact"]) == (0, 13, True)
    assert [step["requests"] for step in found["steps"]] == [1, 12]


def test_plan_lists_every_resource_with_its_lists(command: Command) -> None:
    code, out, _ = command("plan", "--list")
    assert code == 0
    assert "mysql_user" in out
    code, out, _ = command("plan", "--list", "--json")
    assert len(json.loads(out)) > 60


def test_lists_that_fail_make_exit_code_3_and_are_named(command: Command, server: str) -> None:
    with faults(server, {"operation": "cronjob-list-cronjobs", "status": 403, "count": 1}):
        code, _, err = command("sweep", "-r", "project", "-r", "cronjob")
    assert code == 3
    assert "failed: cronjob of " in err
    assert "--resume" in err
    code, out, _ = command("sweep", "--resume")
    assert code == 0
    assert "1 requests" in out


def test_strict_ends_at_the_first_failure(command: Command, server: str) -> None:
    with faults(server, {"operation": "cronjob-list-cronjobs", "status": 403}):
        code, _, err = command("sweep", "--strict", "-r", "cronjob")
    assert code == 1
    assert "the token's user may not do this" in err


def test_used_up_requests_are_exit_code_4_and_resume_goes_on(command: Command) -> None:
    code, _, err = command("sweep", "-r", "cronjob", "--max-requests", "5")
    assert code == 4
    assert "go on with: mittwald-async sweep --resume --out inventory.sqlite" in err
    code, out, _ = command("sweep", "--resume")
    assert code == 0
    assert "8 requests" in out


def test_parts_of_an_account(command: Command) -> None:
    command("sweep", "-r", "project")
    with closing(sqlite3.connect("inventory.sqlite")) as db:
        project, customer = db.execute("SELECT id, customer_id FROM project").fetchone()
    code, out, _ = command("sweep", "--project", project, "-r", "project", "-r", "cronjob")
    assert code == 0
    assert rows(out)["project"] == "1"
    code, out, _ = command("sweep", "--customer", customer, "-r", "customer")
    assert rows(out) == {"customer": "1"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("-r", "projekt"), "did you mean project"),
        (("-o", "rows.txt"), "cannot tell the form"),
        (("-o", "missing/rows.sqlite"), "no such folder"),
        (("--resume",), "there is nothing to resume"),
        (("--customer", "c", "--project", "p"), "not for both"),
        (("--demo", "--token-file", "x"), "leave --token-file out"),
        (("--token-file", "missing"), "No such file"),
        (("--max-requests", "0"), "Invalid value"),
        (("--bogus",), "No such option"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(command: Command, arguments: tuple[str, ...], complaint: str) -> None:
    code, _, err = command("sweep", *arguments)
    assert code == 2
    assert complaint in err
    assert "Traceback" not in err
    assert list(Path().iterdir()) == []


def test_without_a_token_it_says_what_to_do(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MITTWALD_API_TOKEN")
    code, _, err = command("sweep")
    assert code == 2
    assert "set MITTWALD_API_TOKEN" in err


def test_a_wrong_token_is_named_but_never_shown(command: Command, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("wrong-token-for-tests\n")
    code, _, err = command("limits", "--token-file", "token")
    assert code == 1
    assert "MITTWALD_API_TOKEN or --token-file" in err
    assert "wrong-token-for-tests" not in err


def test_a_token_refused_in_a_sweep_is_one_line_and_says_how_to_go_on(command: Command, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("wrong-token-for-tests\n")
    code, _, err = command("sweep", "-r", "project", "--token-file", "token", "-o", "my rows.sqlite")
    assert code == 1
    assert "MITTWALD_API_TOKEN or --token-file" in err
    assert "go on with: mittwald-async sweep --resume --out 'my rows.sqlite'" in err
    assert command("sweep", "--resume", "-o", "my rows.sqlite")[0] == 0


def test_a_token_file_may_begin_with_a_byte_order_mark(command: Command, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token\n", encoding="utf-8-sig")
    assert command("limits", "--token-file", "token")[0] == 0


def test_ids_of_which_nothing_was_found_are_named(command: Command) -> None:
    code, _, err = command("sweep", "-r", "domain", "--project", "no-such-project")
    assert code == 0
    assert "nothing at all was found of no-such-project" in err


def test_lines_come_while_nothing_else_does(command: Command, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.1)
    with faults(server, {"operation": "cronjob-list-cronjobs", "delay": 1.5}):
        code, out, _ = command("sweep", "--json", "-r", "project", "-r", "cronjob")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert sum(event["event"] == "progress" and event["rows"]["cronjob"] == 0 for event in events) >= 4


def test_no_server_is_one_line(command: Command) -> None:
    code, _, err = command("call", "customer-list-customers", "--base-url", "http://127.0.0.1:1")
    assert code == 1
    assert len(err.strip().splitlines()) == 1


def test_debug_shows_the_traceback(command: Command) -> None:
    code, _, err = command("sweep", "--debug", "-r", "projekt")
    assert code == 2
    assert "Traceback" in err


def start(server: str, folder: Path, *arguments: str, out: int | None = None, err: int) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "MITTWALD_API_TOKEN": "token",
        "MITTWALD_API_BASE_URL": server,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "mittwald_async.cli", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err, text=False)


def test_ctrl_c_stops_within_two_seconds_and_says_how_to_go_on(server: str, tmp_path: Path, command: Command) -> None:
    with faults(server, {"operation": "cronjob-list-cronjobs", "delay": 20}):
        with start(server, tmp_path, "sweep", "-r", "project", "-r", "cronjob", err=subprocess.PIPE) as process:
            wait_for_table(tmp_path / "inventory.sqlite", "project")
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=10)
        assert time.monotonic() - begin < 2
        assert process.returncode == 130
        assert b"go on with: mittwald-async sweep --resume --out inventory.sqlite" in err
    assert command("sweep", "--resume")[0] == 0


def wait_for_table(path: Path, table: str) -> None:
    for _ in range(500):
        time.sleep(0.02)
        if path.exists():
            with closing(sqlite3.connect(path)) as db:
                try:
                    if db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:
                        return
                except sqlite3.OperationalError:
                    continue


def test_on_a_terminal_progress_is_drawn(server: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with faults(server, {"operation": "cronjob-list-cronjobs", "delay": 0.1}):
        with start(server, tmp_path, "sweep", "-r", "project", "-r", "cronjob", out=theirs, err=theirs) as process:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    piece = os.read(ours, 65536)
                except OSError:  # The other end is gone.
                    break
                if not piece:
                    break
                shown += piece
        os.close(ours)
    assert process.returncode == 0
    assert b"\x1b[" in shown
    assert b"cronjob" in shown
    assert b"left)" in shown


def test_the_demo_needs_no_token_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MITTWALD_API_TOKEN", raising=False)
    command = [sys.executable, "-m", "mittwald_async.cli", "sweep", "--demo", "--out", str(tmp_path / "demo.sqlite")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "demo.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM v_project WHERE customer IS NOT NULL").fetchone() == (100,)
        assert db.execute("SELECT state FROM sweeps").fetchone() == ("done",)
