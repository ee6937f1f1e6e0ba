"""Performs the tasks in one folder, as a newcomer would, and measures the time of each.

python -m tests.first_hour.walk
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from mittwald_async.emulator import Emulator, Transitions
from mittwald_async.emulator.pytest_plugin import running
from tests.first_hour.tasks import PROJECT, TASKS, Step, Task
from tests.readme.blocks import README, ROOT, blocks


class Outcome(NamedTuple):
    """The result of a task."""

    task: Task
    seconds: float
    complaints: list[str]


def walk(folder: Path) -> Iterator[Outcome]:
    """Every task in order."""
    (folder / "desc.txt").write_text("Müller & Söhne\n", encoding="utf-8")
    (folder / "first.py").write_text(first_script(), encoding="utf-8")
    (folder / "examples").symlink_to(ROOT / "examples")
    with running(Emulator(seed=7, transitions=Transitions(length=0.05, failing=0.0), lag=0.0)) as api:
        ids = [api.world.read("project", key)["shortId"] for key in list(api.world.keys("project"))[:3]]
        rows = "".join(f"{one},Shop {number}\n" for number, one in enumerate(ids))
        (folder / "rows.csv").write_text(f"projectId,description\n{rows}", encoding="utf-8")
        environment = {
            **os.environ,
            "MITTWALD_API_TOKEN": api.token,
            "MITTWALD_API_BASE_URL": api.url,
            "PYTHONPATH": str(ROOT),
        }
        for task in TASKS:
            begun = time.monotonic()
            complaints = [one for step in task.steps for one in taken(step, folder, environment, ids[0])]
            yield Outcome(task, time.monotonic() - begun, complaints)


def first_script() -> str:
    """The first script that the README shows."""
    return blocks(README, "python")[0].text


def taken(step: Step, folder: Path, environment: dict[str, str], project: str) -> list[str]:
    """Run a line as typed, and return what is wrong with the outcome."""
    program, *words = shlex.split(step.line.replace(PROJECT, project))
    start = ["-m", "mittwald_async.cli"] if program == "mittwald-async" else []
    # A demo brings its own server and token, for users who have none.
    own = {} if "--demo" not in words else {"MITTWALD_API_TOKEN": "", "MITTWALD_API_BASE_URL": ""}
    given = {name: value for name, value in {**environment, **own}.items() if value or name not in own}
    done = subprocess.run(
        [sys.executable, *start, *words], cwd=folder, env=given, input=step.stdin, capture_output=True, text=True
    )
    shown = done.stdout + done.stderr
    complaints = [f"{step.line}: {text!r} is not seen in: {shown}" for text in step.seen if text not in shown]
    complaints += [f"{step.line}: {text!r} is seen" for text in step.never if text in shown]
    if done.returncode != step.code:
        complaints.append(f"{step.line}: exit code {done.returncode}, not {step.code}: {shown}")
    if "Traceback" in shown or "Warning" in shown:
        complaints.append(f"{step.line}: {shown}")
    return complaints


def main() -> None:
    with TemporaryDirectory() as folder:
        for number, outcome in enumerate(walk(Path(folder)), 1):
            print(
                f"{number:2}  {outcome.seconds:5.1f} s  {'as expected' if not outcome.complaints else 'NOT AS EXPECTED'}  {outcome.task.wish}"
            )
            for complaint in outcome.complaints:
                print(f"    {complaint}")


if __name__ == "__main__":
    main()
