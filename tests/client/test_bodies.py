"""Logins, uploads, downloads, cookies and header parameters: all go through one pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mittwald_async import Mittwald, Operation, PasswordLogin
from mittwald_async.errors import (
    AuthenticationError,
    CallTimeoutError,
    ClientStateError,
    InvalidArgumentError,
    MaybeSentError,
    NotFoundError,
    NotSentError,
    RateLimitError,
    RedirectError,
    ResponseBrokenError,
)
from mittwald_async.runtime.clock import SystemClock
from mittwald_async.runtime.middleware import CallNext, RawResponse, Request
from mittwald_async.runtime.operation import Body, Parameter, Result
from mittwald_async.runtime.transport.pipeline import Pipeline
from mittwald_async.waiting import Waiters

from ..support.scripted_server import GET_PROJECT, TOKEN, Clock, Seen, idle_only, reply, serving, shared, talking

pytestmark = pytest.mark.usefixtures("both_ways")

TOKENS = {"token": "fetched-token", "refreshToken": "refresh-token", "expires": "2099-01-01T00:00:00Z"}

UPLOAD: Operation[Any] = Operation(
    operation_id="file-create-file",
    method="POST",
    path="/v2/files",
    group="file",
    name="create_file",
    tag="File",
    parameters=(
        Parameter(name="token", wire="token", where="header", type="str"),
        Parameter(name="session", wire="session", where="cookie", type="str"),
    ),
    body=Body(
        content_type="multipart/form-data",
        type="Any",
        flat=True,
        properties=(Parameter(name="file", wire="file", where="body", type="bytes", required=True),),
    ),
    results=(Result(status=200, type="Any", content_type="application/json"),),
)
OPTIONAL: Operation[Any] = Operation(
    operation_id="thing-poke",
    method="POST",
    path="/v2/poke",
    group="thing",
    name="poke",
    tag="Thing",
    secured=False,
    body=Body(content_type="application/json", type="Any"),
    results=(Result(status=200, type="Any", content_type="application/json"),),
)


async def test_a_large_body_is_sent_whole_with_its_length_and_can_be_resent() -> None:
    body = bytes(range(256)) * 10_000
    async with talking(reply(503, headers={"Retry-After": "0"}), reply(200, {})) as (client, server, _):
        await client.request("PUT", "/v2/large", body=body)
        assert [seen.body == body for seen in server.seen] == [True, True]
        assert server.seen[0].headers["content-length"] == str(len(body))
        assert "transfer-encoding" not in server.seen[0].headers


async def test_a_login_fetches_its_token_once_and_without_a_token() -> None:
    async with serving(reply(200, TOKENS), reply(200, {"id": "p-1"})) as server:
        login = PasswordLogin("me@example.org", "password-for-tests")
        async with Mittwald(credentials=login, base_url=server.url, clock=Clock()) as client:
            await asyncio.gather(*(client.sender.value(GET_PROJECT, ("p-1",)) for _ in range(50)))
        first, *others = server.seen
        assert (first.method, first.target) == ("POST", "/v2/authenticate")
        assert "x-access-token" not in first.headers
        assert first.headers["content-type"] == "application/json"
        assert {seen.headers["x-access-token"] for seen in others} == {"fetched-token"}
        assert len(others) == 50


async def test_wrong_credentials_say_what_failed_without_showing_a_secret() -> None:
    async with serving(reply(401, {"type": "Unauthorized", "message": "wrong"})) as server:
        login = PasswordLogin("me@example.org", "password-for-tests")
        async with Mittwald(credentials=login, base_url=server.url) as client:
            with pytest.raises(AuthenticationError, match="signing in") as caught:
                await client.sender.value(GET_PROJECT, ("p-1",))
            assert "password-for-tests" not in str(caught.value)


async def test_a_login_without_a_server_is_retried_within_its_limit() -> None:
    async with serving(reply(200)) as server:
        url = server.url
    clock = Clock()
    login = PasswordLogin("me@example.org", "password-for-tests")
    async with Mittwald(credentials=login, base_url=url, clock=clock, max_retries=2) as client:
        shared(client).chance = lambda: 0.5
        with pytest.raises(NotSentError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.operation_id == "user-authenticate"
        assert clock.sleeps[:2] == [0.25, 0.5]


async def test_a_throttled_login_is_retried() -> None:
    """A 429 was not executed. A token renewal at a busy moment must not end a sweep."""
    soon, later = reply(429, headers={"Retry-After": "7"}), reply(429, headers={"Retry-After": "999"})
    async with serving(reply(429), reply(429), soon, reply(200, TOKENS), reply(200, {})) as server:
        clock = Clock()
        login = PasswordLogin("me@example.org", "password-for-tests")
        async with Mittwald(credentials=login, base_url=server.url, clock=clock) as client:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert clock.sleeps[:3] == [1.0, 2.0, 7.0]
        server.then(later)
        fresh = PasswordLogin("me@example.org", "password-for-tests")
        async with Mittwald(credentials=fresh, base_url=server.url, clock=clock) as client:
            with pytest.raises(RateLimitError, match="user-authenticate"):
                await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 6


async def test_a_login_that_breaks_off_is_reported_as_such() -> None:
    async def hangs_up(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with serving(hangs_up) as server:
        login = PasswordLogin("me@example.org", "password-for-tests")
        async with Mittwald(credentials=login, base_url=server.url) as client:
            with pytest.raises(MaybeSentError, match="user-authenticate POST"):
                await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 1


async def test_a_login_that_hangs_is_bounded_by_the_deadline() -> None:
    async def silence(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with serving(silence) as server:
        login = PasswordLogin("me@example.org", "password-for-tests")
        async with Mittwald(credentials=login, base_url=server.url, timeout=0.1) as client:
            with pytest.raises(CallTimeoutError):
                await client.sender.value(GET_PROJECT, ("p-1",))


async def test_operations_without_security_do_not_wait_for_a_token() -> None:
    async with serving(reply(200, {})) as server:
        login = PasswordLogin("me@example.org", "password-for-tests")
        async with Mittwald(credentials=login, base_url=server.url) as client:
            await client.sender.value(OPTIONAL)
        assert [seen.target for seen in server.seen] == ["/v2/poke"]


async def test_a_client_that_is_not_open_cannot_authenticate() -> None:
    sender = Mittwald(TOKEN).sender
    assert isinstance(sender, Pipeline)
    credentials = PasswordLogin("me@example.org", "password-for-tests")
    with pytest.raises(ClientStateError):
        await credentials.token(sender.token_requests)


async def test_an_optional_body_is_sent_only_if_given() -> None:
    async with talking(reply(200, {})) as (client, server, _):
        await client.sender.value(OPTIONAL, body=None)
        await client.sender.value(OPTIONAL, body=[1, 2])
        assert [(seen.body, seen.headers.get("content-type")) for seen in server.seen] == [
            (b"", None),
            (b"[1,2]", "application/json"),
        ]


async def test_an_upload_from_a_path_knows_its_length_and_can_be_retried(tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    path.write_bytes(b"\x89PNG" * 1000)
    async with talking(reply(429), reply(200, {"id": "f-1"})) as (client, server, _):
        found = await client.sender.value(UPLOAD, (), None, {"token": "upload", "session": "a;b"}, {"file": path})
        assert found == {"id": "f-1"}
        first, second = server.seen
        assert b"\x89PNG" * 1000 in first.body
        assert len(first.body) == len(second.body) == int(first.headers["content-length"])
        assert first.headers["content-type"].startswith("multipart/form-data; boundary=")
        assert (first.headers["token"], first.headers["cookie"]) == ("upload", "session=a%3Bb")


async def test_an_upload_from_an_iterator_is_chunked_and_sent_once() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    async with talking(reply(429), reply(200, {"id": "f-1"})) as (client, server, _):
        with pytest.raises(Exception, match="429"):
            await client.sender.value(UPLOAD, body={"file": parts()})
        assert len(server.seen) == 1
        assert b"one two" in server.seen[0].body


async def test_a_consumed_body_is_not_resent_along_a_redirect() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"

    moved = reply(307, headers={"Location": "/v2/elsewhere"})
    async with talking(moved, reply(200, {"id": "f-1"})) as (client, server, _):
        with pytest.raises(RedirectError, match="the body cannot be sent a second time"):
            await client.sender.value(UPLOAD, body={"file": parts()})
        assert len(server.seen) == 1
        server.then(moved, reply(200, {"id": "f-1"}))
        assert await client.sender.value(UPLOAD, body={"file": b"kept"}) == {"id": "f-1"}
        assert b"kept" in server.seen[-1].body


async def test_a_consumed_body_is_not_resent_after_a_token_renewal() -> None:
    tokens = ["first-token", "second-token", "third-token"]

    async def parts() -> AsyncIterator[bytes]:
        yield b"one"

    async def token() -> str:
        return tokens.pop(0)

    async with serving(reply(401)) as server, Mittwald(credentials=token, base_url=server.url) as client:
        with pytest.raises(
            AuthenticationError, match="the token was renewed, but the body cannot be sent a second time"
        ):
            await client.sender.value(UPLOAD, body={"file": parts()})
        assert len(server.seen) == 1
        server.then(reply(401), reply(200, {"id": "f-1"}))
        assert await client.sender.value(UPLOAD, body={"file": b"kept"}) == {"id": "f-1"}


async def test_a_file_arrives_as_a_stream(tmp_path: Path) -> None:
    content = b"0123456789" * 50_000
    async with talking(reply(200, content, headers={"Content-Type": "application/octet-stream"})) as (
        client,
        server,
        _,
    ):
        assert await client.file.get_file("f-1") == content
        async with client.file.get_file("f-1") as stream:
            got = [chunk async for chunk in stream]
        assert b"".join(got) == content
        await client.download(server.url + "/export.zip").save(tmp_path / "export.zip")
        assert (tmp_path / "export.zip").read_bytes() == content
        assert idle_only(client)
        server.then(reply(404))
        with pytest.raises(NotFoundError):
            await client.file.get_file("f-2")


async def test_a_broken_stream_raises() -> None:
    async def breaks(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    async with talking(breaks) as (client, _, _):
        sender = client.sender
        assert isinstance(sender, Pipeline)
        async with sender.stream(GET_PROJECT, ("p-1",), extra_headers={"Accept": "*/*"}) as answer:
            assert answer.url.endswith("/v2/projects/p-1")
            chunks = answer.chunks()
            assert await anext(chunks) == b"half"
            with pytest.raises(ResponseBrokenError, match="broke off"):
                await anext(chunks)
        assert idle_only(client)


async def test_middleware_cannot_replace_a_stream() -> None:
    async def cached(request: Request, call_next: CallNext) -> RawResponse:
        return RawResponse(200, {}, b"x")

    async with talking(reply(200), middleware=[cached]) as (client, _, _):
        with pytest.raises(ClientStateError, match="middleware"):
            await client.file.get_file("f-1")


OCTETS = {"Content-Type": "application/octet-stream"}
LONG = reply(200, b"0123456789" * 200_000, headers=OCTETS)


async def test_a_download_that_waits_for_an_event_leaves_no_connection_open() -> None:
    written = (reply(200, {"id": "f-1"}, headers={"ETag": f"27663868941985{n}"}) for n in range(4))
    async with talking(reply(200, {}), *written, LONG) as (client, server, _):
        shared(client).clock = SystemClock()
        await client.sender.value(GET_PROJECT, ("p-0",))
        await asyncio.gather(*(client.request("POST", "/v2/files/f-1") for _ in range(4)))
        assert len(await client.file.get_file("f-1")) == 2_000_000
        assert len(server.seen) == 9
        assert idle_only(client)


async def test_middleware_that_drops_a_stream_leaves_no_connection_open() -> None:
    async def fails(request: Request, call_next: CallNext) -> RawResponse:
        await call_next(request)
        raise LookupError("after the answer")

    async def replaces(request: Request, call_next: CallNext) -> RawResponse:
        await call_next(request)
        return RawResponse(200, {}, b"x")

    async def asks_twice(request: Request, call_next: CallNext) -> RawResponse:
        await call_next(request)
        return await call_next(request)

    async with talking(LONG) as (client, _, _):
        with pytest.raises(LookupError):
            await client.with_options(middleware=[fails]).file.get_file("f-1")
        with pytest.raises(ClientStateError):
            await client.with_options(middleware=[replaces]).file.get_file("f-1")
        assert len(await client.with_options(middleware=[asks_twice]).file.get_file("f-1")) == 2_000_000
        assert idle_only(client)


async def test_an_upload_fails_with_the_error_of_its_source() -> None:
    async def gives_up() -> AsyncIterator[bytes]:
        yield b"one "
        raise LookupError("the source failed")

    async def gives_text() -> AsyncIterator[Any]:
        yield "text"

    async with talking(reply(200, {"id": "f-1"})) as (client, _, _):
        with pytest.raises(LookupError, match="the source failed"):
            await client.sender.value(UPLOAD, body={"file": gives_up()})
        with pytest.raises(InvalidArgumentError, match="str, not bytes"):
            await client.sender.value(UPLOAD, body={"file": gives_text()})
        assert idle_only(client)


async def test_waiters_are_available() -> None:
    async with talking(reply(200, {})) as (client, _, _):
        assert isinstance(client.wait, Waiters)
        assert client.wait is client.wait
