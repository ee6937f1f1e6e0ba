"""A list of projects behind a slow link: any window of it, after a fixed delay, in a process of its own.

    python -m benchmarks.paging_server TOTAL SECONDS

prints its port and serves until it is terminated. Pages are put together from prebuilt bytes; no two are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

from .payloads import page, project

SIZE = 1000
"""Items of a full page."""

_ASKED = re.compile(rb"[?&](limit|skip)=(\d+)")
_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-RateLimit-Limit: 10000000\r\n"
    "X-RateLimit-Remaining: 9999999\r\nX-RateLimit-Reset: 600\r\nX-Pagination-Limit: {}\r\nX-Pagination-Skip: {}\r\n"
    "X-Pagination-TotalCount: {}\r\nContent-Length: {}\r\n\r\n"
)


def body(skip: int) -> bytes:
    """The page that starts at `skip`: its first item is its own, the others are everybody's."""
    first = json.dumps(project(skip), separators=(",", ":"), ensure_ascii=False).encode()
    return b"[" + first + b"," + _rest()[1:]


_RESTS: list[bytes] = []


def _rest() -> bytes:
    if not _RESTS:
        _RESTS.append(page(lambda number: project(number + 1), SIZE - 1))
    return _RESTS[0]


class Link(asyncio.Protocol):
    """One connection: one request at a time, answered after the delay."""

    def __init__(self, total: int, seconds: float) -> None:
        self._total = total
        self._seconds = seconds
        self._head = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            line, self._head = self._head.split(b"\r\n", 1)[0], b""
            asked = {name: int(value) for name, value in _ASKED.findall(line)}
            asyncio.get_running_loop().call_later(self._seconds, self._answer, asked.get(b"skip", 0))

    def _answer(self, skip: int) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        found = body(skip) if skip < self._total else b"[]"
        head = _HEAD.format(SIZE, skip, self._total, len(found))
        self._transport.writelines((head.encode(), found))


async def _serve(total: int, seconds: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Link(total, seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@asynccontextmanager
async def slow_list(total: int, seconds: float) -> AsyncGenerator[str, None]:
    """Runs one; gives its base URL. `total` is a multiple of `SIZE`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.paging_server", str(total), str(seconds), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
