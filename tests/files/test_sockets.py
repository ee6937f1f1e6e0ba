"""Files through the whole client and real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mittwald_async import Mittwald
from mittwald_async.errors import (
    AuthenticationError,
    DownloadError,
    MaybeSentError,
    RateLimitError,
    ResponseBrokenError,
)
from mittwald_async.runtime.files import Download, File

from ..support.file_sender import ManualClock
from ..support.file_server import Web, checksum, content
from ..support.scripted_server import Act, Seen, serving

SIZE = 3_000_001
ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture
async def server() -> AsyncGenerator[Web]:
    async with Web(SIZE).running() as running:
        yield running


@pytest_asyncio.fixture
async def mw(server: Web) -> AsyncGenerator[Mittwald]:
    async with Mittwald("token-for-tests", base_url=server.url, max_retries=0) as client:
        yield client


async def test_each_way_to_read_a_download(server: Web, mw: Mittwald, tmp_path: Path) -> None:
    assert await mw.file.get_file("file-1") == content(0, SIZE)
    async with mw.file.get_file("file-1") as stream:
        assert stream.size == SIZE
        assert sum([len(chunk) async for chunk in stream]) == SIZE
    saved = await mw.file.get_file("file-1").save(tmp_path / "x", sha256=checksum(SIZE))
    assert saved.stat().st_size == SIZE
    assert {request.headers["X-Access-Token"] for request in server.requests} == {"token-for-tests"}
    assert {request.headers["Accept-Encoding"] for request in server.requests} == {"identity"}


async def test_resets_in_mid_body(server: Web, mw: Mittwald, tmp_path: Path) -> None:
    server.breaks = [400_000, 1_700_000]
    await mw.file.get_file("file-1").save(tmp_path / "x", sha256=checksum(SIZE))
    assert len(server.ranges) == 3
    assert all(asked is not None for asked in server.ranges[1:])
    server.breaks = [400_000, 1_700_000]
    assert await mw.file.get_file("file-1") == content(0, SIZE)


async def test_abandoning_a_body(server: Web, mw: Mittwald) -> None:
    for _ in range(3):
        async with mw.file.get_file("file-1") as stream:
            async for _ in stream:
                break
    async with mw.file.get_file("file-1"):
        pass
    assert len(server.requests) == 4


async def test_a_cancelled_download_is_resumed_by_another_client(server: Web, tmp_path: Path) -> None:
    server.size = 40_000_000
    target = tmp_path / "x"
    part = tmp_path / "x.part"
    async with Mittwald("token-for-tests", base_url=server.url) as mw:
        task = asyncio.create_task(mw.file.get_file("file-1").save(target))
        while not (part.exists() and part.stat().st_size):
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert part.stat().st_size
    async with Mittwald("token-for-tests", base_url=server.url) as mw:
        await mw.file.get_file("file-1").save(target, sha256=checksum(server.size))
    assert server.ranges[-1] is not None
    assert sorted(tmp_path.iterdir()) == [target]


async def test_a_download_by_url_sends_no_token_to_another_origin(server: Web, mw: Mittwald, tmp_path: Path) -> None:
    async with Web(SIZE).running() as elsewhere:
        download = mw.download(f"{elsewhere.url}/export.tar?signature=hidden", sha256=checksum(SIZE))
        await download.save(tmp_path / "export.tar")
        (request,) = elsewhere.requests
        assert "token-for-tests" not in str(request.headers)
        assert request.query["signature"] == "hidden"
        elsewhere.size = 10
        with pytest.raises(DownloadError, match="checksum"):
            await download.save(tmp_path / "export.tar")
        assert (tmp_path / "export.tar").stat().st_size == SIZE
    assert await mw.download(f"{server.url}/export.tar") == content(0, SIZE)
    assert server.requests[-1].headers["X-Access-Token"] == "token-for-tests"


async def pieces(number: int, size: int = 50_000) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield bytes(size)


async def test_uploads_from_every_source(server: Web, mw: Mittwald, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(content(0, SIZE))
    await mw.file.create_file(token="upload", file=path)
    await mw.file.create_file(token="upload", file=b"short")
    await mw.file.create_file(token="upload", file=File(pieces(20), filename="streamed"))
    await mw.file.create_file(token="upload", file=File(pieces(20), filename="sized", size=1_000_000))
    zeros = hashlib.sha256(bytes(1_000_000)).hexdigest()
    names = [upload[0] for upload in server.uploads]
    assert names == ["large.bin", "file", "streamed", "sized"]
    assert [upload[2:] for upload in server.uploads] == [
        (SIZE, checksum(SIZE)),
        (5, hashlib.sha256(b"short").hexdigest()),
        (1_000_000, zeros),
        (1_000_000, zeros),
    ]
    announced = [upload[1] for upload in server.uploads]
    assert announced[2] is None
    assert None not in (announced[0], announced[1], announced[3])


async def test_a_file_is_resent_and_an_iterator_is_not(server: Web, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"content")
    async with Mittwald("token-for-tests", base_url=server.url, max_retries=2) as mw:
        server.refuse = [429]
        await mw.file.create_file(token="upload", file=path)
        assert [upload[0] for upload in server.uploads] == ["x.bin"]
        assert len(server.requests) == 2
        server.refuse = [429]
        with pytest.raises(RateLimitError):
            await mw.file.create_file(token="upload", file=pieces(2))
        assert len(server.requests) == 3


async def test_a_consumed_iterator_does_not_hide_the_servers_error() -> None:
    tokens = iter(["first-token-for-tests", "second-token-for-tests"])

    async def vault() -> str:
        return next(tokens)

    refusal = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"
    async with serving(refusal) as server, Mittwald(credentials=vault, base_url=server.url) as mw:
        with pytest.raises(AuthenticationError, match="the token was renewed, but the body cannot be sent a second"):
            await mw.file.create_file(token="upload", file=pieces(2))
        assert len(server.seen) == 1


async def test_an_upload_with_a_wrong_size_is_refused(server: Web, mw: Mittwald) -> None:
    with pytest.raises(MaybeSentError):
        await mw.file.create_file(token="upload", file=File(pieces(2), size=200_000))
    assert server.uploads == []


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read the Linux way")
def test_a_large_file_goes_through_in_constant_memory(tmp_path: Path) -> None:
    """Upload and download, with server and client in one process."""
    size = 200 << 20
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.large_transfer", str(size), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["above_idle_mb"] < 64


def halving(whole: bytes) -> Act:
    """Each response ends, with its connection, halfway through what it announced."""

    async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
        start = int(seen.headers.get("range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        rest = whole[start:]
        head = f'HTTP/1.1 {206 if start else 200} X\r\nETag: "v1"\r\nContent-Length: {len(rest)}\r\n'
        if start:
            head += f"Content-Range: bytes {start}-{len(whole) - 1}/{len(whole)}\r\n"
        writer.write(head.encode() + b"\r\n" + rest[: (len(rest) + 1) // 2])
        writer.close()

    return act


@pytest.mark.parametrize("size", [2_000, 300_000])
async def test_a_server_that_ends_every_response_halfway_is_read_to_the_end(size: int, tmp_path: Path) -> None:
    """The end of the connection arrives together with the last bytes, which must count."""
    whole = content(0, size)
    async with serving(halving(whole)) as server, Mittwald("token-for-tests", base_url=server.url) as mw:
        saved = await Download.of_url(mw.sender, f"{server.url}/x", clock=ManualClock()).save(tmp_path / "x")
        assert saved.read_bytes() == whole
        assert len(server.seen) <= size.bit_length() + 1


async def test_a_file_that_always_starts_over_is_given_up(tmp_path: Path) -> None:
    """Without a validator every attempt starts over; getting equally far is not progress."""

    async def always_half(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(1_500_000))
        await writer.drain()
        writer.close()

    async with serving(always_half) as server, Mittwald("token-for-tests", base_url=server.url) as mw:
        download = Download.of_url(mw.sender, f"{server.url}/x", clock=ManualClock())
        with pytest.raises(ResponseBrokenError, match="6 times without much progress"):
            await download.save(tmp_path / "x")
        assert len(server.seen) == 6
        assert list(tmp_path.iterdir()) == []


async def test_a_server_that_sends_nothing_is_given_up_and_the_error_says_where(tmp_path: Path) -> None:
    async def nothing(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: 9\r\n\r\n')
        writer.close()

    async with serving(nothing) as server, Mittwald("token-for-tests", base_url=server.url) as mw:
        download = Download.of_url(mw.sender, f"{server.url}/x?sig=hidden", clock=ManualClock())
        with pytest.raises(
            ResponseBrokenError, match=r"at byte 0 of 9, 6 times without much progress: GET .*sig=\*\*\*"
        ):
            await download.save(tmp_path / "x")
        assert len(server.seen) == 6
