"""The enforcing server: a `Judge` behind real sockets, in a process of its own. It knows nothing but the budget.

`python -m benchmarks.ratelimit_server LIMIT PERIOD LATENCY` prints its port. Who calls is what a query ends with.
`GET /log` gives the log since the last `GET /begin?AT`, which empties it and sets the first window's beginning
(`time.monotonic()`, shared by all processes).
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

from .ratelimit_judge import Judge, Log

_PATIENCE = 5.0


class _Connection(asyncio.Protocol):
    """Just enough HTTP/1.1 for GETs one after the other on one connection."""

    def __init__(self, judge: Judge, latency: float) -> None:
        self._judge = judge
        self._latency = latency
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            path = head.decode("latin-1").split(" ", 2)[1]
            asyncio.get_running_loop().call_later(self._latency / 2, self._handle, path)

    def _handle(self, path: str) -> None:
        if path == "/log":
            self._answer(200, {}, json.dumps(self._judge.log).encode())
        elif path.startswith("/begin?"):
            self._judge.restart(float(path.partition("?")[2]))
            self._answer(200, {}, b"{}")
        else:
            status, headers = self._judge.call(time.monotonic(), path.rpartition("=")[2])
            asyncio.get_running_loop().call_later(self._latency / 2, self._answer, status, headers, b"{}")

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{fields}\r\n"
        self._transport.write(head.encode("latin-1") + body)


async def _serve(judge: Judge, latency: float) -> None:
    server = await asyncio.get_running_loop().create_server(
        partial(_Connection, judge, latency), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)  # Until whoever started it goes away.


@contextmanager
def serving(limit: int, period: float, latency: float) -> Generator[str]:
    """A server process; gives its URL."""
    command = [sys.executable, "-m", "benchmarks.ratelimit_server", str(limit), str(period), str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()
        try:
            process.wait(_PATIENCE)
        finally:
            process.kill()


def ask(url: str) -> Log:
    """One of the two questions about the log."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        found: Log = [] if answer.status != 200 else list(json.loads(answer.read()))
    return [(at, caller, status) for at, caller, status in found]


if __name__ == "__main__":
    asyncio.run(_serve(Judge(int(sys.argv[1]), float(sys.argv[2])), float(sys.argv[3])))
