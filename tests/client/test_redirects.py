"""The client follows redirects itself: method and body stay, and credentials do not leave the origin."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest

from mittwald_async.errors import RateLimitError, RedirectError
from mittwald_async.runtime.middleware import CallNext, RawResponse, Request

from ..support.scripted_server import CREATE_PROJECT, GET_PROJECT, TOKEN, Seen, idle_only, reply, serving, talking

pytestmark = pytest.mark.usefixtures("both_ways")


def to(place: str, status: int = 308) -> bytes:
    return reply(status, headers={"Location": place})


async def test_a_redirect_stub_leads_to_the_real_route() -> None:
    async with talking(to("/v2/new?x=1"), reply(200, {"id": "1"})) as (client, server, _):
        response = await client.request("GET", "/v2/old")
        assert response.data == b'{"id": "1"}'
        assert [seen.target for seen in server.seen] == ["/v2/old", "/v2/new?x=1"]
        assert [seen.headers["x-access-token"] for seen in server.seen] == [TOKEN, TOKEN]
        assert response.url.endswith("/v2/new?x=1")
        assert [a.reason for a in response.attempts] == ["redirected", "ok"]


@pytest.mark.parametrize(("place", "target"), [("/v2/a b", "/v2/a%20b"), ("/v2/a%2Fb?c=d e", "/v2/a%2Fb?c=d%20e")])
async def test_a_location_with_spaces_does_not_end_the_request_line(place: str, target: str) -> None:
    async with talking(to(place), reply(200, {})) as (client, server, _):
        await client.request("GET", "/v2/old")
        assert [seen.target for seen in server.seen] == ["/v2/old", target]


@pytest.mark.parametrize(("status", "method"), [(307, "POST"), (308, "POST"), (303, "GET")])
async def test_a_write_keeps_its_method_and_body(status: int, method: str) -> None:
    async with talking(to("/v2/new", status), reply(201, {"id": "1"})) as (client, server, _):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body={"description": "x"})
        assert server.seen[1].method == method
        assert server.seen[1].body == (b'{"description":"x"}' if method == "POST" else b"")
        assert ("content-type" in server.seen[1].headers) == (method == "POST")


async def test_the_token_is_not_sent_to_another_origin() -> None:
    async with serving(reply(200, {"id": "elsewhere"})) as other:
        async with talking(to(other.url + "/steal"), headers={"X-Own": "private"}, after="276638689419851") as (
            client,
            _,
            _,
        ):
            assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "elsewhere"}
        arrived = other.seen[0].headers
        assert other.seen[0].target == "/steal"
        assert TOKEN not in str(arrived)
        assert not {"x-access-token", "authorization", "cookie", "x-own", "if-event-reached"} & set(arrived)


async def test_the_token_stays_off_even_when_the_other_origin_redirects_back() -> None:
    async with talking(b"") as (client, server, _):
        async with serving(to(server.url + "/v2/back")) as other:
            server.then(to(other.url + "/there"), reply(200, {}))
            await client.request("GET", "/v2/start")
        assert [seen.target for seen in server.seen] == ["/v2/start", "/v2/back"]
        assert "x-access-token" not in server.seen[1].headers


async def test_a_whole_url_of_another_origin_gets_no_token() -> None:
    async with serving(reply(200, {})) as other, talking(reply(200, {})) as (client, server, _):
        await client.request("GET", other.url + "/x")
        await client.request("GET", server.url + "/x")
        assert "x-access-token" not in other.seen[0].headers
        assert "x-access-token" in server.seen[0].headers


@pytest.mark.parametrize("way", ["url", "redirect", "middleware"])
@pytest.mark.parametrize("status", [200, 429])
async def test_another_origin_does_not_affect_the_budget(way: str, status: int) -> None:
    """Otherwise whoever serves a download could stop the whole client."""

    def reported(status: int, remaining: int) -> bytes:
        limits = {"X-RateLimit-Limit": "3000", "X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": "600"}
        return reply(status, {}, headers={} if status == 429 else limits)

    async with (
        serving(reported(status, 0)) as other,
        talking(reported(200, 2999), max_retries=0) as (client, server, _),
    ):
        await client.request("GET", "/v2/first")

        async def divert(request: Request, call_next: CallNext) -> RawResponse:
            return await call_next(msgspec.structs.replace(request, url=other.url))

        sent, place = client, other.url
        if way == "redirect":
            server.then(to(other.url))
            place = "/v2/away"
        elif way == "middleware":
            sent, place = client.with_options(middleware=[divert]), "/v2/away"
        with contextlib.suppress(RateLimitError):
            await sent.request("GET", place)
        assert len(other.seen) == 1
        assert client.rate_limit.remaining is not None
        assert client.rate_limit.remaining >= 2998
        assert client.rate_limit.throttled == 0
        server.then(reported(200, 2998))
        await client.with_options(max_wait=0.1).request("GET", "/v2/last")


async def test_an_etag_of_another_origin_is_not_an_event() -> None:
    async with serving(reply(201, {}, headers={"ETag": "theirs"})) as other, talking(reply(200)) as (client, server, _):
        await client.request("POST", other.url + "/v2/projects/p-1")
        await client.request("GET", "/v2/projects/p-1")
        assert "if-event-reached" not in server.seen[0].headers


async def test_at_most_five_redirects_are_followed() -> None:
    async with talking(to("/v2/round")) as (client, server, clock):
        with pytest.raises(RedirectError, match="more than 5 redirects") as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.status == 308
        assert len(server.seen) == 6
        assert clock.sleeps == []
        assert idle_only(client)


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("", "names no location"),
        ("ftp://h/x", "not a usable"),
        ("http://[", "not a usable"),
        ("http://host:99999/", "not a usable"),
        ("javascript:alert(1)", "not a usable"),
    ],
)
async def test_an_invalid_location(place: str, problem: str) -> None:
    async with talking(to(place)) as (client, server, _):
        with pytest.raises(RedirectError, match=problem):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_see_other_keeps_a_head_and_turns_other_methods_into_a_get(method: str) -> None:
    async with talking(to("/v2/new", 303), reply(200)) as (client, server, _):
        await client.request(method, "/v2/old")
        assert [seen.method for seen in server.seen] == [method, method]


@pytest.mark.parametrize("login", ["somebody@", "somebody:secret@", ":secret@"])
async def test_credentials_in_the_location_are_removed(login: str) -> None:
    async with talking(b"") as (client, server, _):
        server.then(to(server.url.replace("://", f"://{login}") + "/v2/new"), reply(200, {}))
        response = await client.request("GET", "/v2/old")
        assert response.url == server.url + "/v2/new"
        assert "authorization" not in server.seen[1].headers


async def test_a_password_in_the_location_is_not_used() -> None:
    async def away(seen: Seen, writer: asyncio.StreamWriter) -> None:
        host = seen.headers["host"]
        writer.write(to(f"http://user:pw@{host}/v2/new") if seen.target != "/v2/new" else reply(200, {}))

    async with talking(away) as (client, server, _):
        await client.request("GET", "/v2/old")
        assert "authorization" not in server.seen[1].headers


async def test_undecodable_bytes_of_a_location_are_sent_unchanged() -> None:
    """Without them the URL would name something else."""
    moved = reply(302, headers={"Location": "PLACE"}).replace(b"PLACE", b"/v2/\xfc\x80")
    async with talking(moved, reply(200, {"id": "p-1"})) as (client, server, _):
        await client.request("GET", "/v2/x")
        assert server.seen[1].target == "/v2/%FC%80"
