"""From the workers of a sweep to the consumer of what they found, with no more than a bounded number of rows in
between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress

import msgspec

from .frontier import Unit
from .list_reader import ListPosition
from .rows import Failure, Row

MOST_WAITING = 10_000
"""Rows that may wait for a slow consumer before no further ones are made: pages can be large. A batch without rows
counts as one."""


class Batch(msgspec.Struct, frozen=True):
    """One page of one list: its rows, how far the list has come, and what failed."""

    unit: Unit
    rows: list[Row]
    mark: ListPosition | None
    """How far the list has come with it; `None`: no further than before."""
    done: bool
    failure: Failure | None = None
    moved: bool = False
    """The list changed while it was read: what it did not show may be there nevertheless."""


class RowBuffer:
    """Batches that wait to be taken.

    Args:
        fillers: how many put batches here; it ends when all of them have ended.
    """

    def __init__(self, fillers: int) -> None:
        self._ready: deque[Batch] = deque()
        self._waiting = 0
        self._fillers = fillers
        self._error: Exception | None = None
        self._news = asyncio.Event()
        self._less = asyncio.Event()

    async def filled_by(self, work: Coroutine[None, None, None]) -> None:
        """Do the work of one filler. Its error ends everything."""
        try:
            await work
        except Exception as error:
            self._error = self._error or error
        finally:
            self._fillers -= 1
            self._news.set()

    async def room(self, rows: int) -> None:
        """Wait until so many more rows may wait. A lone batch is never too many."""
        while self._waiting and self._waiting + rows > MOST_WAITING:
            self._less.clear()
            await self._less.wait()

    def put(self, batch: Batch) -> None:
        """Add a batch that there is room for."""
        self._ready.append(batch)
        self._waiting += len(batch.rows) or 1
        self._news.set()

    @property
    def ended(self) -> bool:
        """Everything has been taken and no more will come."""
        return self._error is None and not self._ready and not self._fillers

    async def take(self, patience: float | None = None) -> Batch | None:
        """The next batch.

        Args:
            patience: seconds to wait for one at most.

        Returns:
            The batch; `None` where there is none: it has ended, or none came in time.

        Raises:
            Exception: what ended one who filled it.
        """
        if not self._ready:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._more()
        if self._error is not None:
            raise self._error
        if not self._ready:
            return None
        batch = self._ready.popleft()
        self._waiting -= len(batch.rows) or 1
        self._less.set()
        return batch

    async def _more(self) -> None:
        while self._error is None and not self._ready and self._fillers:
            self._news.clear()
            await self._news.wait()
