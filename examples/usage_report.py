"""CPU, memory and storage of each project: the current value, and the maximum of the last days.

python examples/usage_report.py --days 30
"""

from __future__ import annotations

import argparse
from datetime import timedelta

from demo import connected, options, positive, run

from mittwald_async import fan_out
from mittwald_async.metrics import MetricsError


def shown(value: float | None, unit: float) -> str:
    return "-" if value is None else f"{value / unit:.2f}"


async def main(arguments: argparse.Namespace) -> None:
    units = {"cpu": (1.0, "cores"), "memory": (2**20, "MiB"), "storage": (2**30, "GiB")}
    async with connected(arguments.demo) as mw:
        start = timedelta(days=arguments.days)
        step = 3600.0
        async for done in fan_out(
            mw.project.list_projects(), lambda project: mw.metrics.usage(project.id, start=start, step=step), limit=8
        ):
            try:
                found = done.value()
            except MetricsError as error:  # the successful results are shown nevertheless
                found = error.series
            print(done.item.short_id, done.item.description)
            for series in found:
                if series.ref_id in units:
                    unit, name = units[series.ref_id]
                    print(
                        f"  {series.ref_id:8} {shown(series.latest, unit)}, at most {shown(series.maximum, unit)} {name}"
                    )


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--days", type=positive, default=7, help="(default: 7)")
    run(main, parser)
