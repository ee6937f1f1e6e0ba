"""Which connection a call gets, which clock limits it, and what mocks can replace."""

from __future__ import annotations

import asyncio
import stat
import time
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, create_autospec, patch

import aiohttp
import pytest

from mittwald_async import Mittwald, Pool
from mittwald_async.errors import CallTimeoutError, MaybeSentError, ReadTimeoutError, ResponseBrokenError
from mittwald_async.runtime.transport.connections import Places

from ..support.scripted_server import (
    CREATE_PROJECT,
    GET_PROJECT,
    TOKEN,
    Seen,
    idle_only,
    reply,
    serving,
    shared,
    talking,
)

NEW = {"description": "x"}


class Standing:
    """A clock that moves only when the test moves it; sleepers wait for that."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept = 0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept += 1
        end = self.time + seconds
        while self.time < end:
            await asyncio.sleep(0.001)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("handed_in", [False, True])
async def test_a_connection_closed_while_the_loop_was_blocked_is_noticed_before_writing(handed_in: bool) -> None:
    """aiohttp#4549: the server had closed the idle connection, and a POST was written to it."""
    import socket
    import threading

    listening = socket.create_server(("127.0.0.1", 0))
    closed = threading.Event()
    served: list[bytes] = []

    def serve() -> None:
        for _ in range(2):
            connection, _ = listening.accept()
            served.append(connection.recv(65536).split(b" ")[0])
            connection.sendall(reply(201, {"id": "p-1"}))
            if len(served) == 1:
                release.wait(5)
            connection.close()
            closed.set()

    release = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    session = aiohttp.ClientSession() if handed_in else None
    try:
        async with Mittwald(TOKEN, base_url=url, session=session, max_retries=0) as client:
            await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
            release.set()
            closed.wait(5)
            time.sleep(0.05)  # noqa: ASYNC251 - the loop is blocked: it cannot hear of it
            assert await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW) == {"id": "p-1"}
    finally:
        if session is not None:
            await session.close()
        thread.join(5)
        listening.close()
    assert served == [b"POST", b"POST"]


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("timeout", [2.0, 30.0])
@pytest.mark.parametrize("handed_in", [False, True])
async def test_a_late_response_never_reaches_the_next_call(handed_in: bool, timeout: float) -> None:
    async def twice(seen: Seen, writer: asyncio.StreamWriter) -> None:
        name = seen.target.rpartition("/")[2]
        writer.write(reply(200, {"id": name}))
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(reply(200, {"id": f"late response to {name}"}))

    async with serving(twice) as server, aiohttp.ClientSession() as session:
        given = session if handed_in else None
        async with Mittwald(TOKEN, base_url=server.url, session=given, timeout=timeout) as client:
            for number in range(4):
                found = await client.sender.value(GET_PROJECT, (f"p-{number}",))
                assert found == {"id": f"p-{number}"}
                await asyncio.sleep(0.03)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("handed_in", [False, True])
async def test_the_response_of_a_timed_out_call_reaches_no_other_call(handed_in: bool) -> None:
    async def slow(seen: Seen, writer: asyncio.StreamWriter) -> None:
        name = seen.target.rpartition("/")[2]
        await asyncio.sleep(0.15 if name == "p-0" else 0)
        writer.write(reply(200, {"id": name}))

    async with serving(slow) as server, aiohttp.ClientSession() as session:
        given = session if handed_in else None
        async with Mittwald(TOKEN, base_url=server.url, session=given, timeout=0.1) as client:
            with pytest.raises(CallTimeoutError):
                await client.sender.value(GET_PROJECT, ("p-0",))
            for number in range(1, 5):
                assert await client.sender.value(GET_PROJECT, (f"p-{number}",)) == {"id": f"p-{number}"}
                await asyncio.sleep(0.03)


@pytest.mark.usefixtures("both_ways")
async def test_every_task_gets_a_connection_in_turn() -> None:
    """With 200 looping tasks on a fast server, some made no call at all while others overtook the queue."""
    async with talking(reply(200, {}), pool=Pool(connections=8)) as (client, server, _):
        counts = [0] * 200

        async def loop(number: int) -> None:
            while not done.is_set():
                await client.sender.value(GET_PROJECT, ("p-1",))
                counts[number] += 1

        done = asyncio.Event()
        tasks = [asyncio.create_task(loop(number)) for number in range(len(counts))]
        while len(server.seen) < 1000:
            await asyncio.sleep(0.01)
        done.set()
        await asyncio.gather(*tasks)
        assert min(counts) >= 4
        assert max(counts) - min(counts) <= 2
        assert server.connections <= 8
        assert idle_only(client)


async def take(places: Places) -> None:
    """Take a place, as an exchange does; one that comes in the same moment as a cancellation is given back."""
    if places.free:
        places.free -= 1
        return
    turn = places.queue()
    try:
        await turn
    except BaseException:
        if places.left(turn):
            places.give_back()
        raise


async def test_a_free_slot_goes_to_the_longest_waiter() -> None:
    places = Places(1)
    await take(places)
    order: list[int] = []

    async def visit(number: int) -> None:
        await take(places)
        order.append(number)
        places.give_back()

    tasks = [asyncio.create_task(visit(number)) for number in range(5)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    places.give_back()
    tasks[3].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 2, 4]
    assert (places.free, len(places.waiting)) == (1, 0)


async def test_a_slot_granted_to_a_cancelled_task_passes_to_the_next() -> None:
    places = Places(1)
    await take(places)
    first, second = (asyncio.create_task(take(places)) for _ in range(2))
    await asyncio.sleep(0)
    places.give_back()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.wait_for(second, 1)


async def test_an_injected_clock_governs_calls_downloads_and_pauses() -> None:
    """mittwald/cli#2005: waiters under a virtual clock never advanced."""

    async def silence(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    clock = Standing()
    async with serving(silence) as server, Mittwald(TOKEN, base_url=server.url, clock=clock) as client:
        works: list[asyncio.Task[Any]] = [
            asyncio.create_task(client.sender.value(GET_PROJECT, ("p-1",))),
            asyncio.create_task(_awaited(client, server.url)),
        ]
        await asyncio.sleep(0.05)
        assert not any(work.done() for work in works)
        clock.time += 601
        ended = await asyncio.wait_for(asyncio.gather(*works, return_exceptions=True), 5)
        assert [type(each) for each in ended] == [CallTimeoutError, CallTimeoutError]
    async with (
        serving(reply(503), reply(200, {})) as server,
        Mittwald(TOKEN, base_url=server.url, clock=clock) as client,
    ):
        shared(client).chance = lambda: 0.5
        slept = clock.slept
        work = asyncio.create_task(client.sender.value(GET_PROJECT, ("p-1",)))
        while clock.slept == slept:
            await asyncio.sleep(0.001)
        clock.time += 601
        with pytest.raises(CallTimeoutError):  # 120 s passed during its pause
            await asyncio.wait_for(work, 5)


@pytest.mark.usefixtures("both_ways")
async def test_an_injected_clock_neither_causes_nor_hides_a_read_timeout() -> None:
    """`read_timeout` concerns the network, which follows the real clock."""
    moved = asyncio.Event()

    async def slow(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{")
        await moved.wait()
        writer.write(b"}")

    clock = Standing()
    async with (
        serving(slow) as server,
        Mittwald(TOKEN, base_url=server.url, clock=clock, timeout=None, read_timeout=30, max_retries=0) as client,
    ):
        work = asyncio.create_task(client.sender.value(GET_PROJECT, ("p-1",)))
        await asyncio.sleep(0.05)
        clock.time += 601
        await asyncio.sleep(0.05)
        moved.set()
        assert await asyncio.wait_for(work, 5) == {}
        moved.clear()
        with pytest.raises(ReadTimeoutError):
            await client.with_options(read_timeout=0.05).sender.value(GET_PROJECT, ("p-1",))


async def test_a_call_waiting_for_the_budget_resumes_when_an_injected_clock_moves() -> None:
    spent = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "600"}
    clock = Standing()
    async with (
        serving(reply(200, {}, headers=spent)) as server,
        Mittwald(TOKEN + "-of-19", base_url=server.url, clock=clock) as client,
    ):
        await client.sender.value(GET_PROJECT, ("p-1",))
        work = asyncio.create_task(client.sender.value(GET_PROJECT, ("p-1",)))
        await asyncio.sleep(0.05)
        assert not work.done()
        clock.time += 601
        await asyncio.wait_for(work, 5)


async def _streamed(client: Mittwald, url: str) -> None:
    async with client.download(url) as stream:
        async for _ in stream:
            pass


async def _awaited(client: Mittwald, url: str) -> bytes:
    return await client.download(url + "/file")


async def trickle(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """A byte now and then, so that `read_timeout` never applies."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def test_timeout_bounds_a_slowly_arriving_text_and_keeps_what_came() -> None:
    async with talking(trickle, timeout=0.2) as (client, server, _):
        with pytest.raises(CallTimeoutError, match="text took longer than timeout") as caught:
            await client.service_logs("s", "c")
        assert caught.value.partial.startswith(b"xx")
        assert len(server.seen) == 1


async def test_timeout_bounds_a_slowly_arriving_download() -> None:
    async with talking(trickle, timeout=0.2) as (client, server, _):
        with pytest.raises(CallTimeoutError, match="download took longer than timeout"):
            await client.download(server.url + "/file")
        assert len(server.seen) == 1


async def test_a_body_that_never_arrives_is_requested_six_times() -> None:
    async def stalls(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nETag: "v1"\r\n\r\n')
        await writer.drain()
        await asyncio.sleep(30)

    async with talking(stalls, read_timeout=0.05) as (client, server, _):
        with pytest.raises(ReadTimeoutError) as caught:
            await _streamed(client, server.url + "/file")
        assert not isinstance(caught.value, MaybeSentError)
        assert len(server.seen) == 6


@pytest.mark.usefixtures("both_ways")
async def test_a_broken_download_of_another_origin_resumes_without_the_token(tmp_path: Path) -> None:
    """meltano#6848: the whole file was requested again and again instead of the missing range."""
    content = bytes(range(256)) * 40

    async def breaks(seen: Seen, writer: asyncio.StreamWriter) -> None:
        start = int(seen.headers.get("range", "bytes=0-")[6:-1])
        status = "206 Partial Content" if start else "200 OK"
        place = f"Content-Range: bytes {start}-{len(content) - 1}/{len(content)}\r\n" if start else ""
        head = f'HTTP/1.1 {status}\r\nETag: "v1"\r\n{place}Content-Length: {len(content) - start}\r\n\r\n'
        writer.write(head.encode() + content[start : start + 4000])
        await writer.drain()
        if start + 4000 < len(content):
            writer.close()

    async with serving(breaks) as other, talking(reply(200, {})) as (client, server, _):
        await client.download(other.url + "/dump").save(tmp_path / "dump")
        assert (tmp_path / "dump").read_bytes() == content
        assert [seen.headers.get("range") for seen in other.seen] == [None, "bytes=4000-", "bytes=8000-"]
        assert TOKEN not in str([seen.headers for seen in other.seen])
        assert not server.seen


async def test_a_part_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    target = tmp_path / "dump.sql"
    modes: list[int] = []

    async def looks(seen: Seen, writer: asyncio.StreamWriter) -> None:
        body = b"x" * 3_000_000
        writer.write(
            f'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + body[:2_000_000]
        )
        await writer.drain()
        while not list(tmp_path.glob("*.part*")):
            await asyncio.sleep(0.005)
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())
        writer.write(body[2_000_000:])

    async with talking(looks) as (client, server, _):
        await client.download(server.url + "/dump").save(target)
        assert set(modes) == {0o600}
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        target.chmod(0o640)
        target.rename(tmp_path / "other")
        (tmp_path / "other").rename(target)
        modes.clear()
        await client.download(server.url + "/dump").save(target)
        assert stat.S_IMODE(target.stat().st_mode) == 0o640


async def test_usual_mocking_works() -> None:
    client = Mittwald(TOKEN)
    found: Any = object()
    with patch.object(client.project, "get_project", AsyncMock(return_value=found)):
        assert await client.project.get_project("p-1") is found
    with patch("mittwald_async.api.project.ProjectGroup.get_project", AsyncMock(return_value=found)):
        assert await client.project.get_project("p-1") is found
    with patch.object(client, "project") as group:
        assert client.project is group
    for mock in (create_autospec(Mittwald), create_autospec(Mittwald, instance=True)):
        stand_in: Any = mock
        stand_in.project.get_project.return_value = {"id": "p-1"}
        assert await stand_in.project.get_project("p-1") == {"id": "p-1"}
        with pytest.raises(TypeError):
            stand_in.project.get_project()
        with pytest.raises(AttributeError):
            stand_in.project.no_such_method


@pytest.mark.usefixtures("both_ways")
async def test_a_stream_releases_its_slot_once_its_body_is_read() -> None:
    async with talking(reply(200, b"x" * 10), pool=Pool(connections=1)) as (client, server, _):
        async with client.download(server.url + "/file") as stream:
            assert b"".join([chunk async for chunk in stream]) == b"x" * 10
            await client.request("GET", "/v2/x")
        await client.request("GET", "/v2/x")

    async def breaks(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with talking(breaks, pool=Pool(connections=1), max_retries=0) as (client, server, _):
        for _ in range(3):
            with pytest.raises(ResponseBrokenError):
                await client.download(server.url + "/file")
