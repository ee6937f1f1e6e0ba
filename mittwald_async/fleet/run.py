"""A fleet: the sweeps of many accounts, begun, watched, repeated where a worker was lost, and summed up."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ConfigurationError
from ..inventory import Account, chosen
from .account_sweep import in_place, result_of
from .beginning import accounts_by_name, costs_of_last_runs, new_run, resumed_run
from .eta import AccountCost, FleetEta, estimate
from .executor import Executor, LocalExecutor
from .lake import Lake, RunRecord
from .split import by_project, chunks
from .summary import FleetSummary, merged
from .tables import arrow, json_lines
from .task import AccountResult, AccountTask, ProjectList
from .worker import TaskFunction, TaskResult, find_projects, run_account

AT_ONCE = 512
"""Accounts swept at once. Each waits for its own budget most of the time; one process can serve a thousand."""

_BUFFER_BYTES = 256 << 20
"""Approximate size of the rows that all running accounts hold in memory together, as JSON."""
_LEAST_BUFFER, _MOST_BUFFER = 512 << 10, 4 << 20

_ATTEMPTS = 5
"""Times a task is submitted whose worker was lost."""


class FleetProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet at one moment."""

    accounts: int
    published: int
    failed: int
    under_way: int
    waiting: int
    """Accounts that have not begun."""
    rows: int
    """Published so far."""
    requests: int
    """Of accounts that have ended."""
    seconds: float
    eta: FleetEta | None


class FleetOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a fleet goes about it."""

    resume: bool = False
    split_over: int | None = None
    """Accounts with more projects are split."""
    delta: bool = False
    reserve: float = 0.0
    """Share of every request budget that is left to others, 0 to 0.95."""
    concurrency: int = 8
    """Lists of one account read at once, 1 or more."""
    at_once: int = AT_ONCE
    """Accounts swept at once, 1 or more."""

    def __post_init__(self) -> None:
        if self.split_over is not None and self.split_over < 1:
            raise ConfigurationError("split_over: at least 1 project")
        if not 0 <= self.reserve <= 0.95:
            raise ConfigurationError("reserve: a share between 0 and 0.95")
        for name in ("concurrency", "at_once"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name}: at least 1")


async def sweep_fleet(
    accounts: Mapping[str, Account] | Iterable[Account] | Path | str,
    out: Path | str,
    *,
    resources: Iterable[str] | None = None,
    executor: Executor | None = None,
    resume: bool = False,
    split_over: int | None = None,
    delta: bool = False,
    reserve: float = 0.0,
    concurrency: int = 8,
    at_once: int = AT_ONCE,
    watch: Callable[[FleetProgress], None] | None = None,
) -> FleetSummary:
    """Sweep many accounts into one Parquet data set; what the command `mittwald-async fleet` does.

    Args:
        accounts: what `accounts_from` gives, accounts, or an accounts file. They say where tokens are found; workers
            read them there.
        out: a folder, or a URL that fsspec knows, such as `s3://bucket/lake`.
        resources: names from `catalog()`, or `all`; the default set if not given.
        executor: an open executor; by default one in this process.
        resume: resume the newest run that has not ended: only accounts that are not published are asked for. Where
            every run has ended, accounts whose lists failed in the last one are swept again, as a run of their own.
        split_over: accounts with more projects are split into parts for several workers, 1 or more.
        delta: keep a Delta table as well.
        reserve: share of every request budget that is left to others, 0 to 0.95.
        concurrency: lists of one account read at once, 1 or more.
        at_once: accounts swept at once, 1 or more; further ones wait their turn.
        watch: called about once a second, and in the end, with how far everything is.

    Returns:
        What became of each account. An account that fails stops no other.

    Raises:
        ConfigurationError: no accounts, two of one name, a resource that does not exist, a place that cannot be used,
            or nothing to resume.
        StoreError: the data set cannot be read or written from here.
        ClusterLostError: the workers were gone for too long; resuming keeps what is published.
    """
    options = FleetOptions(
        resume=resume, split_over=split_over, delta=delta, reserve=reserve, concurrency=concurrency, at_once=at_once
    )
    asked = None if resources is None else tuple(one.name for one in chosen(resources))
    arrow()
    lake = Lake(out)
    if delta:
        from .delta import table_url

        table_url(lake)
    fleet = Fleet(lake, accounts_by_name(accounts), asked, options)
    async with AsyncExitStack() as stack:
        if executor is not None:
            return await fleet.run(executor, watch)
        return await fleet.run(await stack.enter_async_context(LocalExecutor()), watch)


class _Open(msgspec.Struct):
    """A task that was submitted."""

    function: TaskFunction
    task: AccountTask
    since: float
    attempts: int


class Fleet:
    """One run over all accounts.

    Args:
        lake: the data set.
        accounts: by name.
        resources: what to sweep; `None`: the default set, or what the run that is resumed is of.
        options: how.
    """

    def __init__(
        self, lake: Lake, accounts: Mapping[str, Account], resources: tuple[str, ...] | None, options: FleetOptions
    ) -> None:
        self._lake = lake
        self._accounts = accounts
        self._asked = resources
        self._options = options
        self._queue: deque[tuple[TaskFunction, AccountTask, int]] = deque()
        self._open: dict[Any, _Open] = {}
        self._parts: dict[str, list[AccountResult]] = {}
        self._expected: dict[str, int] = {}
        """Parts that an account has."""
        self._results: dict[str, AccountResult] = {}
        self._costs: dict[str, AccountCost] = {}
        self._finished: list[tuple[AccountCost, float]] = []
        self._total = len(accounts)
        self._split_over = options.split_over
        self._begin = time.monotonic()
        self._last_end = self._begin
        self._executor: Executor | None = None

    async def run(self, executor: Executor, watch: Callable[[FleetProgress], None] | None) -> FleetSummary:
        """Carry it out."""
        self._executor = executor
        record = await in_place(self._lake, self._prepare)
        ticker = asyncio.create_task(self._tick(watch)) if watch is not None else None
        try:
            while self._queue or self._open:
                await self._submit(executor)
                ended = await executor.gather(list(self._open))
                for handle, result in ended.items():
                    await self._ended(self._open.pop(handle), result)
        finally:
            if ticker is not None:
                ticker.cancel()
                await asyncio.wait([ticker])
        summary = await in_place(self._lake, lambda: self._summed_up(record))
        if watch is not None:
            watch(self.progress())
        return summary

    # Beginning

    def _prepare(self) -> RunRecord:
        lake = self._lake
        if self._options.resume:
            record = resumed_run(lake, self._asked, self._accounts)
        else:
            record = new_run(lake, self._asked, self._accounts, self._options.split_over)
        self._split_over = record.split_over
        self._total = len(record.accounts)
        self._costs = costs_of_last_runs(lake)
        if not self._options.resume:
            for name in record.accounts:
                self._enqueue(name, record)
            return record
        for name, parts in lake.published_of(record.id, record.accounts):
            if parts:
                lake.show(record.id, name)
            if parts and not self._options.delta:
                self._results[name] = merged([result_of(part) for part in parts])
            else:
                self._enqueue(name, record)
        return record

    def _enqueue(self, name: str, record: RunRecord) -> None:
        options = self._options
        share = _BUFFER_BYTES // min(options.at_once, len(record.accounts))
        task = AccountTask(
            lake=self._lake.address,
            run=record.id,
            account=self._accounts[name],
            resources=record.resources,
            reserve=options.reserve,
            concurrency=options.concurrency,
            buffer_bytes=min(_MOST_BUFFER, max(_LEAST_BUFFER, share)),
            delta=options.delta,
        )
        if record.split_over is None:
            self._add(task)
            return
        noted = self._lake.split(record.id, name) if options.resume else None
        if noted is None:
            self._queue.append((find_projects, task, 1))
        else:
            self._add_parts(task, noted)

    def _add(self, task: AccountTask, *, first: bool = False) -> None:
        self._expected[task.account.name] = task.parts
        entry = (run_account, task, 1)
        self._queue.appendleft(entry) if first else self._queue.append(entry)

    def _add_parts(self, task: AccountTask, groups: list[tuple[str, ...]]) -> None:
        """The parts of an account: one with what is listed for all of it, and one for each group of projects."""
        wide, split = by_project(task.resources, sum(map(len, groups)))
        if len(groups) < 2 or not split:
            self._add(task, first=True)
            return
        whole = [msgspec.structs.replace(task, resources=wide)] if wide else []
        some = [
            msgspec.structs.replace(task, resources=split, projects=group, ownerless=number == 0)
            for number, group in enumerate(groups)
        ]
        every = [*whole, *some]
        for number, part in enumerate(every):
            self._add(msgspec.structs.replace(part, part=number, parts=len(every)), first=True)

    # Under way

    async def _submit(self, executor: Executor) -> None:
        while self._queue and len(self._open) < self._options.at_once:
            function, task, attempts = self._queue.popleft()
            handle = await executor.submit(function, task)
            self._open[handle] = _Open(function, task, time.monotonic(), attempts)

    async def _ended(self, done: _Open, result: TaskResult | BaseException) -> None:
        name = done.task.account.name
        if isinstance(result, BaseException):
            if done.attempts < _ATTEMPTS and not isinstance(result, ConfigurationError):
                # Its worker is gone, or the scheduler: the next worker sees what was published.
                self._queue.append((done.function, done.task, done.attempts + 1))
                return
            result = AccountResult(
                account=name, part=done.task.part, state="failed", error=f"{type(result).__name__}: {result}"
            )
        if isinstance(result, ProjectList):
            await self._split(done.task, result)
            return
        self._part_ended(result)

    async def _split(self, task: AccountTask, found: ProjectList) -> None:
        if found.error is not None:
            self._results[found.account] = AccountResult(account=found.account, state="failed", error=found.error)
            return
        most = self._split_over or len(found.projects)
        groups = list(chunks(found.projects, most)) if found.projects else []
        noted = await in_place(self._lake, lambda: self._lake.split(task.run, found.account, groups))
        self._add_parts(task, noted or [])

    def _part_ended(self, result: AccountResult) -> None:
        name = result.account
        self._last_end = time.monotonic()
        parts = self._parts.setdefault(name, [])
        parts.append(result)
        if len(parts) < self._expected.get(name, 1):
            return
        whole = merged(parts)
        self._results[name] = whole
        if whole.requests and not whole.repeated and whole.published:
            self._finished.append((AccountCost(whole.requests, whole.budget), whole.seconds))

    # Telling

    def progress(self) -> FleetProgress:
        """How far everything is."""
        now = time.monotonic()
        results = self._results.values()
        submitted = {done.task.account.name: done.since for done in self._open.values()}
        places: int = getattr(self._executor, "places", None) or self._options.at_once
        # A scheduler with fewer places than it was given tasks takes them in their order.
        crowded = len(submitted) > places
        begun = dict(list(submitted.items())[:places])
        queued = ({task.account.name for _, task, _ in self._queue} | set(submitted)) - set(begun)
        eta = estimate(
            under_way=[
                (self._costs.get(name), now - (max(since, self._last_end) if crowded else since))
                for name, since in begun.items()
            ],
            waiting=[self._costs.get(name) for name in queued],
            places=places,
            finished=self._finished,
        )
        return FleetProgress(
            accounts=self._total,
            published=sum(one.published for one in results),
            failed=sum(not one.published for one in results),
            under_way=len(begun),
            waiting=self._total - len(results) - len(begun),
            rows=sum(sum(one.rows.values()) for one in results),
            requests=sum(one.requests for one in results),
            seconds=now - self._begin,
            eta=eta,
        )

    async def _tick(self, watch: Callable[[FleetProgress], None]) -> None:
        while True:
            await asyncio.sleep(1.0)
            watch(self.progress())

    def _summed_up(self, record: RunRecord) -> FleetSummary:
        results = [self._results[name] for name in record.accounts]
        summary = FleetSummary(
            run=record.id,
            path=self._lake.url,
            accounts=tuple(results),
            seconds=time.monotonic() - self._begin,
        )
        if all(one.published for one in results):
            self._lake.end(record.id, self._manifest(record, results))
        return summary

    def _manifest(self, record: RunRecord, results: list[AccountResult]) -> Generator[bytes]:
        """The run, every account's result and every file, as JSON with a line for each."""
        files = (
            entry
            for _, parts in self._lake.published_of(record.id, record.accounts)
            for part in parts
            for entry in part.files
        )
        yield b'{"run": ' + msgspec.json.encode(record) + b',\n"accounts": ['
        yield from json_lines(results)
        yield b'],\n"files": ['
        yield from json_lines(files)
        yield b"]}\n"
