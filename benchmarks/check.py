"""All checks over a large inventory: seconds and memory, in a file of a million rows and two sweeps.

The checks ask the last state and the one before, in two threads; what has not changed between the two is asked once.
The aim is 10 s on two cores that have nothing else to do. CPU seconds are those of both threads.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from mittwald_async.inventory.checks import all_checks

from .frame import Settings, Table
from .inventory_copies import make_copies
from .inventory_run import run_apart


def run(settings: Settings) -> Iterator[Table]:
    table = Table("all checks", ("checks", "rows", "findings", "seconds", "CPU seconds", "MB over idle"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "inventory.sqlite")
        rows = make_copies(file, settings.pick(23_000, 200))
        runs = [run_apart("check", file) for _ in range(settings.pick(3, 1))]
    seconds, cpu, peak, found = map(median, zip(*runs, strict=True))
    table.add(len(all_checks()), rows, int(found), seconds, cpu, peak)
    yield table
