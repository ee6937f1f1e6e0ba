"""Single DNS entries by host name, while others write at the same time."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mittwald_async import Mittwald
from mittwald_async.dns import Entry
from mittwald_async.emulator import Emulator
from mittwald_async.errors import ConflictError, InvalidArgumentError, NotFoundError, StatusError
from mittwald_async.models import dns
from mittwald_async.runtime.concurrency import gather_bounded
from mittwald_async.runtime.middleware import CallNext, RawResponse, Request


class FastClock:
    """Fifty virtual seconds per real second."""

    def now(self) -> float:
        return asyncio.get_running_loop().time() * 50

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / 50)


@asynccontextmanager
async def account(**options: Any) -> AsyncGenerator[tuple[Emulator, Mittwald, str], None]:
    """An account, and the name of one of its domains."""
    given: dict[str, Any] = {"seed": 5, "projects": 3, "rate_limit": None, "drift": 0.0, "lag": 0.0, **options}
    async with (
        Emulator(**given) as emulator,
        Mittwald(emulator.token, base_url=emulator.url, clock=FastClock()) as client,
    ):
        domain = await client.domain.list_domains().first()
        assert domain is not None
        yield emulator, client, domain.domain


def values(entries: list[Entry]) -> list[str]:
    return [entry.value for entry in entries]


class TestZones:
    async def test_the_longest_matching_zone_wins(self) -> None:
        async with account() as (_, mw, domain):
            assert (await mw.dns.zone_of(f"a.b.{domain}")).domain == domain
            await mw.dns.add(f"b.{domain}", "TXT", "x")
            assert (await mw.dns.zone_of(f"A.b.{domain.upper()}.")).domain == f"b.{domain}"
            assert (await mw.dns.zone_of(f"ab.{domain}")).domain == domain

    async def test_an_internationalised_name(self) -> None:
        async with account() as (_, mw, domain):
            await mw.dns.add(f"größe.{domain}", "TXT", "x")
            zone = await mw.dns.zone_of(f"www.GRÖSSE.{domain}".replace("SS", "ß"))
            assert zone.domain == f"xn--gre-6ka8i.{domain}"
            assert values(await mw.dns.entries(f"xn--gre-6ka8i.{domain}")) == ["x"]

    async def test_zones_of_one_project(self) -> None:
        async with account() as (_, mw, domain):
            found = await mw.domain.list_domains(domain_search_name=domain).first()
            assert found is not None
            others = [p.id async for p in mw.project.list_projects() if p.id != found.project_id]
            assert (await mw.dns.in_project(found.project_id).zone_of(f"x.{domain}")).domain == domain
            with pytest.raises(NotFoundError, match=f"project {others[0]} has no DNS zone"):
                await mw.dns.in_project(others[0]).zone_of(domain)

    async def test_no_zone(self) -> None:
        async with account() as (_, mw, _domain):
            with pytest.raises(NotFoundError, match=r"no DNS zone for nowhere\.test"):
                await mw.dns.add("nowhere.test", "TXT", "x")

    async def test_a_recreated_zone(self) -> None:
        async with account() as (_, mw, domain):
            name = f"b.{domain}"
            await mw.dns.add(name, "TXT", "x")
            zone = await mw.dns.zone_of(name)
            await mw.domain.dns_delete_dns_zone(zone.id)
            assert await mw.dns.entries(name) == []
            assert await mw.dns.add(name, "TXT", "y")
            assert values(await mw.dns.entries(name)) == ["y"]


class TestEntries:
    async def test_two_challenges_of_one_name_coexist(self) -> None:
        async with account() as (_, mw, domain):
            name = f"_acme-challenge.{domain}"
            assert await asyncio.gather(*(mw.dns.add(name, "TXT", f"t{n}") for n in range(9))) == [True] * 9
            assert sorted(values(await mw.dns.entries(name))) == [f"t{n}" for n in range(9)]
            assert not await mw.dns.add(name, "txt", '"t3"')
            assert await mw.dns.remove(name, "TXT", "t3")
            assert not await mw.dns.remove(name, "TXT", "t3")
            assert sorted(values(await mw.dns.entries(name, "TXT"))) == [f"t{n}" for n in range(9) if n != 3]
            assert await mw.dns.remove(name, "TXT")
            assert await mw.dns.entries(name) == []

    @pytest.mark.parametrize(
        ("type", "given", "kept"),
        [
            ("A", "203.0.113.5", "203.0.113.5"),
            ("AAAA", "2001:DB8:0::5", "2001:db8::5"),
            ("CNAME", "Target.Example.org.", "target.example.org"),
            ("MX", "10  MX.example.org.", "10 mx.example.org"),
            ("SRV", "1 2 5060 sip.example.org.", "1 2 5060 sip.example.org"),
            ("CAA", "0 ISSUE letsencrypt.org", '0 issue "letsencrypt.org"'),
            ("CAA", '128 iodef "mailto:a@example.org"', '128 iodef "mailto:a@example.org"'),
            ("TXT", "v=spf1 -all", "v=spf1 -all"),
            ("TXT", '"v=DKIM1; " "p=abc\\"\\;\\195\\164"', 'v=DKIM1; p=abc";ä'),
            ("TXT", '"quoted', None),
        ],
    )
    async def test_each_type_in_its_notation(self, type: str, given: str, kept: str | None) -> None:
        async with account() as (_, mw, domain):
            name = f"new.{domain}"
            if kept is None:
                with pytest.raises(InvalidArgumentError, match="not closed"):
                    await mw.dns.add(name, type, given)
                return
            assert await mw.dns.add(name, type, given, ttl=300)
            assert await mw.dns.entries(name) == [Entry(name=name, type=type, value=kept, ttl=300)]
            assert not await mw.dns.add(name, type, kept)
            assert await mw.dns.remove(name, type, given)

    @pytest.mark.parametrize("length", [255, 256, 600, 1500])
    async def test_a_long_text_is_split_and_joined_again(self, length: int) -> None:
        async with account() as (_, mw, domain):
            text = ('äbc\\"d;' * 400)[:length]
            await mw.dns.add(f"k.{domain}", "TXT", text)
            zone = await mw.dns.zone_of(f"k.{domain}")
            assert isinstance(zone.record_set.txt, dns.RecordTXTComponent)
            (sent,) = zone.record_set.txt.entries
            if len(text.encode()) > 255:
                chunks = sent.removeprefix('"').removesuffix('"').split('" "')
                plain = [chunk.replace('\\"', '"').replace("\\\\", "\\") for chunk in chunks]
                assert all(len(chunk.encode()) <= 255 for chunk in plain)
            assert values(await mw.dns.entries(f"k.{domain}")) == [text]
            assert not await mw.dns.add(f"k.{domain}", "TXT", text)

    @pytest.mark.parametrize(
        ("type", "value", "problem"),
        [
            ("NS", "ns.example.org", "type: must be one of A, AAAA"),
            ("A", "::1", "not an IPv4 address"),
            ("MX", "mx.example.org", "write it like '10 mx.example.org'"),
            ("MX", "101 mx.example.org", "priority must be a whole number from 0 to 100"),
            ("SRV", "1 2 70000 a.b", "port must be"),
            ("CAA", "0 issue", "write it like"),
            ("CNAME", "a..b", "not a host name"),
            ("TXT", "x" * 3000, "too long"),
        ],
    )
    async def test_invalid_values(self, type: str, value: str, problem: str) -> None:
        async with account() as (emulator, mw, domain):
            before = len(emulator.requests)
            with pytest.raises(InvalidArgumentError, match=problem):
                await mw.dns.add(domain, type, value)
            assert len(emulator.requests) == before

    async def test_other_invalid_arguments(self) -> None:
        async with account() as (_, mw, domain):
            for ttl in (0, 59, 86401, True, "300"):
                with pytest.raises(InvalidArgumentError, match="ttl"):
                    await mw.dns.add(domain, "TXT", "x", ttl=ttl)  # type: ignore[arg-type]
            for name in ("", "a b.de", "x" * 64 + ".de", 5, "a/b.de"):
                with pytest.raises(InvalidArgumentError, match="name"):
                    await mw.dns.add(name, "TXT", "x")  # type: ignore[arg-type]
            await mw.dns.add(f"c.{domain}", "CNAME", "a.example")
            with pytest.raises(InvalidArgumentError, match=r"has a CNAME already, a\.example"):
                await mw.dns.add(f"c.{domain}", "CNAME", "b.example")
            with pytest.raises(InvalidArgumentError, match="one CNAME only"):
                await mw.dns.set(f"c.{domain}", "CNAME", ["a.example", "b.example"])

    async def test_managed_records_are_replaced_only_on_request(self) -> None:
        async with account() as (_, mw, domain):
            zone = await mw.dns.zone_of(domain)
            await mw.domain.dns_set_record_set_managed(zone.id, "mx")
            assert await mw.dns.entries(domain, "MX") == [Entry(name=domain, type="MX", value="", managed=True)]
            with pytest.raises(InvalidArgumentError, match="managed by mittwald"):
                await mw.dns.add(domain, "MX", "10 mx.example.org")
            assert not await mw.dns.remove(domain, "MX")
            assert await mw.dns.set(domain, "MX", ["10 a.example", "20 b.example"], ttl=600)
            assert values(await mw.dns.entries(domain, "MX")) == ["10 a.example", "20 b.example"]
            assert not await mw.dns.set(domain, "MX", ["20 b.example", "10 a.example"])

    async def test_setting_ipv4_keeps_ipv6(self) -> None:
        async with account() as (_, mw, domain):
            await mw.dns.set(f"w.{domain}", "A", ["192.0.2.1", "192.0.2.2"])
            await mw.dns.add(f"w.{domain}", "AAAA", "2001:db8::1")
            await mw.dns.set(f"w.{domain}", "A", "192.0.2.3")
            assert values(await mw.dns.entries(f"w.{domain}")) == ["192.0.2.3", "2001:db8::1"]
            assert await mw.dns.set(f"w.{domain}", "A", [])
            assert values(await mw.dns.entries(f"w.{domain}")) == ["2001:db8::1"]

    async def test_a_refusal_affects_only_the_refused_entries(self) -> None:
        """A set takes twenty TXT entries. Of thirty added at once, ten are refused and twenty are stored."""

        async def strict(request: Request, call_next: CallNext) -> RawResponse:
            if request.method == "PUT" and len(json.loads(request.body or b"{}").get("entries", ())) > 20:
                return RawResponse(400, {}, b'{"type": "ValidationError", "message": "entries: at most 20"}')
            return await call_next(request)

        async with account() as (_, client, domain):
            mw = client.with_options(middleware=[strict])
            name = f"many.{domain}"
            done = await asyncio.gather(*(mw.dns.add(name, "TXT", f"t{n}") for n in range(30)), return_exceptions=True)
            assert len(await mw.dns.entries(name)) == 20
            assert sum(one is True for one in done) == 20
            assert all(one is True or isinstance(one, StatusError) for one in done)


class TestOthersWhoWrite:
    async def test_a_change_and_its_opposite_at_once(self) -> None:
        async with account() as (_, mw, domain):
            name = f"x.{domain}"
            await mw.dns.add(name, "TXT", "a")
            await asyncio.gather(
                mw.dns.remove(name, "TXT", "a"),
                mw.dns.add(name, "TXT", "a", ttl=60),
                mw.dns.add(name, "TXT", "b", ttl=600),
                mw.dns.set(name, "TXT", ["c"]),
                mw.dns.add(name, "TXT", "d"),
            )
            assert values(await mw.dns.entries(name)) == ["c", "d"]

    async def test_a_writer_that_overwrites_after_the_check_is_noticed(self) -> None:
        async with account() as (_, mw, domain):
            name = f"x.{domain}"
            await mw.dns.add(name, "TXT", "theirs")
            zone = await mw.dns.zone_of(name)
            stale = zone.record_set.txt

            async def writer() -> None:
                while len((await mw.domain.dns_get_dns_zone(zone.id)).record_set.txt.entries) < 2:  # type: ignore[union-attr]
                    await asyncio.sleep(0)
                await asyncio.sleep(0.005)
                await mw.domain.dns_update_record_set(zone.id, "txt", stale)

            await asyncio.gather(mw.dns.add(name, "TXT", "ours"), writer())
            assert values(await mw.dns.entries(name)) == ["theirs", "ours"]

    async def test_a_writer_that_keeps_overwriting_is_reported(self) -> None:
        async with account() as (_, mw, domain):
            name = f"x.{domain}"
            await mw.dns.add(name, "TXT", "theirs")
            zone = await mw.dns.zone_of(name)

            async def fighter() -> None:
                while True:
                    await mw.domain.dns_update_record_set(zone.id, "txt", zone.record_set.txt)

            fight = asyncio.create_task(fighter())
            try:
                with pytest.raises(ConflictError, match="undone by others each time"):
                    await mw.dns.add(name, "TXT", "ours")
            finally:
                fight.cancel()

    async def test_a_cancelled_change_leaves_the_other_changes(self) -> None:
        async with account() as (_, mw, domain):
            name = f"x.{domain}"
            await mw.dns.add(name, "TXT", "first")
            tasks = [asyncio.create_task(mw.dns.add(name, "TXT", f"t{n}")) for n in range(6)]
            await asyncio.sleep(0.01)
            tasks[0].cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert done[1:] == [True] * 5
            assert {f"t{n}" for n in range(1, 6)} <= set(values(await mw.dns.entries(name)))

    @pytest.mark.parametrize("kind", ["srv", "names"])
    async def test_four_programs_add_fifty_each_and_every_entry_is_there(self, kind: str) -> None:
        async with account() as (emulator, mw, domain):
            programs = [
                await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "tests.support.dns_process",
                    emulator.url,
                    emulator.token,
                    str(n),
                    "50",
                    domain,
                    kind,
                )
                for n in range(4)
            ]
            assert [await program.wait() for program in programs] == [0] * 4
            if kind == "srv":
                found = [
                    text for text in values(await mw.dns.entries(domain, "SRV")) if text.endswith("sip.example.org")
                ]
                assert len(found) == 200
            else:
                names = [f"_acme-challenge.host-{n}.{domain}" for n in range(50)]
                entries = await gather_bounded(names, mw.dns.entries, limit=10)
                assert [sorted(values(one)) for one in entries] == [[f"token of {n}" for n in range(4)]] * 50
