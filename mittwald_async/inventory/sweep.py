"""Doing it: ask for every list of a plan, many at once, and hand on what comes as it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from ..errors import AuthenticationError, ConfigurationError, MittwaldError, StatusError
from ..fanout import fan_out_items
from ..operation import Operation
from ..paging import Pages
from .catalog import Resource, chosen
from .frontier import Frontier, ListId, Unit
from .items import Reader, owners
from .lists import Counted, ListPages, further_pages, raw_items, raw_operation
from .plan import Known, Plan, Target, make_plan, target
from .rows import Failure, Row

if TYPE_CHECKING:
    from ..client import Mittwald
    from ..transport.pipeline import CallNext, Request

CONCURRENCY = 32
"""Lists under way at once. Enough to spend a budget of 3000 per 600 s many times over at 50 ms a request."""

MOST_WAITING = 10_000
"""Rows that may wait for a slow consumer before no further ones are made."""

ROWS_AT_ONCE = 1_000
"""Rows of one batch: a page can hold ten times as many, and rows take more memory than their JSON."""

LONG_LISTS = 2
"""Lists of the whole account under way at once: each holds two pages, which can be several megabytes."""

PRIORITY = -10
"""Below the default of 0: interactive calls of the same client come first."""

_REFUSALS = frozenset({400, 403, 404})
"""Answers to a list of the whole account that mean "not with these credentials": narrower lists may be allowed."""


_LOOKS_BACK = 5
"""So often a place in a list is looked at again while the list goes on shrinking."""

_UNAUTHORISED_IN_A_ROW = 3
"""So many lists in a row answered with 401, and the token itself is taken to be no longer good."""


class RequestsSpentError(MittwaldError):
    """`max_requests` is used up."""


class _OutweighedError(Exception):
    """A list is left for cheaper ones."""


class Batch(msgspec.Struct, frozen=True):
    """One page of one list: its rows, how far the list has come, and what failed."""

    unit: Unit
    rows: list[Row]
    position: int
    """Items of the list taken so far."""
    done: bool
    failure: Failure | None = None


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much a sweep does at once, and how much at all."""

    concurrency: int = CONCURRENCY
    """Lists under way at once, 1 or more."""
    max_requests: int | None = None
    """Stop after so many requests, 1 or more; `None`: no end."""
    strict: bool = False
    """Raise the first failure instead of keeping it."""

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ConfigurationError("concurrency: at least 1")
        if self.max_requests is not None and self.max_requests < 1:
            raise ConfigurationError("max_requests: at least 1")


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """What an interrupted run of the same sweep has done, by resource, operation and owner."""

    done: frozenset[ListId] = frozenset()
    """Lists that need not be asked for again."""
    positions: Mapping[ListId, int] = {}
    """How far unfinished lists had come."""


class _Backlog:
    """Holds lists back while too many rows wait to be taken: pages can be large and the consumer slow."""

    def __init__(self) -> None:
        self._rows = 0
        self._less = anyio.Event()

    async def room(self, rows: int) -> None:
        """Wait until so many more rows may wait, and count them in. A lone batch is never too many."""
        while self._rows and self._rows + rows > MOST_WAITING:
            # One event for everybody who waits: a new one would leave those behind who wait for the old one.
            if self._less.is_set():
                self._less = anyio.Event()
            await self._less.wait()
        self._rows += rows

    def taken(self, rows: int) -> None:
        """Rows that were counted in have gone."""
        if rows:
            self._rows -= rows
            self._less.set()


class Sweep:
    """A sweep under way: `async for row in sweep`, and its books.

    Args:
        client: an open client.
        plan: what to ask for.
        bounds: how much at once, how much at all.
        earlier: what an interrupted run has done.
        parents: also deliver what is listed only because other lists hang below it.

    Attributes:
        plan: what is asked for.
        failures: lists that could not be had so far.
        rows: rows delivered so far, by resource.
        drifted: rows that deviate from the document.
        spent: whether it ended because `max_requests` were used up.
    """

    def __init__(
        self,
        client: Mittwald,
        plan: Plan,
        bounds: Bounds | None = None,
        earlier: Earlier | None = None,
        *,
        parents: bool = False,
    ) -> None:
        self.plan = plan
        self.failures: list[Failure] = []
        self.rows: dict[str, int] = {step.resource: 0 for step in plan.steps if step.delivered or parents}
        self.drifted: int = 0
        self.spent: bool = False
        self._delivered = frozenset(self.rows)
        self._bounds = bounds or Bounds()
        self._earlier = earlier or Earlier()
        self._unauthorised = _UNAUTHORISED_IN_A_ROW - 1
        """401s in a row; the first answer of all being one is enough."""
        self._backlog = _Backlog()
        self._long_lists = anyio.Semaphore(LONG_LISTS)
        self.frontier: Frontier = Frontier(plan, self._earlier.done)
        self._admitted = 0
        most = self._bounds.max_requests
        guards = () if most is None else (partial(self._admit, most),)
        clone = client.with_options(
            middleware=(*client.options.middleware, *guards), priority=min(PRIORITY, client.options.priority)
        )
        self._sender = Counted(clone.sender)

    @property
    def requests(self) -> int:
        """Requests sent so far. A repeated one counts again, since it costs as much."""
        return max(self._admitted, self._sender.requests)

    async def _admit(self, most: int, request: Request, call_next: CallNext) -> Any:
        """Lets so many attempts pass and no more."""
        if self._admitted >= most:
            self.spent = True
            self.frontier.stop()
            raise RequestsSpentError(f"{most} requests are used up")
        self._admitted += 1
        return await call_next(request)

    def __aiter__(self) -> AsyncGenerator[Row, None]:
        return self._each()

    async def _each(self) -> AsyncGenerator[Row, None]:
        async with aclosing(self.batches()) as batches:
            async for batch in batches:
                for row in batch.rows:
                    yield row

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Pages of all lists as they come. What is under way is bounded however slow the consumer.

        Raises:
            AuthenticationError: the token is not good, or no longer: asking for the rest would only spend requests.
            MittwaldError: with `strict`, the first failure.
        """
        async with aclosing(
            fan_out_items(self.frontier, self._list, limit=self._bounds.concurrency, on_error="raise")
        ) as merged:
            async for _, batch in merged:
                self._backlog.taken(len(batch.rows))
                if batch.failure is not None:
                    self.failures.append(batch.failure)
                for row in batch.rows:
                    self.rows[row.resource] += 1
                    self.drifted += row.drifted
                yield batch

    async def _list(self, unit: Unit) -> AsyncIterator[Batch]:
        """One list, page by page. Ends with a batch that is done or a failure, or silently when requests are spent."""
        failed = False
        try:
            async with self._turn(unit), aclosing(self._pages(unit)) as batches:
                async for batch in batches:
                    self._unauthorised = 0
                    yield batch
        except (RequestsSpentError, _OutweighedError):
            return
        except MittwaldError as error:
            if isinstance(error.__cause__, RequestsSpentError):
                return
            status = error.status if isinstance(error, StatusError) else _status_of(error)
            unauthorised = status == 401 or isinstance(error, AuthenticationError)
            self._unauthorised = self._unauthorised + 1 if unauthorised else 0
            if status in _REFUSALS and self.frontier.refused(unit):
                return
            if self._bounds.strict or self._unauthorised >= _UNAUTHORISED_IN_A_ROW:
                raise
            failed = True
            yield Batch(unit, [], 0, False, _failure(unit, status, error))
        finally:
            self.frontier.ended(unit, failed=failed)

    def _turn(self, unit: Unit) -> AbstractAsyncContextManager[object]:
        """Lists of the whole account take turns."""
        return self._long_lists if unit.route.scope == "account" else nullcontext()

    async def _pages(self, unit: Unit) -> AsyncGenerator[Batch, None]:
        reader = Reader(unit, self.frontier.customer_of)
        operation = raw_operation(unit.route.operation_id)
        path, filters = unit.route.arguments(unit.owner.id)
        query: dict[str, object] = {**filters}
        before: set[str] = set()
        if unit.route.single:
            item = bytes(await self._sender.value(operation, tuple(path.values())))
            await self._backlog.room(1)
            rows = self._deliver(unit, reader.rows([item], 0, datetime.now(UTC)))
            self._backlog.taken(1 - len(rows))
            yield Batch(unit, rows, 1, True)
            return
        position = self._start(unit, operation)
        if position:
            query["skip"] = position
        doubtful = unit.route.scope == "account" and not self.plan.target.whole and not position
        # A list that shrinks while it is read has moved its items to earlier places, some of them behind our back.
        told: int | None = None
        pages = ListPages(self._sender, operation, tuple(path.values()), query, unit.route.page_size)
        only = None if position or doubtful else await pages.only()
        if only is not None and len(only.items) <= ROWS_AT_ONCE:
            await self._backlog.room(len(only.items))
            rows = self._deliver(unit, reader.rows(raw_items(only.items), 0, datetime.now(UTC)))
            self._backlog.taken(len(only.items) - len(rows))
            yield Batch(unit, self._new(rows, before, set()), len(only.items), True)
            return
        async with aclosing(pages.arriving()) as arriving:
            async for page in arriving:
                if doubtful and not position and self.frontier.outweighed(unit, further_pages(page)):
                    raise _OutweighedError
                slipped = await self._slipped(unit, position, told, page.total)
                fetched_at, keys = datetime.now(UTC), set[str]()
                async for rows, count in self._parts(unit, reader, [*slipped, *page.items], position, fetched_at):
                    fresh = self._new(rows, before, keys)
                    yield Batch(unit, fresh, position + max(0, count - len(slipped)), False)
                before, told = keys, page.total
                position += len(page.items)
        slipped = await self._slipped(unit, position, told, pages.total)
        async for rows, _ in self._parts(unit, reader, slipped, position, datetime.now(UTC)):
            yield Batch(unit, self._new(rows, before, set()), position, False)
        yield Batch(unit, [], position, True)

    def _new(self, rows: list[Row], before: set[str], keys: set[str]) -> list[Row]:
        """Lists move while they are read: an item may come again on the next page, or in between."""
        fresh: list[Row] = []
        for row in rows:
            if row.key not in before and row.key not in keys:
                fresh.append(row)
            keys.add(row.key)
        self._backlog.taken(len(rows) - len(fresh))
        return fresh

    async def _parts(
        self, unit: Unit, reader: Reader, items: list[Any], position: int, fetched_at: datetime
    ) -> AsyncGenerator[tuple[list[Row], int], None]:
        """The rows of a page in parts, each once there is room for it, and how many items are done with it."""
        for start in range(0, len(items), ROWS_AT_ONCE):
            part = items[start : start + ROWS_AT_ONCE]
            await self._backlog.room(len(part))
            rows = self._deliver(unit, reader.rows(raw_items(part), position + start, fetched_at))
            self._backlog.taken(len(part) - len(rows))
            yield rows, start + len(part)

    async def _slipped(self, unit: Unit, position: int, before: int | None, total: int | None) -> list[Any]:
        """Items that went from places still to be read to places already read, as others before them were deleted.

        Seen by the total: it was `before` with the last page and is `total` now. What is deleted and added in equal
        numbers between two pages stays unseen.
        """
        operation = raw_operation(unit.route.operation_id)
        can_look = operation.paging is not None and operation.paging.skip and unit.resource.key is not None
        items: list[Any] = []
        for _ in range(_LOOKS_BACK):
            if not (can_look and position and before is not None and total is not None and total < before):
                break
            path, filters = unit.route.arguments(unit.owner.id)
            count = min(position, before - total)
            query: dict[str, object] = {**filters, "skip": position - count, "limit": count}
            window = Pages[Any](self._sender, operation, tuple(path.values()), query).with_options(ahead=0)
            items = await window.collect(count)
            if window.total is None or window.total >= total:
                break
            total = window.total
        return items

    def _start(self, unit: Unit, operation: Operation[Any]) -> int:
        """Where an interrupted list goes on: one page before where it was, because lists move."""
        if operation.paging is None or not operation.paging.skip or not unit.route.page_size:
            return 0
        known = self._earlier.positions.get((unit.resource.name, unit.route.operation_id, unit.owner.id), 0)
        return max(0, known // unit.route.page_size - 1) * unit.route.page_size

    def _deliver(self, unit: Unit, rows: list[Row]) -> list[Row]:
        """Feed further lists with these rows and keep those that were asked for."""
        name = unit.resource.name
        rows = [row for row in rows if self.plan.target.admits(row.customer_id, row.project_id)]
        if self.frontier.feeds(name):
            self.frontier.found(name, owners(rows))
        return rows if name in self._delivered else []


def _failure(unit: Unit, status: int | None, error: MittwaldError) -> Failure:
    return Failure(
        resource=unit.resource.name,
        operation=unit.route.operation_id,
        owner=unit.owner.id,
        customer_id=unit.owner.customer_id,
        project_id=unit.owner.project_id,
        status=status,
        error=str(error),
        at=datetime.now(UTC),
    )


def _status_of(error: MittwaldError) -> int | None:
    """The status of what a paging error was caused by."""
    return error.__cause__.status if isinstance(error.__cause__, StatusError) else None


def sweep(
    client: Mittwald,
    *,
    resources: Iterable[str] | None = None,
    customers: Iterable[str] | None = None,
    projects: Iterable[str] | None = None,
    known: Known | None = None,
    bounds: Bounds | None = None,
) -> Sweep:
    """List what an account has: `async for row in sweep(mw)`.

    Args:
        client: an open client. Its calls of priority 0 and above come before the sweep's.
        resources: names from `catalog()`, or `all`; the default set if not given.
        customers: ids; only what belongs to them.
        projects: ids; only what belongs to them.
        known: counts of an earlier sweep, for a better plan.
        bounds: concurrency, most requests, whether the first failure is raised.

    Returns:
        A `Sweep`, to be iterated once. Failures are kept there, they do not stop it.

    Raises:
        ConfigurationError: a resource that does not exist, or customers and projects at once.
    """
    asked: tuple[Resource, ...] = chosen(resources)
    part: Target = target(customers, projects)
    plan = make_plan(asked, part, known)
    return Sweep(client, plan, bounds)
