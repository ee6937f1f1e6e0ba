"""`python -m benchmarks [name …] [--quick] [--json out.json]`."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from .frame import Settings, Table, report, surroundings


def benchmarks() -> dict[str, ModuleType]:
    """Every module of this folder that has a `run`, by its name or its `NAME`; the others are helpers."""
    here = Path(__file__).parent
    found = [
        importlib.import_module(f"{__package__}.{m.name}")
        for m in pkgutil.iter_modules([str(here)])
        if not m.name.startswith("_")
    ]
    runnable = {getattr(m, "NAME", m.__name__.rpartition(".")[2]): m for m in found if hasattr(m, "run")}
    return dict(sorted(runnable.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    known = benchmarks()
    parser = argparse.ArgumentParser("python -m benchmarks", description="How fast, and compared to what.")
    parser.add_argument("name", nargs="*", help=f"which ones, all by default: {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute altogether: a smoke test")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there too")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.name) - set(known))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}")
    settings = Settings(quick=chosen.quick)
    print("\n".join(f"{key}: {value}" for key, value in surroundings().items()), end="\n\n")
    tables: dict[str, list[Table]] = {}
    for name in chosen.name or known:
        begin = time.perf_counter()
        found: Iterable[Table] = known[name].run(settings)
        tables[name] = []
        for table in found:
            tables[name].append(table)
            print(table.text(), end="\n\n", flush=True)
        print(f"({name}: {time.perf_counter() - begin:.1f} s)\n", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(report(tables), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
