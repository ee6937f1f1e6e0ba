"""Dask as an executor: tasks go to the workers of a scheduler, here or on other machines."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from .._install import install_hint
from ..errors import ConfigurationError, MittwaldError
from .task import AccountResult, AccountTask
from .worker import TaskFunction, TaskResult, carry_out

_RECONNECT_SECONDS = 300.0
"""A scheduler that is being restarted is waited for so long."""

_WORKER_SECONDS = 30.0
"""The first worker is waited for so long."""

_NOTICE_SECONDS = 3.0
"""Seconds after which a wait is reported."""

_MOST_WORKERS = 16
"""Worker processes for each core of this machine, at most."""

_LOOK_SECONDS = 1.0
"""A lost connection shows within this time, whatever the futures say."""


_CLOSE_SECONDS = 5.0
"""A scheduler that does not answer holds up the end no longer."""


class ClusterLostError(MittwaldError):
    """The scheduler, or every worker, was gone for too long. The run can be resumed."""


class WorkerLostError(MittwaldError):
    """What a task ran on is gone; the task is submitted again."""


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise ConfigurationError(f"workers need distributed: {install_hint('fleet')}") from error


def _check_address(address: str) -> None:
    try:
        _, port = importlib.import_module("distributed.comm").get_address_host_port(address, strict=True)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ConfigurationError(f"{address!r} is not the address of a scheduler ({error})") from None
    if not 0 < port < 65536:
        raise ConfigurationError(f"{address!r} is not the address of a scheduler (port {port})")


class DaskExecutor:
    """A scheduler and its workers. A context manager.

    A task carries names of accounts and where their tokens are found; each worker reads them there. A worker that is
    killed is replaced by another one, which continues its tasks; a restarted scheduler gets them again.

    Args:
        address: of the scheduler, such as `tcp://scheduler:8786`.
        workers: instead of an address: so many worker processes on this machine, 1 or more.
        threads: accounts that one of these worker processes sweeps at once.
        connect_seconds: how long the scheduler may take to answer in the beginning.
        reconnect_seconds: how long a scheduler that is gone is waited for, and workers that are all gone.
        worker_seconds: how long the first worker is waited for.
        on_wait: called with a sentence when a worker has to be waited for.

    Raises:
        ConfigurationError: neither or both of the two are given, the address is none, there are too many workers for
            this machine, or `distributed` is not installed. When it is opened: no scheduler answers, or no worker comes
            in time.
        ClusterLostError: from its methods: the scheduler, or every worker, was gone for too long.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        threads: int = 64,
        connect_seconds: float = 10.0,
        reconnect_seconds: float = _RECONNECT_SECONDS,
        worker_seconds: float = _WORKER_SECONDS,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        if (address is None) == (workers is None):
            raise ConfigurationError("give the address of a scheduler, or a number of workers")
        if workers is not None and workers < 1:
            raise ConfigurationError("workers: at least 1")
        most = _MOST_WORKERS * (os.cpu_count() or 1)
        if workers is not None and workers > most:
            raise ConfigurationError(f"workers: at most {most} on this machine; each has many accounts under way")
        self._distributed = _distributed()
        if address is not None:
            _check_address(address)
        self._address = address
        self._workers = workers
        self._threads = threads
        self._patience = reconnect_seconds
        self._connect_seconds = connect_seconds
        self._worker_seconds = worker_seconds
        self._on_wait: Callable[[str], None] = on_wait or _say_nothing
        self._cluster: Any = None
        self._client: Any = None
        self._open: dict[Any, frozenset[str]] = {}
        """Tasks in flight, and the workers that may take them; an empty set: all."""
        self._places: int | None = None
        self._counted = 0.0
        self._manned = 0.0
        """When there was a worker."""
        self._noticed = 0.0
        self._workers_seen: frozenset[str] = frozenset()
        self._unusable: set[str] = set()
        """Addresses of workers that cannot write the data set."""

    async def __aenter__(self) -> Self:
        if self._workers is not None:
            self._cluster = await self._distributed.LocalCluster(
                n_workers=self._workers,
                threads_per_worker=self._threads,
                processes=True,
                asynchronous=True,
                dashboard_address="127.0.0.1:0",  # Without one the usual port is taken, and two fleets disturb each other.
                host="127.0.0.1",
                silence_logs=logging.ERROR,  # It warns of every task that ends with the fleet.
            )
        try:
            self._client = await self._connected_to(self._connect_seconds)
            await self._first_worker()
        except BaseException:
            await self._close()
            raise
        return self

    async def _first_worker(self) -> None:
        begin, said = time.monotonic(), False
        while not (threads := await self._client.nthreads()):
            waited = time.monotonic() - begin
            if waited >= self._worker_seconds:
                raise ConfigurationError(
                    f"{self._where}: no worker has come in {self._worker_seconds:g} s; start some with "
                    f"`dask worker {self._where}`"
                )
            if waited >= _NOTICE_SECONDS and not said:
                said = True
                self._on_wait(f"{self._where}: no worker yet; waiting for one")
            await asyncio.sleep(0.1)
        self._workers_seen = frozenset(threads)
        self._manned = time.monotonic()

    @property
    def _where(self) -> str:
        return self._address or "this machine"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._client is not None:
            with suppress(Exception):
                await asyncio.wait_for(self._client.cancel(list(self._open), force=True), _CLOSE_SECONDS)
        await self._close()

    async def _close(self) -> None:
        if self._client is not None:
            with suppress(Exception):
                await self._client.close(timeout=_CLOSE_SECONDS)
        if self._cluster is not None:
            await self._cluster.close()

    async def _connected_to(self, seconds: float) -> Any:
        where = self._address if self._cluster is None else self._cluster
        client = self._distributed.Client(where, asynchronous=True, timeout=seconds, set_as_default=False)
        try:
            return await client
        except BaseException as error:
            with suppress(Exception):
                await client.close(timeout=_CLOSE_SECONDS)
            if isinstance(error, OSError | TimeoutError):
                raise ConfigurationError(f"{self._where}: no scheduler answers there ({error})") from None
            raise

    @property
    def client(self) -> Any:
        """The `distributed.Client` in use, for looking at the cluster."""
        return self._client

    @property
    def places(self) -> int | None:
        """Accounts that the current workers sweep at once; `None`: no worker yet."""
        return self._places

    async def submit(self, function: TaskFunction, task: AccountTask) -> Any:
        """Give a task to the scheduler; waits for one that is being restarted."""
        client = await self._living_client()
        name = f"{function.__name__}-{task.account.name}-{task.part}-{secrets.token_hex(4)}"
        # Only some of the workers, where others have shown that they cannot write.
        usable = sorted(self._workers_seen - self._unusable) if self._unusable else None
        future = client.submit(_on_worker, function, task, key=name, pure=False, workers=usable or None)
        self._open[future] = frozenset(usable or ())
        return future

    async def _living_client(self) -> Any:
        end = time.monotonic() + self._patience
        while self._client.status != "running":
            # It reconnects for some time, and then closes.
            if self._client.status == "closed":
                try:
                    self._client = await self._connected_to(5.0)
                except ConfigurationError as error:
                    if time.monotonic() > end:
                        raise ClusterLostError(str(error)) from None
            elif time.monotonic() > end:
                raise ClusterLostError(f"{self._where}: the scheduler is gone")
            await asyncio.sleep(0.2)
        return self._client

    async def gather(self, handles: Collection[Any]) -> Mapping[Any, TaskResult | BaseException]:
        """What has ended, once there is anything."""
        while True:
            waits = [asyncio.ensure_future(_ended(future)) for future in handles if not future.done()]
            if len(waits) == len(handles) and self._client.status == "running":
                await asyncio.wait(waits, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            lost = self._client.status != "running"
            ended = [future for future in handles if future.done() or lost or self._is_stranded(future)]
            found = {future: await _outcome(future) for future in ended}
            await self._look_at_workers()
            if found:
                for future in found:
                    self._open.pop(future, None)
                return await self._set_aside(found)

    def _is_stranded(self, future: Any) -> bool:
        """Whether a task waits for workers that are gone."""
        usable = self._open.get(future, frozenset())
        return bool(usable) and usable.isdisjoint(self._workers_seen)

    async def _set_aside(self, found: dict[Any, TaskResult | BaseException]) -> dict[Any, TaskResult | BaseException]:
        """Give no more accounts to workers that cannot write; theirs are lost, where others are left to take them."""
        failed = {
            future: result
            for future, result in found.items()
            if isinstance(result, AccountResult) and result.unwritable
        }
        if not failed:
            return found
        try:
            places: dict[str, tuple[str, ...]] = await asyncio.wait_for(self._client.who_has(list(failed)), 10.0)
            self._workers_seen = frozenset(await asyncio.wait_for(self._client.nthreads(), 10.0))
        except Exception:  # The scheduler is lost just now: the result stands.
            return found
        for future, result in failed.items():
            self._unusable.update(places.get(future.key, ()))
            if self._workers_seen - self._unusable:
                found[future] = WorkerLostError(f"{result.worker}: {result.error}")
        return found

    async def _look_at_workers(self) -> None:
        if self._client.status != "running" or time.monotonic() - self._counted < _LOOK_SECONDS:
            return
        self._counted = time.monotonic()
        try:
            threads: dict[str, int] = await asyncio.wait_for(self._client.nthreads(), _LOOK_SECONDS)
        except Exception:  # The scheduler is busy, or being lost: the next look shows.
            return
        self._places = sum(threads.values()) or None
        self._workers_seen = frozenset(threads)
        if self._cluster is not None and len(threads) < (self._workers or 0):
            # One that was killed while it started is not started again by what watches over it.
            self._cluster.scale(self._workers)
        self._wait_for_workers()

    def _wait_for_workers(self) -> None:
        now = time.monotonic()
        if self._workers_seen:
            self._manned = now
        elif now - self._manned >= self._patience:
            raise ClusterLostError(f"{self._where}: there has been no worker for {self._patience:g} s")
        elif now - self._manned >= _NOTICE_SECONDS and self._noticed != self._manned:
            self._noticed = self._manned
            self._on_wait(f"{self._where}: no worker is left; waiting for one")


def _on_worker(function: TaskFunction, task: AccountTask) -> TaskResult:
    """On a worker: until the fleet has ended, be it by Ctrl-C. Dask forgets the task then, and lets its thread go
    on."""
    worker = _distributed().get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        state = worker.state.tasks.get(key)
        return state is not None and state.state != "cancelled"

    return carry_out(function, task, is_wanted)


def _say_nothing(_: str) -> None:
    """Where nothing is to be said."""


async def _ended(future: Any) -> None:
    await future._state.wait()


async def _outcome(future: Any) -> TaskResult | BaseException:
    if future.status == "finished":
        try:
            result: TaskResult = await asyncio.wait_for(future.result(), 60.0)
        except Exception as error:
            return WorkerLostError(f"the result was lost: {error}")
        return result
    if future.status == "error":
        try:
            reason: BaseException | None = await asyncio.wait_for(future.exception(), 60.0)
        except Exception as problem:
            return problem
        return reason if reason is not None else WorkerLostError("the task ended without a result")
    return WorkerLostError("the scheduler was lost, or has forgotten the task")
