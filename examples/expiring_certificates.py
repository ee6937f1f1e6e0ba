"""Certificates that expire soon, of all projects of all customers, as CSV.

Three lists answer this however large the account is; they are asked for at the same time.

    python examples/expiring_certificates.py --within 30 > expiring.csv
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
from datetime import UTC, datetime

from demo import connected, options, run


async def main(arguments: argparse.Namespace) -> None:
    today: datetime = arguments.on
    async with connected(arguments.demo) as mw:
        certificates, projects, customers = await asyncio.gather(
            mw.domain.ssl_list_certificates().collect(),
            mw.project.list_projects().collect(),
            mw.customer.list_customers().collect(),
        )
    project_of = {project.id: project for project in projects}
    customer_names = {customer.customer_id: customer.name for customer in customers}

    table = csv.writer(sys.stdout)
    table.writerow(["days", "valid_to", "common_name", "issuer", "project", "customer"])
    dated = [(one.valid_to, one) for one in certificates if one.valid_to is not None]
    for ends, certificate in sorted(dated, key=lambda pair: pair[0]):
        days = (ends - today).days
        if days > arguments.within:
            break
        project = project_of.get(certificate.project_id)
        table.writerow(
            [
                days,
                ends.date(),
                certificate.common_name,
                certificate.issuer,
                project.short_id if project else certificate.project_id,
                customer_names.get(project.customer_id, project.customer_id) if project else "",
            ]
        )


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--within", type=int, default=30, metavar="DAYS", help="how soon is soon (default: 30)")
    parser.add_argument(
        "--on", type=day, default=datetime.now(UTC), metavar="DATE", help="count from this day, not today"
    )
    run(main, parser)
