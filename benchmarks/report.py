"""The report of a large account: seconds until the page is written, and its size.

The account has 100,000 projects with their customers, servers, apps, domains, certificates and members, and two sweeps to
compare. The aim is 5 s and 3 MB, drawing the charts included.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mittwald_async.inventory.report import write_report

from .frame import Measured, Settings, Table, installed
from .inventory_copies import make_copies

RESOURCES = ("customer", "server", "project", "app_installation", "domain", "certificate", "project_membership")


def run(settings: Settings) -> Iterator[Table]:
    table = Table("the report of an inventory", ("projects", "rows", "seconds", "CPU seconds", "MB"))
    if not all(map(installed, ("altair", "vl_convert", "jinja2"))):
        table.notes.append("left out: altair, vl-convert-python or jinja2 is not installed (extra `report`)")
        yield table
        return
    projects = settings.pick(100_000, 200)
    with tempfile.TemporaryDirectory() as folder:
        file, page = Path(folder, "inventory.sqlite"), Path(folder, "report.html")
        rows = make_copies(file, projects, RESOURCES)
        wall: list[float] = []
        cpu: list[float] = []
        for _ in range(settings.pick(3, 1)):
            begin = time.perf_counter(), time.process_time()
            write_report(file, page)
            wall.append(time.perf_counter() - begin[0])
            cpu.append(time.process_time() - begin[1])
        size = page.stat().st_size / 1e6
    table.add(projects, rows, Measured(tuple(wall)).median, Measured(tuple(cpu)).median, size)
    yield table
