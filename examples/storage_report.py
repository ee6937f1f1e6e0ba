"""Storage in use, by customer: webspace, backups and MySQL databases.

Webspace and backups come with the list of projects. Databases have one list per project: those are asked for many at a
time, and one that fails costs nothing but its own line.

    python examples/storage_report.py
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass

from demo import connected, options, run

from mittwald_async import Mittwald, fan_out
from mittwald_async.models.project import ProjectListItem


@dataclass
class Used:
    """Bytes of one customer."""

    web: int = 0
    backups: int = 0
    databases: int = 0

    @property
    def all(self) -> int:
        return self.web + self.backups + self.databases


async def databases(mw: Mittwald, project: ProjectListItem) -> int:
    found = await mw.database.list_mysql_databases(project.id).collect()
    return sum(database.storage_usage_in_bytes for database in found)


async def main(arguments: argparse.Namespace) -> None:
    used: defaultdict[str, Used] = defaultdict(Used)
    async with connected(arguments.demo) as mw:
        names = {one.customer_id: one.name for one in await mw.customer.list_customers().collect()}
        async for done in fan_out(mw.project.list_projects(), lambda project: databases(mw, project)):
            project = done.item
            customer = used[project.customer_id]
            customer.web += project.web_storage_usage_in_bytes
            customer.backups += project.backup_storage_usage_in_bytes
            customer.databases += done.result or 0
            if done.error:
                print(f"{project.short_id}: databases left out: {done.error}", file=sys.stderr)

    print(f"{'customer':<40} {'web':>9} {'backups':>9} {'mysql':>9} {'sum':>9}  (GiB)")
    for customer_id, one in sorted(used.items(), key=lambda pair: -pair[1].all):
        sizes = " ".join(f"{size / 2**30:9.1f}" for size in (one.web, one.backups, one.databases, one.all))
        print(f"{names.get(customer_id, customer_id):<40} {sizes}")


if __name__ == "__main__":
    run(main, options(__doc__))
