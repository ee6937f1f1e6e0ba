"""The report of a large account: seconds until the page is written, and its size.

The account has 100,000 projects with their customers, servers, apps, domains, certificates and members, and two sweeps
to compare. The aim is 5 s and 3 MB, drawing the charts included.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from .frame import Settings, Table, installed
from .inventory_copies import make_copies
from .inventory_run import run_apart

RESOURCES = ("customer", "server", "project", "app_installation", "domain", "certificate", "project_membership")


def run(settings: Settings) -> Iterator[Table]:
    table = Table("the report of an inventory", ("projects", "rows", "seconds", "CPU seconds", "MB over idle", "MB"))
    if not all(map(installed, ("altair", "vl_convert", "jinja2"))):
        table.notes.append("left out: altair, vl-convert-python or jinja2 is not installed (extra `report`)")
        yield table
        return
    projects = settings.pick(100_000, 200)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "inventory.sqlite")
        rows = make_copies(file, projects, RESOURCES)
        runs = [run_apart("report", file) for _ in range(settings.pick(3, 1))]
    seconds, cpu, peak, size = map(median, zip(*runs, strict=True))
    table.add(projects, rows, seconds, cpu, peak, size)
    yield table
