"""A server that takes its time, keeps a request budget, and counts the connections it has had.

    python -m benchmarks.call_server DELAY LIMIT WINDOW < body.json

prints its port and serves until it is terminated. Each response comes `DELAY` seconds after its request; of the budget
(`LIMIT` requests per `WINDOW` seconds) it only says how much is left: more is refused with 429.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

_END = b"\r\n\r\n"


class Counted:
    """What all connections of the server share."""

    def __init__(self, body: bytes, delay: float, limit: int, window: float) -> None:
        self._body = body
        self._delay = delay
        self._limit = limit
        self._window = window
        self._ends = 0.0
        self._left = limit
        self.open = 0
        self.most = 0
        self.refused = 0
        self._first = True

    def answer(self) -> bytes:
        """What one request gets."""
        now = time.monotonic()
        if now >= self._ends:
            self._ends, self._left = now + self._window, self._limit
        status, body = b"200 OK", self._body
        if self._left:
            self._left -= 1
        else:
            self.refused += 1
            status, body = b"429 Too Many Requests", b"{}"
        reset = max(1, round(self._ends - now + 0.5))
        return (
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nX-RateLimit-Limit: %d\r\nX-RateLimit-Remaining: %d\r\n"
            b"X-RateLimit-Reset: %d\r\nContent-Length: %d\r\n\r\n%b"
            % (status, self._limit, self._left, reset, len(body), body)
        )

    def delay(self) -> float:
        """Seconds until the next response: the first comes at once, so that the client knows its budget."""
        delay, self._first = 0.0 if self._first else self._delay, False
        return delay

    def report(self) -> bytes:
        """What `GET /counted` gets: most connections at once, and requests refused."""
        body = json.dumps([self.most, self.refused]).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Slow(asyncio.Protocol):
    """One connection: requests without a body, one after the other."""

    def __init__(self, counted: Counted) -> None:
        self._counted = counted
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._counted.open += 1
        self._counted.most = max(self._counted.most, self._counted.open)

    def connection_lost(self, exc: Exception | None) -> None:
        self._counted.open -= 1

    def data_received(self, data: bytes) -> None:
        head, end, self._rest = (self._rest + data).partition(_END)
        if not end:
            self._rest = head
        elif head.startswith(b"GET /counted"):
            self._counted.most -= 1  # this one
            self._write(self._counted.report())
        elif delay := self._counted.delay():
            asyncio.get_running_loop().call_later(delay, self._write, self._counted.answer())
        else:
            self._write(self._counted.answer())

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def _serve(counted: Counted) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Slow(counted), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@asynccontextmanager
async def slow_server(
    body: bytes, delay: float, limit: int = 9_000_000, window: float = 600.0
) -> AsyncGenerator[str, None]:
    """Runs one; gives its base URL."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.call_server", str(delay), str(limit), str(window)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(body)
        process.stdin.write_eof()
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def counted_by(url: str) -> tuple[int, int]:
    """The most connections at once that a server had, and the requests it refused."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /counted HTTP/1.1\r\nHost: x\r\n\r\n")
    head = await reader.readuntil(_END)
    body = await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
    writer.close()
    await writer.wait_closed()
    most, refused = json.loads(body)
    return most, refused


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(Counted(sys.stdin.buffer.read(), float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
