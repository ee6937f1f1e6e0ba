"""Do the tests detect faults? `python -m tests.mutation ROOM … [--sample N] [--seed N] [--budget S]`.

Prints for each room how many mutants its tests kill and which survive. `tests/mutation.md` has the scores and the
reason for each survivor.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from .mutants import mutants
from .plugin import Judge

TOP = Path(__file__).parent.parent.parent


class Room(NamedTuple):
    """What is mutated, and which tests must notice it."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]


CALLS = tuple(
    f"tests/client/test_{name}.py"
    for name in (
        "attempts",
        "bodies",
        "broken_responses",
        "consistency",
        "errors",
        "event_pauses",
        "hostile",
        "redirects",
        "repeated_and_refused",
        "retries",
        "seams",
        "secrets",
    )
)
INVENTORY = tuple(
    f"tests/inventory/test_{name}.py"
    for name in (
        "accounts",
        "convert",
        "faults",
        "frontier",
        "history",
        "lists",
        "plan",
        "resuming",
        "rolling",
        "routes",
        "run",
        "store",
        "sweep",
        "sweep_to",
    )
)

ROOMS = {
    "retry": Room(
        ("runtime/transport/retry_decision.py", "runtime/transport/retry.py", "runtime/transport/follow_up.py"),
        (*CALLS, "tests/transport/test_retry.py", "tests/credentials/test_client.py"),
    ),
    "redirects": Room(("runtime/transport/redirects.py",), (*CALLS, "tests/transport/test_redirect_rules.py")),
    "limiter": Room(("runtime/ratelimit",), ("tests/ratelimit",)),
    "paging": Room(("runtime/paging", "runtime/lists.py"), ("tests/paging", "tests/client/test_profile.py")),
    "codec": Room(("runtime/codec/tolerant.py",), ("tests/codec",)),
    "resume": Room(("inventory/job.py", "inventory/store.py", "inventory/database.py"), INVENTORY),
    "plan": Room(("inventory/plan.py",), INVENTORY),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("rooms", nargs="*", help=f"one or more of {', '.join(ROOMS)}; without: all")
    parser.add_argument("--sample", type=int, default=150, help="most mutants per room, chosen by the seed (0: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=float, default=10.0, help="seconds of tests that a mutant has to survive")
    parser.add_argument("--only", help="only functions whose name contains this")
    given = parser.parse_args()
    unknown = sorted(set(given.rooms) - set(ROOMS))
    if unknown:
        parser.error(f"unknown room {unknown[0]!r}; the rooms are {', '.join(ROOMS)}")
    if len(given.rooms) != 1:
        rooms = given.rooms or list(ROOMS)
        rest = ["--sample", str(given.sample), "--seed", str(given.seed), "--budget", str(given.budget)]
        return max(subprocess.run([sys.executable, "-m", "tests.mutation", name, *rest]).returncode for name in rooms)
    return judge(given.rooms[0], given.sample, given.seed, given.budget, given.only)


def judge(name: str, sample: int, seed: int, budget: float, only: str | None) -> int:
    room = ROOMS[name]
    found = [mutant for file in files(room) for mutant in mutants(file) if only is None or only in mutant.function]
    chosen = found
    if 0 < sample < len(found):
        chosen = random.Random(seed).sample(found, sample)
    began = time.monotonic()
    plugin = Judge(chosen, budget)
    code = pytest.main(["-q", "-n0", "-p", "no:cacheprovider", "-p", "no:cov", *room.tests], plugins=[plugin])
    if not plugin.results:
        return int(code) or 1
    counted = Counter(verdict for _, verdict in plugin.results)
    killed = counted["killed"] + counted["timeout"]
    print(f"\n{name}: {killed} of {len(chosen)} killed ({killed / len(chosen):.1%}; {counted['timeout']} by time);")
    print(f"{len(found)} mutants in all, seed {seed}, {time.monotonic() - began:.0f} s")
    for mutant, verdict in sorted(plugin.results, key=lambda result: (str(result[0].file), result[0].lines[0])):
        if verdict in ("survived", "unreached"):
            place = f"{mutant.file.name}:{mutant.lines[0]} {mutant.function}"
            print(f"- {place}: {mutant.text}" + (" (no test gets there)" if verdict == "unreached" else ""))
    return 0


def files(room: Room) -> list[Path]:
    found: list[Path] = []
    for source in room.sources:
        path = TOP / "mittwald_async" / source
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return found


if __name__ == "__main__":
    sys.exit(main())
