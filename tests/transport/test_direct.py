"""The fast path through aiohttp sends the same bytes as the public one, and is taken only where it makes no difference.

(`tests/client` runs server behaviour over both paths.)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from unittest.mock import AsyncMock, patch

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from mittwald_async.errors import CallTimeoutError, ConnectTimeoutError, ReadTimeoutError, TransportError
from mittwald_async.options import Pool
from mittwald_async.runtime._accel import PURE
from mittwald_async.runtime._accel import fast_path as direct
from mittwald_async.runtime._accel.fast_path import Direct
from mittwald_async.runtime.middleware import RawResponse
from mittwald_async.runtime.transport import session
from mittwald_async.runtime.transport.connections import KeptConnections
from mittwald_async.runtime.transport.session import Session, WireRequest, limits

LIMITS = limits(120.0, 10.0, 60.0)
NOTHING = b"HTTP/1.1 204 No\r\n\r\n"
HEADERS = {"User-Agent": "tests", "Accept": "application/json", "X-Access-Token": "token-for-tests"}

NEEDS_FAST_PATH = pytest.mark.skipif(PURE, reason="the fast path is switched off")


@asynccontextmanager
async def hearing(answer: bytes = NOTHING, once: bool = False) -> AsyncGenerator[tuple[str, list[bytes]], None]:
    """A server that records every request head byte for byte; with `once`, it closes the connection after each."""
    heads: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer)
                if once:
                    break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def opened(compressed: bool = True) -> AsyncGenerator[Session, None]:
    made = await Session.open(Pool(compressed=compressed, trust_env=False), None, False)
    try:
        yield made
    finally:
        await made.close()


async def send(by: Session, url: str, method: str = "GET", headers: dict[str, str] = HEADERS) -> RawResponse:
    return await by.exchange(WireRequest(method, URL(url, encoded=True), CIMultiDict(headers)), LIMITS)


def no_way(*_: object) -> None:
    """Replaces `Direct.over`, so that every request takes the public path."""


def shortened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs that take the fast path from now on."""
    taken: list[str] = []
    request = Direct.request

    async def noted(self: Direct, method: str, url: URL, *rest: Any) -> aiohttp.ClientResponse:
        taken.append(url.path)
        return await request(self, method, url, *rest)

    monkeypatch.setattr(Direct, "request", noted)
    return taken


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
@NEEDS_FAST_PATH
async def test_both_paths_send_the_same_bytes(method: str, compressed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = shortened(monkeypatch)
    async with hearing() as (url, heads):
        async with opened(compressed) as made:
            await send(made, f"{url}/v2/a%2Fb?limit=20&q=%C3%BC", method)
            await send(made, f"{url}/v2/x", method, {**HEADERS, "accept-encoding": "gzip", "If-Event-Reached": "e-1"})
        assert taken == ["/v2/a/b", "/v2/x"]
        monkeypatch.setattr(Direct, "over", no_way)
        async with opened(compressed) as made:
            await send(made, f"{url}/v2/a%2Fb?limit=20&q=%C3%BC", method)
            await send(made, f"{url}/v2/x", method, {**HEADERS, "accept-encoding": "gzip", "If-Event-Reached": "e-1"})
    assert len(taken) == 2
    assert heads[:2] == heads[2:]
    assert heads[0].startswith(f"{method} /v2/a%2Fb?limit=20&q=%C3%BC HTTP/1.1\r\nHost: 127.0.0.1:".encode())


async def test_given_headers_are_not_modified(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hearing() as (url, _), opened() as made:
        headers = CIMultiDict(HEADERS)
        await made.exchange(WireRequest("GET", URL(f"{url}/"), headers), LIMITS)
        assert headers == HEADERS


@NEEDS_FAST_PATH
async def test_a_session_method_replaced_later_receives_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    original: Any = getattr(aiohttp.ClientSession, "_request")  # noqa: B009 - what recorders and mocks replace

    async def recorded(self: aiohttp.ClientSession, method: str, url: URL, **rest: Any) -> aiohttp.ClientResponse:
        seen.append(url.path)
        response: aiohttp.ClientResponse = await original(self, method, url, **rest)
        return response

    taken = shortened(monkeypatch)
    async with hearing() as (url, heads), opened() as made:
        await send(made, f"{url}/before")
        with monkeypatch.context() as patched:
            patched.setattr(aiohttp.ClientSession, "_request", recorded)
            await send(made, f"{url}/between")
        await send(made, f"{url}/after")
    assert seen == ["/between"]
    assert taken == ["/before", "/after"]
    assert len(heads) == 3


async def test_a_session_method_replaced_earlier_receives_every_request() -> None:
    original: Any = getattr(aiohttp.ClientSession, "_request")  # noqa: B009

    async def wrapped(*args: Any, **named: Any) -> Any:
        return await original(*args, **named)

    wrapped.__module__ = original.__module__  # as `functools.wraps` does
    assert direct.is_aiohttps(original)
    assert not direct.is_aiohttps(wrapped)
    assert not direct.is_aiohttps(None)


@NEEDS_FAST_PATH
async def test_traced_sessions_session_middleware_and_other_aiohttp_releases_take_the_public_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def pass_on(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        return await handler(request)

    plain, traced = aiohttp.ClientSession(), aiohttp.ClientSession(trace_configs=[aiohttp.TraceConfig()])
    between = aiohttp.ClientSession(middlewares=(pass_on,))
    async with plain, traced, between:
        ways = [Direct.over(each, KeptConnections(all_are_ours=False)) for each in (plain, traced, between)]
        assert [way is None for way in ways] == [False, True, True]
        for release in ("3.15.0", "4.0.0a1", "3.140.0"):
            monkeypatch.setattr(aiohttp, "__version__", release)
            assert Direct.over(plain, KeptConnections(all_are_ours=False)) is None


async def test_urls_with_credentials_take_the_public_path(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = shortened(monkeypatch)
    async with hearing() as (url, heads), opened() as made:
        await send(made, url.replace("//", "//user:word@") + "/x")
    assert taken == []
    assert b"\r\nAuthorization: Basic " in heads[0]


@NEEDS_FAST_PATH
async def test_a_deadline_ends_a_request_on_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "COARSE", 0.1)
    monkeypatch.setattr("mittwald_async.runtime.transport.deadlines._TICK", 0.02)
    taken = shortened(monkeypatch)
    async with hearing(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal") as (url, _), opened() as made:
        with pytest.raises(CallTimeoutError):
            await made.exchange(WireRequest("GET", URL(url), CIMultiDict()), limits(0.15, None, None))
        assert taken == ["/"]
        assert not getattr(made.session.connector, "_acquired")  # noqa: B009 - that no connection is left behind


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_read_timeout_applies_to_an_external_session(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "COARSE", 0.1)
    monkeypatch.setattr("mittwald_async.runtime.transport.deadlines._TICK", 0.02)
    async with (
        hearing(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal") as (url, _),
        aiohttp.ClientSession() as own,
    ):
        made = await Session.open(Pool(), own, False)
        with pytest.raises(ReadTimeoutError):
            await made.exchange(WireRequest(method, URL(url), CIMultiDict()), limits(60.0, None, 0.15))
        assert not getattr(own.connector, "_acquired")  # noqa: B009


async def test_a_slow_connection_attempt_is_reported_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any) -> Any:
        raise TimeoutError

    monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", never)
    ways: tuple[object, ...] = (Direct.over, no_way)
    for way in ways:
        monkeypatch.setattr(Direct, "over", way)
        async with opened() as made:
            with pytest.raises(ConnectTimeoutError):
                await send(made, "http://127.0.0.1:1/")


async def test_a_connection_closed_by_the_server_is_replaced_silently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ways: tuple[object, ...] = (Direct.over, no_way)
    for way in ways:
        monkeypatch.setattr(Direct, "over", way)
        async with hearing(NOTHING, once=True) as (url, heads), opened() as made:
            for _ in range(3):
                assert (await send(made, url)).status == 204
                await asyncio.sleep(0.02)
            assert len(heads) == 3


async def both_ways_with_the_same_headers(
    made: AbstractAsyncContextManager[Session], steps: Callable[[Session, CIMultiDict[str]], Awaitable[object]]
) -> None:
    """Requests one after the other, all with one object of headers."""
    async with made as opened_:
        await steps(opened_, CIMultiDict(HEADERS))


@NEEDS_FAST_PATH
async def test_what_is_kept_of_a_request_is_sent_again_with_another_path(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hearing() as (url, heads), hearing() as (other, heads_there):

        async def steps(by: Session, headers: CIMultiDict[str]) -> None:
            for target in (f"{url}/first", f"{url}/second?q=%C3%BC", f"{other}/there", f"{url}/third#part"):
                await by.exchange(WireRequest("GET", URL(target, encoded=True), headers), LIMITS)
            headers["X-Access-Token"] = "renewed"
            await by.exchange(WireRequest("GET", URL(f"{url}/renewed"), headers), LIMITS)
            await by.exchange(WireRequest("DELETE", URL(f"{url}/gone"), headers), LIMITS)
            by.session.headers["X-Late"] = "1"
            await by.exchange(WireRequest("GET", URL(f"{url}/late"), headers), LIMITS)

        for way in (Direct.over, no_way):
            monkeypatch.setattr(Direct, "over", way)
            await both_ways_with_the_same_headers(opened(), steps)
            await both_ways_with_the_same_headers(handed_in(aiohttp.ClientSession(headers={"X-Own": "1"})), steps)
            closing = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
            await both_ways_with_the_same_headers(handed_in(closing), steps)
    half = len(heads) // 2
    assert heads[:half] == heads[half:]
    assert heads_there[:3] == heads_there[3:]
    assert heads[1].startswith(b"GET /second?q=%C3%BC HTTP/1.1\r\nHost: " + url.removeprefix("http://").encode())
    assert heads_there[0].startswith(b"GET /there HTTP/1.1\r\nHost: " + other.removeprefix("http://").encode())
    assert [b"renewed\r\n" in head for head in heads[:6]] == [False, False, False, True, True, True]
    assert b"\r\nX-Late: 1\r\n" in heads[5]
    assert b"\r\nConnection: close\r\n" in heads[half - 1]


@NEEDS_FAST_PATH
@pytest.mark.parametrize("path", ["/a\0", "/a\x1fb"])
async def test_a_path_with_control_characters_is_refused_by_both_ways(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for way in (Direct.over, no_way):
        monkeypatch.setattr(Direct, "over", way)
        async with hearing() as (url, heads), opened() as made:
            headers = CIMultiDict(HEADERS)
            await made.exchange(WireRequest("GET", URL(url), headers), LIMITS)
            with pytest.raises(TransportError):
                await made.exchange(WireRequest("GET", URL(url + path, encoded=True), headers), LIMITS)
            assert len(heads) == 1


@NEEDS_FAST_PATH
async def test_a_header_that_would_end_its_line_is_refused_every_time() -> None:
    async with hearing() as (url, heads), opened() as made:
        headers = CIMultiDict({**HEADERS, "X-Odd": "a\r\nX-Smuggled: 1"})
        for _ in range(3):
            with pytest.raises(TransportError):
                await made.exchange(WireRequest("GET", URL(url), headers), LIMITS)
        assert heads == []


@NEEDS_FAST_PATH
async def test_of_many_headers_few_are_kept() -> None:
    async with hearing() as (url, heads), opened() as made:
        for number in range(100):
            await send(made, f"{url}/{number}")
        assert [head.split()[1] for head in heads] == [f"/{number}".encode() for number in range(100)]
        kept = getattr(getattr(made, "_direct"), "_known")  # noqa: B009 - that nothing grows
        assert 0 < len(kept) <= 32


class OwnRequest(aiohttp.ClientRequest):
    """A custom request class of the caller."""


@asynccontextmanager
async def handed_in(session: aiohttp.ClientSession) -> AsyncGenerator[Session, None]:
    async with session:
        yield await Session.open(Pool(), session, False)


@NEEDS_FAST_PATH
async def test_a_plain_external_session_sends_the_same_bytes_on_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = shortened(monkeypatch)
    async with hearing() as (url, heads):
        for way in (Direct.over, no_way):
            monkeypatch.setattr(Direct, "over", way)
            async with handed_in(aiohttp.ClientSession(headers={"X-Own": "1", "Accept": "*/*"})) as made:
                await send(made, f"{url}/a%2Fb?q=%C3%BC")
                await send(made, f"{url}/x", "DELETE")
    assert taken == ["/a/b", "/x"]
    assert heads[:2] == heads[2:]
    assert b"\r\nX-Own: 1\r\n" in heads[0]


@NEEDS_FAST_PATH
async def test_a_session_that_modifies_requests_takes_the_public_path() -> None:
    adding: list[dict[str, Any]] = [
        {"base_url": "http://127.0.0.1:1/"},
        {"proxy": "http://127.0.0.1:1"},
        {"trust_env": True},
        {"skip_auto_headers": ["User-Agent"]},
        {"request_class": OwnRequest},
        {"version": aiohttp.HttpVersion10},
        {"max_line_size": 100},
    ]
    for settings in adding:
        async with aiohttp.ClientSession(**settings) as session_:
            assert Direct.over(session_, KeptConnections(all_are_ours=False)) is None, settings
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session_:
        assert Direct.over(session_, KeptConnections(all_are_ours=False)) is not None


@NEEDS_FAST_PATH
async def test_an_external_session_keeps_and_sends_cookies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = shortened(monkeypatch)
    setting = b"HTTP/1.1 204 No\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Path=/\r\n\r\n"
    jar = aiohttp.CookieJar(unsafe=True)
    async with hearing(setting) as (url, heads), handed_in(aiohttp.ClientSession(cookie_jar=jar)) as made:
        await send(made, f"{url}/first")
        await send(made, f"{url}/second")
        assert taken == ["/first"]
        assert b"Cookie" not in heads[0]
        assert b"\r\nCookie: a=1; b=2\r\n" in heads[1]
        jar.clear()
        await send(made, f"{url}/third")
        assert taken == ["/first", "/third"]


@NEEDS_FAST_PATH
@pytest.mark.parametrize("name", ["request", "_request"])
@pytest.mark.parametrize("of_the_class", [True, False])
async def test_a_replaced_method_of_an_external_session_receives_every_request(
    name: str, of_the_class: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = shortened(monkeypatch)
    async with hearing() as (url, _), handed_in(aiohttp.ClientSession()) as made:
        await send(made, f"{url}/before")
        stand_in = AsyncMock(side_effect=aiohttp.ClientConnectionError("mocked"))
        # Not pytest's monkeypatch, whose older releases leave the method behind on the session.
        with patch.object(aiohttp.ClientSession if of_the_class else made.session, name, stand_in):
            with pytest.raises(TransportError):
                await send(made, f"{url}/between")
            assert stand_in.await_count == 1
        await send(made, f"{url}/after")
    assert taken == ["/before", "/after"]


async def test_a_server_that_speaks_first_works_with_any_pool() -> None:
    """Every connection of an external pool then seems to hold an old response; the search must end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with (
        await asyncio.start_server(serve, "127.0.0.1", 0) as server,
        opened() as own,
        handed_in(aiohttp.ClientSession()) as other,
    ):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for made in (own, other):
            with contextlib.suppress(TransportError):
                assert (await asyncio.wait_for(send(made, url), 5)).status == 503
