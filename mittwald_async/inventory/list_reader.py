"""Reading one list: its pages with items left as JSON, and what it costs in requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import cache
from math import ceil
from typing import Any, TypeVar

import msgspec

from ..errors import MittwaldError
from ..metrics.queries import Requests
from ..operations import OPERATIONS
from ..runtime import codec
from ..runtime.errors import ResponseDecodeError, StatusError, TransportError
from ..runtime.lists import ListContext
from ..runtime.members import member
from ..runtime.operation import Operation, Page, Paging, Response, Sender
from ..runtime.paging import Pages
from ..runtime.structs import UNSET
from .computed import COMPUTED, Computed
from .frontier import Unit

_LOOKS_BACK = 5
"""How often a position in a list is read again while the list keeps shrinking."""

T = TypeVar("T")


class ShortListError(MittwaldError):
    """A list brought fewer items than the server announced: what is missing is unknown."""


class NoListError(MittwaldError):
    """A success came without the list that was asked for: what is in that list is unknown."""


def left_as_json(operation: Operation[Any]) -> Operation[Any]:
    """The operation with its answer, or the items of its list, left as JSON: so nothing the server sent is lost. Lists
    that come wrapped in an object are read as they are."""
    if operation.paging is not None and operation.paging.items is not None:
        return operation
    kind = "Raw" if operation.paging is None else "list[Raw]"
    results = tuple(
        msgspec.structs.replace(result, type=kind) if result.content_type == "application/json" else result
        for result in operation.results
    )
    return msgspec.structs.replace(operation, results=results)


@cache
def raw_operation(operation_id: str) -> Operation[Any]:
    """The operation of this id, left as JSON; the same one each time."""
    return left_as_json(OPERATIONS[operation_id])


def raw_items(items: Iterable[Any]) -> list[bytes]:
    """JSON of each item."""
    return [bytes(item) if isinstance(item, msgspec.Raw) else codec.encode(item) for item in items]


def _check_has_list(operation: Operation[Any], paging: Paging, answer: Response[Any]) -> None:
    """The client takes `null` for an empty list. Here that would mean that everything in it is gone.

    Raises:
        NoListError: there is `null`, or nothing, in place of a list.
    """
    whole = answer.data if answer.envelope is None else answer.envelope
    if paging.items is not None and isinstance(whole, msgspec.Struct):
        return  # As documented: there, the list may be optional.
    if (whole if paging.items is None else member(whole, paging.items)) is None:
        raise NoListError(f"{operation.operation_id}: the server sent no list, with status {answer.status}")


def further_pages(page: Page[Any]) -> int:
    """Pages after this one, as far as the server states."""
    return ceil(page.total / len(page.items)) - 1 if page.total and page.items else 0


class Counted(Sender):
    """A sender that counts the attempts of its calls.

    Args:
        sender: what sends.
        client: sends requests to routes that are not operations.
    """

    def __init__(self, sender: Sender, client: Requests) -> None:
        self._sender = sender
        self._client = client
        self._lists = sender.lists
        self.requests: int = 0

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
        answer = await self._counted(self._sender.response(operation, path, query, headers, body))
        if operation.paging is not None:
            _check_has_list(operation, operation.paging, answer)
        return answer

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[bytes]:
        """Send to any route, as the client's own method does."""
        return await self._counted(self._client.request(method, path, query=query, headers=headers, body=body))

    async def _counted(self, call: Awaitable[Response[T]]) -> Response[T]:
        try:
            answer = await call
        except (StatusError, TransportError) as error:
            self.requests += len(error.attempts)
            raise
        except ResponseDecodeError:
            self.requests += 1
            raise
        self.requests += len(answer.attempts) or 1
        return answer


class ListPosition(msgspec.Struct, frozen=True, gc=False):
    """How far a list has come."""

    position: int = 0
    """Items from its start that have been had."""
    total: int | None = None
    """Items it had then, where that was reported: as it shrinks, items move to places before the position."""


class ItemBatch(msgspec.Struct, frozen=True):
    """Some items of a list."""

    items: Sequence[Any]
    at: int
    """Place of the first one in the list."""
    mark: ListPosition
    """How far the list has come with these."""
    done: bool
    """Nothing comes after them."""


class ComputedListing:
    """A list whose rows are computed, in the manner of `Listing`.

    Args:
        computed: how.
        client: what to ask with.
        unit: whose.
    """

    def __init__(self, computed: Computed, client: Requests, unit: Unit) -> None:
        self._computed = computed
        self._client = client
        self._owner = unit.owner.id or ""
        self.moved: bool = False
        self.optional: bool = False

    async def first(self) -> None:
        """It has no pages."""

    async def only(self) -> None:
        """`parts` gives them all: some may come before an error."""

    async def parts(self) -> AsyncGenerator[ItemBatch, None]:
        """Part by part; the last part is `done` and empty."""
        place = 0
        async with aclosing(self._computed.rows(self._client, self._owner)) as found:
            async for rows in found:
                yield ItemBatch(rows, place, ListPosition(), False)
                place += len(rows)
        yield ItemBatch([], place, ListPosition(place), True)


def listing_of(sender: Counted, unit: Unit, start: ListPosition) -> Listing | ComputedListing:
    """How a list is read: by its operation, or by what computes its rows."""
    computed = COMPUTED.get(unit.route.operation_id)
    return Listing(sender, unit, start) if computed is None else ComputedListing(computed, sender, unit)


class Listing:
    """One list to be read to its end. Most lists have one page: it is asked for without what reading ahead needs.

    Lists move while they are read. As things are deleted, later ones go to places that have been read already; that
    shows in the total, and those places are read again. So an item may come twice. What is deleted and added in equal
    numbers does not show in the total: so once a page has come, the last item of the page before is looked at again.
    Where it is not at its place any more, an item may have slipped past.

    Args:
        sender: what sends.
        unit: which list.
        start: where to resume.
    """

    def __init__(self, sender: Sender, unit: Unit, start: ListPosition) -> None:
        self._sender = sender
        self._operation = raw_operation(unit.route.operation_id)
        self._paging = self._operation.paging or Paging()
        self._route = unit.route
        self._key = unit.resource.key
        path, self._filters = unit.route.arguments(unit.owner.id)
        self._path = tuple(path.values())
        self._start = start
        self._first: Page[Any] | None = None
        self.moved: bool = False
        """Items came or went while the list was read, or nothing would show if they did: what it did not bring may be
        there nevertheless."""

    @property
    def optional(self) -> bool:
        """It is a single thing that its owner may not have."""
        return self._route.single and not self._route.last_resort

    def _pages(self, **window: int) -> Pages[Any]:
        return Pages(self._sender, self._operation, self._path, {**self._filters, **window})

    async def first(self) -> Page[Any] | None:
        """The first page, if the rest can be addressed by position. It is requested once."""
        if self._first is None and not self._start.position and (self._paging.skip or not self._paging.limit):
            self._first = await self._pages()
        return self._first

    async def only(self) -> ItemBatch | None:
        """All of a list that has one page. `None` where there may be more: then `parts` gives them all."""
        if self._route.single:
            return ItemBatch([await self._sender.value(self._operation, self._path)], 0, ListPosition(1), True)
        page = await self.first()
        if page is None or not self._complete(page):
            return None
        return ItemBatch(page.items, 0, ListPosition(len(page.items), page.total), True)

    async def parts(self) -> AsyncGenerator[ItemBatch, None]:
        """Page by page; the last part is `done`, and may be empty."""
        mark, last = self._start, list[Any]()
        if self._first is not None:
            last = self._first.items[-1:]
            mark = ListPosition(len(self._first.items), self._first.total)
            yield ItemBatch(self._first.items, 0, mark, False)
        # One page ahead is enough: it is the many lists at once that keep the budget busy. None where the server
        # reports no whether there is one: most lists have one page.
        ahead = 1 if self._paging.totals or mark.total is not None else 0
        rest = (self._pages(skip=mark.position) if mark.position else self._pages()).with_options(ahead=ahead)
        async with aclosing(rest.pages()) as stream:
            async for page in stream:
                # Between two runs, or without a total, a list can move unseen.
                self.moved |= bool(mark.position) and (page.total is None or page.total != mark.total)
                self.moved |= bool(self._start.position)
                slipped = await self._slipped(mark, page.total)
                at, mark = mark.position, ListPosition(mark.position + len(page.items), page.total)
                yield ItemBatch([*slipped, *page.items], at, mark, False)
                if last and page.items and not self.moved:
                    self.moved = not await self._is_at(at - 1, last[0], page.total)
                last = page.items[-1:]
        self.moved |= rest.total is not None and mark.total is not None and rest.total != mark.total
        slipped = await self._slipped(mark, rest.total)
        self._check_announced(mark, rest.total)
        yield ItemBatch(slipped, mark.position, mark, True)

    def _check_announced(self, mark: ListPosition, total: int | None) -> None:
        """Compare what arrived with what the last page announced; a list that shrank has announced less by then."""
        # A total inside the body may count something else, such as all there is to buy.
        announced = self._paging.limit and self._paging.total is None
        if total is not None and announced and mark.position < total:
            raise ShortListError(
                f"{self._operation.operation_id}: the server announced {total:,} items and sent {mark.position:,}"
            )

    async def _slipped(self, mark: ListPosition, total: int | None) -> list[Any]:
        """Items that went from places still to be read to places already read, as others before them were deleted.

        Seen by the total: it was the mark's with the last page and is `total` now.
        """
        position, before = mark.position, mark.total
        items: list[Any] = []
        for _ in range(_LOOKS_BACK if self._key is not None and self._paging.skip else 0):
            if not position or before is None or total is None or total >= before:
                break
            count = min(position, before - total)
            window = self._pages(skip=position - count, limit=count).with_options(ahead=0)
            items = await window.collect(count)
            if window.total is None or window.total >= total:
                break
            total = window.total
        return items

    async def _is_at(self, place: int, item: Any, total: int | None) -> bool:
        """Whether an item is still at this place of a list that has as many items as before."""
        window = self._pages(skip=place, limit=1).with_options(ahead=0)
        found = await window.collect(1)
        return bool(found) and window.total == total and self._who(found[0]) == self._who(item)

    def _who(self, item: Any) -> Any:
        """The identity of an item among the others of its list."""
        value = msgspec.json.decode(item) if isinstance(item, msgspec.Raw) else item
        known = self._key is not None and isinstance(value, dict) and self._key in value
        return value[self._key] if known else value  # pyright: ignore[reportUnknownVariableType] - JSON is untyped

    def _complete(self, page: Page[Any]) -> bool:
        """Nothing comes after the first page. A short page without a total may be a cap of the server's if it is
        round."""
        count = len(page.items)
        if not self._paging.limit or not count:
            return True
        if page.total is not None:
            return page.skip + count >= page.total
        size = self._route.page_size
        return size is not None and count < size and count % 10 != 0
