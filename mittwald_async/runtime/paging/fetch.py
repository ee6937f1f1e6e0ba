"""One list operation with its arguments: what is sent for a page of it, and what an answer says of the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from multidict import istr

from ..errors import ResponseDecodeError
from ..lists import ListContext, PageSizes, PagingNames, smaller
from ..members import member_at
from ..operation import Operation, Page, Paging, Response, Sender
from ..structs import UNSET
from .keys import ItemKeys


class ListOperation:
    """What can be known of a list operation before it is asked. Made once per client: every page of a list needs it."""

    __slots__ = (
        "limit_header",
        "limit_parameter",
        "operation",
        "page_parameter",
        "paging",
        "size",
        "skip_header",
        "skip_parameter",
        "total_header",
        "windowed",
    )

    def __init__(self, operation: Operation[Any], names: PagingNames) -> None:
        self.operation: Operation[Any] = operation
        self.paging: Paging = operation.paging or Paging()
        self.limit_parameter: str = self.paging.limit_name or names.limit_parameter
        self.skip_parameter: str = self.paging.skip_name or names.skip_parameter
        self.page_parameter: str = self.paging.page_name or names.page_parameter
        # Strings whose folding is known: headers are found faster by them.
        self.total_header: str | None = names.total_header and istr(names.total_header)
        self.limit_header: str | None = names.limit_header and istr(names.limit_header)
        self.skip_header: str | None = names.skip_header and istr(names.skip_header)
        self.windowed: bool = self.paging.windowed
        """Any part of the list can be asked for."""
        self.size: int = self.paging.max_limit or max(self.paging.default_limit or 0, names.size)
        """Items to ask for at once where the caller names no number: the most that the document suggests."""


def list_operation(lists: ListContext, operation: Operation[Any]) -> ListOperation:
    """What is known of an operation, with the names that the lists of this server use."""
    known: ListOperation | None = lists.operations.get(id(operation))
    if known is None:
        known = lists.operations[id(operation)] = ListOperation(operation, lists.names)
    return known


class Fetch:
    """One list operation with its arguments, able to get any window of it."""

    __slots__ = (
        "body",
        "filters",
        "headers",
        "known",
        "numbered",
        "path",
        "sender",
        "total",
    )

    def __init__(
        self,
        sender: Sender,
        known: ListOperation,
        path: Sequence[object],
        filters: Mapping[str, object],
        headers: Mapping[str, object] | None,
        body: object,
        numbered: tuple[int, int, int] | None = None,
    ) -> None:
        self.sender: Sender = sender
        self.known: ListOperation = known
        self.path: Sequence[object] = path
        self.filters: Mapping[str, object] = filters
        self.headers: Mapping[str, object] | None = headers
        self.body: object = body
        self.numbered: tuple[int, int, int] | None = numbered
        """Start, size and number of the page that the caller asked for by number: it is sent as it was said."""
        self.total: int | None = None

    def copy(self) -> Fetch:
        """Another one that keeps its own total."""
        return Fetch(self.sender, self.known, self.path, self.filters, self.headers, self.body, self.numbered)

    def window(self, start: int, size: int) -> dict[str, object]:
        """The query for `size` items from `start` on."""
        query, known = dict(self.filters), self.known
        if known.windowed:
            query[known.limit_parameter] = size
            if self.numbered is not None and self.asks_by_number(start, size):
                query[known.page_parameter] = self.numbered[2]
            elif known.paging.skip:
                query[known.skip_parameter] = start
            else:
                query[known.page_parameter] = start // size + known.paging.first_page
        return query

    def smaller_size(self, error: BaseException, tried: int) -> int | None:
        """The size to try after an error; `None` where the error is not about the size."""
        if not self.known.windowed:
            return None
        return smaller(error, tried, self.known.paging.default_limit, self.known.limit_parameter)

    def asks_by_number(self, start: int, size: int) -> bool:
        """Whether this window is the page that the caller asked for by its number."""
        return self.numbered is not None and self.numbered[:2] == (start, size)

    def reported_start(self, start: int, page: Page[Any]) -> int:
        """Where the page that was asked for by its number starts: only the server knows whether it counts from 0 or
        from 1, and how long its pages are. A place that is neither is not believed, for what lies before it would be
        lost.
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
            ResponseDecodeError: the response contains no list.
        """
        return await self.ask(self.window(start, size), start, size)

    async def ask(self, query: Mapping[str, object], start: int, size: int | None) -> Page[Any]:
        """Ask with a query; `start` and `size` are what it asks for, as far as that is known.

        Raises:
            ApiClientError: whatever the sender raises.
            ResponseDecodeError: the response contains no list.
        """
        response = await self.sender.response(self.known.operation, self.path, query, self.headers, self.body)
        return self.read(response, start, size)

    def read(self, response: Response[Any], start: int, size: int | None) -> Page[Any]:
        """Make a page of an answer: where its items are, and what it says of the whole."""
        known, headers = self.known, response.headers
        paging, whole = known.paging, response.data if response.envelope is None else response.envelope
        items: Any = whole if paging.items is None else member_at(whole, paging.items)
        if items is None or items is UNSET:
            items = []
        problem = "" if items.__class__ is list else "a list was expected"
        where = "$" if paging.items is None else f"$.{paging.items}"
        if paging.items is not None and isinstance(whole, list | str | int | float):
            # What it holds is not to be taken for nothing.
            problem, where = "an object with a list was expected", "$"
        if problem:
            operation_id = self.known.operation.operation_id
            raise ResponseDecodeError(problem, operation_id=operation_id, json_path=where, body=b"")
        total = count_in(headers.get(known.total_header)) if known.total_header else None
        if total is None and paging.total is not None:
            reported = member_at(whole, paging.total)
            total = int(reported) if isinstance(reported, int | float) else None
        if total is not None:
            self.total = total
        limit = count_in(headers.get(known.limit_header)) if known.limit_header else None
        skip = count_in(headers.get(known.skip_header)) if known.skip_header else None
        paged = known.windowed or paging.paged
        return Page(
            items=items,
            total=total,
            limit=limit if limit is not None else size if paged else None,
            skip=skip if skip is not None else start if paged else 0,
            response=response,
        )

    def reports_more(self, page: Page[Any]) -> bool | None:
        """Whether there is a page after this one, where the server says."""
        if self.known.paging.has_more is None:
            return None
        reported = member_at(whole_of(page.response), self.known.paging.has_more)
        return reported if isinstance(reported, bool) else None


def whole_of(response: Response[Any]) -> Any:
    """The decoded body, with the envelope that it came in."""
    return response.data if response.envelope is None else response.envelope


async def with_falling_size(fetch: Fetch, sizes: PageSizes, at: int, size: int) -> Page[Any]:
    """The page from item `at` on, asking for less as long as the server says it was too much."""
    while True:
        start = at if fetch.known.paging.skip else fetch.aligned(at, size)
        try:
            response = await fetch.sender.response(
                fetch.known.operation, fetch.path, fetch.window(start, size), fetch.headers, fetch.body
            )
        except Exception as error:
            fallen = fetch.smaller_size(error, size)
            if fallen is None:
                raise
            sizes.refused(fetch.known.operation.operation_id, fallen)
            size = fallen
        else:
            page = fetch.read(response, start, size)
            return page if at == start else without_first(page, at - start)


def without_first(page: Page[Any], count: int) -> Page[Any]:
    """The page without its first `count` items, which have been delivered before."""
    if count <= 0:
        return page
    return msgspec.structs.replace(page, items=page.items[count:], skip=page.skip + count)


def without_known(page: Page[Any], known: set[object], keys: ItemKeys) -> Page[Any]:
    """The page without items whose key is in `known`; the others' are added. What has no key stays."""
    fresh: list[Any] = []
    for item in page.items:
        key = keys.of(item)
        if key is not None:
            if key in known:
                continue
            known.add(key)
        fresh.append(item)
    return page if len(fresh) == len(page.items) else msgspec.structs.replace(page, items=fresh)


def count_in(text: str | None) -> int | None:
    """The number in a header."""
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        return None
    return number if number > 0 else 0
