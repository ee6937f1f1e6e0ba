"""Lists as one value: await it for a page, iterate it for every item."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from typing import Any, Generic, cast

from typing_extensions import TypeVar

from .operation import Operation, Page, Sender
from .structs import UNSET

T = TypeVar("T", default=Any)


class Pages(Generic[T]):
    """A list operation that has not been sent yet: `await` gives the first `Page`, `async for` every item."""

    __slots__ = ("_body", "_headers", "_operation", "_path", "_query", "_sender")

    def __init__(
        self,
        sender: Sender,
        operation: Operation[Any],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> None:
        self._sender = sender
        self._operation = operation
        self._path = path
        self._query = dict(query or {})
        self._headers = headers
        self._body = body

    def __await__(self) -> Generator[Any, Any, Page[T]]:
        return self._page().__await__()

    async def __aiter__(self) -> AsyncIterator[T]:
        for item in (await self._page()).items:
            yield item

    async def _page(self) -> Page[T]:
        response = await self._sender.response(self._operation, self._path, self._query, self._headers, self._body)
        return Page(items=cast("list[T]", response.data), response=response)
