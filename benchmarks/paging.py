"""What reading a long list costs: pages ahead against page after page, and the price per item beside decoding.

The list is one of projects in pages of 1000, served by another process after 5 or 50 ms, as over a near and a far link.
Everybody asks for the same pages and touches every item. CPU per item is measured without a network: the same bytes are
decoded by the bare decoder, and by it through `Pages`.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast

import aiohttp

from mittwald_async import Mittwald
from mittwald_async.api.project import LIST_PROJECTS
from mittwald_async.codec import strict_decoder
from mittwald_async.profile import PROFILE
from mittwald_async.runtime.lists import ListContext
from mittwald_async.runtime.operation import Operation, Response, Sender
from mittwald_async.runtime.paging import Pages
from mittwald_async.runtime.structs import UNSET

from .frame import Measured, Settings, Table
from .paging_server import SIZE, body, slow_list

T = TypeVar("T")
Read = Callable[[], Awaitable[int]]

TOKEN = "token-for-benchmarks"
LOOP = "page after page: aiohttp + msgspec"
ALONE = "mittwald_async, ahead=0"
OURS = "mittwald_async"
AIM = 3.5


def run(settings: Settings) -> Iterator[Table]:
    total = settings.pick(100, 10) * SIZE
    rounds = settings.pick(3, 1)
    for milliseconds in (50, 5):
        yield asyncio.run(_over_a_link(total, milliseconds, rounds))
    yield _per_item(settings)


async def _over_a_link(total: int, milliseconds: int, rounds: int) -> Table:
    async with (
        slow_list(total, milliseconds / 1000) as url,
        Mittwald(TOKEN, base_url=url) as client,
        aiohttp.ClientSession(headers={"X-Access-Token": TOKEN}) as session,
    ):
        readers: dict[str, Read] = {
            LOOP: lambda: _loop(session, url),
            ALONE: lambda: _ours(client, 0),
            OURS: lambda: _ours(client, 4),
        }
        measured = await _alternate(readers, total, rounds)
    table = Table(
        f"{total:,} items in pages of {SIZE} over a link of {milliseconds} ms",
        ("reader", "seconds", "spread %", "times faster than page after page"),
    )
    slowest = measured[LOOP].median
    for name, seconds in sorted(measured.items(), key=lambda pair: pair[1].median):
        table.add(name, seconds.median, round(seconds.spread * 100), slowest / seconds.median)
    table.notes.append(f"aim at 50 ms: {AIM} times; with 4 pages ahead no more than 5 times is possible")
    return table


async def _alternate(readers: Mapping[str, Read], total: int, rounds: int) -> dict[str, Measured]:
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for number in range(rounds + 1):
        for name, read in readers.items():
            gc.collect()
            begin = time.perf_counter()
            count = await read()
            if count != total:
                raise RuntimeError(f"{name} read {count} of {total} items")
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - begin)
    return {name: Measured(tuple(values)) for name, values in seconds.items()}


async def _ours(client: Mittwald, ahead: int) -> int:
    count = 0
    async for item in client.project.list_projects(limit=SIZE).with_options(ahead=ahead):
        count += item.enabled in (True, False)
    return count


async def _loop(session: aiohttp.ClientSession, url: str) -> int:
    decode = strict_decoder("list[project.ProjectListItem]")
    count = skip = 0
    while True:
        async with session.get(f"{url}/v2/projects?limit={SIZE}&skip={skip}") as response:
            items = decode(await response.read())
            total = int(response.headers["X-Pagination-TotalCount"])
        for item in items:
            count += item.enabled in (True, False)
        skip += SIZE
        if skip >= total:
            return count


class _Local(Sender):
    """A sender that decodes prebuilt pages instead of fetching them."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._lists = ListContext(PROFILE.paging)
        self._bodies = bodies
        self._headers = {"X-Pagination-TotalCount": str(len(bodies) * SIZE), "X-Pagination-Limit": str(SIZE)}
        self._decode = strict_decoder("list[project.ProjectListItem]")

    @property
    def lists(self) -> ListContext:
        return self._lists

    async def response(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[T]:
        skip = cast("int", query["skip"] if query else 0)
        data = self._decode(self._bodies[skip // SIZE])
        return Response(data=data, status=200, headers=self._headers, method="GET", url="")


def _per_item(settings: Settings) -> Table:
    bodies = [body(start * SIZE) for start in range(settings.pick(20, 6))]
    loop = asyncio.new_event_loop()

    def pages(ahead: int) -> Pages[Any]:
        return Pages(_Local(bodies), LIST_PROJECTS, (), {"limit": SIZE}).with_options(ahead=ahead)

    async def each(ahead: int) -> int:
        count = 0
        async for item in pages(ahead):
            count += item.enabled in (True, False)
        return count

    async def collected() -> int:
        return _touched(await pages(4).collect())

    pairs: dict[str, tuple[int, Callable[[], int]]] = {
        "async for, ahead=0": (1, lambda: loop.run_until_complete(each(0))),
        "async for": (5, lambda: loop.run_until_complete(each(4))),
        "collect": (len(bodies), lambda: loop.run_until_complete(collected())),
    }
    readers: dict[str, Callable[[], int]] = {}
    for name, (kept, read) in pairs.items():
        readers[name] = read
        readers[f"decoding alone, {kept}"] = partial(_decoded, bodies, kept)
    try:
        measured = _cpu(readers, rounds=settings.pick(15, 3))
    finally:
        loop.close()
    table = Table(
        "CPU per item, decoding included",
        ("reader", "pages in memory", "µs per item", "spread %", "decoding alone, µs", "× decoding alone"),
    )
    for name, (kept, _) in pairs.items():
        ours, floor = measured[name], measured[f"decoding alone, {kept}"]
        each_item = 1e6 / (len(bodies) * SIZE)
        table.add(
            name,
            kept,
            ours.median * each_item,
            round(ours.spread * 100),
            floor.median * each_item,
            ours.median / floor.median,
        )
    table.notes.append("aim: 1.3 × decoding alone; CPU time of this process, without a network")
    table.notes.append(
        "the bare decoder keeps as many pages as the reader: fresh memory costs more than decoding into it"
    )
    return table


def _decoded(bodies: Sequence[bytes], kept: int) -> int:
    """Decode all pages with the bare decoder, touch every item, and have up to `kept` pages in memory."""
    decode = strict_decoder("list[project.ProjectListItem]")
    waiting: deque[list[Any]] = deque()
    count = 0
    for found in bodies:
        waiting.append(decode(found))
        if len(waiting) == kept:
            count += _touched(waiting.popleft())
    return count + sum(_touched(items) for items in waiting)


def _touched(items: Sequence[Any]) -> int:
    count = 0
    for item in items:
        count += item.enabled in (True, False)
    return count


def _cpu(readers: Mapping[str, Callable[[], int]], rounds: int) -> dict[str, Measured]:
    """CPU seconds in turn, which a busy machine disturbs less than the clock on the wall."""
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for number in range(rounds + 1):
        for name, read in readers.items():
            gc.collect()
            begin = time.process_time()
            read()
            if number:  # the first round warms up
                seconds[name].append(time.process_time() - begin)
    return {name: Measured(tuple(values)) for name, values in seconds.items()}
