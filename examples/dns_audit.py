"""DNS zones without SPF, DMARC or CAA records, in all projects.

python examples/dns_audit.py
python examples/dns_audit.py --project p-xxxxxx
"""

from __future__ import annotations

import argparse

from demo import connected, options, run

from mittwald_async import fan_out_items
from mittwald_async.models import dns


def texts(zone: dns.Zone) -> list[str]:
    """TXT entries. A record set is one of several kinds; `isinstance` tells which."""
    txt = zone.record_set.txt
    return txt.entries if isinstance(txt, dns.RecordTXTComponent) else []


def gaps(zone: dns.Zone, policies: set[str]) -> list[str]:
    """What a zone lacks. DMARC lives in a zone of its own, `_dmarc.<domain>`."""
    missing: list[str] = []
    if not any(text.startswith("v=spf1") for text in texts(zone)):
        missing.append("SPF")
    if f"_dmarc.{zone.domain}" not in policies:
        missing.append("DMARC")
    if not isinstance(zone.record_set.caa, dns.RecordCAAComponent):
        missing.append("CAA")
    return missing


async def main(arguments: argparse.Namespace) -> None:
    async with connected(arguments.demo) as mw:
        projects = [project.id async for project in mw.project.list_projects()]
        if arguments.project:
            projects = [(await mw.project.get_project(arguments.project)).id]
        zones = [zone async for _, zone in fan_out_items(projects, mw.domain.dns_list_dns_zones)]

    policies = {zone.domain for zone in zones if any(text.startswith("v=DMARC1") for text in texts(zone))}
    names = {zone.domain for zone in zones}
    faulty = 0
    for zone in sorted(zones, key=lambda one: one.domain):
        if zone.domain.partition(".")[2] in names:
            continue  # a part of another zone, which speaks for it
        missing = gaps(zone, policies)
        faulty += bool(missing)
        if missing:
            print(f"{zone.domain:<40} lacks {', '.join(missing)}")
    print(f"{len(zones)} zones looked at, {faulty} domains lack something")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--project", metavar="ID", help="only this one")
    run(main, parser)
