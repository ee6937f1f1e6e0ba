"""What one call costs: a typed GET of a page of 20 projects, against bare HTTP clients and the official SDK.

Everybody fetches the same bytes from the same static server in another process. CPU is the client process's own (user
and system), per call. The limit is bare aiohttp, used as its documentation shows, with a msgspec decode of the same
body into the same models. Ours is measured twice: as users call it (`mw.project.list_projects`, which makes a `Page`),
and the pipeline alone (`mw.call`'s way, which gives the list). Both again over an aiohttp session handed in, beside a
bare call over that very session. A pool of our own and a session that adds nothing to requests are used directly (see
`_accel/fast_path.py`); with `MITTWALD_ASYNC_PURE=1`, all requests go through a session's public `request`. Ratios are
medians of the rounds' ratios: contenders of one round run within a second of each other, so a machine that others use
as well slows them alike.

Where the time goes, in parts of the limit (64 tasks, asyncio's loop; measured on 2026-11-22, 1.00 was 140 µs of a
2-core machine that others used as well; medians of 36 rounds, each ± 0.015):

| step, each with those above it                                               | CPU  |
|------------------------------------------------------------------------------|-----:|
| aiohttp's request, connection, sending, head and body of the answer; decode  | 0.71 |
| one exchange: deadline and silence watched by one timer, failures sorted     | 0.74 |
| the request budget: slot, three headers read and learned from                | 0.81 |
| a call: URL, credentials, events of one's own writes, retry loop, `Response` | 0.90 |
| a list: `Pages`, its first window, the `Page` with its totals                | 0.98 |

Over stub answers, everything warm, a call costs 7 µs beside decoding (20 µs), the budget's 2.2 µs among them, and a
page 5 µs more. In the real mix each of these costs about 1.5 times that: between two calls the kernel and the parser
have taken the caches.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, TypeAlias, cast

import aiohttp
import msgspec

from mittwald_async import Mittwald, Pool
from mittwald_async.api.project import LIST_PROJECTS
from mittwald_async.models.project import ProjectListItem
from mittwald_async.runtime._accel import PURE

from .frame import Measured, Settings, Table, installed, missing
from .responder import capacity, responder

Get: TypeAlias = Callable[[], Awaitable[object]]

TOKEN = "token-for-benchmarks"
LIMIT = "aiohttp + msgspec"
OURS = "mittwald_async"
PIPELINE = "mittwald_async, pipeline only"
HANDED = "mittwald_async, session handed in"
HANDED_PIPELINE = "mittwald_async, session handed in, pipeline only"
HANDED_LIMIT = "aiohttp + msgspec, that session"
SDK = "official SDK, async"
TASKS = (1, 16, 64, 256)


def project(number: int) -> dict[str, Any]:
    """A made-up project with the properties that all contenders accept."""
    at = "2024-05-01T10:00:00.123Z"
    return {
        "backupStorageUsageInBytes": 123_456_789 + number,
        "backupStorageUsageInBytesSetAt": at,
        "createdAt": at,
        "customerId": f"6f1c2d3e-0000-4000-8000-{number:012d}",
        "customerMeta": {"id": f"6f1c2d3e-0000-4000-8000-{number:012d}"},
        "deletionRequested": False,
        "description": f"Webshop number {number}",
        "enabled": True,
        "features": ["redis", "node"],
        "id": f"7a1c2d3e-0000-4000-8000-{number:012d}",
        "isReady": True,
        "projectHostingId": f"8b1c2d3e-0000-4000-8000-{number:012d}",
        "readiness": "ready",
        "serverGroupId": f"9c1c2d3e-0000-4000-8000-{number:012d}",
        "serverId": f"ad1c2d3e-0000-4000-8000-{number:012d}",
        "serverShortId": f"s-{number:06d}",
        "shortId": f"p-{number:06d}",
        "status": "ready",
        "statusSetAt": at,
        "supportedFeatures": ["redis", "node", "container"],
        "webStorageUsageInBytes": 987_654_321 + number,
        "webStorageUsageInBytesSetAt": at,
    }


def page(count: int = 20) -> bytes:
    """The body that everybody gets."""
    return json.dumps([project(number) for number in range(count)], separators=(",", ":")).encode()


@asynccontextmanager
async def contenders(url: str) -> AsyncGenerator[dict[str, Get], None]:
    """Everybody's way to get the page, with pools of the same size."""
    async with AsyncExitStack() as stack:
        pool = Pool(connections=max(TASKS))
        client = await stack.enter_async_context(Mittwald(TOKEN, base_url=url, pool=pool))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(headers={"X-Access-Token": TOKEN}, connector=aiohttp.TCPConnector(limit=max(TASKS)))
        )
        own = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=max(TASKS))))
        guest = await stack.enter_async_context(Mittwald(TOKEN, base_url=url, session=own))
        decoder = msgspec.json.Decoder(list[ProjectListItem])
        found: dict[str, Get] = {
            LIMIT: lambda: _bare(session, url, decoder.decode),
            HANDED_LIMIT: lambda: _bare(own, url, decoder.decode, {"X-Access-Token": TOKEN}),
            OURS: lambda: _list(client),
            PIPELINE: lambda: client.sender.value(LIST_PROJECTS, (), {"limit": 20}),
            HANDED: lambda: _list(guest),
            HANDED_PIPELINE: lambda: guest.sender.value(LIST_PROJECTS, (), {"limit": 20}),
            "aiohttp + json": lambda: _bare(session, url, json.loads),
        }
        if installed("httpx") and installed("pydantic"):
            found["httpx + pydantic"] = await _httpx(stack, url)
        if installed("mittwald_api_client"):
            found[SDK] = await _official(stack, url)
        yield found


async def _list(client: Mittwald) -> object:
    return await client.project.list_projects(limit=20)


async def _bare(
    session: aiohttp.ClientSession,
    url: str,
    decode: Callable[[bytes], object],
    headers: Mapping[str, str] | None = None,
) -> object:
    async with session.get(f"{url}/v2/projects?limit=20", headers=headers) as response:
        response.raise_for_status()
        return decode(await response.read())


async def _httpx(stack: AsyncExitStack, url: str) -> Get:
    import httpx
    import pydantic

    fields: dict[str, Any] = {
        name: (datetime if name.endswith("At") else type(value), ...) for name, value in project(0).items()
    }
    model: Any = pydantic.create_model("Project", **fields)
    adapter: Any = pydantic.TypeAdapter(cast("Any", list)[model])
    client = await stack.enter_async_context(
        httpx.AsyncClient(headers={"X-Access-Token": TOKEN}, limits=httpx.Limits(max_connections=max(TASKS)))
    )

    async def get() -> object:
        response = await client.get(f"{url}/v2/projects?limit=20")
        response.raise_for_status()
        return adapter.validate_json(response.content)

    return get


async def _official(stack: AsyncExitStack, url: str) -> Get:
    import httpx
    from mittwald_api_client import AuthenticatedClient
    from mittwald_api_client.api.project import project_list_projects

    limits = httpx.Limits(max_connections=max(TASKS))
    client = await stack.enter_async_context(
        AuthenticatedClient(base_url=url, token=TOKEN, httpx_args={"limits": limits})
    )
    return lambda: project_list_projects.asyncio(client=client, limit=20)


async def drive(get: Get, calls: int, tasks: int) -> tuple[float, float]:
    """Make `calls` with `tasks` at a time: CPU seconds per call, and calls per second."""
    left = calls

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await get()

    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(tasks)))
    return (time.process_time() - cpu) / calls, calls / (time.perf_counter() - wall)


Results: TypeAlias = dict[int, dict[str, tuple[Measured, Measured]]]


async def measure(settings: Settings) -> tuple[Results, float]:
    """CPU and rate of everybody at each number of tasks, and what the server could do."""
    rounds = settings.pick(7, 1)
    found: Results = {}
    async with responder(page()) as url:
        most = await capacity(url, settings.pick(40_000, 4_000))
        async with contenders(url) as everybody:
            for tasks in (1, 64) if settings.quick else TASKS:
                raw: dict[str, list[tuple[float, float]]] = {name: [] for name in everybody}
                for get in everybody.values():
                    await drive(get, max(tasks, 20), tasks)
                for _ in range(rounds):
                    for name, get in everybody.items():
                        slow = name == SDK or name.startswith("httpx")
                        calls = settings.pick(120 if slow else 1_500, 20 if slow else 200)
                        raw[name].append(await drive(get, max(calls, tasks), tasks))
                found[tasks] = {
                    name: (
                        Measured(tuple(cpu * 1e6 for cpu, _ in values), "µs"),
                        Measured(tuple(rate for _, rate in values), "1/s"),
                    )
                    for name, values in raw.items()
                }
    return found, most


def ratio(one: Measured, other: Measured) -> float:
    """The median of what each round says."""
    return statistics.median(a / b for a, b in zip(one.values, other.values, strict=True))


def table(loop: str, results: Results, most: float) -> Table:
    """All numbers of one event loop."""
    columns = ("contender", "tasks", "CPU µs/call", "spread %", "× limit", "calls/s", "× SDK")
    shown = Table(f"One call, {loop}", columns)
    for tasks, contenders_ in results.items():
        sdk = contenders_.get(SDK)
        for name, (cpu, rate) in contenders_.items():
            shown.add(
                name,
                tasks,
                cpu.median,
                round(cpu.spread * 100),
                ratio(cpu, contenders_[LIMIT][0]),
                round(rate.median),
                None if sdk is None else ratio(rate, sdk[1]),
            )
    fastest = max(rate.median for each in results.values() for _, rate in each.values())
    shown.notes.append(f"the server alone: {most:,.0f} answers/s, {most / fastest:.1f} times the fastest client")
    return shown


def verdict(results: Mapping[str, Results]) -> Table:
    """The bars of the project, from the same run."""
    shown = Table("One call, bars", ("loop", "bar", "reached", "bar value"))
    bars = (
        (PIPELINE, LIMIT, "the pipeline over bare aiohttp + msgspec", "at most 1.20" if PURE else "at most 1.05"),
        (OURS, LIMIT, "a page of a list over bare aiohttp + msgspec", "at most 1.15"),
        (HANDED_PIPELINE, HANDED_LIMIT, "the pipeline over a bare call of the session handed in", "at most 1.10"),
    )
    for loop, found in results.items():
        for name, limit, what, bar in bars:
            own = ratio(found[64][name][0], found[64][limit][0])
            shown.add(loop, f"CPU of {what}, 64 tasks", own, bar)
        if SDK in found[64]:
            rate = ratio(found[64][OURS][1], found[64][SDK][1])
            shown.add(loop, "calls/s over the official SDK, 64 tasks", rate, "at least 10")
    return shown


def run(settings: Settings) -> list[Table]:
    """asyncio's own loop, and uvloop where it is installed."""
    results: dict[str, Results] = {}
    tables: list[Table] = []
    results["asyncio"], most = asyncio.run(measure(settings))
    tables.append(table("asyncio", results["asyncio"], most))
    if installed("uvloop"):
        import uvloop

        results["uvloop"], most = uvloop.run(measure(settings))
        tables.append(table("uvloop", results["uvloop"], most))
    tables.append(verdict(results))
    for module, distribution in (
        ("uvloop", "uvloop"),
        ("httpx", "httpx"),
        ("pydantic", "pydantic"),
        ("mittwald_api_client", "mittwald-api-client"),
    ):
        if not installed(module):
            tables[0].notes.append(missing(distribution))
    return tables
