"""All checks over a large inventory: seconds, in a file of a million rows and two sweeps.

The checks ask the last state and the one before, in two threads; what has not changed between the two is read once. The aim is
10 s on two cores that have nothing else to do. CPU seconds are those of both threads.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mittwald_async.inventory.checks import all_checks, run_checks

from .frame import Measured, Settings, Table
from .inventory_copies import make_copies


def run(settings: Settings) -> Iterator[Table]:
    table = Table("all checks", ("checks", "rows", "findings", "seconds", "CPU seconds"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "inventory.sqlite")
        rows = make_copies(file, settings.pick(23_000, 200))
        wall: list[float] = []
        cpu: list[float] = []
        found = 0
        for _ in range(settings.pick(3, 1)):
            begin = time.perf_counter(), time.process_time()
            found = len(run_checks(file).findings)
            wall.append(time.perf_counter() - begin[0])
            cpu.append(time.process_time() - begin[1])
    table.add(len(all_checks()), rows, found, Measured(tuple(wall)).median, Measured(tuple(cpu)).median)
    yield table
