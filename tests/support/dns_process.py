"""A process that adds entries: `python -m tests.support.dns_process URL TOKEN NUMBER HOW-MANY ZONE KIND`."""

from __future__ import annotations

import asyncio
import sys

from mittwald_async import Mittwald


async def main(url: str, token: str, number: str, count: str, zone: str, kind: str) -> None:
    async with Mittwald(token, base_url=url) as mw:
        if kind == "srv":
            await asyncio.gather(
                *(mw.dns.add(zone, "SRV", f"{number} {n} 5060 sip.example.org") for n in range(int(count)))
            )
        else:
            names = [f"_acme-challenge.host-{n}.{zone}" for n in range(int(count))]
            await asyncio.gather(*(mw.dns.add(name, "TXT", f"token of {number}") for name in names))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
