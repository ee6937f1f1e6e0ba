"""Projects whose newest finished backup is too old, or that make none by themselves. Exit code 1 if there are any.

python examples/backup_audit.py --max-age 2
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import datetime

from demo import add_today, connected, options, run

from mittwald_async import Mittwald, fan_out
from mittwald_async.models.project import ProjectListItem


async def worries(mw: Mittwald, project: ProjectListItem, today: datetime, most_days: float) -> list[str]:
    """What is wrong with a project's backups."""
    backups, schedules = await asyncio.gather(
        mw.backup.list_project_backups(project.id).collect(),
        mw.backup.list_project_backup_schedules(project.id).collect(),
    )
    found = [] if schedules else ["no schedule"]
    finished = [backup.requested_at for backup in backups if backup.status == "Completed"]
    if not finished:
        return [*found, "no finished backup"]
    days = (today - max(finished)).total_seconds() / 86400
    return [*found, f"newest backup is {days:.1f} days old"] if days > most_days else found


async def main(arguments: argparse.Namespace) -> None:
    checked, faulty = 0, 0
    async with connected(arguments.demo) as mw:
        names = {one.customer_id: one.name async for one in mw.customer.list_customers()}
        audit = fan_out(
            mw.project.list_projects(), lambda project: worries(mw, project, arguments.on, arguments.max_age)
        )
        async for done in audit:
            checked += 1
            # A project that cannot be asked is a worry like the others: silence would look like a backup.
            found = done.result if done.result is not None else [f"not known: {done.error}"]
            if found:
                faulty += 1
                customer = names.get(done.item.customer_id, done.item.customer_id)
                print(f"{done.item.short_id:<10} {customer:<32} {'; '.join(found)}")
    print(f"{checked} projects, {faulty} to look at")
    if faulty:
        sys.exit(1)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--max-age", type=float, default=2, metavar="DAYS", help="of the newest backup (default: 2)")
    add_today(parser)
    run(main, parser)
