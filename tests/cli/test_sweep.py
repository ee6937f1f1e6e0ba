"""`sweep` and `plan` as typed: output, files and exit codes."""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mittwald_async.cli import progress
from mittwald_async.cli.app import run
from mittwald_async.runtime.codec import tolerant

from .conftest import ROOT, Command, faults


def rows(out: str) -> dict[str, str]:
    """The table of a summary."""
    cells = [line.split() for line in out.splitlines()[1:]]
    return {line[0]: line[1] for line in cells if len(line) == 2}


def test_a_sweep_writes_the_file_and_prints_a_summary(command: Command) -> None:
    code, out, _ = command("sweep", "-r", "project", "-r", "domain")
    assert code == 0
    assert rows(out) == {"project": "12", "domain": "16"}
    assert "2 requests" in out
    assert "inventory.sqlite" in out
    with closing(sqlite3.connect("inventory.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM v_project").fetchone() == (12,)


def test_json_output(command: Command) -> None:
    code, out, err = command("sweep", "--json", "-r", "project")
    summary = json.loads(out.splitlines()[-1])
    assert (code, err) == (0, "")
    assert (summary["event"], summary["state"], summary["rows"]) == ("summary", "done", {"project": 12})


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "projects.csv"])
def test_the_file_name_selects_the_format(command: Command, name: str) -> None:
    code, _, _ = command("sweep", "-r", "project", "-o", name)
    assert code == 0
    assert [path.name for path in Path().iterdir()] == [name]


def test_a_parquet_folder_is_selected_by_its_name(command: Command) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    assert command("sweep", "-r", "project", "-o", "projects.parquet")[0] == 0
    assert [path.name for path in Path().iterdir()] == ["projects.parquet"]


def test_explain_and_plan_send_nothing_and_give_the_cost_once_known(command: Command, server: str) -> None:
    with faults(server, {"status": 500}):
        code, out, _ = command("sweep", "--explain", "-r", "project", "-r", "cronjob")
        assert code == 0
        assert "1 per project" in out
        assert not Path("inventory.sqlite").exists()
    command("sweep", "-r", "project", "-r", "cronjob")
    code, out, _ = command("plan", "-r", "project", "-r", "cronjob")
    assert "total: 13 requests, within one window" in out
    _, out, _ = command("sweep", "-r", "project", "-r", "cronjob")
    assert "13 requests (as planned)" in out
    _, out, _ = command("sweep", "-r", "project", "-r", "cronjob", "-o", "fresh.sqlite")
    assert "13 requests (planned: 1 list by pages + 1 per project)" in out
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


@pytest.mark.parametrize(
    "part",
    [
        ("-r", "project", "-r", "app_installation", "-r", "domain"),
        ("-r", "mysql_user", "-r", "volume"),
        ("-r", "contract", "--customer", "CUSTOMER"),
        ("-r", "domain", "-r", "cronjob", "--project", "PROJECT"),
        (),
    ],
)
def test_a_sweep_sends_what_was_planned(command: Command, part: tuple[str, ...]) -> None:
    asked = [word for word in part if word.islower() and word[0] != "-"]
    more = [word for name in ("project", "customer", *asked) for word in ("-r", name)] if asked else []
    assert command("sweep", *more)[0] == 0
    with closing(sqlite3.connect("inventory.sqlite")) as db:
        project, customer = db.execute("SELECT id, customer_id FROM project").fetchone()
    ids = {"PROJECT": project, "CUSTOMER": customer}
    words = [ids.get(word, word) for word in part]
    planned = json.loads(command("plan", "--json", *words)[1])
    sent = json.loads(command("sweep", "--json", *words)[1].splitlines()[-1])
    assert (planned["exact"], planned["requests"]) == (True, sent["requests"])


def test_a_plan_only_reads_the_inventory_even_while_it_is_written(command: Command) -> None:
    assert command("sweep", "-r", "project")[0] == 0
    path = Path("inventory.sqlite")
    before = path.read_bytes()
    with closing(sqlite3.connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        assert "total: 1 request," in command("plan", "-r", "project")[1]
        assert "total: 1 request," in command("sweep", "--explain", "-r", "project")[1]
        db.execute("ROLLBACK")
    assert path.read_bytes() == before
    Path("empty.sqlite").touch()
    assert "1 per page" in command("sweep", "--explain", "-r", "project", "-o", "empty.sqlite")[1]
    assert Path("empty.sqlite").read_bytes() == b""


def test_a_sweep_of_some_projects_holds_nothing_of_other_customers(command: Command) -> None:
    assert command("sweep", "-r", "project")[0] == 0
    with closing(sqlite3.connect("inventory.sqlite")) as db:
        project, customer = db.execute("SELECT id, customer_id FROM project").fetchone()
    assert command("sweep", "--project", project, "-o", "one.sqlite")[0] == 0
    with closing(sqlite3.connect("one.sqlite")) as db:
        assert db.execute("SELECT id FROM customer").fetchall() == [(customer,)]
        for table in ("customer_order", "server", "invoice", "contract", "extension_instance", "domain"):
            assert set(db.execute(f"SELECT customer_id FROM {table}")) <= {(customer,), (None,)}


def test_a_folder_of_tables_keeps_unrelated_files(command: Command) -> None:
    folder = Path("papers")
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    code, _, err = command("sweep", "-r", "project", "--format", "csv", "-o", "papers")
    assert (folder / "thesis.txt").read_text() == "precious"
    assert (code, (folder / "project.csv").exists()) == (0, True), err


def test_refused_lists_are_always_reported(command: Command, server: str) -> None:
    with faults(server, {"status": 403}):
        code, _, err = command("sweep", "--account", "mine", "-r", "project", "-r", "domain", "-r", "customer")
    assert code == 3
    assert {line.split()[1].rstrip(":") for line in err.splitlines() if line.startswith("failed: ")} == {
        "project",
        "domain",
        "customer",
    }


@pytest.mark.parametrize(
    ("content", "complaint"), [(None, "no such file"), ("hello", "is not an SQLite database, and not an inventory")]
)
def test_a_plan_from_a_missing_inventory_is_refused(command: Command, content: str | None, complaint: str) -> None:
    if content is not None:
        Path("other.sqlite").write_text(content)
    code, out, err = command("plan", "--from", "other.sqlite")
    assert (code, out) == (2, "")
    assert complaint in err


def test_failed_lists_give_exit_code_3_and_are_named(command: Command, server: str) -> None:
    with faults(server, {"operation": "cronjob-list-cronjobs", "status": 403, "count": 1}):
        code, _, err = command("sweep", "-r", "project", "-r", "cronjob")
    assert code == 3
    assert "failed: cronjob of " in err
    assert "--resume" in err
    code, out, _ = command("sweep", "--resume")
    assert code == 0
    assert "1 request," in out


def test_strict_stops_at_the_first_failure(command: Command, server: str) -> None:
    with faults(server, {"operation": "cronjob-list-cronjobs", "status": 403}):
        code, _, err = command("sweep", "--strict", "-r", "cronjob")
    assert code == 1
    assert "the token's user may not do this" in err


def test_an_exhausted_request_limit_gives_exit_code_4_and_can_be_resumed(command: Command) -> None:
    code, _, err = command("sweep", "-r", "cronjob", "--max-requests", "5")
    assert code == 4
    assert "resume with: mittwald-async sweep --resume --out inventory.sqlite" in err
    code, out, _ = command("sweep", "--resume")
    assert code == 0
    assert "8 requests" in out


@pytest.mark.parametrize("to", [("-o", "jobs.csv"), ("-o", "jobs", "--format", "csv"), ("-o", "my jobs.jsonl")])
def test_the_printed_command_resumes_the_sweep(command: Command, to: tuple[str, ...]) -> None:
    code, _, err = command("sweep", "-r", "cronjob", "--max-requests", "5", *to)
    assert code == 4
    reported = shlex.split(err.partition("resume with: mittwald-async ")[2])
    code, _, err = command(*reported)
    assert (code, err) == (0, "")
    assert Path(to[1]).exists()


def test_resuming_with_other_settings_is_refused(command: Command) -> None:
    assert command("sweep", "-r", "cronjob", "--max-requests", "5")[0] == 4
    for other in (("-r", "domain"), ("--project", "p-1")):
        code, _, err = command("sweep", "--resume", *other)
        assert code == 2
        assert "was of something else" in err
    assert command("sweep", "--resume", "-r", "cronjob")[0] == 0


def test_a_damaged_file_gives_one_line(command: Command) -> None:
    assert command("sweep", "-r", "project", "-r", "domain")[0] == 0
    path = Path("inventory.sqlite")
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + bytes(range(256)) * ((len(whole) - 8192) // 256))
    code, _, err = command("sweep", "-r", "project")
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert "damaged" in err or "malformed" in err


def test_a_device_is_not_replaced(command: Command) -> None:
    os.mkfifo("rows.jsonl")
    code, _, err = command("sweep", "-r", "project", "-o", "rows.jsonl")
    assert code == 2
    assert "is a device or pipe" in err


def test_sweeps_of_parts_of_an_account(command: Command) -> None:
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
        (("--bogus",), "see `mittwald-async sweep --help`"),
        (("-r", "nothing like it"), "`mittwald-async plan --list` shows all there are"),
        (("--explain", "--resume"), "leave --resume out"),
        (("--demo", "--base-url", "http://localhost"), "leave --base-url out"),
        (("--base-url", "localhost"), "is not like https://"),
        (("--reserve", "1"), "0.95"),
        (("-o", "."), "cannot tell the form"),
    ],
)
def test_wrong_usage_gives_one_line_and_exit_code_2(
    command: Command, arguments: tuple[str, ...], complaint: str
) -> None:
    code, out, err = command("sweep", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert list(Path().iterdir()) == []


def test_without_a_token_it_says_what_to_do(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MITTWALD_API_TOKEN")
    code, _, err = command("sweep")
    assert code == 2
    assert "set MITTWALD_API_TOKEN" in err


def test_a_wrong_token_is_reported_but_never_shown(command: Command, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("wrong-token-for-tests\n")
    code, _, err = command("limits", "--token-file", "token")
    assert code == 1
    assert "MITTWALD_API_TOKEN or --token-file" in err
    assert "wrong-token-for-tests" not in err


def test_a_rejected_token_gives_one_line_and_nothing_to_resume(command: Command, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("wrong-token-for-tests\n")
    code, _, err = command("sweep", "-r", "project", "--token-file", "token", "-o", "my rows.sqlite")
    assert code == 1
    assert "MITTWALD_API_TOKEN or --token-file" in err
    assert len(err.splitlines()) == 1
    assert "no sweep had begun" in command("sweep", "--resume", "-o", "my rows.sqlite")[2]
    assert command("sweep", "-r", "project", "-o", "my rows.sqlite")[0] == 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "is empty"), (b" \r\n", "is empty"), (b"one\ntwo\n", "more than one line"), (b"\xff\xfe\x00", "not text")],
)
def test_a_token_file_without_a_token_is_named(
    command: Command, tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "token").write_bytes(content)
    code, _, err = command("limits", "--token-file", "token")
    assert code == 2
    assert complaint in err
    assert "one" not in err.replace("more than one line", "")


@pytest.mark.parametrize("content", [b"token", b"token\r\n", b"  token\n\n"])
def test_a_token_file_may_end_with_any_line_end(command: Command, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    assert command("limits", "--token-file", "token")[0] == 0


def test_on_a_terminal_a_token_readable_by_others_is_mentioned(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "token"
    path.write_text("token\n")
    path.chmod(0o644)
    assert command("limits", "--token-file", "token")[2] == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    code, _, err = command("limits", "--token-file", "token")
    assert (code, "chmod 600" in err) == (0, True)
    path.chmod(0o600)
    assert command("limits", "--token-file", "token")[2] == ""


def test_the_traceback_of_a_rejected_token_does_not_contain_it(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MITTWALD_API_TOKEN", "wrong-token-for-tests")
    code, _, err = command("sweep", "--debug", "-r", "project")
    assert code == 1
    assert "Traceback" in err
    assert "wrong-token-for-tests" not in err


def test_an_error_is_printed_before_the_command_to_resume(command: Command, server: str) -> None:
    with faults(server, {"operation": "project-list-projects", "status": 401}):
        error, way = command("sweep", "-r", "project")[2].splitlines()
    assert error.startswith("mittwald-async: 401")
    assert way == "stopped; once that is solved, resume with: mittwald-async sweep --resume --out inventory.sqlite"


def test_text_of_a_server_cannot_move_the_cursor(command: Command, server: str) -> None:
    body = json.dumps({"type": "VError", "message": "\x1b[2Jgone\r\nand \u202e back"})
    with faults(server, {"operation": "cronjob-list-cronjobs", "status": 403, "body": body, "count": 1}):
        code, _, err = command("sweep", "-r", "project", "-r", "cronjob")
    assert code == 3
    assert "gone" in err
    assert all(character.isprintable() or character == "\n" for character in err)


def test_short_windows_keep_their_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--port", "0", "--customers", "2", "--projects", "30", "--rate-limit", "40/2", "--lag", "0"]
    command = [sys.executable, "-m", "mittwald_async.emulator", *arguments]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MITTWALD_API_TOKEN", "token")
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.2)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        code = run(["sweep", "--json", "-r", "cronjob", "--reserve", "0.5", "--base-url", url])
        process.terminate()
    *lines, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (code, summary["requests"], summary["failures"]) == (0, 31, [])
    # 31 requests at 20 a window: half of the budget stays free for others at any time.
    assert min(line["left"] for line in lines if line["left"] is not None) >= 20 - 1
    assert any(line["waiting"] for line in lines)


def test_a_token_file_may_begin_with_a_byte_order_mark(command: Command, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token\n", encoding="utf-8-sig")
    assert command("limits", "--token-file", "token")[0] == 0


def test_ids_without_results_are_named(command: Command) -> None:
    code, _, err = command("sweep", "-r", "domain", "--project", "no-such-project")
    assert code == 0
    assert "nothing at all was found of no-such-project" in err


def test_messages_appear_while_the_sweep_is_idle(
    command: Command, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.1)
    with faults(server, {"operation": "cronjob-list-cronjobs", "delay": 1.5}):
        code, out, _ = command("sweep", "--json", "-r", "project", "-r", "cronjob")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert sum(event["event"] == "progress" and event["rows"]["cronjob"] == 0 for event in events) >= 4


def test_an_unreachable_server_gives_one_line(command: Command) -> None:
    code, _, err = command("call", "customer-list-customers", "--base-url", "http://127.0.0.1:1")
    assert code == 1
    assert len(err.strip().splitlines()) == 1


def test_debug_shows_the_traceback(command: Command) -> None:
    code, _, err = command("sweep", "--debug", "-r", "projekt")
    assert code == 2
    assert "Traceback" in err


def test_the_demo_needs_no_token_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MITTWALD_API_TOKEN", raising=False)
    command = [sys.executable, "-m", "mittwald_async.cli", "sweep", "--demo", "--out", str(tmp_path / "demo.sqlite")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "demo.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM v_project WHERE customer IS NOT NULL").fetchone() == (100,)
        assert db.execute("SELECT state FROM sweeps").fetchone() == ("done",)


@pytest.mark.filterwarnings("always::mittwald_async.errors.DriftWarning")
def test_a_list_that_is_none_is_said_in_one_line(
    command: Command, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tolerant, "_reported", {})  # Each place is said once in a process.
    with faults(server, {"operation": "project-list-projects", "status": 200, "body": '"maintenance"'}):
        code, _, err = command("sweep", "--quiet", "-r", "project")
    assert code == 3
    assert "project-list-projects: $: expected array, got string; kept as it came" in err.splitlines()
    assert "Warning" not in err
