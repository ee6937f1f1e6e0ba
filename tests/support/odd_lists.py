"""Lists of servers with wrong, changing or missing information, one case each: the quirks and the expected outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from mittwald_async.errors import BadRequestError, Issue, PagingError, ServerError
from mittwald_async.runtime.operation import Operation, Paging, Response
from mittwald_async.runtime.paging import Pages

from .list_server import ListServer, Thing, listing

KINDS: Mapping[str, Paging] = {
    "skip": Paging(limit=True, skip=True, page=True, totals=True),
    "page": Paging(limit=True, page=True, totals=True),
    "untold": Paging(limit=True, skip=True, page=True),
    "untold page": Paging(limit=True, page=True),
    "whole": Paging(totals=True),
}
"""The documented paging of a list."""


ENDLESS = 500
"""More requests than any case needs."""


class Quirk(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is wrong with one response, or with all."""

    on: int | None = None
    """Number of the response, from 1; none: every one."""
    total: str | UnsetType | None = UNSET
    """What its headers say instead of the truth; null: nothing."""
    limit: str | UnsetType | None = UNSET
    skip: str | UnsetType | None = UNSET
    give: int | None = None
    """Only this many of the requested items."""
    more: int = 0
    """This many items more than requested."""
    again: bool = False
    """The items of the previous response again."""
    length: int | None = None
    """Before it responds, the list gets this length."""
    pushed: int = 0
    """Before it responds, so many new items appear at the head of the list, with negative ids."""
    status: int | None = None
    """No items, but this status."""
    says: str = "pagination.limit: Must be less than or equal to 7"
    """The message of a 400."""


class Case(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One reading of one list. Items are numbered from 0."""

    why: str
    items: int
    kind: Literal["skip", "page", "untold", "untold page", "whole"] = "skip"
    ask: dict[str, int] = {}
    """`limit`, `skip` and `page` as the caller passes them."""
    ahead: int = 4
    unique: bool = False
    quirks: tuple[Quirk, ...] = ()
    gives: str = ""
    """The ids received, in order: `0-9 5 12-30`."""
    requests: int | None = None
    error: str | None = None
    """The exception that ends it."""
    rest: str | None = None
    """What resuming yields afterwards, from a server without quirks."""


class OddServer(ListServer):
    """A list server with quirks."""

    def __init__(self, case: Case) -> None:
        paging = KINDS[case.kind]
        super().__init__(numbered(0, case.items), totals=paging.totals)
        self.quirks: Sequence[Quirk] = case.quirks
        self.before = self._arrived
        self._number = 0
        self._last: list[Any] = []
        self._pushed = 0

    def _arrived(self, number: int) -> None:
        assert number <= ENDLESS, "this list is read without end"
        self._number = number

    def _answer(self, operation: Operation[Any], query: Mapping[str, object]) -> Response[Any]:
        now = [quirk for quirk in self.quirks if quirk.on in (None, self._number)]
        for quirk in now:
            self._move(quirk)
            if quirk.status == 400:
                raise BadRequestError(quirk.says, status=400, issues=(Issue("query.limit", quirk.says),))
            if quirk.status is not None:
                raise ServerError("bad gateway", status=quirk.status)
        response = super()._answer(operation, query)
        items, headers = response.data, dict(response.headers)
        for quirk in now:
            items = self._changed(quirk, items)
            for name, told in (("TotalCount", quirk.total), ("Limit", quirk.limit), ("Skip", quirk.skip)):
                if told is not UNSET:
                    headers.pop(f"X-Pagination-{name}", None)
                    headers |= {} if told is None else {f"X-Pagination-{name}": told}
        self._last = items
        return msgspec.structs.replace(response, data=items, headers=headers)

    def _move(self, quirk: Quirk) -> None:
        if quirk.length is not None:
            self.items = [*self.items[: quirk.length], *numbered(len(self.items) - self._pushed, quirk.length)]
        for _ in range(quirk.pushed):
            self._pushed += 1
            self.items.insert(0, Thing(str(-self._pushed)))

    def _changed(self, quirk: Quirk, items: list[Any]) -> list[Any]:
        if quirk.again:
            return self._last
        if quirk.more and items and items[0] in self.items:
            start = self.items.index(items[0])
            return self.items[start : start + len(items) + quirk.more]
        return items if quirk.give is None else items[: quirk.give]


class Read(msgspec.Struct):
    """The outcome of a case."""

    ids: list[int]
    requests: int
    error: Exception | None = None
    rest: list[int] | None = None


async def read(case: Case) -> Read:
    """Read the list of a case item by item; after a `PagingError` also resume it without quirks."""
    server = OddServer(case)
    query: dict[str, object] = dict(case.ask)
    pages: Pages[Thing] = Pages(server, listing(KINDS[case.kind]), (), query)
    pages = pages.with_options(ahead=case.ahead, unique=case.unique)
    found = Read([], 0)
    try:
        async for item in pages:
            found.ids.append(int(item.id))
    except Exception as error:
        found.error = error
    found.requests = len(server.sent)
    if isinstance(found.error, PagingError):
        server.quirks = ()
        found.rest = [int(item.id) async for item in pages.resume(found.error.resume)]
    return found


def numbered(start: int, stop: int) -> list[Thing]:
    return [Thing(str(number)) for number in range(start, stop)]


def spans(ids: Sequence[int]) -> str:
    """Ids as text: consecutive ones as `first-last`."""
    runs: list[list[int]] = []
    for one in ids:
        if runs and one == runs[-1][-1] + 1 and one > 0:
            runs[-1] = [runs[-1][0], one]
        else:
            runs.append([one])
    return " ".join("-".join(map(str, run)) for run in runs)
