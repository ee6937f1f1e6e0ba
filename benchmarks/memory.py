"""Memory: bytes per decoded object, per call that waits for the budget, per clone and per open client.

Objects and calls are counted by `tracemalloc`: what Python holds for them while they are alive, to the byte and the
same in every run. Clients hold memory outside Python as well (certificates, buffers), so theirs is what a fresh process
grows by. No contender keeps the raw JSON; strings of keys are shared within a page by every contender.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from mittwald_async import Mittwald
from mittwald_async.runtime.middleware import CallNext, Request

from .decode import LIMIT, OURS, contenders
from .frame import Settings, Table, installed, missing
from .payloads import PAGES, page

_LEFT_OUT = (
    "msgspec, untyped",
    "json.loads",
    "pydantic, validate_python",
    "mittwald-api-client, from_dict",
    f"{OURS}, keys in reverse",
)
"""The same objects as another contender's, or ones whose strings belong to the parsed JSON they are made of."""

_CLIENTS = """
import asyncio, gc, json
{imports}
def held():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096
async def main():
    async with {make}: pass
    gc.collect()
    before, clients = held(), []
    for _ in range({count}):
        client = {make}
        await client.__aenter__()
        clients.append(client)
    after = held()
    for client in clients:
        await client.__aexit__(None, None, None)
    print(json.dumps((after - before) / {count}))
asyncio.run(main())
"""

_HOST = "https://api.example.org"

CLIENTS = {
    OURS: ("mittwald_async", "from mittwald_async import Mittwald", f"Mittwald('token-for-tests', base_url='{_HOST}')"),
    "aiohttp.ClientSession": ("aiohttp", "import aiohttp", "aiohttp.ClientSession()"),
    "httpx.AsyncClient": ("httpx", "import httpx", "httpx.AsyncClient()"),
    "mittwald-api-client": (
        "mittwald_api_client",
        "from mittwald_api_client import AuthenticatedClient",
        f"AuthenticatedClient(base_url='{_HOST}', token='token-for-tests')",
    ),
}


def run(settings: Settings) -> Iterator[Table]:
    yield _objects(settings)
    yield asyncio.run(_calls(settings.pick(10_000, 200)))
    yield _clients(settings.pick(100, 5))


def _kept(make: Callable[[], object]) -> int:
    """Bytes that what is made holds."""
    make()  # decoders and the like are made on first use and stay
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    made = make()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del made
    return after - before


def _objects(settings: Settings) -> Table:
    """Bytes per item of a page, with everything below it."""
    count = settings.pick(1000, 20)
    table = Table("Bytes per decoded item", ("page", "contender", "bytes", f"× {LIMIT}", "× its JSON"))
    for name, (_, make) in PAGES.items():
        body = page(make, count)
        ways = {way: run for way, run in contenders(name, body).items() if way not in _LEFT_OUT}
        held = {way: _kept(run) / count for way, run in ways.items()}
        for way, size in sorted(held.items(), key=lambda pair: pair[1]):
            table.add(name, way, size, size / held[LIMIT], size / (len(body) / count))
    for distribution, module in (("mittwald-api-client", "mittwald_api_client"), ("pydantic", "pydantic")):
        if not installed(module):
            table.notes.append(missing(distribution))
    table.notes.append("the official SDK's DNS zones are small because their records are gone")
    return table


async def _calls(count: int) -> Table:
    """Calls queue behind one that never ends; beside them, tasks that wait for nothing but a lock."""
    table = Table("Bytes per waiting call", ("what waits", "bytes"))

    async def never(request: Request, call_next: CallNext) -> Any:
        return await asyncio.Event().wait()

    async with Mittwald("token-for-tests", base_url="http://127.0.0.1:9", timeout=None, middleware=[never]) as mw:

        def call() -> Awaitable[object]:
            return mw.project.get_project("p-1")

        lock = asyncio.Lock()
        async with lock:
            table.add("a task that waits for an asyncio.Lock", await _waiting(lock.acquire, count))
        table.add(f"a call of {OURS}, in a task", await _waiting(call, count))
        table.add(f"a clone of {OURS}, unused", await _clones(mw, count))
    table.notes.append(f"{count:,} at once; a call holds no connection while it waits")
    return table


async def _waiting(wait: Callable[[], Awaitable[object]], count: int) -> float:
    async def one() -> None:
        await wait()

    first = asyncio.create_task(one())
    await asyncio.sleep(0.05)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tasks = [asyncio.create_task(one()) for _ in range(count)]
    await asyncio.sleep(0.05)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for task in (first, *tasks):
        task.cancel()
    await asyncio.gather(first, *tasks, return_exceptions=True)
    return (after - before) / count


async def _clones(mw: Mittwald, count: int) -> float:
    return _kept(lambda: [mw.with_options(timeout=300) for _ in range(count)]) / count


def _clients(count: int) -> Table:
    table = Table("Kilobytes per open client, unused", ("contender", "KB"))
    for name, (module, imports, make) in CLIENTS.items():
        if not installed(module):
            table.notes.append(missing(name))
            continue
        code = _CLIENTS.format(imports=imports, make=make, count=count)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        table.add(name, float(json.loads(done.stdout)) / 1000)
    table.notes.append("for an https address; the certificates of the system are loaded, nothing is sent")
    return table
