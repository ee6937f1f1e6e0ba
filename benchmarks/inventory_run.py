"""One look at an inventory in a process of its own, so that its memory is its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """What looking at an inventory took."""

    seconds: float
    cpu: float
    """Seconds of all threads, and of the interpreter that a report starts for its checks."""
    peak: float
    """MB at most, over what the process had before; without that interpreter."""
    result: float
    """Findings, or the page's MB."""


def run_apart(what: str, file: Path) -> Run:
    """Run `check` or `report` on a file in a new process.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "benchmarks.inventory_run", what, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Run(*map(float, done.stdout.split()))


def _measure(what: str, file: Path) -> Run:
    from mittwald_async.inventory.checks import run_checks
    from mittwald_async.inventory.report import write_report

    from .sweep import _peak  # pyright: ignore[reportPrivateUsage]

    idle = _peak()
    begin = time.perf_counter(), _cpu()
    if what == "check":
        result = float(len(run_checks(file).findings))
    else:
        result = write_report(file, file.with_suffix(".html"), apart=True).stat().st_size / 1e6
    return Run(time.perf_counter() - begin[0], _cpu() - begin[1], _peak() - idle, result)


def _cpu() -> float:
    """Seconds of this process and of those that it has started."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    print(*_measure(sys.argv[1], Path(sys.argv[2])))
