"""Who can get in where: members of customers and projects, SSH and SFTP users, as CSV.

With `--person` only what one person has, for the day somebody leaves.

    python examples/access_report.py > access.csv
    python examples/access_report.py --person kim@example.org
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import AsyncIterator

from demo import connected, options, run

from mittwald_async import Mittwald, fan_out_items

HEAD = ("where", "kind", "who", "role", "second factor", "until")


async def accesses(mw: Mittwald) -> AsyncIterator[tuple[object, ...]]:
    """One row for each way in."""
    customers = await mw.customer.list_customers().collect()
    projects = await mw.project.list_projects().collect()

    members = fan_out_items(customers, lambda one: mw.customer.list_memberships_for_customer(one.customer_id))
    async for customer, member in members:
        yield customer.name, "customer", member.email, member.role, member.mfa, member.expires_at
    # A membership that is inherited from the customer is said above.
    own = fan_out_items(projects, lambda one: mw.project.list_memberships_for_project(one.id, is_inherited=False))
    async for project, guest in own:
        yield project.short_id, "project", guest.email, guest.role, guest.mfa, guest.expires_at
    async for project, ssh in fan_out_items(projects, lambda one: mw.ssh_sftp_user.ssh_user_list_ssh_users(one.id)):
        if ssh.active is not False:
            yield project.short_id, "ssh", f"{ssh.user_name}: {ssh.description}", "", "", ssh.expires_at
    async for project, sftp in fan_out_items(projects, lambda one: mw.ssh_sftp_user.sftp_user_list_sftp_users(one.id)):
        if sftp.active is not False:
            who = f"{sftp.user_name}: {sftp.description}"
            yield project.short_id, "sftp", who, sftp.access_level, "", sftp.expires_at


async def main(arguments: argparse.Namespace) -> None:
    table = csv.writer(sys.stdout)
    table.writerow(HEAD)
    async with connected(arguments.demo) as mw:
        async for row in accesses(mw):
            if arguments.person is None or arguments.person.lower() in str(row[2]).lower():
                table.writerow(["" if cell is None else cell for cell in row])


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--person", metavar="TEXT", help="only names and addresses that contain this")
    run(main, parser)
