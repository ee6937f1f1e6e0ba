"""Which PHP versions run, how often and at whose sites.

App installations of the whole account come as one list, with the system software of each.

    python examples/php_versions.py --older-than 8.2
"""

from __future__ import annotations

import argparse
import asyncio
from collections import defaultdict

from demo import connected, options, run


def number(version: str) -> tuple[int, ...]:
    """`8.2.27` as something that compares."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


async def main(arguments: argparse.Namespace) -> None:
    oldest_wanted = number(arguments.older_than)
    async with connected(arguments.demo) as mw:
        installations, projects, customers = await asyncio.gather(
            mw.app.list_appinstallations_for_user().collect(),
            mw.project.list_projects().collect(),
            mw.customer.list_customers().collect(),
        )
    customer_of = {project.id: project.customer_id for project in projects}
    names = {customer.customer_id: customer.name for customer in customers}

    sites: defaultdict[str, list[str]] = defaultdict(list)
    for installation in installations:
        customer = names.get(customer_of.get(installation.project_id, ""), "?")
        for software in installation.system_software:
            if software.name.lower() == "php" and software.external_version:
                sites[software.external_version].append(f"{customer}: {installation.description}")

    for version in sorted(sites, key=number):
        old = number(version) < oldest_wanted
        print(f"PHP {version:<8} {len(sites[version]):>4} installations{'   update:' if old else ''}")
        if old:
            for site in sorted(sites[version]):
                print(f"    {site}")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--older-than", default="8.2", metavar="VERSION", help="name the sites below it (default: 8.2)")
    run(main, parser)
