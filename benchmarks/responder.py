"""A server that does nothing but answer: prebuilt bytes for every request, in a process of its own.

    python -m benchmarks.responder < body.json

prints its port and serves until it is terminated.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-RateLimit-Limit: 9000000\r\n"
    b"X-RateLimit-Remaining: 8999999\r\nX-RateLimit-Reset: 600\r\nX-Pagination-Limit: 20\r\nX-Pagination-Skip: 0\r\n"
    b"X-Pagination-TotalCount: 20\r\nContent-Length: %d\r\n\r\n"
)
_END = b"\r\n\r\n"


class Responder(asyncio.Protocol):
    """Counts the ends of request heads (requests without a body) and writes as many answers."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        count = data.count(_END)
        self._rest = b"" if data.endswith(_END) else data[data.rfind(_END) + 4 if count else 0 :]
        if count and self._transport is not None:
            self._transport.write(self._answer * count)


async def _serve(body: bytes) -> None:
    answer = _HEAD % len(body) + body
    server = await asyncio.get_running_loop().create_server(lambda: Responder(answer), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@asynccontextmanager
async def responder(body: bytes) -> AsyncGenerator[str, None]:
    """Runs one; gives its base URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.responder", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(body)
        process.stdin.write_eof()
        port = int(await process.stdout.readline())
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def capacity(url: str, requests: int) -> float:
    """Answers per second that the server gives to somebody who spends nothing on them: pipelined, unread."""
    host, _, port = url.removeprefix("http://").partition(":")
    batch = 50
    connections = 8
    question = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * batch

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 22)
        writer.write(question[: len(question) // batch])
        head = await reader.readuntil(_END)
        size = len(head) + int(head.rpartition(b"Content-Length: ")[2])
        await reader.readexactly(size - len(head))
        for _ in range(requests // (batch * connections)):
            writer.write(question)
            await reader.readexactly(size * batch)
        writer.close()
        await writer.wait_closed()

    begin = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(connections)))
    return requests / (time.perf_counter() - begin)


def main() -> None:
    """Serve what comes in on standard input."""
    body = sys.stdin.buffer.read()
    try:
        import uvloop
    except ImportError:
        asyncio.run(_serve(body))
    else:
        uvloop.run(_serve(body))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
