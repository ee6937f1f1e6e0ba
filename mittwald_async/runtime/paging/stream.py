"""Reading a list page by page, ahead of whoever uses it.

`Fetch` gets one page. `PageStream` decides which pages, keeps several under way and hands them out in order.
`ItemStream` walks through their items. The streams are objects rather than async generators: they end their tasks
when they are dropped, closed, cancelled or fail, and hold no cancel scope between two items.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Generic, cast

import msgspec
from multidict import istr
from typing_extensions import TypeVar

from ..concurrency.tasks import TaskSet
from ..errors import ClientStateError, PagingError, ResponseDecodeError
from ..lists import USUAL_SIZE, PageSizes, PagingNames, smaller
from ..operation import Operation, Page, Paging, Response, Sender
from ..structs import UNSET

T = TypeVar("T", default=Any)


def suggested_size(operation: Operation[Any]) -> int:
    """Items to ask for at once where the caller names no number: the most that the document suggests."""
    paging = operation.paging or Paging()
    return paging.max_limit or max(paging.default_limit or 0, USUAL_SIZE)


@cache
def _headers_of(names: PagingNames) -> tuple[str | None, str | None, str | None]:
    """Total, limit and skip as strings whose folding is known: headers are found faster by them."""
    total, limit, skip = names.total_header, names.limit_header, names.skip_header
    return total and istr(total), limit and istr(limit), skip and istr(skip)


class Fetch:
    """One list operation with its arguments, able to get any window of it."""

    __slots__ = ("body", "filters", "headers", "names", "numbered", "operation", "paging", "path", "sender", "total")

    def __init__(
        self,
        sender: Sender,
        operation: Operation[Any],
        path: Sequence[object],
        filters: Mapping[str, object],
        headers: Mapping[str, object] | None,
        body: object,
        numbered: tuple[int, int, int] | None = None,
    ) -> None:
        self.sender: Sender = sender
        self.operation: Operation[Any] = operation
        self.path: Sequence[object] = path
        self.filters: Mapping[str, object] = filters
        self.headers: Mapping[str, object] | None = headers
        self.body: object = body
        self.numbered: tuple[int, int, int] | None = numbered
        """Start, size and number of the page that the caller asked for by number: it is sent as it was said."""
        self.paging: Paging = operation.paging or Paging()
        self.names: PagingNames = sender.lists.names
        self.total: int | None = None

    def copy(self) -> Fetch:
        """Another one that keeps its own total."""
        return Fetch(self.sender, self.operation, self.path, self.filters, self.headers, self.body, self.numbered)

    def window(self, start: int, size: int) -> dict[str, object]:
        """The query for `size` items from `start` on."""
        query, paging, names = dict(self.filters), self.paging, self.names
        if paging.limit:
            query[names.limit_parameter] = size
            if self.numbered is not None and self.asks_by_number(start, size):
                query[names.page_parameter] = self.numbered[2]
            elif paging.skip:
                query[names.skip_parameter] = start
            else:
                query[names.page_parameter] = start // size + 1
        return query

    def smaller_size(self, error: BaseException, tried: int) -> int | None:
        """The size to try after an error; `None` where the error is not about the size."""
        if not self.paging.limit:
            return None
        return smaller(error, tried, self.paging.default_limit, self.names.limit_parameter)

    def asks_by_number(self, start: int, size: int) -> bool:
        """Whether this window is the page that the caller asked for by its number."""
        return self.numbered is not None and self.numbered[:2] == (start, size)

    def start_told(self, start: int, page: Page[Any]) -> int:
        """Where the page that was asked for by its number starts: only the server knows whether it counts from 0 or from 1,
        and how long its pages are. A place that is neither is not believed, for what lies before it would be lost.
        """
        if self.numbered is None:
            return start
        _, size, number = self.numbered
        places = {count * long for count in (number - 1, number) for long in (size, page.limit or size)}
        return page.skip if page.skip in places else start

    def aligned(self, at: int, size: int) -> int:
        """Where a page has to start to contain item `at`. Skips are whole pages, as the API wants them."""
        return at - at % size

    async def page(self, start: int, size: int) -> Page[Any]:
        """Ask for one window.

        Raises:
            ApiClientError: whatever the sender raises.
            ResponseDecodeError: there is no list in the answer.
        """
        query = self.window(start, size)
        response = await self.sender.response(self.operation, self.path, query, self.headers, self.body)
        return self.read(response, start, size)

    def read(self, response: Response[Any], start: int, size: int) -> Page[Any]:
        """Make a page of an answer: where its items are, and what it says of the whole."""
        paging, data = self.paging, response.data
        items: Any = data if paging.items is None else member(data, paging.items)
        if items is None or items is UNSET:
            items = []
        if items.__class__ is not list:
            where = "$" if paging.items is None else f"$.{paging.items}"
            operation_id = self.operation.operation_id
            raise ResponseDecodeError("a list was expected", operation_id=operation_id, json_path=where, body=b"")
        headers = response.headers
        total_header, limit_header, skip_header = _headers_of(self.names)
        total = _count(headers.get(total_header)) if total_header else None
        if total is None and paging.total is not None:
            told = member(data, paging.total)
            total = int(told) if isinstance(told, int | float) else None
        if total is not None:
            self.total = total
        limit = _count(headers.get(limit_header)) if limit_header else None
        skip = _count(headers.get(skip_header)) if skip_header else None
        return Page(
            items=items,
            total=total,
            limit=limit if limit is not None else size if paging.limit else None,
            skip=skip if skip is not None else start if paging.limit else 0,
            response=response,
        )


async def with_falling_size(fetch: Fetch, sizes: PageSizes, at: int, size: int) -> Page[Any]:
    """The page from item `at` on, asking for less as long as the server says it was too much."""
    while True:
        start = at if fetch.paging.skip else fetch.aligned(at, size)
        try:
            response = await fetch.sender.response(
                fetch.operation, fetch.path, fetch.window(start, size), fetch.headers, fetch.body
            )
        except Exception as error:
            fallen = fetch.smaller_size(error, size)
            if fallen is None:
                raise
            sizes.refused(fetch.operation.operation_id, fallen)
            size = fallen
        else:
            page = fetch.read(response, start, size)
            return page if at == start else without_first(page, at - start)


class PageStream(Generic[T]):
    """The pages of a list, in order. An async iterator; `aclose()` ends it early, and so does dropping it."""

    __slots__ = (
        "_ahead",
        "_at",
        "_brood",
        "_busy",
        "_done",
        "_empty",
        "_fetch",
        "_given",
        "_ids",
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
        self._last: tuple[object, ...] | None = None
        self._given = 0
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
        """End it: nothing is under way afterwards."""
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
        if self._fetch.paging.skip and not self._resumed and (at - self._origin) % self._size == 0:
            return at
        return self._fetch.aligned(at, self._size)

    async def _drop(self) -> None:
        """Forget what is under way; reading on starts with the first item not delivered."""
        self._queue.clear()
        self._next = self._start_for(self._at)
        await self._brood.close()

    def _fill(self, room: int, need: int | None) -> None:
        """Have up to `room` pages under way or waiting, as far as the list is known to go."""
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
            self._sizes.refused(self._fetch.operation.operation_id, fallen)
            self._size = fallen
            await self._drop()
            return start, None
        self._done = True
        if not isinstance(error, Exception) or not (self._given or self._resumed):
            raise error
        message = f"{self._fetch.operation.operation_id}: the page at item {self._at} could not be fetched: {error}"
        raise PagingError(message, resume=self._mark(self._at)) from error

    def _accept(self, start: int, page: Page[Any]) -> Page[Any] | None:
        """Take a page into account: what of it is new, and where the list goes on. `None`: nothing to hand out."""
        first, count = self._given == 0, len(page.items)
        if self._repeats(page.items):
            self._done = True
            return None
        if first and self._fetch.asks_by_number(start, self._size) and not self._resumed:
            start = self._at = self._fetch.start_told(start, page)
            self._next = start + self._size
        # A total that the page itself exceeds tells nothing, so it must not end the list.
        self._total = page.total if page.total is not None and page.total >= start + count else None
        self._empty = 0 if count else self._empty + 1
        fresh = without_first(page, self._at - start)
        self._advance(start, page, first)
        if self._ids is not None:
            fresh = without_known(fresh, self._ids)
        return fresh if fresh.items or first else None

    def _repeats(self, items: list[Any]) -> bool:
        """Whether this is the page before once more: a server that ignores where to start. Keeps no page alive."""
        ends = (len(items), items[0], items[len(items) // 2], items[-1]) if items else None
        repeated = ends is not None and ends == self._last
        self._last = ends
        return repeated

    def _advance(self, start: int, page: Page[Any], first: bool) -> None:
        """Move past a page, and see whether there is more."""
        count = len(page.items)
        if not self._fetch.paging.limit:
            self._at, self._done = start + count, True
            return
        cut = self._cut_to(start, page, first)
        self._sizes.arrived(self._fetch.operation.operation_id, count)
        if cut is not None:
            self._size = cut
        self._at = start + max(count, self._size)
        if self._total is None:
            # Nobody tells how many there are: a page shorter than asked for is the last one.
            self._done = count < self._size
        else:
            self._done = self._at >= self._total or self._empty > 1
        if not self._done and (cut is not None or count > self._size):
            self._replan()

    def _cut_to(self, start: int, page: Page[Any], first: bool) -> int | None:
        """The size that the server silently cut a page to; `None` where a short page is just that."""
        limit_header = _headers_of(self._fetch.names)[1]
        count, told = len(page.items), _count(page.response.headers.get(limit_header)) if limit_header else None
        if not 0 < count < self._size:
            return None
        if self._total is None:
            return count if first and self._sizes.may_be_cut(self._fetch.operation.operation_id, count) else None
        if start + count >= self._total:
            return None
        if told is None:
            return count if first else None
        if not count <= told < self._size:
            return None
        self._sizes.refused(self._fetch.operation.operation_id, told)
        return told

    def _replan(self) -> None:
        """The pages under way start in the wrong places."""
        self._queue.clear()
        self._brood.abandon()
        self._next = self._start_for(self._at)


class ItemStream(Generic[T]):
    """The items of a list, in order. An async iterator; `aclose()` ends it early, and so does dropping it."""

    __slots__ = ("_current", "_stream")

    def __init__(self, stream: PageStream[T]) -> None:
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
        """End it: nothing is under way afterwards."""
        self._current = iter(())
        await self._stream.aclose()


def without_first(page: Page[Any], count: int) -> Page[Any]:
    """The page without its first `count` items, which have been delivered before."""
    if count <= 0:
        return page
    return msgspec.structs.replace(page, items=page.items[count:], skip=page.skip + count)


def without_known(page: Page[Any], ids: set[object]) -> Page[Any]:
    """The page without items whose id is in `ids`; the others' are added. Items without an id all stay."""
    fresh: list[Any] = []
    for item in page.items:
        known: Any = member(item, "id")
        if isinstance(known, str | int):
            if known in ids:
                continue
            ids.add(known)
        fresh.append(item)
    return page if len(fresh) == len(page.items) else msgspec.structs.replace(page, items=fresh)


def member(value: Any, wire: str) -> Any:
    """A property by its wire name, of a model or of plain JSON; `None` where there is none."""
    if isinstance(value, msgspec.Struct):
        key = (type(value), wire)
        if key not in _ATTRIBUTES:
            fields = msgspec.structs.fields(value)
            _ATTRIBUTES[key] = next((field.name for field in fields if field.encode_name == wire), None)
        name = _ATTRIBUTES[key]
        return None if name is None else getattr(value, name)
    return cast("dict[str, Any]", value).get(wire) if isinstance(value, dict) else None


_ATTRIBUTES: dict[tuple[type[msgspec.Struct], str], str | None] = {}
"""Attribute by model and wire name; there are only so many models."""


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        return None
    return number if number > 0 else 0
