"""Zone files: the preview of changes, and applying them."""

from __future__ import annotations

import pytest

from mittwald_async.errors import ConfigurationError, InvalidArgumentError

from .test_entries import account, values

FILE = """
@ 3600 IN SOA ns.example.org. admin.example.org. 1 7200 3600 1209600 3600
@ 3600 IN NS ns.example.org.
@ 600 IN MX 10 mx1.example.org.
@ 600 IN MX 20 mx2.example.org.
@ IN TXT "v=spf1 " "-all"
www 30 IN A 192.0.2.7
www 30 IN AAAA 2001:db8::7
_sip._tcp 300 IN SRV 1 2 5060 sip.example.org.
@ 300 IN CAA 0 issue "letsencrypt.org"
"""


async def test_a_preview_changes_nothing_and_a_second_application_is_a_no_op() -> None:
    async with account() as (emulator, mw, domain):
        await mw.dns.set(domain, "TXT", ["old"])
        await mw.dns.add(f"other.{domain}", "TXT", "stays")
        writes = sum(request.method != "GET" for request in emulator.requests)
        preview = await mw.dns.import_zone(f"$TTL 300\n{FILE}", origin=domain)
        assert sum(request.method != "GET" for request in emulator.requests) == writes
        lines = str(preview).splitlines()
        assert f"- {domain} TXT old" in lines
        assert f"+ {domain} TXT v=spf1 -all" in lines
        assert f"+ www.{domain} A 192.0.2.7" in lines
        assert [line for line in lines if "skipped: " in line] == [
            f"  skipped: {domain} SOA ns.example.org. admin.example.org. 1 7200 3600 1209600 3600",
            f"  skipped: {domain} NS ns.example.org.",
        ]
        await preview.apply()
        assert values(await mw.dns.entries(domain, "MX")) == ["10 mx1.example.org", "20 mx2.example.org"]
        assert values(await mw.dns.entries(domain, "TXT")) == ["v=spf1 -all"]
        assert [(one.value, one.ttl) for one in await mw.dns.entries(f"www.{domain}")] == [
            ("192.0.2.7", 60),
            ("2001:db8::7", 60),
        ]
        assert values(await mw.dns.entries(f"other.{domain}")) == ["stays"]
        again = await mw.dns.import_zone(f"$TTL 300\n{FILE}", origin=domain)
        assert (again.changes, again.same) == ([], 6)


@pytest.mark.parametrize(
    ("text", "origin"),
    [("www IN A not-an-address", "example.org"), ("www 60 IN A 192.0.2.1", None), (5, "example.org"), ("", "a b")],
)
async def test_an_invalid_zone_file(text: str, origin: str | None) -> None:
    async with account() as (_, mw, _domain):
        with pytest.raises(InvalidArgumentError, match=r"text: |origin: "):
            await mw.dns.import_zone(text, origin=origin)


async def test_without_dnspython_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    async with account() as (_, mw, domain):
        for name in ("dns.zone", "dns.exception", "dns.asyncresolver"):
            monkeypatch.setitem(__import__("sys").modules, name, None)
        for call in (mw.dns.import_zone("", origin=domain), mw.dns.wait_until_visible(domain, "TXT", "x")):
            with pytest.raises(ConfigurationError, match=r"\[dns\]"):
                await call


async def test_records_outside_the_origin_are_listed_as_skipped() -> None:
    text = "other.example. 300 IN A 192.0.2.1\n$ORIGIN elsewhere.example.\nwww 300 IN A 192.0.2.2\n"
    async with account() as (_, mw, domain):
        preview = await mw.dns.import_zone(f"mail 300 IN A 192.0.2.3\n{text}", origin=domain)
    assert str(preview).splitlines() == [
        f"+ mail.{domain} A 192.0.2.3",
        "  skipped: other.example is not below the origin",
        "  skipped: www.elsewhere.example is not below the origin",
        "1 to change, 0 the same, 2 skipped",
    ]
