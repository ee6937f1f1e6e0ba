"""Dask as an executor: tasks go to the workers of a scheduler, here or on other machines."""

from __future__ import annotations

import asyncio
import importlib
import secrets
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from .._install import install_hint
from ..errors import ConfigurationError, MittwaldError
from .task import AccountTask
from .worker import TaskFunction, TaskResult

_RECONNECT_SECONDS = 300.0
"""A scheduler that is being restarted is waited for so long."""

_LOOK_SECONDS = 1.0
"""A lost connection shows within this time, whatever the futures say."""


class WorkerLostError(MittwaldError):
    """What a task ran on is gone; the task is submitted again."""


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise ConfigurationError(f"workers need distributed: {install_hint('fleet')}") from error


class DaskExecutor:
    """A scheduler and its workers. A context manager.

    A task carries names of accounts and where their tokens are found; each worker reads them there. A worker that is killed
    is replaced by another one that goes on with its tasks; a scheduler that was restarted gets them anew.

    Args:
        address: of the scheduler, such as `tcp://scheduler:8786`.
        workers: instead of an address: so many worker processes on this machine, 1 or more.
        threads: accounts that one of these worker processes has under way at once.
        connect_seconds: how long the scheduler may take to answer in the beginning.
        reconnect_seconds: how long a scheduler that is gone is waited for.

    Raises:
        ConfigurationError: neither or both of the two are given, or `distributed` is not installed.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        threads: int = 64,
        connect_seconds: float = 30.0,
        reconnect_seconds: float = _RECONNECT_SECONDS,
    ) -> None:
        if (address is None) == (workers is None):
            raise ConfigurationError("give the address of a scheduler, or a number of workers")
        if workers is not None and workers < 1:
            raise ConfigurationError("workers: at least 1")
        self._distributed = _distributed()
        self._address = address
        self._workers = workers
        self._threads = threads
        self._patience = reconnect_seconds
        self._connect_seconds = connect_seconds
        self._cluster: Any = None
        self._client: Any = None
        self._open: set[Any] = set()
        self._places: int | None = None
        self._counted = 0.0

    async def __aenter__(self) -> Self:
        if self._workers is not None:
            self._cluster = await self._distributed.LocalCluster(
                n_workers=self._workers,
                threads_per_worker=self._threads,
                processes=True,
                asynchronous=True,
                dashboard_address=None,
                host="127.0.0.1",
            )
        try:
            self._client = await self._connected_to(self._connect_seconds)
        except BaseException:
            await self._close_cluster()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._client is not None:
            with suppress(Exception):
                await asyncio.wait_for(self._client.cancel(list(self._open), force=True), 5.0)
            with suppress(Exception):
                await self._client.close(timeout=5.0)
        await self._close_cluster()

    async def _close_cluster(self) -> None:
        if self._cluster is not None:
            await self._cluster.close()

    async def _connected_to(self, seconds: float) -> Any:
        where = self._address if self._cluster is None else self._cluster
        try:
            return await self._distributed.Client(where, asynchronous=True, timeout=seconds, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise ConfigurationError(f"{self._address}: no scheduler answers there ({error})") from None

    @property
    def client(self) -> Any:
        """The `distributed.Client` in use, for looking at the cluster."""
        return self._client

    @property
    def places(self) -> int | None:
        """Accounts that the workers there are now have under way at once; `None`: there is no worker yet."""
        return self._places

    async def submit(self, function: TaskFunction, task: AccountTask) -> Any:
        """Give a task to the scheduler; waits for one that is being restarted."""
        client = await self._living_client()
        name = f"{function.__name__}-{task.account.name}-{task.part}-{secrets.token_hex(4)}"
        future = client.submit(function, task, key=name, pure=False)
        self._open.add(future)
        return future

    async def _living_client(self) -> Any:
        end = time.monotonic() + self._patience
        while self._client.status != "running":
            # It connects again by itself for some time, and then closes.
            if self._client.status == "closed":
                try:
                    self._client = await self._connected_to(5.0)
                except ConfigurationError:
                    if time.monotonic() > end:
                        raise
            elif time.monotonic() > end:
                raise ConfigurationError(f"{self._address}: the scheduler is gone")
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
            found = {future: await _outcome(future) for future in handles if future.done() or lost}
            await self._count_places()
            if found:
                self._open.difference_update(found)
                return found

    async def _count_places(self) -> None:
        if self._client.status != "running" or time.monotonic() - self._counted < _LOOK_SECONDS:
            return
        self._counted = time.monotonic()
        with suppress(Exception):  # It only makes the time to go better.
            threads: dict[str, int] = await asyncio.wait_for(self._client.nthreads(), _LOOK_SECONDS)
            self._places = sum(threads.values()) or None
            if self._cluster is not None and len(threads) < (self._workers or 0):
                # One that was killed while it started is not started again by what watches over it.
                self._cluster.scale(self._workers)


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
