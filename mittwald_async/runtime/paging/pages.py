"""`Pages`: what a list operation gives before anything is sent, and what can be done with it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn

import msgspec
from typing_extensions import TypeVar

from ..errors import InvalidArgumentError, PagingError
from ..lists import PageSizes
from ..operation import Operation, Page, Response, Sender
from ..structs import UNSET
from .chain import ChainStream, Query
from .fetch import Fetch, list_operation, with_falling_size
from .stream import ItemStream, PageStream

T = TypeVar("T", default=Any)

_AHEAD = 4
"""Pages fetched ahead by default."""


class _Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a resume token says: which list, and the first item not yet delivered."""

    list: str
    at: int = 0
    query: dict[str, Any] | None = None
    """What the next page is asked for with, where only pages say where the next one is."""


class Pages(Generic[T]):
    """A list that has not been asked for yet. Nothing is sent before it is awaited or iterated.

    It can be used any number of times; every use sends new requests.

    Args (given by generated code; `ahead` and `unique` by `with_options`):
        ahead: pages fetched while the current one is used, 0 or more. At most `ahead + 1` pages are in memory.
        unique: leave out items that have been delivered before, by the key of the list's own, such as `domainId`.
            Remembers every key.

    Attributes:
        total: items in the whole list as last reported by the server; `None` before the first response or if it never
            reports them.
    """

    __slots__ = (
        "_ahead",
        "_at",
        "_chained",
        "_cut_by_server",
        "_fetch",
        "_limit",
        "_origin",
        "_query",
        "_resumed",
        "_sizes",
        "_unique",
    )

    def __init__(
        self,
        sender: Sender,
        operation: Operation[Any],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
        *,
        ahead: int = _AHEAD,
        unique: bool = False,
    ) -> None:
        given = dict(query) if query else {}
        lists = sender.lists
        known = list_operation(lists, operation)
        paging = known.paging
        self._sizes: PageSizes = lists.sizes
        self._fetch: Fetch = Fetch(sender, known, path, given, headers, body)
        self._chained: bool = (
            paging.chained if not known.windowed else paging.cursor is not None and given.get(paging.cursor) is not None
        )
        """Whether pages are asked for one after the other."""
        self._query: Query | None = None
        """Where a list of chained pages resumes."""
        self._cut_by_server: bool = False
        """Whether pages have the length that the server gives them unasked."""
        limit = given.pop(known.limit_parameter, None) if paging.limit else None
        self._limit = None if limit is None else self._number(limit, known.limit_parameter, 1)
        self._origin = 0
        if known.windowed and not self._chained:
            skip, page = given.pop(known.skip_parameter, None), given.pop(known.page_parameter, None)
            skip = None if skip is None else self._number(skip, known.skip_parameter, 0)
            page = None if page is None else self._number(page, known.page_parameter, 0)
            self._origin = skip or 0
            if page is not None and skip is None:
                self._begin_at_number(page)
        elif self._limit is not None:
            given[known.limit_parameter] = self._limit
        self._at = self._origin
        self._resumed = False
        self._ahead = ahead if ahead == _AHEAD else _checked_ahead(ahead)
        self._unique = unique

    def __repr__(self) -> str:
        known = "" if self.total is None else f", total={self.total}"
        return f"Pages({self._fetch.known.operation.operation_id}{known})"

    @property
    def total(self) -> int | None:
        return self._fetch.total

    def with_options(self, *, ahead: int | None = None, unique: bool | None = None) -> Pages[T]:
        """The same list, read differently; see the class for what the options mean.

        Raises:
            InvalidArgumentError: `ahead` is negative.
        """
        changed = self._copy()
        if ahead is not None:
            changed._ahead = _checked_ahead(ahead)
        if unique is not None:
            changed._unique = unique
        return changed

    def resume(self, token: str) -> Pages[T]:
        """The rest of this list, from where a `PagingError` interrupted it.

        Args:
            token: the `.resume` of that error. It may be stored and used by another process.

        Raises:
            InvalidArgumentError: the token is none, or is of another list or of other arguments.
        """
        mark = _read_mark(token)
        if mark is None:
            raise InvalidArgumentError("token", "is not a resume token of a PagingError")
        if mark.list != self._fingerprint():
            raise InvalidArgumentError("token", f"is of another list than {self!r} or of other arguments")
        rest = self._copy()
        rest._at = mark.at
        rest._query = mark.query
        rest._resumed = True
        return rest

    def __await__(self) -> Generator[Any, Any, Page[T]]:
        if self._chained:
            return self._page(None).__await__()
        return with_falling_size(self._fetch, self._sizes, self._at, self._size(None)).__await__()

    if not TYPE_CHECKING:  # for checkers it is not a sequence

        def _no_sequence(self, *_: object) -> NoReturn:
            raise TypeError(
                "a list comes from the server piece by piece: use `async for item in …`, `await ….collect()` for a list of "
                "all items, or `(await …).items` for those of the first page"
            )

        __iter__ = __getitem__ = __contains__ = __reversed__ = _no_sequence

    def __aiter__(self) -> ItemStream[T]:
        return ItemStream(self._stream())

    def pages(self) -> PageStream[T] | ChainStream[T]:
        """Iterate page by page. The first page comes even if it is empty.

        Raises (while iterating): as for the items, see `collect`.
        """
        return self._stream()

    async def response(self) -> Response[Page[T]]:
        """The first page with everything around it: status, headers, rate limit, attempts."""
        page = await self
        return msgspec.structs.replace(page.response, data=page)

    async def collect(self, max_items: int | None = None) -> list[T]:
        """All items as a list.

        Args:
            max_items: stop after this many, 0 or more. No more pages are fetched than that needs.

        Raises:
            InvalidArgumentError: `max_items` is negative.
            PagingError: a page after the first could not be fetched; `.items` are those before it, `.resume` continues.
            ApiClientError: the first page could not be fetched.
        """
        if max_items is not None:
            _whole(max_items, "max_items", 0)
        items: list[T] = []
        if max_items == 0:
            return items
        stream = self._stream(at_most=max_items)
        try:
            while max_items is None or len(items) < max_items:
                page = await stream.next(need=None if max_items is None else max_items - len(items))
                if page is None:
                    break
                items += page.items
        except PagingError as error:
            error.items = tuple(items)
            raise
        finally:
            await stream.aclose()
        return items if max_items is None else items[:max_items]

    async def first(self) -> T | None:
        """The first item, `None` if there is none. Asks for one item only, where the list takes a limit."""
        page = await self._page(1)
        return page.items[0] if page.items else None

    async def count(self) -> int:
        """How many items the whole list has, wherever `skip` or `page` start.

        One small request if the server states totals; otherwise the list is read through.
        """
        if self._cut_by_server:
            return await self._from_the_beginning().count()
        paging = self._fetch.known.paging
        if not paging.paged or (not self._chained and (paging.totals or paging.total)):
            page = await with_falling_size(self._fetch, self._sizes, 0, 1)
            if paging.paged and page.total is not None:
                return page.total
            if not paging.paged or not page.items:
                return len(page.items)
        counted = self._copy()
        counted._at = counted._origin = 0
        found = 0
        async for page in counted.pages():
            found += len(page.items)
        return found

    def _number(self, value: object, name: str, least: int) -> int | None:
        """The value of a paging parameter. Some documents say of such a number that it is a text."""
        if isinstance(value, str) and value.isascii() and value.isdigit():
            said = next((one.type for one in self._fetch.known.operation.parameters if one.wire == name), "int")
            value = int(value) if said == "str" else value
        return _whole(value, name, least)

    def _begin_at_number(self, page: int) -> None:
        """A page number counts in the caller's limit, or in pages as the server cuts them unasked. Where nothing says
        how long these are, no limit is sent, and the next number is asked for once a page has come."""
        paging = self._fetch.known.paging
        if self._limit is None:
            self._limit = paging.default_limit
        if self._limit is None:
            self._chained = self._cut_by_server = True
            self._fetch.filters = {**self._fetch.filters, self._fetch.known.page_parameter: page}
            return
        self._origin = max(page - paging.first_page, 0) * self._limit
        self._fetch.numbered = (self._origin, self._limit, page)

    def _size(self, at_most: int | None) -> int:
        known = self._fetch.known
        size = self._sizes.size(known.operation.operation_id, known.size, self._limit)
        return size if at_most is None else min(size, at_most)

    async def _page(self, at_most: int | None) -> Page[T]:
        """The page that is first from here on."""
        if not self._chained:
            return await with_falling_size(self._fetch, self._sizes, self._at, self._size(at_most))
        size = self._chain_size(at_most)
        return await self._fetch.ask(self._chain_query(size), self._at, size)

    def _chain_size(self, at_most: int | None) -> int | None:
        """Items to ask for at once where pages are chained: no number of our own, which the server may refuse."""
        paging = self._fetch.known.paging
        if not paging.limit or self._cut_by_server:
            return None
        size = self._limit or paging.max_limit
        return size if at_most is None else min(at_most, size or at_most)

    def _chain_query(self, size: int | None) -> Query:
        query = dict(self._fetch.filters) if self._query is None else dict(self._query)
        if size is not None:
            query[self._fetch.known.limit_parameter] = size
        return query

    def _stream(self, at_most: int | None = None) -> PageStream[T] | ChainStream[T]:
        if self._chained:
            size = self._chain_size(None)
            return ChainStream(
                self._fetch,
                self._chain_query(size),
                size=size,
                ahead=self._ahead,
                unique=self._unique,
                resumed=self._resumed,
                mark=self._chain_mark,
            )
        return PageStream(
            self._fetch,
            self._sizes,
            at=self._at,
            size=self._size(at_most if self._limit is None else None),
            ahead=self._ahead,
            unique=self._unique,
            resumed=self._resumed,
            mark=self._mark,
        )

    def _copy(self) -> Pages[T]:
        copy: Pages[T] = Pages.__new__(Pages)
        for name in Pages.__slots__:
            setattr(copy, name, getattr(self, name))
        copy._fetch = self._fetch.copy()
        return copy

    def _from_the_beginning(self) -> Pages[T]:
        """The same list without the page number that it was to begin at."""
        copy = self._copy()
        copy._chained = copy._cut_by_server = False
        copy._fetch.filters = {
            key: v for key, v in self._fetch.filters.items() if key != self._fetch.known.page_parameter
        }
        return copy

    def _mark(self, at: int) -> str:
        return _token(_Mark(self._fingerprint(), at))

    def _chain_mark(self, query: Query) -> str:
        return _token(_Mark(self._fingerprint(), query=query))

    def _fingerprint(self) -> str:
        """Tells lists apart without telling their arguments."""
        fetch = self._fetch
        arguments = ([str(part) for part in fetch.path], sorted(fetch.filters.items()), fetch.body)
        said = repr((fetch.known.operation.operation_id, arguments))
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def _token(mark: _Mark) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(mark)).rstrip(b"=").decode()


def _whole(value: object, name: str, least: int) -> int | None:
    """The value of a paging parameter."""
    if value is UNSET:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidArgumentError(name, f"must be a whole number, {least} or more, not {value!r}")
    return value


def _checked_ahead(ahead: int) -> int:
    _whole(ahead, "ahead", 0)
    return ahead


def _read_mark(token: object) -> _Mark | None:
    if not isinstance(token, str):
        return None
    try:
        padded = token + "=" * (-len(token) % 4)
        mark = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Mark)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        return None
    return mark if mark.at >= 0 else None
