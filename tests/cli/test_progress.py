"""The progress display of a sweep."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import time
from pathlib import Path

import pytest
from rich.console import Console

from mittwald_async.cli import progress
from mittwald_async.cli.progress import SweepState

from .conftest import PROGRAM, environment, faults


class Still:
    """A sweep frozen at one moment."""

    def __init__(self, state: SweepState | None, seconds: float = 75) -> None:
        self.state, self.seconds = state, seconds

    def look(self) -> SweepState | None:
        return self.state


def state(**facts: object) -> SweepState:
    lists = {f"thing_{n}": (12, 12, False) if n < 10 else (n, 40, n > 18) for n in range(20)}
    usual: dict[str, object] = {
        "rows": dict.fromkeys(lists, 5),
        "lists": lists,
        "requests": 1200,
        "failures": 0,
        "left": 1800,
        "limit": 3000,
        "resets_in": 300.0,
        "waiting": False,
        "others": 0,
        "eta": 130.0,
        "eta_at_least": False,
    }
    return SweepState(**{**usual, **facts})  # type: ignore[arg-type]


def drawn(shown: SweepState | None, width: int = 100, height: int = 40) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO())
    with console.capture() as capture:
        console.print(progress._Screen(Still(shown)))  # type: ignore[arg-type]  # pyright: ignore
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_first_line_has_the_essentials() -> None:
    assert drawn(None) == ["starting …"]
    first, head, *rest = drawn(state(), width=120)
    assert first == "1:15 100 rows, 265 of 520 lists, 1,200 requests (1,800 of 3,000 left), about 2:10 to go"
    assert head.split() == ["resource", "rows", "lists"]
    assert rest[0].split() == ["thing_0", "5", "12/12"]
    assert rest[-1].split() == ["thing_19", "5", "19/40+"]


def test_waiting_is_shown_with_the_time_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "localtime", time.gmtime)
    assert "waiting for the budget until 00:05:00" in drawn(state(waiting=True), width=140)[0]
    assert "others use the budget too" in drawn(state(others=2), width=140)[0]


def test_failures_and_lower_bounds_are_labelled() -> None:
    line = drawn(state(failures=3, eta_at_least=True), width=140)[0]
    assert "265 of 520 lists (3 failed)" in line
    assert "at least 2:10 to go" in line
    assert "to go" not in drawn(state(eta=None), width=140)[0]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (20, 10), (10, 3), (1, 1)])
def test_it_fits_every_terminal_and_drops_finished_resources_first(width: int, height: int) -> None:
    lines = drawn(state(), width, height)
    status = len([line for line in lines if "thing" not in line and "done)" not in line and "resource" not in line])
    assert len(lines) <= max(height, status)
    assert all(len(line) <= width for line in lines)
    if height > 20:
        assert any("done)" in line for line in drawn(state(), width, 15))
        assert lines[-1].startswith("thing_19")


def on_a_terminal(server: str, folder: Path, *arguments: str, **variables: str) -> tuple[int, bytes]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, *arguments], cwd=folder, env={**environment(server), **variables}, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # The other end is closed.
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    return process.returncode, shown


def test_on_a_terminal_it_is_drawn_and_removed_again(server: str, tmp_path: Path) -> None:
    with faults(server, {"operation": "cronjob-list-cronjobs", "delay": 0.1}):
        code, shown = on_a_terminal(server, tmp_path, "sweep", "-r", "project", "-r", "cronjob", TERM="xterm")
    assert code == 0
    assert b"\x1b[" in shown
    assert b"left)" in shown
    assert shown.endswith("→ inventory.sqlite\r\n".encode())


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "1"}])
def test_simpler_terminals_get_a_simpler_display(server: str, tmp_path: Path, variables: dict[str, str]) -> None:
    code, shown = on_a_terminal(server, tmp_path, "sweep", "-r", "project", **variables)
    assert code == 0
    assert "→ inventory.sqlite".encode() in shown
    if variables["TERM"] == "dumb":
        assert b"\x1b" not in shown
    else:
        assert b"\x1b[3" not in shown


def test_binary_output_is_not_written_to_a_terminal(server: str, tmp_path: Path) -> None:
    code, shown = on_a_terminal(server, tmp_path, "call", "file-get-file", "fileId=f-1")
    assert code == 2
    assert b"write it to one with --out" in shown
