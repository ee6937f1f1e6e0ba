"""What executors call on their workers: plain functions, importable by name. Each gives its result, or raises."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import wait
from typing import Any, TypeAlias, TypeVar

from ..runtime.options import Pool
from ..runtime.transport.session import Session
from .account_sweep import Surroundings, list_projects, sweep_account
from .task import AccountResult, AccountTask, ProjectList

R = TypeVar("R")

CONNECTIONS = 512
"""Open connections of one process, whatever number of accounts it sweeps."""

TaskResult: TypeAlias = AccountResult | ProjectList
TaskFunction: TypeAlias = Callable[[AccountTask], TaskResult]


_LOOK_SECONDS = 1.0
"""Seconds between looks at whether a task is still wanted."""


class UnwantedError(Exception):
    """Nobody waits for the task any more; what it had begun is removed."""


def run_account(task: AccountTask) -> AccountResult:
    """Sweep one account, or a part of one, into the data set. Waits until that is done."""
    return _process().run(sweep_account, task)


def find_projects(task: AccountTask) -> ProjectList:
    """Ask which projects an account has. Waits for the answer."""
    return _process().run(list_projects, task)


ON_LOOP: Mapping[TaskFunction, Callable[[AccountTask, Surroundings], Coroutine[Any, Any, TaskResult]]] = {
    run_account: sweep_account,
    find_projects: list_projects,
}
"""The same as coroutine functions, for executors that live on an event loop."""


def carry_out(function: TaskFunction, task: AccountTask, is_wanted: Callable[[], bool]) -> TaskResult:
    """`function(task)`, as long as it is wanted: a thread cannot be ended, what it waits for can.

    Raises:
        UnwantedError: its result is not needed any more.
    """
    work = ON_LOOP.get(function)
    return function(task) if work is None else _process().run(work, task, is_wanted)


async def open_pool(connections: int = CONNECTIONS) -> Session:
    """Connections for all accounts of an event loop. The code that opens it closes it."""
    return await Session.open(Pool(connections=connections), None, True)


class _Process:
    """The event loop on which a worker process sweeps, whichever of its threads asks for it: all share its
    connections."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._around: Surroundings | None = None
        self._opening = threading.Lock()
        threading.Thread(target=self._loop.run_forever, name="fleet", daemon=True).start()
        atexit.register(self._close)

    def run(
        self,
        function: Callable[[AccountTask, Surroundings], Coroutine[Any, Any, R]],
        task: AccountTask,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> R:
        with self._opening:
            if self._around is None:
                pool = asyncio.run_coroutine_threadsafe(open_pool(), self._loop).result()
                self._around = Surroundings(pool)
        work = asyncio.run_coroutine_threadsafe(function(task, self._around), self._loop)
        while not wait([work], _LOOK_SECONDS).done:
            if not is_wanted():
                work.cancel()
                raise UnwantedError(f"account {task.account.name}: its result is not needed any more")
        return work.result()

    def _close(self) -> None:
        around = self._around
        if around is not None and around.pool is not None:
            asyncio.run_coroutine_threadsafe(around.pool.close(), self._loop).result(5.0)
        self._loop.call_soon_threadsafe(self._loop.stop)


_making = threading.Lock()
_made: list[_Process] = []


def _process() -> _Process:
    with _making:
        if not _made:
            _made.append(_Process())
        return _made[0]
