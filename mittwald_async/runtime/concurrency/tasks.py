"""Background tasks that belong to an iterator.

A task group must not stay open across a `yield`: its cancel scope would leak into the consumer. So what reads ahead
owns plain tasks instead, through a `TaskSet`, and promises one thing: whatever way the iterator ends, none is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import anyio

R = TypeVar("R")


class TaskSet:
    """The tasks of one owner. They must not refer to the owner, or dropping it would not stop them."""

    __slots__ = ("_loop", "_tasks")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        """Run `work` as a task of its own. Its exception counts as seen even if it is never asked for."""
        self._loop = asyncio.get_running_loop()
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    def abandon(self) -> None:
        """Cancel everything without waiting: for finalizers, which may run on any thread and after the loop."""
        if self._tasks and self._loop is not None and not self._loop.is_closed():
            for task in tuple(self._tasks):
                self._loop.call_soon_threadsafe(task.cancel)

    async def close(self) -> None:
        """Cancel everything and wait until it is gone, also when the caller is being cancelled itself."""
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            with anyio.CancelScope(shield=True):
                await asyncio.wait(tasks)


def unwrapped(error: BaseException) -> BaseException:
    """The exception itself where a group holds just one."""
    found: Any = error
    while isinstance(found, BaseExceptionGroup) and len(cast("Any", found).exceptions) == 1:
        found = cast("Any", found).exceptions[0]
    return cast("BaseException", found)
