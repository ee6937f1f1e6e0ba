"""Lists of which every page says where the next one is: by a cursor, by an address, or by being one after another.

Only the page itself shows where the list continues, so at most one page is fetched ahead.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Generic
from urllib.parse import parse_qs, urlsplit

from typing_extensions import TypeVar

from ..concurrency.tasks import TaskSet
from ..errors import ClientStateError, PagingError
from ..members import member_at
from ..operation import Page
from .fetch import Fetch, whole_of, without_known
from .keys import ItemKeys, LastPage

T = TypeVar("T", default=Any)

Query = dict[str, object]

_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w*]+\s*=\s*(?:\"[^\"]*\"|[^\s,;]+))*)")
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s,;]+))", re.IGNORECASE)


class ChainStream(Generic[T]):
    """The pages of a list, in order. An async iterator; `aclose()` ends it early, and so does dropping it.

    Args:
        fetch: the list.
        query: what the first page is asked for with.
        size: items asked for, where the caller or the document names a number.
        ahead: 0: a page is asked for when it is needed; else the next one is fetched while one is used.
        unique: leave out items that have been delivered before.
        resumed: an earlier reading delivered what came before.
        mark: makes a token to resume at a query.
    """

    __slots__ = (
        "_ahead",
        "_at",
        "_busy",
        "_fetch",
        "_given",
        "_ids",
        "_keys",
        "_last",
        "_mark",
        "_numbered",
        "_query",
        "_read",
        "_resumed",
        "_size",
        "_task",
        "_tasks",
    )

    def __init__(
        self,
        fetch: Fetch,
        query: Query,
        *,
        size: int | None,
        ahead: int,
        unique: bool,
        resumed: bool,
        mark: Callable[[Query], str],
    ) -> None:
        self._tasks = TaskSet()
        self._fetch = fetch
        self._query: Query | None = query
        """The query of the next page; `None` after the last."""
        self._size = size
        self._ahead = ahead
        self._resumed = resumed
        self._mark = mark
        self._task: asyncio.Task[Page[Any]] | None = None
        self._ids: set[object] | None = set() if unique else None
        self._keys = ItemKeys(fetch.known.operation.path)
        paging = fetch.known.paging
        self._numbered = paging.cursor is None and not paging.link
        self._last = LastPage()
        self._read: set[int] = set()
        """Hashes of the queries of the pages read."""
        self._at = 0
        self._given = 0
        self._busy = False

    def __aiter__(self) -> AsyncIterator[Page[T]]:
        return self

    async def __anext__(self) -> Page[T]:
        page = await self.next()
        if page is None:
            raise StopAsyncIteration
        return page

    def __del__(self) -> None:
        self._tasks.abandon()

    async def aclose(self) -> None:
        """End it: no request is in flight afterwards."""
        self._query = None
        await self._drop()

    async def next(self, *, need: int | None = None) -> Page[T] | None:
        """The next page, `None` after the last.

        Args:
            need: more items than this are not wanted, so no page beyond them is asked for.
        """
        if self._busy:
            raise ClientStateError("this list is already being read by another task; give each task its own iterator")
        self._busy = True
        try:
            while self._query is not None:
                page = await self._arrived(self._query)
                if self._numbered and self._last.is_repeated_by(page.items):
                    self._query = None  # the server ignores the number
                    break
                first, self._given = self._given == 0, self._given + 1
                self._query = self._after(self._query, page)
                self._at += len(page.items)
                if self._ahead and self._query is not None and (need is None or need > len(page.items)):
                    self._start(self._query)
                if self._ids is not None:
                    page = without_known(page, self._ids, self._keys)
                if page.items or first:
                    return page
            return None
        except BaseException:
            await self._drop()
            raise
        finally:
            self._busy = False

    async def _drop(self) -> None:
        self._task = None
        await self._tasks.close()

    def _start(self, query: Query) -> asyncio.Task[Page[Any]]:
        self._task = self._tasks.start(self._fetch.ask(query, self._at, self._size))
        return self._task

    async def _arrived(self, query: Query) -> Page[Any]:
        task = self._task or self._start(query)
        # Not awaited directly: cancelling the caller must end the task in `_drop`, where it is also waited for.
        await asyncio.wait((task,))
        self._task = None
        error = task.exception()
        if error is None:
            return task.result()
        if not isinstance(error, Exception) or not (self._given or self._resumed):
            raise error
        message = (
            f"{self._fetch.known.operation.operation_id}: the page at item {self._at} could not be fetched: {error}"
        )
        raise PagingError(message, resume=self._mark(query)) from error

    def _after(self, query: Query, page: Page[Any]) -> Query | None:
        """The query of the page after this one; `None` where there is none."""
        following = next_query(self._fetch, self._keys, query, page, self._at + len(page.items))
        self._read.add(hash(repr(query)))
        problem = "names the same page as the next one" if following == query else ""
        if not problem and following is not None and hash(repr(following)) in self._read:
            problem = "names a page as the next one that was read before"
        if problem:
            message = f"{self._fetch.known.operation.operation_id}: the server {problem}"
            raise PagingError(message, resume=self._mark(query))
        return following


def next_query(fetch: Fetch, keys: ItemKeys, query: Query, page: Page[Any], at: int) -> Query | None:
    """The query of the page after `page`, which was asked for with `query` and ends at item `at`."""
    paging = fetch.known.paging
    if fetch.reports_more(page) is False:
        return None
    if paging.link:
        address = next_link(page.response.headers)
        if address is not None:
            return {**query, **_query_of(address)}
        if paging.cursor is None:
            return None
    if paging.cursor is not None:
        cursor = _cursor(fetch, keys, page)
        if isinstance(cursor, str) and re.match(r"(https?:/)?/[^?]*\?", cursor):
            return {**query, **_query_of(cursor)}
        return None if cursor is None or cursor == "" else {**query, paging.cursor: cursor}
    if not page.items or (page.total is not None and at >= page.total):
        return None
    if paging.skip and not (paging.page and isinstance(query.get(fetch.known.page_parameter), int)):
        return {
            **query,
            fetch.known.skip_parameter: _number(query.get(fetch.known.skip_parameter), 0) + len(page.items),
        }
    return {**query, fetch.known.page_parameter: _number(query.get(fetch.known.page_parameter), paging.first_page) + 1}


def _cursor(fetch: Fetch, keys: ItemKeys, page: Page[Any]) -> object:
    """Where the next page begins: as the server says, or after the last item where it says only that there is more."""
    if fetch.known.paging.next_cursor is not None:
        return member_at(whole_of(page.response), fetch.known.paging.next_cursor)
    return keys.of(page.items[-1]) if page.items and fetch.reports_more(page) else None


def next_link(headers: Mapping[str, str]) -> str | None:
    """The address of the next page in a `Link` header."""
    for address, parameters in _LINK.findall(headers.get("Link", "")):
        relation = _RELATION.search(parameters)
        if relation is not None and "next" in (relation[1] or relation[2] or "").lower().split():
            return str(address)
    return None


def _query_of(address: str) -> Query:
    """The parameters of an address. Its host and path are not followed: the list is where the document says."""
    found = parse_qs(urlsplit(address).query, keep_blank_values=True)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
