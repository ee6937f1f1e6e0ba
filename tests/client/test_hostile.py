"""A server that breaks every rule, over real sockets. After each failure the pool holds no broken connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mittwald_async import Pool
from mittwald_async.errors import (
    CallTimeoutError,
    MaybeSentError,
    MittwaldError,
    ReadTimeoutError,
    ResponseDecodeError,
    ServerError,
)
from mittwald_async.runtime.transport import deadlines as watch
from mittwald_async.runtime.transport import session
from mittwald_async.runtime.transport.encoding import Content

from ..support.scripted_server import CREATE_PROJECT, GET_PROJECT, Act, Seen, idle_only, reply, talking

pytestmark = pytest.mark.usefixtures("both_ways")

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"


def reset(*before: bytes) -> Act:
    async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
        for part in before:
            writer.write(part)
            await writer.drain()
        await asyncio.sleep(0.01)
        writer.transport.abort()

    return act


@pytest.mark.parametrize(
    "sent",
    [
        (),
        (b"HTTP/1.1 200 O",),
        (b"HTTP/1.1 200 OK\r\nContent-Type: appl",),
        (OK,),
        (OK, b'{"id":'),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"id',),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 4,),
        (b"HTTP/1.1 abc OK\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Length: 13\r\n\r\n",),
    ],
)
async def test_responses_that_break_off_or_are_not_http(sent: tuple[bytes, ...]) -> None:
    async with talking(reset(*sent), reply(200, {"id": "p-1"})) as (client, server, _):
        response = await client.sender.response(GET_PROJECT, ("p-1",))
        assert response.data == {"id": "p-1"}
        assert response.attempts[0].status is None
        assert response.attempts[0].reason
        server.then(reset(*sent))
        with pytest.raises(MaybeSentError) as caught:
            await client.sender.value(CREATE_PROJECT, ("s-1",), body={"description": "x"})
        assert len(caught.value.attempts) == 1
        assert idle_only(client)


async def test_truncated_json_is_a_decode_error_with_its_body() -> None:
    async with talking(reply(200, b'{"id": "p-')) as (client, server, _):
        with pytest.raises(ResponseDecodeError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.body == b'{"id": "p-'
        assert len(server.seen) == 1, "decode errors are not repeated"
        assert idle_only(client)


async def test_json_of_absurd_depth_is_an_error_not_a_crash() -> None:
    async with talking(reply(200, b"[" * 200_000 + b"]" * 200_000)) as (client, _, _):
        with pytest.raises(ResponseDecodeError):
            await client.sender.value(GET_PROJECT, ("p-1",))


async def test_a_body_longer_than_announced_is_an_error() -> None:
    async with talking(OK + b'{"id": "p-1"}garbage', reply(200, {"id": "p-2"})) as (client, server, _):
        response = await client.sender.response(GET_PROJECT, ("p-1",))
        assert response.data == {"id": "p-2"}
        assert [a.status for a in response.attempts] == [None, 200]
        assert server.connections == 2


async def test_a_slow_drip_is_not_a_read_timeout() -> None:
    async def drip(seen: Seen, writer: asyncio.StreamWriter) -> None:
        for byte in reply(200, {"id": "p-1"}):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.001)

    async with talking(drip, read_timeout=0.5) as (client, _, _):
        assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}


@pytest.mark.parametrize("before", [b"", OK, OK + b'{"id"'])
async def test_silence_is_a_read_timeout(before: bytes) -> None:
    async def silence(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(before)
        await asyncio.sleep(30)

    async with talking(silence, read_timeout=0.05, max_retries=1) as (client, server, _):
        with pytest.raises(ReadTimeoutError, match="read_timeout") as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert isinstance(caught.value, TimeoutError)
        assert len(caught.value.attempts) == len(server.seen) == 2
        assert idle_only(client)


@pytest.mark.parametrize("before", [b"", OK, OK + b'{"id"'])
async def test_a_long_read_timeout_starts_a_timer_only_for_long_calls(
    before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silence(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(before)
        await asyncio.sleep(30)

    monkeypatch.setattr(session, "COARSE", 0.1)
    monkeypatch.setattr(watch, "_TICK", 0.02)
    async with talking(silence, read_timeout=0.15, max_retries=0) as (client, _, _):
        begun = asyncio.get_running_loop().time()
        with pytest.raises(ReadTimeoutError, match="read_timeout"):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert 0.15 <= asyncio.get_running_loop().time() - begun < 5
        assert idle_only(client)


async def test_a_long_drip_causes_no_read_timeout_and_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drip(seen: Seen, writer: asyncio.StreamWriter) -> None:
        for byte in reply(200, {"id": "p-1"}):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.003)

    monkeypatch.setattr(session, "COARSE", 0.05)
    monkeypatch.setattr(watch, "_TICK", 0.02)
    async with talking(drip, reply(200, {"id": "p-2"}), read_timeout=0.1) as (client, server, _):
        assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
        await asyncio.sleep(0.2)
        assert await client.sender.value(GET_PROJECT, ("p-2",)) == {"id": "p-2"}
        assert server.connections == 1


async def test_an_html_502_shows_its_first_words() -> None:
    page = b"<html><head><title>502 Bad Gateway</title></head></html>"
    async with talking(reply(502, page, headers={"Content-Type": "text/html"}), max_retries=0) as (client, _, _):
        with pytest.raises(ServerError, match="502: <html><head><title>502 Bad Gateway") as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.body == page


async def test_a_truncated_error_keeps_its_status() -> None:
    broken = b'HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\n{"type": "Unavail'
    async with talking(reset(broken), max_retries=0) as (client, _, _):
        with pytest.raises(ServerError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.status == 503
        assert caught.value.body == b'{"type": "Unavail'
        assert idle_only(client)


async def test_a_cancelled_call_closes_its_connection() -> None:
    async def silence(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with talking(silence, reply(200, {})) as (client, server, _):
        task = asyncio.ensure_future(client.sender.value(GET_PROJECT, ("p-1",)))
        while not server.seen:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert idle_only(client)
        assert await client.sender.value(GET_PROJECT, ("p-1",)) == {}


async def test_an_enclosing_timeout_remains_the_callers() -> None:
    async def silence(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with talking(silence) as (client, _, _):
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.05):
                await client.sender.value(GET_PROJECT, ("p-1",))
        assert not isinstance(caught.value, MittwaldError)
        assert idle_only(client)


async def test_closing_the_client_fails_calls_in_flight() -> None:
    async def silence(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with talking(silence) as (client, server, _):
        task = asyncio.ensure_future(client.sender.value(GET_PROJECT, ("p-1",)))
        while not server.seen:
            await asyncio.sleep(0.001)
        await client.close()
        with pytest.raises(MittwaldError):
            await task


async def test_a_partly_sent_stream_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    from mittwald_async.runtime.transport.request_builder import RequestBuilder

    async with talking(reply(503), reply(200, {})) as (client, server, _):

        async def content(kind: str, body: object) -> Content:
            return Content("application/octet-stream", open=parts, repeatable=False)

        monkeypatch.setattr(RequestBuilder, "_content", staticmethod(content))
        with pytest.raises(ServerError):
            await client.request("PUT", "/v2/x", body=b"")
        assert [seen.body for seen in server.seen] == [b"one two"]


async def test_an_unsolicited_response_does_not_reach_the_next_call() -> None:
    async def one_too_many(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, {"id": "p-1"}))
        await asyncio.sleep(0.05)
        writer.write(reply(408, {"message": "nobody asked"}))  # as some servers send before closing an idle connection
        reported.set()

    reported = asyncio.Event()
    async with talking(one_too_many, reply(200, {"id": "p-2"})) as (client, server, _):
        assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
        await reported.wait()
        await asyncio.sleep(0.05)
        response = await client.sender.response(GET_PROJECT, ("p-2",))
        assert response.data == {"id": "p-2"}
        assert len(response.attempts) == 1
        assert [seen.connection for seen in server.seen] == [1, 2]
        assert idle_only(client)


# The clock of these tests jumps ahead whenever a task waits for the budget, so 30 s would pass too early.
@pytest.mark.parametrize("timeout", [3_000.0, None])
async def test_calls_cancelled_before_they_had_a_connection_use_no_budget(timeout: float | None) -> None:
    async def hold(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if len(server.seen) > 70:
            await forever.wait()
        reported = {"X-RateLimit-Limit": "200", "X-RateLimit-Reset": "600"}
        writer.write(reply(200, {}, headers={**reported, "X-RateLimit-Remaining": str(200 - len(server.seen))}))

    forever = asyncio.Event()
    async with talking(hold, pool=Pool(connections=5), timeout=timeout) as (client, server, _):
        for _ in range(70):  # until the limiter assumes to be the only client
            await client.sender.value(GET_PROJECT, ("p-1",))
        storm = [asyncio.create_task(client.sender.value(GET_PROJECT, ("p-1",))) for _ in range(200)]
        while len(server.seen) < 75:
            await asyncio.sleep(0.01)
        for task in storm:
            task.cancel()
        await asyncio.gather(*storm, return_exceptions=True)
        assert client.rate_limit.remaining == 125
        assert client.rate_limit.in_flight == client.rate_limit.waiting == 0
        forever.set()


@pytest.mark.parametrize("timeout", [0.3, 0.6])
async def test_calls_that_time_out_before_they_had_a_connection_use_no_budget(
    timeout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hold(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if len(server.seen) > 70:
            await forever.wait()
        reported = {"X-RateLimit-Limit": "200", "X-RateLimit-Reset": "600"}
        writer.write(reply(200, {}, headers={**reported, "X-RateLimit-Remaining": str(200 - len(server.seen))}))

    monkeypatch.setattr(watch, "COARSE", 0.5)  # one by its own timer, one by the shared timer
    monkeypatch.setattr(watch, "_TICK", 0.02)
    forever = asyncio.Event()
    async with talking(hold, pool=Pool(connections=5)) as (client, server, _):
        for _ in range(70):
            await client.sender.value(GET_PROJECT, ("p-1",))
        hurried = client.with_options(timeout=timeout)
        storm = [asyncio.create_task(hurried.sender.value(GET_PROJECT, ("p-1",))) for _ in range(20)]
        ended = await asyncio.gather(*storm, return_exceptions=True)
        assert {type(each) for each in ended} == {CallTimeoutError}
        assert client.rate_limit.remaining == 200 - len(server.seen)
        forever.set()
