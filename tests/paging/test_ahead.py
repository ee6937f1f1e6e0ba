"""Reading ahead: how many pages are in flight, how many are kept, and that no task is left behind."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mittwald_async.errors import InvalidArgumentError, PagingError, ServerError
from mittwald_async.runtime.operation import Paging
from mittwald_async.runtime.paging import Pages
from tests.support.clock import close_to, run_virtual, virtual

from ..support.list_server import NUMBERED, SKIPPED, UNTOLD, ListServer, Thing, pages_of


def others() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def read_into(got: list[Any], pages: Pages[Any]) -> None:
    """Append items one by one, so that those before an error count."""
    async for item in pages:
        got += [item]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Live:
    """An item that counts its living instances."""

    alive = 0

    def __init__(self) -> None:
        Live.alive += 1
        weakref.finalize(self, Live.gone)

    @staticmethod
    def gone() -> None:
        Live.alive -= 1


@pytest.fixture
def live_server() -> ListServer:
    Live.alive = 0
    server = ListServer(range(200))
    server.shape = lambda items, total: [Live() for _ in items]
    return server


@virtual
async def test_a_hundred_pages_over_a_slow_link_take_at_most_a_quarter_of_the_time() -> None:
    server = ListServer(range(1000), latency=0.05)
    began = asyncio.get_running_loop().time()
    assert await pages_of(server, limit=10).collect() == list(range(1000))
    ahead = asyncio.get_running_loop().time() - began
    began += ahead
    await pages_of(server, limit=10).with_options(ahead=0).collect()
    alone = asyncio.get_running_loop().time() - began
    assert close_to(alone, 100 * 0.05)
    assert alone / ahead > 4
    assert server.most_running == 5


@virtual
async def test_responses_out_of_order_are_delivered_in_order() -> None:
    server = ListServer(range(100))
    delays = {number: (7 * number) % 5 / 10 for number in range(1, 20)}

    class Uneven(ListServer):
        async def response(self, *args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(delays[len(server.sent) + 1])
            return await server.response(*args, **kwargs)

    assert await pages_of(Uneven([]), limit=10).collect() == list(range(100))


@virtual
@pytest.mark.parametrize("ahead", [0, 1, 4])
async def test_a_slow_consumer_holds_only_the_pages_ahead_and_its_own(ahead: int, live_server: ListServer) -> None:
    most = 0
    async for _ in pages_of(live_server, limit=10).with_options(ahead=ahead):
        await asyncio.sleep(1)
        most = max(most, Live.alive)
    assert most <= (ahead + 1) * 10
    assert len(live_server.sent) == 20


@virtual
async def test_iterating_by_page_counts_the_callers_page_too(live_server: ListServer) -> None:
    most = 0
    async for page in pages_of(live_server, limit=10).with_options(ahead=2).pages():
        await asyncio.sleep(1)
        most = max(most, Live.alive)
        assert len(page) == 10
    assert most <= 30
    assert live_server.most_running <= 2


async def test_breaking_out_of_the_loop_cancels_requests_in_flight() -> None:
    server = ListServer(range(1000))
    async for _ in pages_of(server, limit=10):
        server.latency = 60
        await asyncio.sleep(0)
        assert server.running == 4
        break
    assert others() != []
    await settled()
    assert others() == []
    assert server.running == 0


async def test_closing_leaves_no_task() -> None:
    server = ListServer(range(1000))
    async with aclosing(aiter(pages_of(server, limit=10))) as items:
        assert await anext(items) == 0
        server.latency = 60
        assert others() != []
    assert others() == []
    with pytest.raises(StopAsyncIteration):
        await anext(items)
    async with aclosing(pages_of(server, limit=10).pages()):
        pass


async def test_an_abandoned_iterator_in_a_cycle_is_collected_cleanly() -> None:
    server = ListServer(range(1000))
    holder: list[Any] = []
    items = aiter(pages_of(server, limit=10))
    holder.extend((items, holder))
    await anext(items)
    server.latency = 60
    del items, holder
    gc.collect()
    await settled()
    assert others() == []


def test_an_iterator_that_outlives_its_loop_is_dropped_silently() -> None:
    kept: list[AsyncIterator[int]] = []

    async def use() -> None:
        items = aiter(pages_of(ListServer(range(1000), latency=0.01), limit=10))
        await anext(items)
        kept.append(items)

    asyncio.run(use())
    kept.clear()
    gc.collect()


@virtual
async def test_cancelling_the_consumer_leaves_no_task_and_loses_no_item() -> None:
    server = ListServer(range(100), latency=1)
    items = aiter(pages_of(server, limit=10))
    assert [await anext(items) for _ in range(10)] == list(range(10))
    with anyio.move_on_after(0.5):
        await anext(items)
    assert others() == []
    assert [item async for item in items] == list(range(10, 100))


@virtual
async def test_a_cancelled_task_stops_its_reading() -> None:
    server = ListServer(range(100), latency=1)

    async def read() -> None:
        async for _ in pages_of(server, limit=10):
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(2.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert others() == []
    assert server.running == 0


async def test_an_iterator_serves_one_task_at_a_time() -> None:
    items = aiter(pages_of(ListServer(range(100)), limit=10))
    results = await asyncio.gather(anext(items), anext(items), return_exceptions=True)
    assert results[0] == 0
    assert isinstance(results[1], RuntimeError)


def test_options_are_checked() -> None:
    with pytest.raises(InvalidArgumentError, match="ahead"):
        pages_of(ListServer([])).with_options(ahead=-1)


class TestFailures:
    @staticmethod
    def failing(server: ListServer, at: set[int]) -> None:
        def fail(number: int) -> None:
            if number in at:
                raise ServerError("bad gateway", status=502)

        server.before = fail

    async def test_a_failed_later_page_says_where_to_resume(self) -> None:
        server = ListServer(range(100))
        self.failing(server, {5})
        got: list[int] = []
        pages = pages_of(server, limit=10, q="x")
        with pytest.raises(PagingError, match="item 40") as caught:
            await read_into(got, pages)
        assert got == list(range(40))
        assert isinstance(caught.value.__cause__, ServerError)
        assert others() == []
        server.before = None
        server.sent.clear()
        got += await pages_of(server, limit=10, q="x").resume(caught.value.resume).collect()
        assert got == list(range(100))
        assert [query["skip"] for query in server.sent] == [40, 50, 60, 70, 80, 90]

    async def test_collect_keeps_the_items_it_had(self) -> None:
        server = ListServer(range(100))
        self.failing(server, {3})
        pages = pages_of(server, limit=10)
        with pytest.raises(PagingError) as caught:
            await pages.collect()
        server.before = None
        assert [*caught.value.items, *await pages.resume(caught.value.resume).collect()] == list(range(100))

    async def test_resuming_may_fail_and_be_resumed_again(self) -> None:
        server = ListServer(range(100))
        pages = pages_of(server, limit=10)
        got: list[int] = []
        failures = 0
        self.failing(server, {2, 4, 5, 11})
        while True:
            try:
                await read_into(got, pages)
                break
            except PagingError as error:
                failures += 1
                pages = pages.resume(error.resume)
        assert got == list(range(100))
        assert failures >= 2

    async def test_resuming_with_another_page_size_or_page_numbers_loses_nothing(self) -> None:
        server = ListServer(range(100))
        self.failing(server, {5})
        with pytest.raises(PagingError) as caught:
            await pages_of(server, limit=7).collect()
        server.before = None
        for paging in (SKIPPED, NUMBERED, Paging(limit=True, page=True, totals=True)):
            rest = pages_of(server, paging, limit=10).resume(caught.value.resume)
            assert await rest.collect() == list(range(28, 100))
            assert (await rest).items[0] == 28
        assert server.sent[-1] == {"limit": 10, "page": 3}

    async def test_a_resume_token_fits_only_its_list(self) -> None:
        server = ListServer(range(100))
        self.failing(server, {5})
        with pytest.raises(PagingError) as caught:
            await pages_of(server, limit=10, q="x").collect()
        with pytest.raises(InvalidArgumentError, match="another list"):
            pages_of(server, q="y").resume(caught.value.resume)
        for token in ("", "x", "ä", "bnVsbA", "{}"):
            with pytest.raises(InvalidArgumentError, match="token"):
                pages_of(server, q="x").resume(token)

    async def test_unseen_failures_of_pages_ahead_are_dropped(self, caplog: pytest.LogCaptureFixture) -> None:
        server = ListServer(range(100))
        self.failing(server, set(range(3, 20)))
        async for item in pages_of(server, limit=10):
            await asyncio.sleep(0)
            if item == 9:
                break
        await settled()
        gc.collect()
        assert caplog.records == []


class TestMovingData:
    async def test_a_list_that_grows_is_read_to_its_new_end(self) -> None:
        server = ListServer(range(45))
        server.before = lambda number: server.items.extend(range(len(server.items), len(server.items) + 5))
        items = [item async for item in pages_of(server, limit=10)]
        assert items == list(range(len(items)))
        assert len(items) >= 80

    async def test_a_list_that_shrinks_ends_early(self) -> None:
        server = ListServer(range(95))
        server.before = lambda number: server.items.__delitem__(slice(35, None)) if number == 2 else None
        assert await pages_of(server, limit=10).collect() == list(range(35))
        assert len(server.sent) <= 6

    async def test_items_shifted_to_the_next_page_are_seen_once_if_unique(self) -> None:
        server = ListServer([Thing(f"t-{number}") for number in range(40)])
        server.before = lambda number: server.items.insert(0, Thing(f"new-{number}")) if number > 1 else None
        items = await pages_of(server, limit=10).with_options(unique=True, ahead=0).collect()
        assert items == [Thing(f"t-{number}") for number in range(40)]

    @pytest.mark.parametrize("lie", ["0", "7", "x", "-3"])
    async def test_an_impossible_total_does_not_end_the_list(self, lie: str) -> None:
        server = ListServer(range(45))
        server.told_total = lie
        assert await pages_of(server, limit=10).collect() == list(range(45))

    async def test_unfulfilled_totals_end_after_two_empty_pages(self) -> None:
        server = ListServer(range(45))
        server.told_total = "1000000"
        assert await pages_of(server, limit=10).with_options(ahead=0).collect() == list(range(45))
        assert len(server.sent) == 7

    async def test_pages_filtered_by_the_server_do_not_end_the_list(self) -> None:
        server = ListServer(range(100))
        server.shape = lambda items, total: [item for item in items if item % 20 < 7]
        assert len(await pages_of(server, limit=10).collect()) == 35


@settings(max_examples=150, deadline=None)
@given(
    total=st.integers(0, 60),
    limit=st.integers(1, 12),
    skip=st.integers(0, 70),
    cap=st.none() | st.integers(1, 12),
    silent=st.booleans(),
    ahead=st.integers(0, 6),
    paging=st.sampled_from([SKIPPED, UNTOLD]),
)
def test_any_window_of_any_list(
    total: int, limit: int, skip: int, cap: int | None, silent: bool, ahead: int, paging: Paging
) -> None:
    """Exactly the right items, with one request per page and one for each fact to be learned."""

    async def check() -> None:
        server = ListServer(range(total), totals=paging.totals)
        hidden = silent and paging.totals
        if cap is not None:
            setattr(server, "silent_cap" if hidden else "cap", cap)
        items = await pages_of(server, paging, limit=limit, skip=skip).with_options(ahead=ahead).collect()
        assert items == list(range(skip, total))
        size = limit if cap is None else min(limit, cap)
        refused = cap is not None and not hidden and cap < limit
        wanted = max(1, -(-len(items) // size)) + refused
        if paging.totals:
            assert len(server.sent) == wanted
        else:
            looked_again = (len(items) % size == 0 and len(items) > 0) or (
                0 < len(items) < size and len(items) % 10 == 0
            )
            assert len(server.sent) == wanted + looked_again
        assert others() == []

    run_virtual(check())


@settings(max_examples=100, deadline=None)
@given(
    start=st.integers(0, 40),
    moves=st.lists(st.integers(-6, 6), max_size=12),
    limit=st.integers(1, 9),
    ahead=st.integers(0, 4),
    paging=st.sampled_from([SKIPPED, UNTOLD, NUMBERED]),
)
def test_a_changing_unique_list_yields_no_duplicate_and_ends(
    start: int, moves: list[int], limit: int, ahead: int, paging: Paging
) -> None:
    """The end of the list grows and shrinks while it is read: items present throughout are all seen."""

    async def check() -> None:
        server = ListServer([Thing(str(number)) for number in range(start)], totals=paging.totals)
        least = start

        def move(number: int) -> None:
            nonlocal least
            change = moves[number - 1] if number <= len(moves) else 0
            size = max(0, len(server.items) + change)
            server.items = [Thing(str(position)) for position in range(size)]
            least = min(least, size)

        server.before = move
        items = await pages_of(server, paging, limit=limit).with_options(ahead=ahead, unique=True).collect()
        numbers = [int(item.id) for item in items]
        assert numbers == sorted(set(numbers))
        assert numbers[:least] == list(range(least))
        assert others() == []

    run_virtual(check())
