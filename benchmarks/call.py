"""What one call costs: a typed GET of a page of 20 projects, against bare HTTP clients and the official SDK.

Everybody fetches the same bytes from the same static server in another process. CPU is the client process's own
(user and system), per call. `× limit` is against bare aiohttp with a msgspec decode of the same body.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

import aiohttp
import msgspec

from mittwald_async import Mittwald
from mittwald_async.models.project import ProjectListItem

from .frame import installed

Get: TypeAlias = Callable[[], Awaitable[object]]

TOKEN = "token-for-benchmarks"
LIMIT = "aiohttp + msgspec"
OURS = "mittwald_async"
SDK = "official SDK (async)"
TASKS = (1, 16, 64, 256)


def page(count: int) -> bytes:
    """A page of made-up projects with every documented property."""
    projects = [
        {
            "backupStorageUsageInBytes": 123_456_789 + n,
            "backupStorageUsageInBytesSetAt": "2024-05-01T10:00:00.123Z",
            "createdAt": "2023-01-15T08:30:00Z",
            "customerId": f"6f1c2d3e-0000-4000-8000-{n:012d}",
            "customerMeta": {"id": f"6f1c2d3e-0000-4000-8000-{n:012d}"},
            "deletionRequested": False,
            "description": f"Webshop number {n}",
            "enabled": True,
            "features": ["redis", "node"],
            "id": f"7a1c2d3e-0000-4000-8000-{n:012d}",
            "isReady": True,
            "projectHostingId": f"8b1c2d3e-0000-4000-8000-{n:012d}",
            "readiness": "ready",
            "serverGroupId": f"9c1c2d3e-0000-4000-8000-{n:012d}",
            "serverId": f"ad1c2d3e-0000-4000-8000-{n:012d}",
            "serverShortId": f"s-{n:06d}",
            "shortId": f"p-{n:06d}",
            "status": "ready",
            "statusSetAt": "2024-05-01T10:00:00Z",
            "supportedFeatures": ["redis", "node", "aiHosting"],
            "webStorageUsageInBytes": 987_654_321 + n,
            "webStorageUsageInBytesSetAt": "2024-05-01T10:00:00.456Z",
        }
        for n in range(count)
    ]
    return json.dumps(projects, separators=(",", ":")).encode()


@asynccontextmanager
async def contenders(url: str) -> AsyncIterator[dict[str, Get]]:
    """Everybody's way to get the page, pools of the same size, redirects and errors checked where they do it."""
    async with AsyncExitStack() as stack:
        found: dict[str, Get] = {}
        client = await stack.enter_async_context(Mittwald(TOKEN, base_url=url, pool=_pool()))
        found[OURS] = lambda: _ours(client)
        session = await stack.enter_async_context(_session())
        decoder = msgspec.json.Decoder(list[ProjectListItem])
        found[LIMIT] = lambda: _bare(session, url, decoder.decode)
        found["aiohttp + json"] = lambda: _bare(session, url, json.loads)
        if installed("httpx") and installed("pydantic"):
            found["httpx + pydantic"] = await _httpx(stack, url)
        if installed("mittwald_api_client"):
            found[SDK] = await _official(stack, url)
        yield found


def _pool() -> Any:
    from mittwald_async import Pool

    return Pool(connections=max(TASKS))


async def _ours(client: Mittwald) -> object:
    return await client.project.list_projects(limit=20)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"X-Access-Token": TOKEN}, connector=aiohttp.TCPConnector(limit=max(TASKS)))


async def _bare(session: aiohttp.ClientSession, url: str, decode: Callable[[bytes], object]) -> object:
    async with session.get(f"{url}/v2/projects?limit=20") as response:
        response.raise_for_status()
        return decode(await response.read())


async def _httpx(stack: AsyncExitStack, url: str) -> Get:
    import httpx
    import pydantic

    model: Any = pydantic.create_model(
        "Project", **{f.name: (f.type, ...) for f in msgspec.structs.fields(_PydanticShape)}
    )
    adapter: Any = pydantic.TypeAdapter(list[model])
    client = await stack.enter_async_context(
        httpx.AsyncClient(headers={"X-Access-Token": TOKEN}, limits=httpx.Limits(max_connections=max(TASKS)))
    )

    async def get() -> object:
        response = await client.get(f"{url}/v2/projects?limit=20")
        response.raise_for_status()
        return adapter.validate_json(response.content)

    return get


class _PydanticShape(msgspec.Struct):
    """What pydantic is asked to check: the page's properties by wire name."""

    backupStorageUsageInBytes: int
