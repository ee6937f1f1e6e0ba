"""Read a list page by page, ahead of its consumer.

`PageStream` decides which pages, keeps several in flight and yields them in order.
`ItemStream` walks through their items. The streams are objects rather than async generators: they end their tasks
when they are dropped, closed, cancelled or fail, and hold no cancel scope between two items.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic

from typing_extensions import TypeVar

from ..concurrency.tasks import TaskSet
from ..errors import ClientStateError, PagingError
from ..lists import PageSizes
from ..operation import Page
from .chain import ChainStream
from .fetch import Fetch, count_in, without_first, without_known
from .keys import ItemKeys, LastPage

T = TypeVar("T", default=Any)


class PageStream(Generic[T]):
    """The pages of a list, in order. An async iterator; `aclose()` ends it early, and so does dropping it."""

    __slots__ = (
        "_ahead",
        "_arrived",
        "_at",
        "_brood",
        "_busy",
        "_done",
        "_empty",
        "_fetch",
        "_given",
        "_ids",
        "_keys",
        "_last",
        "_mark",
        "_next",
        "_origin",
        "_queue",
        "_resumed",
        "_size",
        "_sizes",
        "_total",
    )

    def __init__(
        self,
        fetch: Fetch,
        sizes: PageSizes,
        *,
        at: int,
        size: int,
        ahead: int,
        unique: bool,
        resumed: bool,
        mark: Callable[[int], str],
    ) -> None:
        self._brood = TaskSet()
        self._fetch = fetch
        self._sizes = sizes
        self._size = size
        self._ahead = ahead
        self._resumed = resumed
        self._mark = mark
        self._at = self._origin = at
        """First item not yet delivered, counted from the start of the whole list."""
        self._next = self._start_for(at)
        """Where the next page to ask for starts."""
        self._queue: deque[tuple[int, asyncio.Task[Page[Any]]]] = deque()
        self._total: int | None = None
        self._ids: set[object] | None = set() if unique else None
        self._keys = ItemKeys(fetch.known.operation.path)
        self._last = LastPage()
        self._given = 0
        self._arrived = 0
        self._empty = 0
        self._busy = False
        self._done = False

    def __aiter__(self) -> AsyncIterator[Page[T]]:
        return self

    async def __anext__(self) -> Page[T]:
        page = await self.next(holding=self._given > 0)
        if page is None:
            raise StopAsyncIteration
        return page

    def __del__(self) -> None:
        self._brood.abandon()

    async def aclose(self) -> None:
        """End it: no request is in flight afterwards."""
        self._done = True
        await self._drop()

    async def next(self, *, need: int | None = None, holding: bool = False) -> Page[T] | None:
        """The next page, `None` after the last.

        Args:
            need: more items than this are not wanted, so no page beyond them is asked for.
            holding: the caller still has the page before; it counts among those in memory.
        """
        if self._busy:
            raise ClientStateError("this list is already being read by another task; give each task its own iterator")
        self._busy = True
        try:
            while not self._done:
                start, page = await self._head(need, holding)
                if page is not None:
                    ready = self._accept(start, page)
                    if self._done:
                        await self._drop()
                    else:
                        self._fill(self._ahead, need if need is None or ready is None else need - len(ready.items))
                    if ready is not None:
                        self._given += 1
                        return ready
            return None
        except BaseException:
            await self._drop()
            raise
        finally:
            self._busy = False

    def _start_for(self, at: int) -> int:
        """Whole pages from the caller's own start on; any other place is reached by whole pages from the very start."""
        if self._fetch.known.paging.skip and not self._resumed and (at - self._origin) % self._size == 0:
            return at
        return self._fetch.aligned(at, self._size)

    async def _drop(self) -> None:
        """Drop the pages in flight; further reading starts with the first item not delivered."""
        self._queue.clear()
        self._next = self._start_for(self._at)
        await self._brood.close()

    def _fill(self, room: int, need: int | None) -> None:
        """Keep up to `room` pages in flight or waiting, as far as the list is known to extend."""
        horizon = self._at + 1 if self._total is None else max(self._total, self._at + 1)
        if need is not None:
            horizon = min(horizon, self._at + max(need, 0))
        while len(self._queue) < room and self._next < horizon:
            self._queue.append((self._next, self._brood.start(self._fetch.page(self._next, self._size))))
            self._next += self._size

    async def _head(self, need: int | None, holding: bool) -> tuple[int, Page[Any] | None]:
        """Wait for the next page in order. No page: the server refused its size and a smaller one is to be tried."""
        self._fill(max(1, self._ahead if holding else self._ahead + 1), need)
        start, task = self._queue[0]
        # Not awaited directly: cancelling the caller must end the task in `_drop`, where it is also waited for.
        await asyncio.wait((task,))
        self._queue.popleft()
        error = task.exception()
        if error is None:
            return start, task.result()
        fallen = self._fetch.smaller_size(error, self._size)
        if fallen is not None:
            self._sizes.refused(self._fetch.known.operation.operation_id, fallen)
            self._size = fallen
            await self._drop()
            return start, None
        self._done = True
        if not isinstance(error, Exception) or not (self._given or self._resumed):
            raise error
        message = (
            f"{self._fetch.known.operation.operation_id}: the page at item {self._at} could not be fetched: {error}"
        )
        raise PagingError(message, resume=self._mark(self._at)) from error

    def _accept(self, start: int, page: Page[Any]) -> Page[Any] | None:
        """Take a page into account: what of it is new, and where the list goes on. `None`: nothing to hand out."""
        first, count = self._given == 0, len(page.items)
        if self._last.is_repeated_by(page.items):
            self._done = True
            return None
        if first and self._fetch.asks_by_number(start, self._size) and not self._resumed:
            start = self._at = self._fetch.reported_start(start, page)
            self._next = start + self._size
        # A total that the page itself exceeds is wrong, so it must not end the list.
        self._total = page.total if page.total is not None and page.total >= start + count else None
        self._empty = 0 if count else self._empty + 1
        fresh = without_first(page, self._at - start)
        self._arrived += len(fresh.items)
        self._advance(start, page, first)
        if self._done:
            self._check_announced()
        if self._ids is not None:
            fresh = without_known(fresh, self._ids, self._keys)
        return fresh if fresh.items or first else None

    def _check_announced(self) -> None:
        """Compare what came with what the last page announced: a list that shrank has announced less by then."""
        paging, total = self._fetch.known.paging, self._total
        # A total inside the body may count something else, and what was read before a resumption is not known.
        if total is None or self._resumed or not self._fetch.known.windowed or paging.total is not None:
            return
        if self._origin + self._arrived < total:
            self._fetch.sender.short_list(self._fetch.known.operation.operation_id, total, self._origin + self._arrived)

    def _advance(self, start: int, page: Page[Any], first: bool) -> None:
        """Move past a page, and see whether there is more."""
        count = len(page.items)
        if not self._fetch.known.windowed:
            self._at, self._done = start + count, True
            return
        cut = self._cut_to(start, page, first)
        self._sizes.arrived(self._fetch.known.operation.operation_id, count)
        if cut is not None:
            self._size = cut
        self._at = start + max(count, self._size)
        more = self._fetch.reports_more(page)
        if more is not None:
            self._done = not more or self._empty > 1
        elif self._total is None:
            # Nothing says how many there are: a page shorter than asked for is the last one.
            self._done = count < self._size
        else:
            self._done = self._at >= self._total or self._empty > 1
        if not self._done and (cut is not None or count > self._size):
            self._replan()

    def _cut_to(self, start: int, page: Page[Any], first: bool) -> int | None:
        """The size that the server silently cut a page to; `None` where a short page is just that."""
        limit_header = self._fetch.known.limit_header
        count, reported = len(page.items), count_in(page.response.headers.get(limit_header)) if limit_header else None
        if not 0 < count < self._size:
            return None
        if self._total is None:
            return count if first and self._sizes.may_be_cut(self._fetch.known.operation.operation_id, count) else None
        if start + count >= self._total:
            return None
        if reported is None:
            return count if first else None
        if not count <= reported < self._size:
            return None
        self._sizes.refused(self._fetch.known.operation.operation_id, reported)
        return reported

    def _replan(self) -> None:
        """The pages in flight start at the wrong positions."""
        self._queue.clear()
        self._brood.abandon()
        self._next = self._start_for(self._at)


class ItemStream(Generic[T]):
    """The items of a list, in order. An async iterator; `aclose()` ends it early, and so does dropping it."""

    __slots__ = ("_current", "_stream")

    def __init__(self, stream: PageStream[T] | ChainStream[T]) -> None:
        self._stream = stream
        self._current: Iterator[T] = iter(())

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        for item in self._current:
            return item
        return await self._turn()

    async def _turn(self) -> T:
        while (page := await self._stream.next()) is not None:
            self._current = iter(page.items)
            for item in self._current:
                return item
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End it: no request is in flight afterwards."""
        self._current = iter(())
        await self._stream.aclose()
