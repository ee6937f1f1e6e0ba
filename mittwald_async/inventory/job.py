"""A whole sweep into a file: start or resume, write rows as they come, finish, export."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
import msgspec

from ..errors import ConfigurationError, NotFoundError, PermissionDeniedError
from .accounts import check_name
from .buffer import Batch
from .catalog import Resource, catalog, chosen
from .errors import StoreError
from .frontier import ListId, Owner
from .list_reader import ListPosition
from .lock import FileLock
from .plan import Known, Plan, Target, make_plan, target
from .rolling import Freshness, ListSelection, Rolling, choose, freshness, needed_requests
from .rows import Failure
from .sinks import Sink, export, sink_for
from .store import State, Store, SweepProgress, SweepRecord
from .sweep import Bounds, Checkpoint, Sweep
from .versions import now

if TYPE_CHECKING:
    from ..client import Mittwald

R = TypeVar("R")

_BATCHES_AT_ONCE = 256
"""Batches written in one transaction; a killed sweep asks for at most these again. Each transaction writes the pages of
the file that it touched whole, so few large ones write less than many small ones."""

_USER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_ROWS_AT_ONCE = 5_000
"""Rows written in one transaction; they are in memory until then."""

_LAST_SECONDS = 2.0
"""So long a sweep that is to end waits for a file that another program keeps locked."""

_SECONDS_AT_ONCE = 0.25
"""What has come is written at least this often, also while nothing comes: waiting for the budget takes minutes."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How a sweep ended."""

    account: str
    """What the file calls the account."""
    sweep: int
    """Number of the sweep in the file."""
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
    """Requested customers or projects without any row: perhaps a mistyped id."""
    freshness: Freshness | None = None
    """How old what is known has become; of a rolling sweep only."""
    needed: int | None = None
    """Requests each rolling sweep would take for no list to exceed its greatest age, where one did."""


class SweepRequest(msgspec.Struct, frozen=True):
    """What a sweep is of, and what its plan is made from."""

    resources: tuple[Resource, ...]
    target: Target
    known: Known

    def plan(self) -> Plan:
        return make_plan(self.resources, self.target, self.known)


class SweepJob:
    """One run of a sweep into a sink.

    Args:
        sink: where the result goes.
        resources: what to list; when going on with a sweep, the file knows.
        target: for which part of the account; when going on with a sweep, the file knows.
        resume: true resumes the last sweep of the same server and account, if it was interrupted or has failures.
            Where that sweep is complete, there is nothing to do; where there is none, a new one begins. `None` resumes
            one that was interrupted and was of the same resources and part of the account. False begins a new one.
        bounds: concurrency, most requests, whether the first failure is raised.
        source: what the file calls the account's server, the client's base URL by default.
        account: what the file calls the account, its user's id by default. One request asks whose token it is: an
            account stays one user's.
        siblings: names of other accounts that are swept into the same file; one of them is never renamed.
        on_wait: called with a sentence when another program keeps the file locked.
        rolling: ask only for what is likeliest to have changed, and carry the rest forward; an interrupted rolling
            sweep goes on as it was begun.
        clock: the moment it is, for tests.

    Attributes:
        resumed: whether an earlier sweep is resumed.
        nothing_to_do: whether the sweep to be resumed is complete.
        others: the account of an interrupted sweep that is not resumed because it belongs to another account.

    Raises:
        ConfigurationError: there is nothing to resume, or the account's name cannot be one.
        StoreError: the file cannot be written, or another sweep is writing to it.
    """

    def __init__(
        self,
        sink: Sink,
        resources: Sequence[Resource],
        target: Target,
        *,
        resume: bool | None = False,
        bounds: Bounds | None = None,
        source: str | None = None,
        account: str | None = None,
        siblings: Collection[str] = (),
        on_wait: Callable[[str], None] | None = None,
        rolling: Rolling | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        if rolling is not None and sink.is_exported:
            raise ConfigurationError(
                f"{sink.path}: a rolling sweep goes on from what its file knows; end the name in .sqlite"
            )
        if rolling is not None and not target.whole:
            raise ConfigurationError("a rolling sweep is of a whole account; leave customers and projects out")
        self.sink = sink
        self._rolling = rolling
        self._clock = clock
        self._asked = SweepRequest(tuple(resources), target, Known())
        self._resume = resume
        self.resumed: bool = bool(resume)
        self.others: str | None = None
        most = None if rolling is None else rolling.max_requests
        self._bounds = bounds if most is None else msgspec.structs.replace(bounds or Bounds(), max_requests=most)
        self._source = source
        self._siblings = siblings
        self._account = None if account is None else check_name(account)
        self.sweep: Sweep | None = None
        self._lock = FileLock(sink.store_path)
        self.nothing_to_do: bool = bool(resume) and _is_finished(sink)
        self.store: Store = self._opened(on_wait)
        self._thread = ThreadPoolExecutor(1, "inventory")
        """The only one that works on the file while the sweep runs: opening, writing and closing come after each
        other."""
        # As far as is known before the server is asked whose token it is.
        unfinished = self.store.unfinished(account) if resume else None
        self._request: SweepRequest = self._request_of(unfinished, self.store.known(account))
        self.plan: Plan = self._request.plan()

    def _opened(self, on_wait: Callable[[str], None] | None) -> Store:
        path = self.sink.store_path
        if self._resume and not path.exists() and not self.nothing_to_do:
            raise ConfigurationError(f"{self.sink.path}: there is nothing to resume; run without --resume")
        self._lock.hold()
        try:
            store = Store(path, on_wait=on_wait, clock=self._clock)
            if self._resume and store.last() is None and not self.nothing_to_do:
                # Killed as it made the file, a sweep has not said yet what it is of.
                store.close()
                raise ConfigurationError(
                    f"{self.sink.path}: no sweep had begun in it, there is nothing to resume; run without --resume"
                )
        except BaseException:
            self._lock.release()
            raise
        return store

    def _request_of(self, unfinished: SweepRecord | None, known: Known) -> SweepRequest:
        if unfinished is not None:
            return SweepRequest(chosen(unfinished.resources), unfinished.target, unfinished.known)
        return msgspec.structs.replace(self._asked, known=known)

    def check(self, resources: Sequence[Resource] | None, part: Target | None) -> None:
        """Make sure that the resumed sweep matches the requested selection, as far as one was given.

        Raises:
            ConfigurationError: the interrupted sweep was of other resources or another part of the account.
        """
        of = {resource.name for resource in self._request.resources}
        others = resources is not None and of != {resource.name for resource in resources}
        if others or (part is not None and self._request.target != part):
            raise ConfigurationError(
                f"{self.sink.path}: the interrupted sweep was of something else; leave resources, customers and projects "
                "out to resume it, or start a new sweep"
            )

    async def run(self, client: Mittwald, watch: Callable[[Sweep], None] | None = None) -> Summary:
        """Sweep until done, interrupted or out of requests. An interrupted sweep is left resumable.

        Args:
            client: an open client.
            watch: called after every write with the sweep, for showing progress.

        Raises:
            ConfigurationError: the token belongs to no user, and no account is named; or what was to be resumed is a
                finished export of another account.
        """
        begin = time.monotonic()
        if self.nothing_to_do:
            await self._check_finished(client)
        prepared = None if self.nothing_to_do else await self._prepare(client)
        if prepared is None:
            return await self._work(self._finished_summary)
        self.sweep = sweep = prepared
        try:
            await self._write_all(sweep, watch)
            cut = sweep.spent and self._rolling is None
            state: State = "incomplete" if sweep.failures or cut else "done"
            # Before the books are closed: until the result is there, the working file is the checkpoint.
            if not cut:
                await self._long_work(export, self.store, self.sink, [r.name for r in self._request.resources])
            await self._long_work(self.store.finish, state, sweep.requests, sweep.frontier.complete())
        except BaseException:
            # Also when cancelled: the books say how far it came, within a moment. What went wrong is reported, not
            # this.
            self.store.wait_at_most(_LAST_SECONDS)
            with anyio.CancelScope(shield=True), suppress(StoreError):
                await self._work(self.store.finish, "running", sweep.requests)
            raise
        return self._summary(sweep, state, time.monotonic() - begin)

    async def _check_finished(self, client: Mittwald) -> None:
        """A finished export of another account says nothing of this one.

        Raises:
            ConfigurationError: the export is another account's.
        """
        owner = self.sink.account()
        mine = self._account
        # A name that the account was given cannot be compared with the id of a user.
        if mine is None and owner is not None and _is_user_id(owner):
            mine = await user_id(client)
        if None not in (owner, mine) and owner != mine:
            raise ConfigurationError(
                f"{self.sink.path}: is the finished export of account {owner}, not of {mine}; name another file, or run without "
                "--resume to replace it"
            )

    async def _prepare(self, client: Mittwald) -> Sweep | None:
        """The sweep to run; `None` where there is nothing to do."""
        source = self._source or client.base_url
        user = await user_id(client)
        if user is None and self._account is None:
            raise ConfigurationError(
                "the token belongs to no user, as those of extensions; name the account: --account NAME, or account= of "
                "sweep_to"
            )
        # In a thread: the tables need the models of their resources, and the first import of those takes a moment.
        earlier = await self._work(self._open_books, source, user)
        if self.nothing_to_do:
            return None
        before = await self._work(self.store.owners_before, [step.resource for step in self.plan.steps])
        owners = {name: Owner(project, customer, project) for name, (project, customer) in before.items()}
        carried = await self._work(self._carried, earlier)
        sweep = Sweep(
            client, self.plan, self._bounds, earlier, parents=True, owners_before=owners, carried=carried.keys()
        )
        if earlier is not None:
            # What was listed before owns further lists still.
            for name in catalog():
                if sweep.frontier.feeds(name):
                    sweep.frontier.found(name, (Owner(*ids) for ids in self.store.owners(name)))
        for lists_owners in carried.values():
            for name, owner in lists_owners:
                if sweep.frontier.feeds(name):
                    sweep.frontier.found(name, [owner])
        return sweep

    def _carried(self, earlier: Checkpoint | None) -> dict[ListId, list[tuple[str, Owner]]]:
        """Lists that are carried forward, each with what is in it, which may own further lists."""
        if self._rolling is None:
            return {}
        history = self.store.list_history(self.store.account)
        done = earlier.done if earlier is not None else frozenset[ListId]()
        states = [state for state in history.states(self.plan, self._clock()) if state.id not in done]
        choice: ListSelection = choose(states, self._rolling, history.interval())
        carried: dict[ListId, list[tuple[str, Owner]]] = {own: [] for own in choice.carried}
        feeding = {catalog()[step.resource].parent for step in self.plan.steps}
        feeding |= {catalog()[step.resource].requires for step in self.plan.steps}
        for name in {own[0] for own in carried} & feeding:
            for own, customer, project, list_of in history.owned(name):
                if list_of in carried and own is not None:
                    carried[list_of].append((name, Owner(own, customer, project)))
        return carried

    def _open_books(self, source: str, user: str | None) -> Checkpoint | None:
        """Start a sweep in the file, or resume one; returns what a resumed one has done."""
        account = self.store.account_for(source, self._account, user, self._siblings)
        last = self.store.last(account)
        unfinished = self._to_go_on_with(last)
        if self._resume and unfinished is None and last is not None:
            self.nothing_to_do = True
            return None
        if self._resume and unfinished is None:
            self.others = next((one.account for one in self.store.sweeps() if one.state != "done"), None)
        request = self._request_of(unfinished, self.store.known(account))
        if request != self._request:
            self._request, self.plan = request, request.plan()
        self.resumed = unfinished is not None
        tables = _with_joins(request.resources, self.plan)
        if unfinished is None:
            names = [resource.name for resource in request.resources]
            self.store.begin(tables, names, request.target, request.known, source, account, self._rolling)
            return None
        self.store.reopen(unfinished, tables)
        self._rolling = self._rolling_of(unfinished)
        progress = list(self.store.progress())
        return Checkpoint(
            done=frozenset((p.resource, p.operation, p.owner) for p in progress if p.done),
            marks={
                (p.resource, p.operation, p.owner): ListPosition(p.position, p.total) for p in progress if not p.done
            },
        )

    def _rolling_of(self, unfinished: SweepRecord) -> Rolling | None:
        """How a resumed rolling sweep chooses: with the requests named now, or with those it has left."""
        rolling = unfinished.rolling
        if rolling is None or rolling.max_requests is None:
            return rolling
        left = rolling.max_requests - (unfinished.requests if unfinished.state == "running" else 0)
        named = self._bounds.max_requests if self._bounds is not None else None
        most = max(1, left) if named is None else named
        self._bounds = msgspec.structs.replace(self._bounds or Bounds(), max_requests=most)
        return msgspec.structs.replace(rolling, max_requests=most)

    def _to_go_on_with(self, last: SweepRecord | None) -> SweepRecord | None:
        if last is None or last.state == "done" or self._resume is False:
            return None
        if self._resume:
            return last
        names = {resource.name for resource in self._asked.resources}
        same = set(last.resources) == names and last.target == self._asked.target
        same = same and (last.rolling is None) == (self._rolling is None)
        return last if same and last.state == "running" else None

    async def _write_all(self, sweep: Sweep, watch: Callable[[Sweep], None] | None) -> None:
        pending: list[Batch] = []
        rows, counted, written = 0, 0, time.monotonic()
        try:
            async with aclosing(sweep.batches_and_pauses(_SECONDS_AT_ONCE)) as batches:
                async for batch in batches:
                    if batch is not None:
                        pending.append(batch)
                        rows += len(batch.rows)
                    full = len(pending) >= _BATCHES_AT_ONCE or rows >= _ROWS_AT_ONCE
                    due = time.monotonic() - written > _SECONDS_AT_ONCE
                    # Also requests that brought nothing: a killed sweep has to know what it cost.
                    if (pending and (full or due)) or (due and sweep.requests != counted):
                        counted = sweep.requests
                        await self._work(self._write, _emptied(pending), counted)
                        rows, written = 0, time.monotonic()
                        if watch is not None:
                            watch(sweep)
        finally:
            if pending:
                with anyio.CancelScope(shield=True):
                    await self._work(self._write, pending, sweep.requests)
        if watch is not None:
            watch(sweep)

    def _write(self, batches: list[Batch], requests: int) -> None:
        self.store.write(
            (row for batch in batches for row in batch.rows),
            (_progress(batch, batch.mark) for batch in batches if batch.mark is not None),
            (batch.failure for batch in batches if batch.failure is not None),
            requests,
        )

    async def _work(self, work: Callable[..., R], *arguments: object) -> R:
        """Work on the file in the thread. However the task is cancelled, it ends after that work: no task may close the
        file under it."""
        return await self._in_thread(partial(work, *arguments), self._hurry)

    def _hurry(self) -> None:
        """Another program may keep the file for a long time: who is to end does not wait for it."""
        self.store.wait_at_most(_LAST_SECONDS)

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
        delivered = {resource.name for resource in self._request.resources}
        rolling = self._rolling
        fresh, needed = (None, None) if rolling is None else self._freshness(rolling)
        return Summary(
            account=self.store.account,
            sweep=self.store.sweep_id,
            state=state,
            rows={
                name: count
                for name, count in self.store.counts(carried=rolling is not None).items()
                if name in delivered
            },
            failures=tuple(sweep.failures),
            drifted=sweep.drifted,
            requests=sweep.requests,
            planned=self.plan.requests,
            seconds=seconds,
            path=str(self.sink.path),
            resumable=state != "done",
            nothing_of=tuple(self.store.nothing_of(self._request.target)),
            freshness=fresh,
            needed=needed,
        )

    def _freshness(self, rolling: Rolling) -> tuple[Freshness, int | None]:
        """How old things are by now, and how many requests would keep them as fresh as is wanted, where they are
        not."""
        history = self.store.list_history(self.store.account)
        states = history.states(self.plan, self._clock())
        fresh = freshness(states, rolling.max_days)
        if not fresh.overdue or rolling.max_age is None:
            return fresh, None
        return fresh, needed_requests(states, timedelta(seconds=rolling.max_age), history.interval())

    def _finished_summary(self) -> Summary:
        """The summary where there is nothing to do."""
        last = self.store.last(self._account)
        # Of a finished export the working file is gone.
        account = last.account if last is not None else self._account or self.sink.account() or ""
        return Summary(
            account=account,
            sweep=last.id if last is not None else 0,
            state="done",
            rows={},
            failures=(),
            drifted=0,
            requests=0,
            planned=0,
            seconds=0.0,
            path=str(self.sink.path),
            resumable=False,
        )

    def close(self) -> None:
        """Close the file; the working file of an export that is complete goes away."""
        self._thread.shutdown()
        try:
            finished = self.store.unfinished() is None
            self.store.close()
            if finished and self.sink.is_exported:
                # The log stays where another program reads the file, or the disk is full. It goes first: a file without
                # its newest changes is whole, a log without its file is not.
                for ending in ("-wal", "-shm", ""):
                    with suppress(OSError):
                        self.sink.store_path.with_name(self.sink.store_path.name + ending).unlink()
        finally:
            self._lock.release()


async def sweep_to(
    client: Mittwald,
    path: Path | str,
    *,
    resources: Iterable[str] | None = None,
    customers: Iterable[str] | None = None,
    projects: Iterable[str] | None = None,
    resume: bool | None = None,
    account: str | None = None,
    bounds: Bounds | None = None,
    rolling: Rolling | None = None,
    watch: Callable[[Sweep], None] | None = None,
) -> Summary:
    """Make an inventory in a file; what the command `mittwald-async sweep` does.

    Args:
        client: an open client. Its calls of priority 0 and above come before the sweep's.
        path: `.sqlite`, `.jsonl` (also `.gz`, `.zst`), `.csv` or `.parquet`.
        resources: names from `catalog()`, or `all`; the default set if not given.
        customers: ids; only what belongs to them.
        projects: ids; only what belongs to them.
        resume: true resumes the account's last sweep, which was interrupted or has failures; what was asked for then
            need not be said again. Where it is complete, nothing is done. False begins a new one. `None` resumes one
            that was interrupted and was of the same resources and part of the account, and begins a new one otherwise.
        account: what the file calls the account, its user's id by default. One request asks whose token it is. Sweeps
            of several accounts can share a file; nothing of one is ever continued with another's token.
        bounds: concurrency, most requests, whether the first failure is raised.
        rolling: ask only for what is likeliest to have changed, within so many requests or until no list is older than
            that, and carry the rest forward. Into `.sqlite`, and of a whole account.
        watch: called after every write with the sweep, for showing progress.

    Raises:
        ConfigurationError: a resource or form that does not exist, customers and projects at once, nothing to resume,
            or a sweep of something else.
        StoreError: the file cannot be written.
        MittwaldError: with `bounds.strict`, the first failure.
    """
    asked, part = chosen(resources), target(customers, projects)
    sink = sink_for(path, resources=[] if resume and resources is None else [resource.name for resource in asked])
    job = SweepJob(sink, asked, part, resume=resume, account=account, bounds=bounds, rolling=rolling)
    try:
        if resume:
            job.check(None if resources is None else asked, None if customers is projects is None else part)
        return await job.run(client, watch)
    finally:
        job.close()


async def user_id(client: Mittwald) -> str | None:
    """Whose token the client has, asked with one request; `None` where the token belongs to no user."""
    try:
        return (await client.user.get_user("self")).user_id
    except (PermissionDeniedError, NotFoundError):
        return None


def _is_user_id(account: str) -> bool:
    return _USER_ID.fullmatch(account) is not None


def _emptied(batches: list[Batch]) -> list[Batch]:
    """What is in a list, which is empty afterwards: what is being written is not written again."""
    taken = batches.copy()
    batches.clear()
    return taken


def _progress(batch: Batch, mark: ListPosition) -> SweepProgress:
    unit = batch.unit
    whose = (unit.resource.name, unit.route.operation_id, unit.owner.id)
    return SweepProgress(*whose, mark.position, batch.done, mark.total, unit.route.scope, batch.moved)


def _with_joins(resources: Sequence[Resource], plan: Plan) -> list[Resource]:
    """Every resource of the plan gets a table: what others hang below must be found again when resuming."""
    names = {step.resource for step in plan.steps} | {resource.name for resource in resources}
    return [resource for name, resource in catalog().items() if name in names]


def _is_finished(sink: Sink) -> bool:
    """Whether the result is there and nothing of a working file is left."""
    return sink.is_exported and sink.path.exists() and not sink.store_path.exists()
