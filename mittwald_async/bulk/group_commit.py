"""Many small changes, few commits: what comes while one is being written goes into the next together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .journal_file import FileChange

_TOGETHER = 1000
"""Changes of one commit at most, so that the first of them does not wait for too many others."""


class GroupCommit:
    """Hands changes to a thread that commits them.

    Args:
        write: commits a list of changes and gives a result for each.
    """

    def __init__(self, write: Callable[[list[FileChange]], list[Any]]) -> None:
        self._write = write
        self._thread = ThreadPoolExecutor(1, "journal")
        self._waiting: list[tuple[FileChange, asyncio.Future[Any]]] = []
        self._task: asyncio.Task[None] | None = None

    async def apply(self, change: FileChange) -> Any:
        """Wait until a change is on disk. Cancelled meanwhile, it may or may not get there.

        Raises:
            sqlite3.Error: it could not be written, and nothing of its group was.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if self._task is None:
            self._task = asyncio.create_task(self._flush())
        return await future

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                # Changes that arrive in this turn of the loop are committed with it.
                await asyncio.sleep(0)
                group = self._waiting[:_TOGETHER]
                del self._waiting[:_TOGETHER]
                try:
                    given = await loop.run_in_executor(self._thread, self._write, [change for change, _ in group])
                except Exception as error:
                    for _, future in group:
                        if not future.done():
                            future.set_exception(error)
                else:
                    for (_, future), result in zip(group, given, strict=True):
                        if not future.done():
                            future.set_result(result)
        finally:
            self._task = None
            for _, future in self._waiting:
                future.cancel()

    async def close(self) -> None:
        """Wait for what is being written, then end the thread."""
        if self._task is not None:
            await asyncio.wait([self._task])
        self._thread.shutdown()
