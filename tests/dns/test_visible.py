"""Name servers are asked whether an entry is visible; here a local one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from mittwald_async.errors import InvalidArgumentError, WaitTimeout

from .test_entries import account


class _Server(asyncio.DatagramProtocol):
    def __init__(self, answer: Callable[[str, str], list[str]]) -> None:
        self._answer = answer

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.DatagramTransport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, type = str(question.name), dns.rdatatype.to_text(question.rdtype)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if found := self._answer(name, type):
            response.answer.append(dns.rrset.from_text(name, 60, "IN", type, *found))
        elif type not in ("A", "AAAA"):
            response.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(response.to_wire(), addr)


@asynccontextmanager
async def name_server(answer: Callable[[str, str], list[str]]) -> AsyncGenerator[dns.asyncresolver.Resolver, None]:
    """A resolver whose name server runs on this machine and also serves the zone."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(answer), local_addr=("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    try:
        yield resolver
    finally:
        transport.close()


async def test_it_waits_until_the_name_server_has_the_entry() -> None:
    asked = 0

    def answer(name: str, type: str) -> list[str]:
        nonlocal asked
        if type == "NS":
            return ["ns1.example.org."] if name == "example.org." else []
        if type == "A":
            return ["127.0.0.1"] if name == "ns1.example.org." else []
        if type == "TXT" and name == "_acme-challenge.example.org.":
            asked += 1
            return [] if asked < 2 else ['"other"'] if asked < 3 else ['"other"', '"to" "ken"']
        return []

    async with account() as (_, mw, _domain), name_server(answer) as resolver:
        await mw.dns.wait_until_visible("_acme-challenge.Example.org", "TXT", "token", resolver=resolver)
        assert asked == 3
        with pytest.raises(WaitTimeout, match=r"ns1\.example\.org has other values"):
            await mw.dns.wait_until_visible(
                "_acme-challenge.example.org", "TXT", "nothing", timeout=3, resolver=resolver
            )
        with pytest.raises(WaitTimeout, match="does not have it"):
            await mw.dns.wait_until_visible("example.org", "TXT", "x", timeout=0, resolver=resolver)
        with pytest.raises(InvalidArgumentError, match="timeout"):
            await mw.dns.wait_until_visible("example.org", "TXT", "x", timeout=-1, resolver=resolver)


async def test_a_zone_without_name_servers() -> None:
    async with account() as (_, mw, _domain), name_server(lambda name, type: []) as resolver:
        with pytest.raises(WaitTimeout, match="name servers cannot be found"):
            await mw.dns.wait_until_visible("example.org", "TXT", "x", timeout=0, resolver=resolver)


async def test_mw_wait_supports_dns_entries() -> None:
    def answer(name: str, type: str) -> list[str]:
        zone = {("example.org.", "NS"): ["ns1.example.org."], ("ns1.example.org.", "A"): ["127.0.0.1"]}
        return {**zone, ("www.example.org.", "A"): ["192.0.2.1"]}.get((name, type), [])

    async with account() as (_, mw, _domain), name_server(answer) as resolver:
        await mw.wait.dns_entry_visible("www.example.org", "A", "192.0.2.1", resolver=resolver)
        with pytest.raises(WaitTimeout, match=r"ns1\.example\.org has other values"):
            await mw.wait.dns_entry_visible("www.example.org", "A", "192.0.2.2", timeout=0, resolver=resolver)
