"""The emulator as a measuring device: how fast it is there, what it weighs, how many pages a second it serves.

It runs as a process of its own, single-threaded, so a page costs the CPU time given, wherever the asking process runs.
Pages are `GET /v2/projects?limit=20&skip=…` at changing places of the list; validation, credentials, budget headers,
routing and the request log are on.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from .frame import Measured, Settings, Table

TOKEN = "token-for-benchmarks"
CONNECTIONS = 8
ROUNDS = 3
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


def run(settings: Settings) -> list[Table]:
    """One row per size of the account."""
    sizes = ((2, 20), (500, 10_000)) if settings.quick else ((2, 20), (500, 10_000), (100_000, 1_000_000))
    table = Table(
        "the emulator by itself",
        (
            "projects",
            "s until ready",
            "MB ready",
            "pages/s of 20",
            "spread %",
            "pages/s per CPU second",
            "MB after all",
        ),
    )
    for customers, projects in sizes:
        table.add(projects, *asyncio.run(_measured(customers, projects, settings.pick(12_000, 1_500))))
    table.notes.append("aim: 3,000 pages a second on one core; a million objects ready within 15 s and 1,500 MB")
    return [table]


async def _measured(customers: int, projects: int, pages: int) -> tuple[float, float, float, int, float, float]:
    begin = time.perf_counter()
    async with _emulator(customers, projects) as (pid, port):
        await _fetch(port, ["/v2/projects?limit=1"])
        ready, light = time.perf_counter() - begin, _megabytes(pid)
        share = pages // CONNECTIONS
        rates: list[float] = []
        cpu = _cpu_seconds(pid)
        for turn in range(ROUNDS):
            places = [[_page(turn + n * CONNECTIONS + c, projects) for n in range(share)] for c in range(CONNECTIONS)]
            begin = time.perf_counter()
            await asyncio.gather(*(_fetch(port, urls) for urls in places))
            rates.append(share * CONNECTIONS / (time.perf_counter() - begin))
        cpu = _cpu_seconds(pid) - cpu
        rate = Measured(tuple(rates), "pages/s")
        per_cpu = ROUNDS * share * CONNECTIONS / cpu if cpu else 0.0
        return ready, light, rate.median, round(rate.spread * 100), per_cpu, _megabytes(pid)


def _page(number: int, projects: int) -> str:
    return f"/v2/projects?limit=20&skip={number * 7919 % max(projects // 20, 1) * 20}"


@asynccontextmanager
async def _emulator(customers: int, projects: int) -> AsyncGenerator[tuple[int, int]]:
    size = ("--customers", str(customers), "--projects", str(projects))
    calm = ("--rate-limit", "none", "--drift", "0", "--token", TOKEN)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mittwald_async.emulator", "--port", "0", *size, *calm), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        yield process.pid, int(url.rpartition(":")[2])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _fetch(port: int, urls: list[str]) -> None:
    """One keep-alive connection, one request after the other, answers read and thrown away."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for url in urls:
        writer.write(f"GET {url} HTTP/1.1\r\nHost: emulator\r\nX-Access-Token: {TOKEN}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is None or not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{url}: {head[:200]!r}")
        await reader.readexactly(int(length[1]))
    writer.close()
    await writer.wait_closed()


def _megabytes(pid: int) -> float:
    """Resident memory; 0 where the system does not tell in `/proc`."""
    path = Path(f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", path.read_text()) if path.exists() else None
    return int(found[1]) / 1024 if found else 0.0


def _cpu_seconds(pid: int) -> float:
    """User and system time; 0 where the system does not tell in `/proc`."""
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return 0.0
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
