"""Responses that are cut, compressed, too large or not what was requested."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from mittwald_async import Mittwald, Operation
from mittwald_async.errors import (
    DriftWarning,
    MaybeSentError,
    MittwaldError,
    ReadTimeoutError,
    ResponseBrokenError,
    ResponseDecodeError,
    ResponseTooLargeError,
    StatusError,
    WriteTimeoutError,
)
from mittwald_async.runtime.operation import Body, Parameter, Result
from mittwald_async.runtime.transport.decompression import accepted

from ..support.scripted_server import CREATE_PROJECT, DELETE_PROJECT, GET_PROJECT, Act, Seen, idle_only, reply, talking

GET_LOGS: Operation[str] = Operation(
    operation_id="container-get-service-logs",
    method="GET",
    path="/v2/stacks/{stackId}/logs",
    group="container",
    name="get_service_logs",
    tag="Container",
    parameters=(Parameter(name="stack_id", wire="stackId", where="path", type="str", required=True),),
    results=(Result(status=200, type="str", content_type="text/plain"),),
)
PATCH_PROJECT: Operation[None] = Operation(
    operation_id="project-update-project-description",
    method="PATCH",
    path="/v2/projects/{projectId}/description",
    group="project",
    name="update_project_description",
    tag="Project",
    parameters=(Parameter(name="project_id", wire="projectId", where="path", type="str", required=True),),
    body=Body(content_type="application/json", type="Any", required=True, flat=True),
    results=(Result(status=204, type="None"),),
)
TEXT = b'{"id": "p-1", "description": "' + b"abcdefghij" * 500 + b'"}'


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


def until_closed(body: bytes, coding: str | None, status: int = 200, kind: str = "application/json") -> Act:
    """A response that ends when the connection closes, as in HTTP/1.0: it states no length."""

    async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
        packed = f"Content-Encoding: {coding}\r\n" if coding else ""
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{packed}Connection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    return act


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, gzip"])
async def test_a_truncated_compressed_body_is_never_taken_as_whole(coding: str, tmp_path: Path) -> None:
    """pydantic-ai#7159: half a gzip body was accepted as the whole."""
    packed = PACKERS[coding.split(",")[0]](TEXT)
    if "," in coding:
        packed = gzip.compress(packed)
    cut, full = until_closed(packed[: len(packed) // 2], coding), until_closed(packed, coding)
    async with talking(cut, full) as (client, server, _):
        assert (await client.sender.value(GET_PROJECT, ("p-1",)))["id"] == "p-1"
        server.then(cut)
        with pytest.raises(ResponseBrokenError, match="ended early") as caught:
            await client.request("GET", "/v2/x")
        assert len(caught.value.attempts) == 4
        assert TEXT.startswith(caught.value.partial)
        with pytest.raises(MaybeSentError, match="ended early") as lost:
            await client.sender.value(CREATE_PROJECT, ("s-1",), body={"description": "x"})
        assert len(lost.value.attempts) == 1
        with pytest.raises(ResponseBrokenError, match="ended early"):
            await client.download(server.url + "/dump").save(tmp_path / "dump.sql")
        assert not (tmp_path / "dump.sql").exists()
        with pytest.raises(ResponseBrokenError, match="ended early"):
            await client.download(server.url + "/dump")
        with pytest.raises(ResponseBrokenError, match="ended early"):
            await _streamed(client, server.url + "/dump")
        server.then(full)
        await client.download(server.url + "/dump").save(tmp_path / "dump.sql")
        assert (tmp_path / "dump.sql").read_bytes() == TEXT
        assert idle_only(client)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_body_cut_before_its_first_byte_is_not_an_empty_file(coding: str, tmp_path: Path) -> None:
    nothing = until_closed(b"", coding)
    async with talking(nothing) as (client, server, _):
        with pytest.raises(ResponseBrokenError, match="ended early"):
            await client.request("GET", "/v2/x")
        with pytest.raises(ResponseBrokenError, match="ended early"):
            await client.download(server.url + "/dump").save(tmp_path / "dump.sql")
        assert not (tmp_path / "dump.sql").exists()
        with pytest.raises(ResponseBrokenError, match="ended early"):
            await _streamed(client, server.url + "/dump")
        server.then(b"HTTP/1.1 200 X\r\nContent-Encoding: " + coding.encode() + b"\r\nContent-Length: 0\r\n\r\n")
        await client.download(server.url + "/dump").save(tmp_path / "dump.sql")
        assert (tmp_path / "dump.sql").read_bytes() == b"", "a length of nothing is no cut"
        assert idle_only(client)


@pytest.mark.usefixtures("both_ways")
async def test_an_error_with_a_truncated_compressed_body_keeps_its_status() -> None:
    body = gzip.compress(b'{"type":"Gone","message":"' + b"no " * 2000 + b'"}')
    async with talking(until_closed(body[: len(body) // 2], "gzip", 403)) as (client, _, _):
        with pytest.raises(StatusError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.status == 403
    async with talking(until_closed(body, "gzip", 403)) as (client, _, _):
        with pytest.raises(StatusError, match="no no no") as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.type == "Gone"


async def test_only_supported_codings_are_requested() -> None:
    async with talking(reply(200, {})) as (client, server, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        assert server.seen[0].headers["accept-encoding"] == accepted()


@pytest.mark.usefixtures("both_ways")
async def test_a_response_that_grows_too_large_is_refused_with_advice() -> None:
    """ouroboros#398: 611 KB of gzip expanded to 1.26 GB."""
    body = gzip.compress(b'{"id": "' + b"0" * 5_000_000 + b'"}')
    async with talking(reply(200, body, headers={"Content-Encoding": "gzip"}), max_response_size=1 << 20) as (
        client,
        server,
        _,
    ):
        with pytest.raises(ResponseTooLargeError, match=r"max_response_size.*stream") as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.limit == 1 << 20
        assert caught.value.operation_id == "project-get-project"
        assert len(server.seen) == 1
        server.then(reply(200, b"x" * (1 << 21)))
        with pytest.raises(ResponseTooLargeError):
            await client.request("GET", "/v2/x")
        with pytest.raises(ResponseTooLargeError):
            await client.download(server.url + "/file")
        async with client.download(server.url + "/file") as stream:
            assert sum([len(chunk) async for chunk in stream]) == 1 << 21
        unbounded = client.with_options(max_response_size=None)
        assert len((await unbounded.request("GET", "/v2/x")).data) == 1 << 21


@pytest.mark.usefixtures("both_ways")
async def test_a_broken_log_stream_returns_what_arrived() -> None:
    """mittwald/cli#1677: the text arrives, then the connection breaks."""

    async def breaks(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await writer.drain()
        writer.close()

    async with talking(breaks) as (client, server, _):
        with pytest.raises(ResponseBrokenError, match="broke off") as caught:
            await client.sender.value(GET_LOGS, ("s-1",))
        assert caught.value.partial == b"hello"
        assert not isinstance(caught.value, MaybeSentError)
        arrived = bytearray()
        with pytest.raises(ResponseBrokenError):
            await _streamed(client, server.url + "/v2/stacks/s-1/logs", arrived)
        assert bytes(arrived).startswith(b"hello")


async def test_the_first_attempts_text_is_kept_when_later_attempts_bring_less() -> None:
    async def breaks(seen: Seen, writer: asyncio.StreamWriter) -> None:
        body = b"first lines" if len(server.seen) == 1 else b""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    async with talking(breaks) as (client, server, _):
        with pytest.raises(ResponseBrokenError) as caught:
            await client.sender.value(GET_LOGS, ("s-1",))
        assert caught.value.partial == b"first lines"


async def test_a_timed_out_read_is_not_called_possibly_executed() -> None:
    async def silence(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with talking(silence, read_timeout=0.1, max_retries=0) as (client, _, _):
        with pytest.raises(ReadTimeoutError) as read:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert not isinstance(read.value, MaybeSentError)
        with pytest.raises(WriteTimeoutError) as write:
            await client.sender.value(CREATE_PROJECT, ("s-1",), body={"description": "x"})
        assert isinstance(write.value, MaybeSentError)
        assert isinstance(write.value, ReadTimeoutError)


@pytest.mark.parametrize("operation", [PATCH_PROJECT, DELETE_PROJECT, CREATE_PROJECT], ids=lambda one: one.method)
@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [(200, "text/html", b"<html>maintenance</html>"), (202, "application/json", b"{}"), (203, "text/html", b"<p>")],
)
async def test_an_html_page_in_response_to_a_write_is_an_error(
    operation: Operation[object], status: int, kind: str, body: bytes
) -> None:
    async with talking(reply(status, body, headers={"Content-Type": kind})) as (client, server, _):
        with pytest.raises(ResponseDecodeError, match="may not have been done") as caught:
            await client.sender.value(operation, ("p-1",), body={"description": "x"})
        assert caught.value.body == body
        assert len(server.seen) == 1


async def test_an_undocumented_success_of_a_read_is_drift() -> None:
    async with talking(reply(203, {"id": "p-1"})) as (client, _, _):
        with pytest.warns(DriftWarning, match="status 203"):
            assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
        with pytest.raises(ResponseDecodeError, match="status 203"):
            await client.with_options(strict=True).sender.value(GET_PROJECT, ("p-1",))


@pytest.mark.usefixtures("both_ways")
async def test_an_unrequested_partial_response_is_not_the_whole() -> None:
    part = reply(206, {"id": "p-1"}, headers={"Content-Range": "bytes 0-5/100"})
    async with talking(part) as (client, _, _):
        for call, name in (
            (lambda: client.sender.value(GET_PROJECT, ("p-1",)), "project-get-project"),
            (lambda: client.request("GET", "/v2/x"), None),
        ):
            with pytest.raises(ResponseDecodeError, match="a part") as caught:
                await call()
            assert caught.value.operation_id == name
        asked = await client.request("GET", "/v2/x", headers={"Range": "bytes=0-5"})
        assert asked.status == 206


@pytest.mark.usefixtures("both_ways")
async def test_a_protocol_switch_is_an_error_and_closes_the_connection() -> None:
    async def switch(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nnot http")

    async with talking(switch) as (client, server, _):
        with pytest.raises(StatusError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.status == 101
        assert len(server.seen) == 1
        assert idle_only(client)


async def test_no_response_raises_a_foreign_exception() -> None:
    """msgspec#714: a body that was not UTF-8 raised UnicodeDecodeError. A header could do the same."""
    import random

    dice = random.Random(32)
    odd = [
        b"\xff\xfe",
        b"\x80",
        b"-1",
        b"9" * 400,
        b"1e999",
        b"nan",
        b"\xc3\x28",
        b";;;",
        b"=",
        b'"',
        b"0x10",
        b"inf",
        b" ",
    ]
    names = (
        b"X-RateLimit-Limit X-RateLimit-Remaining X-RateLimit-Reset Retry-After Date ETag Content-Type Location "
        b"X-PagingInfo-TotalCount Content-Disposition Content-Encoding Last-Modified X-Flow-Id Content-Range"
    ).split()
    bodies = [
        b"",
        b"\xff\xfe\x00",
        b"{",
        b'{"id": "\xff"}',
        b"[" * 5000,
        b"null",
        b"1e400",
        b'"\\ud800"',
        b'{"type":[],"errors":3}',
    ]
    statuses = [200, 201, 204, 206, 301, 307, 400, 401, 404, 409, 412, 422, 429, 500, 503]

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        body = dice.choice(bodies)
        lines = [b"HTTP/1.1 %d X" % dice.choice(statuses), b"Content-Length: %d" % len(body)]
        lines += [name + b": " + dice.choice(odd) for name in dice.sample(names, 4)]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    async with talking(answer, max_retries=0, max_wait=0.001) as (client, server, _):
        works = (
            lambda: client.sender.value(GET_PROJECT, ("p-1",)),
            lambda: client.sender.value(CREATE_PROJECT, ("s-1",), body={"description": "x"}),
            lambda: client.sender.value(PATCH_PROJECT, ("p-1",), body={"description": "x"}),
            lambda: client.sender.value(DELETE_PROJECT, ("p-1",)),
            lambda: client.project.list_projects().collect(),
            lambda: client.request("GET", "/v2/x"),
            lambda: _awaited(client, server.url),
        )
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DriftWarning)
            for turn in range(700):
                try:
                    await works[turn % len(works)]()
                except MittwaldError:
                    continue


async def _awaited(client: Mittwald, url: str) -> bytes:
    return await client.download(url + "/file")


async def _streamed(client: Mittwald, url: str, into: bytearray | None = None) -> None:
    async with client.download(url) as stream:
        async for chunk in stream:
            if into is not None:
                into += chunk
