"""`emulate`: the local API as a command, with lines to paste into a shell."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from .conftest import ROOT, Command


@contextmanager
def emulating(*arguments: str) -> Generator[subprocess.Popen[str]]:
    running = subprocess.Popen(
        [sys.executable, "-m", "mittwald_async.cli", "emulate", "--port", "0", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def test_its_shell_lines_point_other_programs_at_it() -> None:
    with emulating("--accounts", '[{"projects": 3}, {"projects": 2, "mfa": true, "name": "shop"}]') as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(4)]
        assert lines[0] == "# account-1: login user@example.org, password password-for-tests\n"
        assert lines[2].startswith("# shop: login user-2@example.org, ")
        assert lines[2].endswith(", second factor 123456\n")
        for line, projects in ((lines[1], 3), (lines[3], 2)):
            word, *settings = shlex.split(line)
            assert word == "export"
            reported = dict(setting.split("=", 1) for setting in settings)
            assert set(reported) == {"MITTWALD_API_TOKEN", "MITTWALD_API_BASE_URL"}
            done = subprocess.run(
                [sys.executable, "-m", "mittwald_async.cli", "call", "project-list-projects"],
                env={**os.environ, "PYTHONPATH": str(ROOT), **reported},
                capture_output=True,
                text=True,
                check=True,
            )
            assert len(json.loads(done.stdout)) == projects
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_its_help_looks_like_that_of_other_commands(command: Command, flag: str) -> None:
    code, out, _ = command("emulate", flag)
    assert code == 0
    assert "--accounts" in out
    assert "mittwald-async emulate --customers 20" in out
    assert "Exit codes" in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--port", "99999"], "port must be 0 to 65535"),
        (["--on", "yesterday"], "--on must be a date like 2026-01-31, not yesterday"),
        (["--accounts", "none"], "--accounts: not JSON"),
        (["--rate-limit", "many"], "--rate-limit must be N/SECONDS or none, not many"),
        (["--clock", "sundial"], "see `mittwald-async emulate --help`"),
    ],
)
def test_an_option_out_of_range_gives_one_line(command: Command, arguments: list[str], problem: str) -> None:
    code, out, err = command("emulate", *arguments)
    assert (code, out) == (2, "")
    assert problem in err
    assert err.count("\n") == 1
