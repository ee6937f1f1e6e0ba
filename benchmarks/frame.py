"""What all benchmarks share: alternating rounds, medians with spread, tables, versions and the machine.

A benchmark is a module of this folder with a docstring and `run(settings)`, which gives its tables one by one as they
are done, so that a long run shows what it has got. Contenders of one comparison run in turn (A B C, A B C, …) in one
process, so that a machine whose speed drifts slows all of them. The garbage collector is on, as it is for users, and is
run to completion before each measured round. The median is quoted, the spread is (max - min) / median.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any


@dataclass(frozen=True)
class Settings:
    """How large a run is. `quick` is a smoke test: everything runs, no figure of it is worth quoting."""

    quick: bool = False

    def pick(self, full: int, quick: int) -> int:
        """The size for this run."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Measured:
    """Repeated measurements of one thing, in `unit`."""

    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """(max - min) / median; 0 for a single value."""
        return (max(self.values) - min(self.values)) / self.median if self.median else 0.0


@dataclass
class Table:
    """One comparison. Cells are text, numbers, or None for "does not apply"."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str | float | int | None]] = field(default_factory=list[Sequence[str | float | int | None]])
    notes: list[str] = field(default_factory=list[str])

    def add(self, *cells: str | float | int | None) -> None:
        if len(cells) != len(self.columns):
            raise ValueError(f"{self.title}: {len(cells)} cells for {len(self.columns)} columns")
        self.rows.append(cells)

    def text(self) -> str:
        """As a Markdown table, numbers right-aligned."""
        shown = [[_cell(cell) for cell in row] for row in self.rows]
        widths = [max(len(head), *(len(row[i]) for row in shown), 3) for i, head in enumerate(self.columns)]
        numeric = [all(isinstance(row[i], int | float | None) for row in self.rows) for i in range(len(self.columns))]

        def line(cells: Sequence[str]) -> str:
            padded = (c.rjust(w) if n else c.ljust(w) for c, w, n in zip(cells, widths, numeric, strict=True))
            return "| " + " | ".join(padded) + " |"

        rule = "|" + "|".join("-" * (w + 1) + (":" if n else "-") for w, n in zip(widths, numeric, strict=True)) + "|"
        notes = "".join(f"\n- {note}" for note in self.notes)
        return "\n".join([f"### {self.title}", "", line(self.columns), rule, *map(line, shown)]) + (
            "\n" + notes if notes else ""
        )


def _cell(value: str | float | int | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def alternate(contenders: Mapping[str, Callable[[], object]], *, rounds: int, span: int) -> dict[str, Measured]:
    """Time synchronous contenders in turn, in CPU time, which other processes of the machine do not add to.

    Args:
        contenders: by name; each call does the same work on the same bytes.
        rounds: measured rounds (at least 3 for a median worth the name).
        span: milliseconds that each contender runs per round: it is called as often as that takes, and at least once.
            With a fixed number of calls the fast ones would be measured with the caches that the garbage collector
            emptied, and the slow ones with their own.

    Returns:
        Seconds per call; values with the same index are of the same round.
    """
    calls: dict[str, int] = {}
    for name, run in contenders.items():
        run()
        calls[name] = max(1, round(span / 1000 / max(_seconds(run, 1), 1e-9)))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            gc.collect()
            seconds[name].append(_seconds(run, calls[name]))
    return {name: Measured(tuple(values)) for name, values in seconds.items()}


def _seconds(run: Callable[[], object], calls: int) -> float:
    begin = time.process_time()
    for _ in range(calls):
        run()
    return (time.process_time() - begin) / calls


def ratio(one: Measured, other: Measured) -> float:
    """How many times as long one takes as the other: the median over rounds, in each of which both ran."""
    return statistics.median(left / right for left, right in zip(one.values, other.values, strict=True) if right)


def compared(
    title: str,
    measured: Mapping[str, Measured],
    *,
    limit: str,
    ours: str = "mittwald_async",
    unit: str = "ms",
    scale: float = 1e3,
) -> Table:
    """A table of times with each one's ratio to the limit, and ours as a multiple of speed over each contender."""
    table = Table(title, ("contender", unit, "spread %", "× limit", f"× {ours}"))
    floor, own = measured[limit], measured[ours]
    for name, m in sorted(measured.items(), key=lambda pair: pair[1].median):
        table.add(name, m.median * scale, round(m.spread * 100), ratio(m, floor), ratio(m, own))
    return table


def installed(module: str) -> bool:
    """Whether a peer can be imported; the caller adds `missing(module)` to the notes if not."""
    return importlib.util.find_spec(module) is not None


def missing(distribution: str) -> str:
    return f"left out: {distribution} is not installed (extra `bench`)"


_DISTRIBUTIONS = ("aiohttp", "msgspec", "aiolimiter", "mittwald-api-client", "httpx", "pydantic", "orjson", "uvloop")


def surroundings() -> dict[str, Any]:
    """Machine and versions, for the head of a report."""
    versions: dict[str, str | None] = {}
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "garbage collector": "enabled" if gc.isenabled() else "disabled",
        "versions": versions,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def report(tables: Mapping[str, Sequence[Table]]) -> dict[str, Any]:
    """Everything a tool wants to read."""
    return {
        "surroundings": surroundings(),
        "argv": sys.argv[1:],
        "benchmarks": {name: [asdict(table) for table in found] for name, found in tables.items()},
    }
