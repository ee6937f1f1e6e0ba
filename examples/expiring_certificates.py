"""Certificates that expire soon, of all projects of all customers, as CSV.

One list per project, many at a time; projects and customers come as one list each.

    python examples/expiring_certificates.py --within 30 > expiring.csv
"""

from __future__ import annotations

import argparse
import csv
import sys
from datetime import datetime

from demo import add_today, connected, options, run

from mittwald_async import fan_out_items


async def main(arguments: argparse.Namespace) -> None:
    today: datetime = arguments.on
    async with connected(arguments.demo) as mw:
        customers = {customer.customer_id: customer.name async for customer in mw.customer.list_customers()}
        certificates = fan_out_items(
            mw.project.list_projects(), lambda project: mw.domain.ssl_list_certificates(project_id=project.id)
        )
        dated = [(one.valid_to, project, one) async for project, one in certificates if one.valid_to is not None]

    table = csv.writer(sys.stdout)
    table.writerow(["days", "valid_to", "common_name", "issuer", "project", "customer"])
    for ends, project, certificate in sorted(dated, key=lambda found: found[0]):
        days = (ends - today).days
        if days > arguments.within:
            break
        customer = customers.get(project.customer_id, project.customer_id)
        table.writerow([days, ends.date(), certificate.common_name, certificate.issuer, project.short_id, customer])


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--within", type=int, default=30, metavar="DAYS", help="how soon is soon (default: 30)")
    add_today(parser)
    run(main, parser)
