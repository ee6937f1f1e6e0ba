"""Upgrade the MySQL databases of all projects to a version, and wait until each runs it.

Without --yes it only shows what it would do. A database that still reads ready right after the change does not count.

    python examples/upgrade_mysql.py 8.4 --yes
"""

from __future__ import annotations

import argparse

from demo import connected, options, positive, run, version

from mittwald_async import Mittwald, fan_out, fan_out_items
from mittwald_async.errors import MittwaldError
from mittwald_async.models.database import MySqlDatabase


async def upgrade(mw: Mittwald, database: MySqlDatabase, version: str) -> MySqlDatabase:
    await mw.database.patch_mysql_database(database.id, version=version)
    return await mw.wait.mysql_database_ready(database.id)


async def main(arguments: argparse.Namespace) -> None:
    async with connected(arguments.demo) as mw:
        lists = fan_out_items(mw.project.list_projects(), lambda project: mw.database.list_mysql_databases(project.id))
        old = [database async for _, database in lists if database.version != arguments.version]
        old = [database for database in old if database.status == "ready"][: arguments.most]
        if not arguments.yes:
            print(f"{len(old)} databases would change; say --yes to change them")
            return
        async for done in fan_out(old, lambda database: upgrade(mw, database, arguments.version), limit=32):
            try:
                print(f"{done.item.name}: {done.item.version} -> {done.value().version}")
            except MittwaldError as error:
                print(f"{done.item.name}: {error}")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("version", type=version, nargs="?", default="8.4", help="(default: 8.4)")
    parser.add_argument("--most", type=positive, default=3, help="databases to change at most (default: 3)")
    parser.add_argument("--yes", action="store_true", help="change them")
    run(main, parser)
