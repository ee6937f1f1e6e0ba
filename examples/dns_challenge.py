"""Answer an ACME challenge: add the TXT entry, wait until it is visible, and remove it.

Other programs may do the same for the same name at the same time. Waiting needs
`pip install "mittwald-async[dns]"`.

    python examples/dns_challenge.py www.example.org TOKEN
"""

from __future__ import annotations

import argparse

from demo import connected, hostname, options, run


async def main(arguments: argparse.Namespace) -> None:
    async with connected(arguments.demo) as mw:
        host = arguments.host
        if host is None:
            domain = await mw.domain.list_domains().first()
            assert domain is not None
            host = domain.domain
        name = f"_acme-challenge.{host}"
        await mw.dns.add(name, "TXT", arguments.token)
        print(f"{name} TXT {[entry.value for entry in await mw.dns.entries(name, 'TXT')]}")
        if not arguments.demo:
            await mw.dns.wait_until_visible(name, "TXT", arguments.token)
        await mw.dns.remove(name, "TXT", arguments.token)
        print(f"{name} TXT {[entry.value for entry in await mw.dns.entries(name, 'TXT')]}")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("host", type=hostname, nargs="?", help="(default: the first domain of the account)")
    parser.add_argument("token", nargs="?", default="token", help="the value that the certificate authority expects")
    run(main, parser)
