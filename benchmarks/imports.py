"""Imports: time from a bare interpreter, memory and modules, for one call's worth of the package and for all of it.

Every figure is of a fresh interpreter with compiled bytecode on disk. Seconds are counted inside it around the import,
memory is what the process holds afterwards beyond what it held before.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from .frame import Measured, Settings, Table, installed, missing

NAME = "import"
"""The module cannot have this name."""

_PROBE = """
import json, sys, time
def held():
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096 / 1e6
    except OSError:
        return 0.0
before, modules, start = held(), len(sys.modules), time.perf_counter()
{code}
print(json.dumps([time.perf_counter() - start, held() - before, len(sys.modules) - modules]))
"""

_EVERYTHING = """
from importlib import import_module
from mittwald_async import models, operations
for name in operations.GROUPS: import_module("mittwald_async.api." + name)
for name in models.__all__: getattr(models, name)
"""

_ONE_CALL = """
from mittwald_async.api.project import ProjectGroup
from mittwald_async.codec import strict_decoder
strict_decoder("list[project.ProjectListItem]")
"""

OURS = {
    "import mittwald_async": "import mittwald_async",
    "one group and the decoder of one list": _ONE_CALL,
    "all 24 groups, all models": _EVERYTHING,
}
PEERS = {
    "aiohttp": ("aiohttp", "import aiohttp"),
    "mittwald-api-client, one operation": (
        "mittwald_api_client",
        "from mittwald_api_client.api.project import project_list_projects",
    ),
}


def run(settings: Settings) -> list[Table]:
    table = Table("Imports", ("what", "ms", "spread %", "MB", "modules"))
    contenders = dict(OURS)
    for name, (module, code) in PEERS.items():
        if installed(module):
            contenders[name] = code
        else:
            table.notes.append(missing(name.partition(",")[0]))
    rounds = settings.pick(9, 1)
    seen: dict[str, list[tuple[float, float, int]]] = {name: [] for name in contenders}
    for round_ in range(rounds + 1):
        for name, code in contenders.items():
            cost = probe(code)
            if round_:  # the first round writes bytecode
                seen[name].append(cost)
    for name, figures in seen.items():
        seconds = Measured(tuple(one[0] for one in figures))
        memory = Measured(tuple(one[1] for one in figures), "MB")
        table.add(name, seconds.median * 1e3, round(seconds.spread * 100), memory.median, figures[0][2])
    return [table]


def probe(code: str) -> tuple[float, float, int]:
    """Seconds, megabytes and modules that the code costs a fresh interpreter."""
    command = [sys.executable, "-c", _PROBE.format(code=code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: Any = json.loads(done.stdout)
    return float(figures[0]), float(figures[1]), int(figures[2])
