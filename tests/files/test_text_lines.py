"""Logs as a stream of lines, from a server that cuts the connection instead of ending the text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from mittwald_async import Mittwald
from mittwald_async.errors import InvalidArgumentError, NotFoundError, TransportError


@asynccontextmanager
async def server(answer: Callable[[int, str], list[bytes] | bytes]) -> AsyncGenerator[Mittwald, None]:
    """`answer` gets the number and the target of a request. A list is sent in chunks before the connection is cut."""
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                count += 1
                found = answer(count, head.split()[1].decode())
                if isinstance(found, bytes):
                    writer.write(found)
                    await writer.drain()
                    if b"Connection: close" in found:
                        break
                    continue
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
                for chunk in found:
                    writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                    await writer.drain()
                    await asyncio.sleep(0.01)
                break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening, Mittwald("token", base_url=f"http://127.0.0.1:{port}", max_retries=0) as mw:
        yield mw


def whole(text: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


async def test_a_break_after_the_text_counts_as_its_end() -> None:
    """mittwald/cli#1677."""
    chunks = [b"one\nt", b"wo\0 \xc3", b"\xa4\r\nthree\xff"]
    async with server(lambda number, target: chunks) as mw:
        logs = mw.service_logs("s", "c", tail=3)
        assert [line async for line in logs] == ["one", "two ä", "three�"]
        assert logs.complete is False
        assert await logs == "one\ntwo ä\r\nthree�"


async def test_a_text_that_ends_properly_is_complete() -> None:
    async with server(lambda number, target: whole(b"one\ntwo\n")) as mw:
        logs = mw.service_logs("s", "c")
        assert [line async for line in logs] == ["one", "two"]
        assert logs.complete is True
        assert await mw.service_logs("s", "c") == "one\ntwo\n"


async def test_a_short_text_is_an_error_that_carries_what_arrived() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nConnection: close\r\n\r\none\ntw"
    async with server(lambda number, target: cut) as mw:
        seen: list[str] = []

        async def read() -> None:
            async for line in mw.service_logs("s", "c"):
                seen.append(line)  # noqa: PERF401 - what came before the error counts

        with pytest.raises(TransportError) as caught:
            await read()
        assert (seen, caught.value.partial) == (["one"], b"one\ntw")
        with pytest.raises(TransportError) as caught:
            await mw.service_logs("s", "c")
        assert caught.value.partial == b"one\ntw"


async def test_the_error_of_an_awaited_text_carries_what_arrived() -> None:
    async with server(lambda number, target: [b"one\n", b"two\n"]) as mw:
        with pytest.raises(TransportError) as caught:
            await mw.container.get_service_logs("s", "c")
        assert caught.value.partial == b"one\ntwo\n"


async def test_an_empty_broken_response_is_an_error() -> None:
    async with server(lambda number, target: []) as mw:
        with pytest.raises(TransportError):
            await mw.service_logs("s", "c")


async def test_a_refusal_is_an_error() -> None:
    async with server(lambda number, target: b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as mw:
        with pytest.raises(NotFoundError):
            await mw.service_logs("s", "c", follow=True).__aiter__().__anext__()
        with pytest.raises(InvalidArgumentError, match="every"):
            mw.service_logs("s", "c", every=0)


async def test_following_yields_each_line_once() -> None:
    texts = [b"a\nb\n", b"", b"a\nb\nb\nc", b"b\nb\ncd\n", b"new\n", b"new\nend\n"]
    targets: list[str] = []

    def answer(number: int, target: str) -> list[bytes] | bytes:
        targets.append(target)
        if number == 2:
            return []  # one poll fails
        text = texts[min(number, len(texts)) - 1]
        return [text] if number % 2 else whole(text)

    async with server(answer) as mw:
        seen: list[str] = []
        async with aclosing(mw.service_logs("s", "c", tail=2, follow=True, every=0.01).__aiter__()) as lines:
            async for line in lines:
                seen.append(line)
                if line == "end":
                    break
        assert seen == ["a", "b", "b", "cd", "new", "end"]
        assert targets[0].endswith("tail=2")
        assert targets[2].endswith("tail=1000")
