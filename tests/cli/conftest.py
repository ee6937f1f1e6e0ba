"""An emulator in its own process, since the command line runs its own event loops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.cli.app import run

ROOT = Path(__file__).parents[2]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def server() -> Generator[str]:
    """URL of an account with 3 customers and 12 projects."""
    yield from account()


def account(*options: str) -> Generator[str]:
    """The same for a module's own fixture whose account no other test may change."""
    command = [sys.executable, "-m", "mittwald_async.emulator", "--port", "0", "--customers", "3", "--projects", "12"]
    with subprocess.Popen(
        [*command, "--rate-limit", "100000/600", "--lag", "0", *options], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture
def command(
    server: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    """Runs the command line in an empty folder; gives exit code, output and error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MITTWALD_API_TOKEN", "token")
    monkeypatch.setenv("MITTWALD_API_BASE_URL", server)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@contextmanager
def faults(server: str, *plans: dict[str, Any]) -> Generator[None]:
    """Make the emulator inject faults for a while."""
    _control(server, "PUT", list(plans))
    try:
        yield
    finally:
        _control(server, "DELETE", None)


def _control(server: str, method: str, body: Any) -> None:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server}/__emulator/faults", data, method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request):
        pass


def environment(server: str) -> dict[str, str]:
    """The environment for the command line as its own process."""
    return {
        **os.environ,
        "MITTWALD_API_TOKEN": "token",
        "MITTWALD_API_BASE_URL": server,
        "PYTHONPATH": str(ROOT),
    }


PROGRAM = (sys.executable, "-m", "mittwald_async.cli")
