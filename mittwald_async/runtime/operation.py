"""The records every room speaks in: what an operation is, what goes out, what comes back.

Facts about the API (`Operation` and its parts) are written by the generator and never change at run time.
`Sender` is the only thing a generated method knows of the client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, Protocol

import msgspec
from typing_extensions import TypeVar

from .attempt import Attempt
from .headers import copied
from .lists import ListContext
from .structs import UNSET

T = TypeVar("T", default=Any)

Location = Literal["path", "query", "header", "cookie", "body"]


class Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One argument of an operation: its names on both sides and what is known of its values."""

    name: str
    """The Python argument."""
    wire: str
    """The name on the wire."""
    where: Location
    type: str
    """Type expression, domain modules of `models` as roots: `str`, `list[str]`, `project.VisitorSpec`."""
    required: bool = False
    nullable: bool = False
    """`None` is a value of its own and is sent as `null` (body properties only)."""
    default: Any = None
    """What the server assumes when nothing is sent. Never sent unasked."""
    enum: tuple[Any, ...] = ()
    format: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    """Least number of characters, or of elements of an array."""
    max_length: int | None = None
    pattern: str | None = None
    style: str | None = None
    """How a list or object becomes text, by the name OpenAPI has for it. `None`: the usual way of the place, a list in
    a query repeats its name."""
    explode: bool | None = None
    """Whether the members of a list or object stand by themselves, where there is a style."""
    content_type: str | None = None
    """Media type of a parameter or part of a form that is a document of its own, such as `application/json`."""

    @property
    def styled(self) -> bool:
        """Whether it is written in another than the usual way."""
        return self.style is not None or self.content_type is not None


class Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The request body: either spread over keyword arguments (`properties`) or one `body` argument."""

    content_type: str
    type: str
    required: bool = False
    flat: bool = False
    """The properties are keyword arguments of the method; otherwise the method has one argument `body`."""
    properties: tuple[Parameter, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One documented success: `type` is `"None"` where nothing comes back, `"bytes"` for a stream, `"str"` for text."""

    status: int
    """0: every success that no other result names."""
    type: str
    content_type: str | None = None
    data: str | None = None
    """Wire name of the property that holds what the caller wants, where the type is an envelope around it."""


class Paging(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a list comes in pages. All flags off: the list comes whole, as one page."""

    limit: bool = False
    skip: bool = False
    page: bool = False
    default_limit: int | None = None
    """Items per page when no limit is sent; `None`: the document states none."""
    max_limit: int | None = None
    totals: bool = False
    """Responses carry headers that tell how long the list is; the profile has their names."""
    items: str | None = None
    """Property that holds the array, as wire names joined by dots; `None`: the body is the array."""
    total: str | None = None
    """Property with a total beside a wrapped array, as wire names joined by dots."""
    has_more: str | None = None
    """Property that says whether there is a page after this one, likewise."""
    next_cursor: str | None = None
    """Property that holds the cursor of the next page, or its address, likewise."""
    cursor: str | None = None
    """Query parameter that says where a page begins, in words of the server's own."""
    link: bool = False
    """The address of the next page is in a `Link` header."""
    limit_name: str | None = None
    """What the query parameter is called, where that is not what most lists of the API call it (so for the next
    two)."""
    skip_name: str | None = None
    page_name: str | None = None
    first_page: int = 1
    """Number of the first page."""

    @property
    def windowed(self) -> bool:
        """Any part of the list can be asked for, so that pages are fetched side by side."""
        return self.limit and (self.skip or self.page)

    @property
    def chained(self) -> bool:
        """Each page says where the next one is."""
        return self.link or self.cursor is not None or (not self.limit and (self.skip or self.page))

    @property
    def paged(self) -> bool:
        return self.windowed or self.chained


class Operation(msgspec.Struct, Generic[T], frozen=True, kw_only=True, omit_defaults=True, weakref=True):
    """One operation of the API, as documented. `T` is what a call results in (the items' list for a list)."""

    operation_id: str
    method: str
    path: str
    """Template with `{wireName}` placeholders, starting with `/`."""
    group: str
    name: str
    tag: str
    models: str = ""
    """The package whose modules the type expressions name, such as `shop_client.models`."""
    deprecated: bool = False
    removed_upstream: bool = False
    secured: bool = True
    """False: the document lets it be called without credentials."""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    results: tuple[Result, ...] = ()
    errors: tuple[int, ...] = ()
    """Documented error statuses."""
    error_types: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Types of the bodies of documented errors, each with its statuses; 4 and 5 mean all others from 400 or 500 on,
    0 all that remain."""
    paging: Paging | None = None
    """Set for every operation whose success is a list, also where the list comes whole."""

    def error_type(self, status: int) -> str | None:
        """The type of the body of an error, where it is documented."""
        found = [
            (number, kind)
            for number in (status, status // 100, 0)
            for kind, statuses in self.error_types
            if number in statuses
        ]
        return max(found)[1] if found else None

    def results_for(self, status: int) -> tuple[Result, ...]:
        """What a success of this status may be, by its content type. Empty: the status is not documented."""
        named = tuple(result for result in self.results if result.status == status)
        return named or tuple(result for result in self.results if result.status == 0)

    @property
    def paged(self) -> bool:
        """True where the server cuts the list into pages."""
        return self.paging is not None and self.paging.paged


class Redirect(msgspec.Struct, frozen=True, kw_only=True):
    """A route that only answers `308`: deprecated, without an operation id, reachable through `client.request`."""

    method: str
    path: str
    tag: str
    removed_upstream: bool = False


class RateLimit(msgspec.Struct, frozen=True):
    """What one response said of the request budget. Seconds are counted from the moment it arrived."""

    limit: int | None = None
    """Requests per window."""
    remaining: int | None = None
    """Requests left in this window."""
    reset: float | None = None
    """Seconds until the next window."""
    exempt: bool = False
    """True: this route draws on no budget."""


class Response(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A whole response: the decoded value and everything around it."""

    data: T
    status: int
    headers: Mapping[str, str]
    """Case-insensitive."""
    method: str
    url: str
    """Without credentials; values of secret query parameters are masked."""
    operation_id: str | None = None
    event_id: str | None = None
    """The event a write produced; hand it to another process as `after=`."""
    rate_limit: RateLimit | None = None
    attempts: tuple[Attempt, ...] = ()
    envelope: Any = None
    """The whole body, where `data` is what an envelope holds."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Headers come as a view, which can be neither pickled nor copied; its copy can, and knows no case either.
        fields = msgspec.structs.asdict(self)
        fields["headers"] = copied(self.headers)
        return _revived, (type(self), fields)


def _revived(kind: type[Response[Any]], fields: dict[str, Any]) -> Response[Any]:
    return kind(**fields)


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list."""

    items: list[T]
    total: int | None = None
    """Items in the whole list, if the server states it."""
    limit: int | None = None
    """Items asked for; `None` for a list that comes whole."""
    skip: int = 0
    """Items of the list before these."""
    response: Response[Any]
    """The response the page came in."""

    def __len__(self) -> int:
        return len(self.items)

    def _repr_html_(self) -> str:
        """A table, where a notebook shows it. Secrets are masked."""
        from .display import rows

        names = list(dict.fromkeys(name for item in self.items for name in getattr(item, "__struct_fields__", ())))
        values = [[getattr(item, name, "") for name in names] for item in self.items]
        total = "" if self.total is None else f" of {self.total}"
        return rows(names, values, f"{len(self.items)} items{total}")

    if not TYPE_CHECKING:  # for checkers it is not a sequence

        def _no_sequence(self, *_: object) -> NoReturn:
            raise TypeError(
                "this is one page of a list: its items are in .items; "
                "`async for item in …` without await gives all items, `await ….collect()` a list of them"
            )

        __iter__ = __getitem__ = __contains__ = __reversed__ = _no_sequence


class Sender(Protocol):
    """How generated code sends. Values go by wire name; `None` and `UNSET` mean "not given" except for nullable body
    properties, where `None` is sent as `null`."""

    @property
    def lists(self) -> ListContext:
        """What is known of the server's lists; clones of a client share it. Here: nothing, and nothing is kept."""
        return ListContext()

    def short_list(self, operation_id: str, announced: int, arrived: int) -> None:
        """A list that was read to its end brought fewer items than the server announced. Here: nothing follows."""
        return

    async def value(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> T:
        """Send and give the decoded result."""
        return (await self.response(operation, path, query, headers, body)).data

    async def response(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[T]:
        """Send and give the result with everything around it."""
        ...
