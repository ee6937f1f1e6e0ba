"""One account from its API into the data set: what a worker does."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TypeVar

from ..client import Mittwald
from ..errors import AuthenticationError, ConfigurationError, MittwaldError
from ..inventory import Account, Bounds, Known, Plan, StoreError, Sweep, chosen, make_plan, target
from ..inventory.buffer import Batch
from ..inventory.job import user_id
from ..inventory.store import SweepProgress
from ..runtime.clock import SYSTEM_CLOCK, Clock
from ..runtime.transport.session import Session
from .delta import commit_to_delta
from .lake import AccountManifest, CurrentRun, FileEntry, Lake, quoted
from .tables import AccountTables
from .task import AccountResult, AccountTask, ProjectList, TaskState
from .tokens import TokenReader

T = TypeVar("T")

_NAMED = 5
"""Failures that a result describes in words; the manifest has all of them."""

_WRITERS = 8
"""Accounts of one process that write their files at once: each has one open."""

_PATIENCE = 0.25
"""Seconds after which a pause in what comes is used for looking at the budget."""


class Surroundings:
    """What the sweeps of one process share.

    Args:
        pool: open connections, shared by all accounts; `None`: each has a pool of its own.
        clock: where time comes from; for tests.
    """

    def __init__(self, pool: Session | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self.pool = pool
        self.clock = clock
        self.writers: asyncio.Semaphore = asyncio.Semaphore(_WRITERS)
        self.committing: asyncio.Lock = asyncio.Lock()
        """One commit to a Delta table at a time: deltalake looks at a table without letting other threads run, and its
        own threads wait for rows of another commit from just these."""
        self.tokens: TokenReader = TokenReader()
        self.worker: str = f"{socket.gethostname()}:{os.getpid()}"


async def sweep_account(task: AccountTask, around: Surroundings) -> AccountResult:
    """Sweep an account, or a part of one, and publish it. What is wrong with the account is in the result.

    Raises:
        ConfigurationError: the data set's place cannot be used from here.
    """
    begin = around.clock.now()
    lake = Lake(task.lake)
    try:
        earlier = await in_place(lake, lambda: lake.part(task.run, task.account.name, task.part, task.parts))
        if earlier is not None:
            # Published by an attempt that could not say so any more.
            await _show(lake, task, around)
            return result_of(earlier, around.worker)
        await in_place(lake, lambda: _check_place(lake, task))
        manifest = await _AccountSweep(task, lake, around).run()
        await _show(lake, task, around)
        return result_of(manifest, around.worker, around.clock.now() - begin)
    except MittwaldError as error:
        return AccountResult(
            account=task.account.name,
            part=task.part,
            state="failed",
            error=_reason(task, error),
            unwritable=isinstance(error, StoreError),
            seconds=around.clock.now() - begin,
            worker=around.worker,
        )


async def list_projects(task: AccountTask, around: Surroundings) -> ProjectList:
    """The projects of an account, by id. What is wrong with the account is in the result."""
    try:
        async with await _client(task, around) as mw:
            found = [project.id async for project in mw.project.list_projects()]
    except MittwaldError as error:
        return ProjectList(account=task.account.name, error=_reason(task, error))
    return ProjectList(account=task.account.name, projects=tuple(sorted(found)))


async def in_place(lake: Lake, work: Callable[[], T]) -> T:
    """Work on the data set: in a thread where it is far away."""
    return await asyncio.to_thread(work) if lake.blocking else work()


async def _client(task: AccountTask, around: Surroundings) -> Mittwald:
    account = task.account
    return Mittwald(
        await around.tokens.read(account),
        base_url=account.base_url,
        session=around.pool,
        clock=around.clock,
        reserve=task.reserve,
        user_agent="mittwald-async-fleet",
    )


async def _show(lake: Lake, task: AccountTask, around: Surroundings) -> None:
    run, account = task.run, task.account.name
    if await in_place(lake, lambda: lake.show(run, account)) and task.delta:
        async with around.committing:
            await in_place(lake, lambda: commit_to_delta(lake, run, account))


class _AccountSweep:
    """One attempt at an account."""

    def __init__(self, task: AccountTask, lake: Lake, around: Surroundings) -> None:
        self._task = task
        self._lake = lake
        self._around = around
        self._lists: dict[tuple[str, str, str | None], SweepProgress] = {}
        self._budget: tuple[int, float] | None = None
        name = f"{secrets.token_hex(6)}"
        folder = f"_runs/{task.run}/account={quoted(task.account.name)}/{name}"
        self._tables = AccountTables(lake, folder, task.resources, task.buffer_bytes)

    async def run(self) -> AccountManifest:
        task, lake = self._task, self._lake
        started = datetime.now(UTC)
        current = await in_place(lake, lambda: lake.current(task.account.name))
        async with await _client(task, self._around) as mw:
            user = await user_id(mw)
            _check_user(task.account, current, user)
            plan = await in_place(lake, lambda: self._plan(current))
            sweep = Sweep(mw, plan, Bounds(concurrency=task.concurrency))
            try:
                await in_place(lake, self._tables.begin)
                await self._take(sweep, mw)
                files = await self._written()
            except BaseException:
                await in_place(lake, self._tables.abandon)
                raise
            complete = sweep.frontier.complete()
            manifest = AccountManifest(
                run=task.run,
                account=task.account.name,
                part=task.part,
                parts=task.parts,
                state="incomplete" if sweep.failures else "done",
                source=mw.base_url,
                user_id=user,
                resources=task.resources,
                started_at=started,
                finished_at=datetime.now(UTC),
                requests=sweep.requests + 1,
                drifted=sweep.drifted,
                files=files,
                complete=tuple(sorted(complete)),
                # Of what was read completely the history needs no single lists.
                lists=tuple(one for one in self._lists.values() if one.resource not in complete or one.moved),
                failures=tuple(sweep.failures),
                known=self._known(complete),
                budget=self._budget,
            )
        return await in_place(lake, lambda: lake.publish(manifest))

    def _plan(self, current: CurrentRun | None) -> Plan:
        task = self._task
        resources = chosen(task.resources)
        if task.projects is not None:
            return make_plan(resources, target(projects=task.projects))
        parts = self._lake.published(current.run, task.account.name) if current is not None else ()
        known = parts[0].known if len(parts) == 1 else Known()
        return make_plan(resources, target(), known)

    async def _take(self, sweep: Sweep, mw: Mittwald) -> None:
        async with aclosing(sweep.batches_and_pauses(_PATIENCE)) as batches:
            async for batch in batches:
                self._look_at_budget(mw)
                if batch is None:
                    continue
                self._note(batch)
                rows = batch.rows if self._task.ownerless else [row for row in batch.rows if row.project_id is not None]
                self._tables.add(batch.unit.resource.name, rows)
                if self._tables.full:
                    await in_place(self._lake, self._tables.flush)

    async def _written(self) -> tuple[FileEntry, ...]:
        async with self._around.writers:
            more = True
            while more:
                more = await in_place(self._lake, self._tables.write_some)
                await asyncio.sleep(0)  # Other accounts continue meanwhile.
            return self._tables.finish()

    def _look_at_budget(self, mw: Mittwald) -> None:
        status = mw.rate_limit
        if status.limit is not None and status.resets_in is not None:
            window = self._budget[1] if self._budget is not None else 0.0
            self._budget = (status.limit, max(window, status.resets_in))

    def _note(self, batch: Batch) -> None:
        if batch.mark is None:
            return
        unit, mark = batch.unit, batch.mark
        one = SweepProgress(
            unit.resource.name,
            unit.route.operation_id,
            unit.owner.id,
            mark.position,
            batch.done,
            mark.total,
            unit.route.scope,
            batch.moved,
        )
        self._lists[one.resource, one.operation, one.owner] = one

    def _known(self, complete: frozenset[str]) -> Known:
        if self._task.projects is not None or self._task.parts > 1:
            return Known()
        counts, owners = self._tables.counts, self._tables.owners
        items = {name: number for name, number in counts.items() if name in complete}
        return Known(items, {name: len(owners[name]) for name in items})


def _check_user(account: Account, current: CurrentRun | None, user: str | None) -> None:
    """An account of a data set stays one user's, as in a file."""
    if current is None or current.user_id is None or user is None or current.user_id == user:
        return
    raise ConfigurationError(
        f"the account {account.name} is user {current.user_id} in the data set, and the token is user {user}'s; use that "
        "user's token, or another name for the account"
    )


def _check_place(lake: Lake, task: AccountTask) -> None:
    """Make sure that the data set is the one that the fleet was started on, and not a folder of the same name."""
    if lake.run(task.run) is None:
        raise StoreError(f"{lake.url}: the run {task.run} is not there; is the data set within reach of every worker?")


def _reason(task: AccountTask, error: Exception) -> str:
    # The result names the account already.
    text = str(error).removeprefix(f"account {task.account.name}: ")
    if isinstance(error, AuthenticationError):
        return f"{text} (the token is not valid, or no longer)"
    return text


def result_of(manifest: AccountManifest, worker: str = "", seconds: float | None = None) -> AccountResult:
    """What a manifest says of a sweep, for a summary.

    Args:
        manifest: of an account, or of a part of one.
        worker: which swept it just now.
        seconds: that it took just now; `None`: it had been published before.
    """
    state: TaskState = "incomplete" if manifest.failures else "done"
    return AccountResult(
        account=manifest.account,
        part=manifest.part,
        state=state,
        rows={entry.resource: entry.rows for entry in manifest.files},
        failed_lists=len(manifest.failures),
        failures=tuple(str(one) for one in manifest.failures[:_NAMED]),
        drifted=manifest.drifted,
        requests=0 if seconds is None else manifest.requests,
        seconds=seconds or 0.0,
        budget=manifest.budget,
        repeated=seconds is None,
        worker=worker,
    )
