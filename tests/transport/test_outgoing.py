"""The headers of a call, and sharing of everything that need not be built anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from multidict import CIMultiDict

from mittwald_async import Mittwald
from mittwald_async.credentials import PasswordLogin
from mittwald_async.runtime.credentials import ClientCredentials
from mittwald_async.runtime.middleware import RawResponse
from mittwald_async.runtime.transport.session import Session, WireRequest

from ..support.scripted_server import GET_PROJECT, Seen, reply, serving, talking


async def test_ordinary_calls_share_their_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[CIMultiDict[str]] = []
    exchange = Session.exchange

    async def noted(self: Session, request: WireRequest, *rest: Any, **more: Any) -> RawResponse:
        seen.append(request.headers)
        return await exchange(self, request, *rest, **more)

    monkeypatch.setattr(Session, "exchange", noted)
    async with talking(reply(200, {"id": "p-1"})) as (client, _, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        await client.sender.value(GET_PROJECT, ("p-2",))
    assert seen[0] is seen[1]


async def test_custom_headers_replace_the_clients_in_any_case() -> None:
    async with talking(reply(200, {"id": "p-1"}), headers={"accept": "text/plain", "X-Trace": "1"}) as (
        client,
        server,
        _,
    ):
        await client.sender.value(GET_PROJECT, ("p-1",))
        assert server.seen[0].headers["accept"] == "text/plain"
        assert server.seen[0].headers["x-trace"] == "1"


async def test_headers_for_every_call_are_also_sent_with_logins() -> None:
    granted = reply(200, {"token": "token-1", "refreshToken": "refresh-1"})
    login = PasswordLogin("ada@example.org", "password-for-tests")
    own = {"X-Gateway": "key-for-tests", "Accept": "text/plain"}
    async with (
        serving(granted, reply(200, {"id": "p-1"})) as server,
        Mittwald(credentials=login, base_url=server.url, headers=own) as client,
    ):
        await client.sender.value(GET_PROJECT, ("p-1",))
    first, second = server.seen
    assert (first.target, first.headers["x-gateway"]) == ("/v2/authenticate", "key-for-tests")
    assert (first.headers["content-type"], first.headers["accept"]) == ("application/json", "application/json")
    assert "x-access-token" not in first.headers
    assert (second.headers["x-gateway"], second.headers["x-access-token"]) == ("key-for-tests", "token-1")


async def test_a_token_from_another_origin_is_requested_without_our_headers() -> None:
    granted = reply(200, {"access_token": "token-1"})
    async with serving(granted) as issuer, serving(reply(200, {"id": "p-1"})) as server:
        login = ClientCredentials("app", "secret-for-tests", token_url=f"{issuer.url}/token")
        async with Mittwald(credentials=login, base_url=server.url, headers={"X-Gateway": "key-for-tests"}) as client:
            await client.sender.value(GET_PROJECT, ("p-1",))
    assert "x-gateway" not in issuer.seen[0].headers
    assert server.seen[0].headers["x-access-token"] == "token-1"


async def test_another_origin_receives_the_range_and_no_other_header() -> None:
    async with serving(reply(206, b"rest")) as other, talking(reply(200), headers={"X-Gateway": "k"}) as (client, _, _):
        wanted = {"Range": "bytes=5-", "If-Range": '"v1"', "X-Trace": "1", "Accept": "image/png"}
        await client.request("GET", f"{other.url}/file", headers=wanted)
    sent = other.seen[0].headers
    assert (sent["range"], sent["if-range"], sent["accept"]) == ("bytes=5-", '"v1"', "*/*")
    assert not {"x-gateway", "x-trace", "x-access-token"} & set(sent)


async def test_a_download_from_another_origin_resumes_without_the_token() -> None:
    whole = b"0123456789" * 1000
    tag = {"ETag": '"v1"', "Content-Type": "application/octet-stream"}

    async def breaks_off(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, whole, headers=tag)[:-4000])
        await writer.drain()
        writer.close()

    rest = reply(206, whole[-4000:], headers={**tag, "Content-Range": "bytes 6000-9999/10000"})
    async with serving(breaks_off, rest) as other, talking(reply(200)) as (client, _, _):
        assert await client.download(f"{other.url}/dump.sql") == whole
    assert [seen.headers.get("range") for seen in other.seen] == [None, "bytes=6000-"]
    assert not [seen for seen in other.seen if "x-access-token" in seen.headers]
