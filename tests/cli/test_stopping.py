"""Stopping from outside: Ctrl-C, signals, and readers that close the pipe."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from mittwald_async.cli import plan, sweep

from .conftest import PROGRAM, Command, environment, faults

SLOW = {"operation": "cronjob-list-cronjobs", "delay": 20}

HEEDING = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)
"""Runs a command that handles Ctrl-C. Shells start background processes with it ignored, and children inherit that."""


def wait_for_rows(path: Path, table: str) -> None:
    for _ in range(500):
        time.sleep(0.02)
        if path.exists():
            with closing(sqlite3.connect(path)) as db:
                try:
                    if db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:
                        return
                except sqlite3.OperationalError:
                    continue


@pytest.mark.parametrize(
    ("by", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_sweep_stops_at_once_and_prints_the_command_to_resume(
    server: str, tmp_path: Path, by: signal.Signals, code: int, word: str
) -> None:
    out = tmp_path / "Ann's inventory.sqlite"
    command = [*PROGRAM, "sweep", "-r", "project", "-r", "cronjob", "--out", out.name, "--reserve", "0.1"]
    with faults(server, SLOW):
        with subprocess.Popen(
            [*HEEDING, *command], cwd=tmp_path, env=environment(server), stderr=subprocess.PIPE, text=True
        ) as process:
            wait_for_rows(out, "project")
            begin = time.monotonic()
            process.send_signal(by)
            _, err = process.communicate(timeout=15)
        # Two seconds are promised. A busy machine takes longer, but not the 20 s of the response.
        assert time.monotonic() - begin < 8
    assert process.returncode == code
    reported = err.splitlines()[-1]
    assert reported.startswith(f"{word}; resume with: ")
    assert "--reserve 0.1" in reported
    # Run it as a person would: pasted into a shell.
    line = reported.partition("resume with: ")[2]
    again = subprocess.run(line, shell=True, cwd=tmp_path, env=environment(server), capture_output=True, check=False)
    assert again.returncode == 0
    with closing(sqlite3.connect(out)) as db:
        assert db.execute("SELECT state FROM sweeps").fetchall() == [("done",)]


def test_a_sweep_that_had_not_begun_prints_no_command_to_resume(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "_sweep", stopped)
    assert command("sweep", "-r", "project") == (130, "", "interrupted; nothing had been requested yet\n")


def test_ctrl_c_is_reported_when_no_request_was_sent(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "make_plan", stopped)
    assert command("plan") == (130, "", "interrupted\n")


def test_the_command_to_resume_repeats_the_options_as_typed(command: Command, server: str, tmp_path: Path) -> None:
    (tmp_path / "my token").write_text("token\n")
    options = [
        "--strict",
        "--concurrency",
        "3",
        "--token-file",
        "my token",
        "--base-url",
        f"{server}/",
        "--out",
        "-x.jsonl",
    ]
    code, _, err = command("sweep", "-r", "cronjob", "--max-requests", "5", *options)
    assert code == 4
    reported = shlex.split(err.partition("resume with: mittwald-async ")[2])
    assert reported == [
        *("sweep", "--resume", "--strict", "--concurrency", "3"),
        *("--token-file", "my token", "--base-url", f"{server}/", "--out=-x.jsonl"),
    ]
    assert command(*reported)[0] == 0
    assert Path("-x.jsonl").exists()


def test_messages_use_the_name_the_program_was_called_by(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "mittwald-async"
    program.parent.mkdir()
    program.touch(0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", "/nowhere")
    _, _, err = command("sweep", "-r", "cronjob", "--max-requests", "1")
    assert f"resume with: {program} sweep --resume" in err
    monkeypatch.setenv("PATH", str(program.parent))
    _, _, err = command("sweep", "-r", "cronjob", "--max-requests", "1")
    assert "resume with: mittwald-async sweep --resume" in err


@pytest.mark.parametrize("arguments", [("operations",), ("sweep", "--json", "-r", "project"), ("--help",)])
def test_a_reader_that_closes_the_pipe_is_no_error(server: str, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [*PROGRAM, *arguments],
        cwd=tmp_path,
        env=environment(server),
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_to_a_full_disk_gives_one_line(server: str, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "operations", "mysql"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environment(server),
        )
    assert (done.returncode, done.stderr) == (2, "mittwald-async: the output: No space left on device\n")


def test_closed_streams_do_not_stop_a_sweep(server: str, tmp_path: Path) -> None:
    line = shlex.join([*PROGRAM, "sweep", "-r", "project", "-o", "rows.jsonl"]) + " <&- >&- 2>&-"
    done = subprocess.run(line, shell=True, cwd=tmp_path, env=environment(server), check=False)
    assert done.returncode == 0
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 12


def test_every_line_of_json_output_is_json(server: str, tmp_path: Path) -> None:
    with faults(server, {"operation": "cronjob-list-cronjobs", "status": 403, "count": 2}):
        command = [*PROGRAM, "sweep", "--json", "-r", "project", "-r", "cronjob"]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**environment(server), "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            check=False,
        )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (3, b"")
    assert [event["event"] for event in events][-1] == "summary"
    assert len(events[-1]["failures"]) == 2
