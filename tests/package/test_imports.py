"""The cost of importing. Module counts are exact; time limits leave room for a busy machine."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

from ..support.fresh_process import ROOT, fresh, loaded_by, ordinary_environment

GENERATED = ("mittwald_async.api", "mittwald_async.models", "mittwald_async.operations")

MS = 0.001


def ours(names: set[str], *parts: str) -> set[str]:
    return {name for name in names if name.startswith(parts or ("mittwald_async",))}


def test_the_root_loads_only_itself() -> None:
    loaded = loaded_by("import mittwald_async")
    assert ours(loaded) == {"mittwald_async", "mittwald_async._version"}
    assert not {"aiohttp", "msgspec", "anyio"} & loaded


def test_the_client_loads_no_generated_module() -> None:
    """Except the index of groups, and that of operations, which loads a group when an operation is looked up."""
    loaded = loaded_by("from mittwald_async import Mittwald; Mittwald('token-for-tests')")
    assert ours(loaded, *GENERATED) == {
        "mittwald_async.api",
        "mittwald_async.api.groups",
        "mittwald_async.operations",
    }


def test_first_use_of_a_group_loads_only_that_group() -> None:
    loaded = loaded_by("from mittwald_async import Mittwald; Mittwald('token-for-tests').project")
    assert ours(loaded, "mittwald_async.api.") == {"mittwald_async.api.groups", "mittwald_async.api.project"}
    assert ours(loaded, "mittwald_async.models") == set()


DECODED = """
from mittwald_async import Mittwald, codec
from mittwald_async.api import project
codec.decode(project.LIST_PROJECTS, 200, "application/json", b"[]")
"""


def test_the_first_response_loads_only_the_models_it_needs() -> None:
    loaded = ours(loaded_by(DECODED), "mittwald_async.models.")
    assert "mittwald_async.models.project" in loaded
    assert len(loaded) < 10, "a list of projects needs a few domains, not all 48"


def test_command_line_help_loads_no_client() -> None:
    loaded = loaded_by("import mittwald_async.cli")
    assert ours(loaded, "mittwald_async.client", "mittwald_async.inventory", *GENERATED) == set()


def seconds(code: str) -> float:
    """CPU time of a new interpreter, which is independent of other load."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=ordinary_environment(), check=True, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_importing_the_root_takes_milliseconds() -> None:
    """At most 50 ms more than a bare interpreter: the median of pairs run one after the other."""
    seconds("import mittwald_async")
    above = statistics.median(seconds("import mittwald_async") - seconds("pass") for _ in range(7))
    assert above <= 50 * MS


EVERYTHING = """
import json, re, resource, sys, time

def most() -> int:
    # ru_maxrss starts with what the parent had; VmHWM is of this program alone
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read())[1])

before = most()
begin = time.process_time()
from mittwald_async import models
from mittwald_async.operations import OPERATIONS
import mittwald_async.client
for name in models.__all__:
    getattr(models, name)
for operation in OPERATIONS.values():
    pass
seconds = time.process_time() - begin
after = most()
print(json.dumps([seconds, (after - before) / 1024]))
"""


def test_importing_everything_takes_at_most_half_a_second_and_60_mb() -> None:
    fresh(EVERYTHING)  # writes the bytecode, which happens once per installation
    measured = [fresh(EVERYTHING) for _ in range(3)]
    assert min(cost for cost, _ in measured) <= 0.5
    assert min(megabytes for _, megabytes in measured) <= 60
