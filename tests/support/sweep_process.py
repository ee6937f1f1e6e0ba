"""A sweep as its own process, for tests that kill it: `python -m tests.support.sweep_process URL FILE [--resume]`."""

from __future__ import annotations

import sys

import anyio

from mittwald_async import Mittwald
from mittwald_async.inventory import Bounds, SweepJob, chosen, sink_for, target

RESOURCES = (
    "customer",
    "project",
    "domain",
    "contract",
    "dns_zone",
    "mysql_database",
    "mysql_user",
    "volume",
    "mail_address",
)


async def main(url: str, path: str, resume: bool) -> None:
    job = SweepJob(sink_for(path), chosen(RESOURCES), target(), resume=resume, bounds=Bounds(concurrency=4))
    try:
        async with Mittwald("token", base_url=url) as mw:
            await job.run(mw)
    finally:
        job.close()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], "--resume" in sys.argv)
