"""A nightly inventory in one file, for cron: it resumes a run that was killed.

A fifth of the request budget is left to others, and interactive calls come first. Exit code 3 if lists failed.

    0 2 * * *  python examples/nightly_sweep.py --out inventory.sqlite
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from demo import connected, options, run

from mittwald_async import inventory


async def main(arguments: argparse.Namespace) -> None:
    out: Path = arguments.out
    async with connected(arguments.demo, reserve=0.2) as mw:
        summary = await inventory.sweep_to(mw, out, resources=arguments.resource)
    print(f"{sum(summary.rows.values())} rows with {summary.requests} requests in {summary.seconds:.1f} s")
    for failure in summary.failures:
        print(f"failed: {failure}", file=sys.stderr)
    with closing(sqlite3.connect(out)) as database:
        (sweeps,) = database.execute("SELECT count(*) FROM sweeps").fetchone()
    print(f"{out} holds {sweeps} sweeps")
    if summary.failures:
        sys.exit(3)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--out", type=Path, default=Path("inventory.sqlite"), metavar="FILE")
    parser.add_argument("--resource", action="append", metavar="NAME", help="only this kind (repeatable)")
    run(main, parser)
