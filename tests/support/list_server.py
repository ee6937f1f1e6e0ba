"""A list server in memory: a sender whose responses can be cut, refused, delayed, shifted and broken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from mittwald_async.errors import BadRequestError, Issue
from mittwald_async.profile import PROFILE
from mittwald_async.runtime.lists import ListContext
from mittwald_async.runtime.operation import Operation, Paging, Response, Sender
from mittwald_async.runtime.paging import Pages
from mittwald_async.runtime.structs import UNSET

T = TypeVar("T")

SKIPPED = Paging(limit=True, skip=True, page=True, totals=True)
NUMBERED = Paging(limit=True, page=True)
UNTOLD = Paging(limit=True, skip=True, page=True)
WHOLE = Paging()


class Thing(msgspec.Struct, frozen=True):
    id: str
    note: str = ""


class Wrapped(msgspec.Struct, frozen=True, kw_only=True):
    ssh_keys: list[Thing] = msgspec.field(name="sshKeys")
    total_count: int | None = msgspec.field(name="totalCount", default=None)


def listing(paging: Paging | None, name: str = "list-things") -> Operation[Any]:
    return Operation(
        operation_id=name,
        method="GET",
        path="/v2/things",
        group="thing",
        name="list_things",
        tag="Thing",
        paging=paging,
    )


class ListServer(Sender):
    """Serves list operations from `items`.

    Attributes:
        cap: refuse a larger `limit` with a 400 that says so; `complaint` is its text, with `{}` for the cap.
        silent_cap: serve no more than this per page, without saying so.
        totals, told_limit: which headers are sent. told_total: is sent instead of the true total.
        deaf: ignore every paging parameter.
        before: called with the request's number before the response; may change `items`, sleep or raise.
        sent: the queries in order of arrival. `running`, `most_running`: requests in flight.
    """

    def __init__(
        self, items: Sequence[Any], *, totals: bool = True, told_limit: bool = True, latency: float = 0.0
    ) -> None:
        self.items = list(items)
        self.totals = totals
        self.told_limit = told_limit
        self.latency = latency
        self.cap: int | None = None
        self.complaint = "pagination.limit: Must be less than or equal to {}"
        self.silent_cap: int | None = None
        self.deaf = False
        self.default_limit: int | None = None
        self.told_total: str | None = None
        self.before: Callable[[int], object] | None = None
        self.shape: Callable[[list[Any], int], Any] = lambda items, total: items
        self.sent: list[dict[str, object]] = []
        self.running = 0
        self.most_running = 0
        self._lists = ListContext(PROFILE.paging)

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
        query = dict(query or {})
        self.sent.append(query)
        number = len(self.sent)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            else:
                await asyncio.sleep(0)
            if self.before is not None:
                self.before(number)
            return self._answer(operation, query)
        finally:
            self.running -= 1

    def _answer(self, operation: Operation[Any], query: Mapping[str, object]) -> Response[Any]:
        limit, skip, page = (_number(query, name) for name in ("limit", "skip", "page"))
        asked = limit if limit is not None else self.default_limit
        if self.cap is not None and asked is not None and asked > self.cap:
            text = self.complaint.format(self.cap)
            raise BadRequestError(text, status=400, issues=(Issue("query.limit", text),))
        size = len(self.items) if asked is None or self.deaf else asked
        if self.silent_cap is not None:
            size = min(size, self.silent_cap)
        start = skip if skip is not None else (max(page or 1, 1) - 1) * size
        if self.deaf:
            start = 0
        found = self.items[start : start + size]
        reported: dict[str, str] = {}
        if self.totals:
            reported["X-Pagination-TotalCount"] = self.told_total or str(len(self.items))
            reported["X-Pagination-Skip"] = str(start)
            if self.told_limit:
                reported["X-Pagination-Limit"] = str(size)
        data = self.shape(found, len(self.items))
        return Response(
            data=data, status=200, headers=reported, method="GET", url="/v2/things", operation_id=operation.operation_id
        )


def _number(query: Mapping[str, object], name: str) -> int | None:
    value = query.get(name)
    assert value is None or isinstance(value, int)
    return value


def pages_of(server: ListServer, paging: Paging | None = SKIPPED, **query: object) -> Pages[Any]:
    """What a generated method returns."""
    return Pages(server, listing(paging), (), query)


def things(count: int) -> list[Thing]:
    return [Thing(f"t-{number}") for number in range(count)]
