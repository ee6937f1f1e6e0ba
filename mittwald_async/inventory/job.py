"""A whole sweep into a file: begin or go on, write as it comes, finish, export."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
import msgspec

from ..errors import ConfigurationError
from .buffer import Batch
from .catalog import Resource, catalog, chosen
from .frontier import Owner, Unit
from .list_reader import Mark
from .plan import Plan, Target, make_plan, target
from .rows import Failure
from .sinks import Sink, export, sink_for
from .store import State, Store, StoreError, SweepProgress
from .sweep import Bounds, Checkpoint, Sweep

if TYPE_CHECKING:
    from ..client import Mittwald

R = TypeVar("R")

_BATCHES_AT_ONCE = 64
"""Batches written in one transaction; a killed sweep asks for at most these again."""

_ROWS_AT_ONCE = 5_000
"""Rows written in one transaction; they are in memory until then."""

_SECONDS_AT_ONCE = 0.25
"""What has come is written at least this often, also while nothing comes: waiting for the budget takes minutes."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How a sweep ended."""

    state: State
    rows: dict[str, int]
    """Rows in the file by resource."""
    failures: tuple[Failure, ...]
    drifted: int
    """Rows that deviate from the document and were kept as they came."""
    requests: int
    """Sent by this run, retries included."""
    planned: int
    """Requests the plan knew of before anything was sent."""
    seconds: float
    path: str
    resumable: bool
    nothing_of: tuple[str, ...] = ()
    """Customers or projects asked for of which there is no row at all: perhaps a mistyped id."""


class SweepJob:
    """One run of a sweep into a sink.

    Args:
        sink: where the result goes.
        resources: what to list; ignored when resuming, the file knows.
        target: for which part of the account; ignored when resuming.
        resume: go on with the last unfinished sweep of the file.
        bounds: concurrency, most requests, whether the first failure is raised.
        source: what the file calls the account's server, the client's base URL by default. Going on with a sweep of
            another source is refused.

    Raises:
        ConfigurationError: there is nothing to resume.
        StoreError: the file cannot be written.
    """

    def __init__(
        self,
        sink: Sink,
        resources: Sequence[Resource],
        target: Target,
        *,
        resume: bool = False,
        bounds: Bounds | None = None,
        source: str | None = None,
    ) -> None:
        self.sink = sink
        self._resources = resources
        self._target = target
        self.resumed: bool = resume
        self._bounds = bounds
        self._source = source
        self.store: Store = _opened(sink, resume)
        self._thread = ThreadPoolExecutor(1, "inventory")
        """The only one that works on the file while the sweep runs: opening, writing and closing come after each other."""
        self.plan: Plan = self._planned()
        self.sweep: Sweep | None = None

    def _planned(self) -> Plan:
        unfinished = self.store.unfinished() if self.resumed else None
        if unfinished is not None:
            self._resources = chosen(unfinished.resources)
            self._target = unfinished.target
            self._known = unfinished.known
        else:
            self._known = self.store.known()
        return make_plan(self._resources, self._target, self._known)

    def check(self, resources: Sequence[Resource] | None, part: Target | None) -> None:
        """Make sure that what is gone on with is what was asked for, as far as that was said.

        Raises:
            ConfigurationError: the interrupted sweep was of other resources or another part of the account.
        """
        of = {resource.name for resource in self._resources}
        others = resources is not None and of != {resource.name for resource in resources}
        if others or (part is not None and self._target != part):
            raise ConfigurationError(
                f"{self.sink.path}: the interrupted sweep was of something else; leave resources, customers and projects "
                "out to go on with it, or do not resume, to begin anew"
            )

    async def run(self, client: Mittwald, watch: Callable[[Sweep], None] | None = None) -> Summary:
        """Sweep until done, interrupted or out of requests. An interrupted sweep is left resumable.

        Args:
            client: an open client.
            watch: called after every write with the sweep, for showing progress.
        """
        begin = time.monotonic()
        self.sweep = sweep = await self._prepare(client)
        try:
            await self._write_all(sweep, watch)
            state: State = "incomplete" if sweep.failures or sweep.spent else "done"
            # Before the books are closed: until the result is there, the working file is what can be gone on with.
            if not sweep.spent:
                await self._long_work(export, self.store, self.sink, [r.name for r in self._resources])
            await self._long_work(self.store.finish, state, sweep.requests)
        except BaseException:
            # Also when cancelled: the books say how far it came, within a moment. What went wrong is told, not this.
            with anyio.CancelScope(shield=True), suppress(StoreError):
                await self._work(self.store.finish, "running", sweep.requests)
            raise
        return self._summary(sweep, state, time.monotonic() - begin)

    async def _prepare(self, client: Mittwald) -> Sweep:
        # In a thread: the tables need the models of their resources, and the first import of those takes a moment.
        source = self._source or client.base_url
        earlier = await self._work(self._open_books, source)
        sweep = Sweep(client, self.plan, self._bounds, earlier, parents=True)
        if earlier is not None:
            # What was listed before owns further lists still.
            for name in catalog():
                if sweep.frontier.feeds(name):
                    sweep.frontier.found(name, (Owner(*ids) for ids in self.store.owners(name)))
        return sweep

    def _open_books(self, source: str) -> Checkpoint | None:
        """Begin a sweep in the file, or go on with one: then what it has done is given."""
        tables = _with_joins(self._resources, self.plan)
        unfinished = self.store.unfinished() if self.resumed else None
        if unfinished is None:
            self.store.begin(tables, [r.name for r in self._resources], self._target, self._known, source)
            return None
        if unfinished.source != source:
            raise ConfigurationError(f"the interrupted sweep was of {unfinished.source}, not of {source}")
        self.store.reopen(unfinished, tables)
        progress = list(self.store.progress())
        return Checkpoint(
            done=frozenset((p.resource, p.operation, p.owner) for p in progress if p.done),
            marks={(p.resource, p.operation, p.owner): Mark(p.position, p.total) for p in progress if not p.done},
        )

    async def _write_all(self, sweep: Sweep, watch: Callable[[Sweep], None] | None) -> None:
        pending: list[Batch] = []
        rows, written = 0, time.monotonic()
        try:
            async with aclosing(sweep.batches_and_pauses(_SECONDS_AT_ONCE)) as batches:
                async for batch in batches:
                    if batch is not None:
                        pending.append(batch)
                        rows += len(batch.rows)
                    full = len(pending) >= _BATCHES_AT_ONCE or rows >= _ROWS_AT_ONCE
                    if pending and (full or time.monotonic() - written > _SECONDS_AT_ONCE):
                        await self._work(self._write, _emptied(pending))
                        rows, written = 0, time.monotonic()
                        if watch is not None:
                            watch(sweep)
        finally:
            if pending:
                with anyio.CancelScope(shield=True):
                    await self._work(self._write, pending)
        if watch is not None:
            watch(sweep)

    def _write(self, batches: list[Batch]) -> None:
        self.store.write(
            (row for batch in batches for row in batch.rows),
            (_progress(batch.unit, batch.mark, batch.done) for batch in batches if batch.mark is not None),
            (batch.failure for batch in batches if batch.failure is not None),
        )

    async def _work(self, work: Callable[..., R], *arguments: object) -> R:
        """Work on the file in the thread. However the task is cancelled, it ends after that work: nobody may close the file
        under it."""
        return await self._in_thread(partial(work, *arguments), lambda: None)

    async def _long_work(self, work: Callable[..., object], *arguments: object) -> None:
        """As `_work`, but a cancellation interrupts it."""
        await self._in_thread(partial(work, *arguments), self.store.interrupt)

    async def _in_thread(self, work: Callable[[], R], hurry: Callable[[], None]) -> R:
        # A future of the thread's and no task: who cancels every task there is does not cancel this.
        done = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                while not done.done():
                    hurry()
                    with suppress(asyncio.CancelledError):  # Once more: the first one is raised below.
                        await asyncio.wait([done], timeout=0.05)
            done.exception()
            raise

    def _summary(self, sweep: Sweep, state: State, seconds: float) -> Summary:
        delivered = {resource.name for resource in self._resources}
        return Summary(
            state=state,
            rows={name: count for name, count in self.store.counts().items() if name in delivered},
            failures=tuple(sweep.failures),
            drifted=sweep.drifted,
            requests=sweep.requests,
            planned=self.plan.requests,
            seconds=seconds,
            path=str(self.sink.path),
            resumable=state != "done",
            nothing_of=tuple(self.store.nothing_of(self._target)),
        )

    def close(self) -> None:
        """Close the file; the working file of an export that is complete goes away."""
        self._thread.shutdown()
        finished = self.store.unfinished() is None
        self.store.close()
        if finished and self.sink.format != "sqlite":
            with suppress(OSError):
                self.sink.store_path.unlink()


async def sweep_to(
    client: Mittwald,
    path: Path | str,
    *,
    resources: Iterable[str] | None = None,
    customers: Iterable[str] | None = None,
    projects: Iterable[str] | None = None,
    resume: bool | None = None,
    bounds: Bounds | None = None,
    watch: Callable[[Sweep], None] | None = None,
) -> Summary:
    """Make an inventory in a file; what the command `mittwald-async sweep` does.

    Args:
        client: an open client. Its calls of priority 0 and above come before the sweep's.
        path: `.sqlite`, `.jsonl` (also `.gz`, `.zst`), `.csv` or `.parquet`.
        resources: names from `catalog()`, or `all`; the default set if not given.
        customers: ids; only what belongs to them.
        projects: ids; only what belongs to them.
        resume: true goes on with the file's last sweep, which was interrupted or has failures; what was asked for then need
            not be said again. False begins a new one. `None` goes on with one that was interrupted and was of the same
            resources and part of the account, and begins a new one otherwise.
        bounds: concurrency, most requests, whether the first failure is raised.
        watch: called after every write with the sweep, for showing progress.

    Raises:
        ConfigurationError: a resource or form that does not exist, customers and projects at once, nothing to resume, or a
            sweep of something else.
        StoreError: the file cannot be written.
        MittwaldError: with `bounds.strict`, the first failure.
    """
    asked, part = chosen(resources), target(customers, projects)
    sink = sink_for(path, resources=[] if resume and resources is None else [resource.name for resource in asked])
    again = _interrupted(sink, asked, part) if resume is None else resume
    job = SweepJob(sink, asked, part, resume=again, bounds=bounds)
    try:
        job.check(None if resources is None else asked, None if customers is projects is None else part)
        return await job.run(client, watch)
    finally:
        job.close()


def _interrupted(sink: Sink, asked: Sequence[Resource], part: Target) -> bool:
    """Whether the last sweep of the file was of the same and did not get to its end."""
    if not sink.store_path.exists():
        return False
    with Store(sink.store_path) as store:
        last = store.last()
    if last is None or last.state != "running":
        return False
    return set(last.resources) == {resource.name for resource in asked} and last.target == part


def _emptied(batches: list[Batch]) -> list[Batch]:
    """What is in a list, which is empty afterwards: what is being written is not written again."""
    taken = batches.copy()
    batches.clear()
    return taken


def _progress(unit: Unit, mark: Mark, done: bool) -> SweepProgress:
    return SweepProgress(unit.resource.name, unit.route.operation_id, unit.owner.id, mark.position, done, mark.total)


def _with_joins(resources: Sequence[Resource], plan: Plan) -> list[Resource]:
    """Every resource of the plan gets a table: what others hang below must be found again when resuming."""
    names = {step.resource for step in plan.steps} | {resource.name for resource in resources}
    return [resource for name, resource in catalog().items() if name in names]


def _opened(sink: Sink, resume: bool) -> Store:
    path: Path = sink.store_path
    if resume and not path.exists():
        raise ConfigurationError(f"{sink.path}: there is nothing to resume; run without --resume")
    store = Store(path)
    if resume and store.unfinished() is None:
        # Killed as it made the file, a sweep has not said yet what it is of.
        state = "its last sweep is complete" if store.last() else "no sweep had begun in it"
        store.close()
        raise ConfigurationError(f"{sink.path}: {state}, there is nothing to resume; run without --resume")
    return store
