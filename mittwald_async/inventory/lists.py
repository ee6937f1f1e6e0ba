"""Reading one list: its pages with items left as JSON, and what it costs in requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import cache, partial
from math import ceil
from typing import Any, TypeVar

import msgspec

from .. import codec
from ..errors import StatusError, TransportError
from ..operation import Operation, Page, Paging, Response, Result, Sender
from ..operations import OPERATIONS
from ..paging import Pages
from ..paging.sizes import PageSizes, sizes_of
from ..structs import UNSET

T = TypeVar("T")


@cache
def raw_operation(operation_id: str) -> Operation[Any]:
    """The operation with its items left as JSON, so that nothing the server sent is lost."""
    operation = OPERATIONS[operation_id]
    if operation.paging is not None and operation.paging.items is not None:
        return operation
    kind = "Raw" if operation.paging is None else "list[Raw]"
    raw = (Result(status=200, type=kind, content_type="application/json"),)
    return msgspec.structs.replace(operation, results=raw)


def raw_items(items: Iterable[Any]) -> Iterable[bytes]:
    for item in items:
        yield bytes(item) if isinstance(item, msgspec.Raw) else codec.encode(item)


def further_pages(page: Page[Any]) -> int:
    """Pages after this one, as far as the server tells."""
    return ceil(page.total / len(page.items)) - 1 if page.total and page.items else 0


class Counted:
    """A sender that counts the attempts of its calls."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.page_sizes: PageSizes = sizes_of(sender)
        self.requests: int = 0

    async def response(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[T]:
        try:
            answer = await self._sender.response(operation, path, query, headers, body)
        except (StatusError, TransportError) as error:
            self.requests += len(error.attempts)
            raise
        self.requests += len(answer.attempts) or 1
        return answer

    async def value(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> T:
        return (await self.response(operation, path, query, headers, body)).data


class ListPages:
    """The pages of a list. Most lists have one: it is asked for without what reading ahead needs."""

    def __init__(
        self,
        sender: Sender,
        operation: Operation[Any],
        path: tuple[str, ...],
        query: dict[str, object],
        size: int | None,
    ) -> None:
        self._make = partial(Pages[Any], sender, operation, path)
        self._paging = operation.paging or Paging()
        self._query = query
        self._size = size
        self._first: Page[Any] | None = None
        self.total: int | None = None
        """Items of the whole list, as told last."""

    async def only(self) -> Page[Any] | None:
        """The page of a list that has one. `None` where there are more: `arriving` gives them all, and does not ask for
        the first again."""
        first = await self._ask()
        return first if first is not None and self._complete(first) else None

    async def _ask(self) -> Page[Any] | None:
        """The first page, where it tells whether it is the only one."""
        if self._first is None and (not self._paging.limit or (self._paging.totals and self._paging.skip)):
            self._first = await self._make(self._query)
            self.total = self._first.total
        return self._first

    async def arriving(self) -> AsyncGenerator[Page[Any], None]:
        query = self._query
        first = await self._ask()
        if first is not None:
            yield first
            if self._complete(first):
                return
            query = {**query, "skip": first.skip + len(first.items)}
        # One page ahead is enough: it is the many lists at once that keep the budget busy.
        rest = self._make(query).with_options(ahead=1)
        async with aclosing(rest.pages()) as stream:
            async for page in stream:
                yield page
                self.total = rest.total
        self.total = rest.total

    def _complete(self, page: Page[Any]) -> bool:
        """Nothing comes after the first page. A short page without a total may be a cap of the server's if it is round."""
        count = len(page.items)
        if not self._paging.limit or not count:
            return True
        if page.total is not None:
            return page.skip + count >= page.total
        return self._size is not None and count < self._size and count % 10 != 0
