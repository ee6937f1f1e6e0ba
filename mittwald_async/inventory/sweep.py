"""Doing it: ask for every list of a plan, many at once, and hand on what comes as it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Set
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import (
    AuthenticationError,
    ClientStateError,
    ConfigurationError,
    MittwaldError,
    NotFoundError,
    StatusError,
)
from ..runtime.concurrency.tasks import TaskSet
from .buffer import Batch, RowBuffer
from .catalog import Resource, chosen
from .frontier import Frontier, ListId, Owner, Unit
from .list_reader import (
    ComputedListing,
    Counted,
    ItemBatch,
    Listing,
    ListPosition,
    further_pages,
    listing_of,
    raw_items,
    raw_operation,
)
from .plan import Known, Plan, Target, make_plan, target
from .row_reader import Reader, owners
from .rows import Failure, Row

if TYPE_CHECKING:
    from ..client import Mittwald
    from ..runtime.middleware import CallNext, Request

CONCURRENCY = 32
"""Lists read at once. Enough to use a budget of 3000 per 600 s many times over at 50 ms a request."""

ROWS_AT_ONCE = 1_000
"""Rows of one batch: a page can hold ten times as many, and rows take more memory than their JSON."""

PRIORITY = -10
"""Below the default of 0: interactive calls of the same client come first."""

_REFUSALS = frozenset({400, 403, 404})
"""Answers to a list of the whole account that mean "not with these credentials": narrower lists may be allowed."""

_UNAUTHORISED_IN_A_ROW = 3
"""So many lists in a row answered with 401, and the token itself is taken to be no longer good."""


class RequestsSpentError(MittwaldError):
    """`max_requests` is used up."""


class _OutweighedError(Exception):
    """A list is left for cheaper ones."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much a sweep does at once, and how much at all."""

    concurrency: int = CONCURRENCY
    """Lists read at once, 1 or more."""
    max_requests: int | None = None
    """Stop after so many requests, 1 or more; `None`: no end."""
    strict: bool = False
    """Raise the first failure instead of keeping it."""

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ConfigurationError("concurrency: at least 1")
        if self.max_requests is not None and self.max_requests < 1:
            raise ConfigurationError("max_requests: at least 1")


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What an interrupted run of the same sweep has done, by resource, operation and owner."""

    done: frozenset[ListId] = frozenset()
    """Lists that need not be asked for again."""
    marks: Mapping[ListId, ListPosition] = {}
    """How far unfinished lists had come."""


class Sweep:
    """A running sweep: `async for row in sweep`, and its counters.

    Args:
        client: an open client.
        plan: what to ask for.
        bounds: how much at once, how much at all.
        earlier: what an interrupted run has done.
        parents: also deliver what is listed only because other lists hang below it.
        owners_before: by resource, a project that had something of it in an earlier sweep: an empty list of the whole
            account is checked against that project's.
        carried: lists that are not asked for, though they are there.

    Attributes:
        plan: what is asked for.
        failures: lists that could not be fetched so far.
        rows: rows delivered so far, by resource.
        drifted: rows that deviate from the document.
        spent: whether it ended because `max_requests` were used up.
    """

    def __init__(
        self,
        client: Mittwald,
        plan: Plan,
        bounds: Bounds | None = None,
        earlier: Checkpoint | None = None,
        *,
        parents: bool = False,
        owners_before: Mapping[str, Owner] | None = None,
        carried: Set[ListId] = frozenset(),
    ) -> None:
        self.plan = plan
        self.failures: list[Failure] = []
        self.rows: dict[str, int] = {step.resource: 0 for step in plan.steps if step.delivered or parents}
        self.drifted: int = 0
        self.spent: bool = False
        self._delivered = frozenset(self.rows)
        self._bounds = bounds or Bounds()
        self._earlier = earlier or Checkpoint()
        self._owners_before = owners_before or {}
        self._unauthorised = _UNAUTHORISED_IN_A_ROW - 1
        """401s in a row; the first answer of all being one is enough."""
        self._begun = False
        self._refusals: dict[str, MittwaldError] = {}
        """What the lists of the whole account were refused with, by resource."""
        self._outbox = RowBuffer(self._bounds.concurrency)
        self._readers: dict[tuple[str, str], Reader] = {}
        self.frontier: Frontier = Frontier(plan, self._earlier.done, carried)
        self._admitted = 0
        most = self._bounds.max_requests
        guards = () if most is None else (partial(self._admit, most),)
        clone = client.with_options(
            middleware=(*client.options.middleware, *guards), priority=min(PRIORITY, client.options.priority)
        )
        self._sender = Counted(clone.sender, clone)

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
        async with aclosing(self.batches_and_pauses(None)) as found:
            async for batch in found:
                if batch is not None:
                    yield batch

    async def batches_and_pauses(self, patience: float | None) -> AsyncGenerator[Batch | None, None]:
        """As `batches`, and `None` whenever none came for `patience` seconds: time to write what has come."""
        if self._begun:
            raise ConfigurationError("a sweep is iterated once; make another one")
        self._begun = True
        workers = TaskSet()
        try:
            for _ in range(self._bounds.concurrency):
                workers.start(self._outbox.filled_by(self._work()))
            while not self._outbox.ended:
                batch = await self._outbox.take(patience)
                if batch is not None:
                    self._count(batch)
                yield batch
            for batch in self._unasked():
                self._count(batch)
                yield batch
        finally:
            await workers.close()

    def _unasked(self) -> list[Batch]:
        """Failures of lists that were refused and in whose place none could be asked for: what is missing is
        unknown."""
        batches: list[Batch] = []
        for unit in [] if self.spent else self.frontier.unasked():
            error = self._refusals[unit.resource.name]
            if self._bounds.strict:
                raise error
            batches.append(Batch(unit, [], None, False, _failure(unit, _status_of(error), error)))
        return batches

    def _count(self, batch: Batch) -> None:
        if batch.failure is not None:
            self.failures.append(batch.failure)
        if batch.rows:
            self.rows[batch.unit.resource.name] += len(batch.rows)
            self.drifted += sum(row.drifted for row in batch.rows)

    async def _work(self) -> None:
        """Lists one after another, as they become due."""
        async for unit in self.frontier:
            failed = cut = False
            try:
                await self._list(unit)
                self._unauthorised = 0
            except _OutweighedError:
                pass
            except MittwaldError as error:
                cut = isinstance(error, RequestsSpentError) or isinstance(error.__cause__, RequestsSpentError)
                failed = not cut and self._failed(unit, error)
            finally:
                self.frontier.ended(unit, failed=failed, cut=cut)

    def _failed(self, unit: Unit, error: MittwaldError) -> bool:
        """Keep the failure of a list, unless others take its place; false then."""
        if isinstance(error, ClientStateError):
            raise error
        status = _status_of(error)
        unauthorised = status == 401 or isinstance(error, AuthenticationError)
        self._unauthorised = self._unauthorised + 1 if unauthorised else 0
        if status in _REFUSALS and self.frontier.refused(unit):
            self._refusals.setdefault(unit.resource.name, error)
            return False
        if self._bounds.strict or self._unauthorised >= _UNAUTHORISED_IN_A_ROW:
            raise error
        self._outbox.put(Batch(unit, [], None, False, _failure(unit, status, error)))
        return True

    async def _list(self, unit: Unit) -> None:
        """Read one list to its end and hand over its rows.

        Raises:
            MittwaldError: the list cannot be fetched, or not completely.
        """
        start = self._start(unit)
        listing = listing_of(self._sender, unit, start)
        if unit.route.scope == "account" and not self.plan.target.whole and not start.position:
            first = await listing.first()
            if first is not None and self.frontier.cheaper_route(unit, further_pages(first)):
                raise _OutweighedError
        only = await self._only(listing)
        if only is not None:
            if not only.items and unit.route.scope == "account":
                await self._check_empty(unit)
            await self._hand_over(unit, listing, only, set())
            return
        before: set[str] = set()
        async with aclosing(listing.parts()) as parts:
            async for part in parts:
                before = await self._hand_over(unit, listing, part, before)
                self._unauthorised = 0

    async def _only(self, listing: Listing | ComputedListing) -> ItemBatch | None:
        """All of a list that has one page. What is read by its owner's id and is not there is a list without items;
        whether it is not there or may not be seen; the server does not say which."""
        try:
            return await listing.only()
        except NotFoundError:
            if not listing.optional:
                raise
            listing.moved = True
            return ItemBatch([], 0, ListPosition(), True)

    async def _check_empty(self, unit: Unit) -> None:
        """With some tokens, a list of the whole account is empty though a project's own list is not.

        Raises:
            _OutweighedError: so it is; the narrower lists take its place.
        """
        for narrower in self.frontier.narrower(unit, self._owners_before.get(unit.resource.name)):
            try:
                first = await Listing(self._sender, narrower, ListPosition()).first()
            except RequestsSpentError:
                raise
            except MittwaldError as error:
                if isinstance(error.__cause__, RequestsSpentError) or _status_of(error) not in _REFUSALS:
                    raise
                continue
            if first is not None and first.items:
                self.frontier.fall_back(unit, narrower.route)
                raise _OutweighedError

    async def _hand_over(
        self, unit: Unit, listing: Listing | ComputedListing, part: ItemBatch, before: set[str]
    ) -> set[str]:
        """Make rows of a part of a list, as far as there is room for them at once.

        An item may come again on the next page or in between: those with keys of `before`, the part before this one,
        are left out. Gives the keys of this part.
        """
        keys: set[str] = set()
        fetched_at, reader = datetime.now(UTC), self._reader(unit)
        for start in range(0, len(part.items) or 1, ROWS_AT_ONCE):
            items = part.items[start : start + ROWS_AT_ONCE]
            await self._outbox.room(len(items))
            rows = reader.rows(raw_items(items), unit.owner, self.frontier.customer_of, fetched_at)
            listing.moved |= bool(before) and any(row.key in before for row in rows)
            fresh = _fresh(rows, before, keys)
            last = start + ROWS_AT_ONCE >= len(part.items)
            mark, done = part.mark if last else None, part.done and last
            self._outbox.put(Batch(unit, self._deliver(unit, fresh), mark, done, moved=listing.moved))
        return keys

    def _reader(self, unit: Unit) -> Reader:
        name = (unit.resource.name, unit.route.operation_id)
        reader = self._readers.get(name)
        if reader is None:
            reader = self._readers[name] = Reader(unit.resource, unit.route)
        return reader

    def _start(self, unit: Unit) -> ListPosition:
        """Where an interrupted list resumes: one page before where it was, because lists move."""
        size = unit.route.page_size
        paging = raw_operation(unit.route.operation_id).paging if size else None
        if not self._earlier.marks or not size or paging is None or not paging.skip:
            return ListPosition()
        mark = self._earlier.marks.get((unit.resource.name, unit.route.operation_id, unit.owner.id), ListPosition())
        return ListPosition(max(0, mark.position // size - 1) * size, mark.total)

    def _deliver(self, unit: Unit, rows: list[Row]) -> list[Row]:
        """Feed further lists with these rows and keep those that were asked for."""
        name, target = unit.resource.name, self.plan.target
        if not target.whole:
            customers = self.frontier.customers()
            rows = [row for row in rows if target.admits(row.customer_id, row.project_id, customers)]
        if self.frontier.feeds(name):
            self.frontier.found(name, owners(rows))
        return rows if name in self._delivered else []


def _fresh(rows: list[Row], before: set[str], keys: set[str]) -> list[Row]:
    """The rows whose keys are in neither set, each once; `keys` has those of all rows afterwards."""
    own = {row.key for row in rows}
    if len(own) == len(rows) and own.isdisjoint(keys) and own.isdisjoint(before):
        keys |= own
        return rows
    fresh: list[Row] = []
    for row in rows:
        if row.key not in before and row.key not in keys:
            fresh.append(row)
        keys.add(row.key)
    return fresh


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
    """The status it was answered with; a paging error was caused by one."""
    cause = error if isinstance(error, StatusError) else error.__cause__
    return cause.status if isinstance(cause, StatusError) else None


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
