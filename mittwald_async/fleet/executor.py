"""Where tasks run: the interface of two methods, and its implementation in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from ..runtime.clock import SYSTEM_CLOCK, Clock
from ..runtime.transport.session import Session
from .account_sweep import Surroundings
from .task import AccountTask
from .worker import CONNECTIONS, ON_LOOP, TaskFunction, TaskResult, open_pool


class Executor(Protocol):
    """What carries out tasks. Whatever can call a function in another process can be one.

    One that knows how many tasks it carries out at once says so in an attribute `places`: it makes the time to go
    better.
    """

    async def submit(self, function: TaskFunction, task: AccountTask) -> Any:
        """Have `function(task)` called somewhere, soon.

        Args:
            function: importable by its module and name where the package is installed.
            task: can be pickled; holds names, and no token.

        Returns:
            A handle of any kind that can be in a set.
        """
        ...

    async def gather(self, handles: Collection[Any]) -> Mapping[Any, TaskResult | BaseException]:
        """Wait until at least one task has ended.

        Args:
            handles: of tasks in flight; at least one.

        Returns:
            Those that have ended: what the function returned, or why there is nothing. A task that ended with an error
            is submitted again, a few times: its worker may be gone.
        """
        ...


class LocalExecutor:
    """Sweeps in this process, on the running event loop: all accounts share its connections. A context manager.

    Args:
        connections: open at most, 1 or more.
        pool: connections to use instead; for tests.
        clock: where time comes from; for tests.
    """

    def __init__(
        self, *, connections: int = CONNECTIONS, pool: Session | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._connections = connections
        self._pool = pool
        self._own: Session | None = None
        self._clock = clock
        self._around = Surroundings(pool, clock)
        self._tasks: set[asyncio.Task[TaskResult]] = set()

    async def __aenter__(self) -> Self:
        if self._pool is None:
            self._own = await open_pool(self._connections)
            self._around = Surroundings(self._own, self._clock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._own is not None:
            await self._own.close()

    async def submit(self, function: TaskFunction, task: AccountTask) -> asyncio.Task[TaskResult]:
        """Begin at once."""
        handle = asyncio.create_task(ON_LOOP[function](task, self._around))
        self._tasks.add(handle)
        handle.add_done_callback(self._tasks.discard)
        return handle

    async def gather(
        self, handles: Collection[asyncio.Task[TaskResult]]
    ) -> Mapping[asyncio.Task[TaskResult], TaskResult | BaseException]:
        """Those that have ended, once there are any."""
        done, _ = await asyncio.wait(handles, return_when=asyncio.FIRST_COMPLETED)
        return {task: task.exception() or task.result() for task in done}
