"""The engine of every fan-out: takes items from a source, runs a bounded number of them, and yields results.

A crew is what its tasks refer to; the iterator in the user's hands refers to the crew but not the other way round. So
dropping the iterator is noticed and ends the tasks.
"""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Generic, Literal, TypeVar, cast

from .outcome import Outcome, Progress
from .tasks import TaskSet, unwrapped

T = TypeVar("T")
E = TypeVar("E")
R = TypeVar("R")

OnError = Literal["collect", "raise"]

_END: Any = object()


class WorkerPool(ABC, Generic[T, E]):
    """Works on the items of one source. `E` is what is handed over, in any number per item.

    Args:
        limit: items in flight at once.
        window: elements that may wait to be taken, `None` for any number.
        on_error: `raise` ends everything with the first error.
    """

    def __init__(
        self,
        source: Iterable[T] | AsyncIterable[T],
        *,
        limit: int,
        window: int | None,
        on_error: OnError,
        progress: Callable[[Progress], object] | None,
    ) -> None:
        self.brood: TaskSet = TaskSet()
        self.on_error: OnError = on_error
        self._source = source
        self._progress = progress
        self._free = asyncio.Semaphore(limit)
        self._window = None if window is None else asyncio.Semaphore(window)
        self._ready: deque[E] = deque()
        self._news = asyncio.Event()
        self._begun = False
        self._closed = False
        self._fed = False
        self._taken = self._running = self._done = self._failed = 0
        self._error: BaseException | None = None
        """Ends everything at once."""
        self._last_error: BaseException | None = None
        """The error of the source, raised once the items in flight are done."""

    @abstractmethod
    async def work(self, item: T, number: int) -> None:
        """Deal with the item that is `number` in the source: hand over elements, then say `ended`, or raise."""

    async def admit(self) -> None:
        """Wait until a further item may be taken from the source. Subclasses may want more than a free place."""
        await self._free.acquire()

    async def room(self) -> None:
        """Wait until one more element may be handed over."""
        if self._window is not None:
            await self._window.acquire()

    def hand_over(self, element: E) -> None:
        """Give an element to the consumer. There must be room."""
        self._ready.append(element)
        self._news.set()

    def fail(self, error: BaseException) -> None:
        """End everything with `error`; only the first counts."""
        if self._error is None:
            self._error = unwrapped(error)
        self._news.set()

    def ended(self, failed: bool) -> None:
        """An item is done with."""
        self._done += 1
        self._failed += failed
        self._running -= 1
        self._free.release()
        self._news.set()
        if self._progress is not None:
            self._progress(Progress(self._done, self._failed, self._running))

    async def next(self) -> E:
        """The next element.

        Raises:
            StopAsyncIteration: there is none left, or the crew was closed.
        """
        try:
            while not self._closed:
                if not self._begun:
                    self._begun = True
                    self.brood.start(self._feed())
                if self._error is not None:
                    raise self._error
                if self._ready:
                    if self._window is not None:
                        self._window.release()
                    return self._ready.popleft()
                if self._fed and not self._running:
                    if self._last_error is not None:
                        raise self._last_error
                    break
                self._news.clear()
                await self._news.wait()
        except BaseException:
            await self.close()
            raise
        await self.close()
        raise StopAsyncIteration

    async def close(self) -> None:
        """End everything; no task is left afterwards."""
        self._closed = True
        self._ready.clear()
        await self.brood.close()

    def _take_in(self, item: T) -> None:
        self._running += 1
        self.brood.start(self._attend(item, self._taken))
        self._taken += 1

    async def _attend(self, item: T, number: int) -> None:
        try:
            await self.work(item, number)
        except BaseException as error:
            # Not of the item: a cancellation, an interrupt, or a mistake in how the fan-out is used.
            if not self._closed:
                self.fail(error)
            if not isinstance(error, Exception):
                raise

    async def _feed(self) -> None:
        try:
            if isinstance(self._source, AsyncIterable):
                await self._feed_async(self._source)
            else:
                iterator = iter(self._source)
                while True:
                    await self.admit()
                    if (item := next(iterator, _END)) is _END:
                        break
                    self._take_in(item)
        except Exception as error:
            if self.on_error == "raise":
                self.fail(error)
            self._last_error = unwrapped(error)
        except BaseException as error:
            if not self._closed:
                self.fail(error)
            raise
        finally:
            self._fed = True
            self._news.set()

    async def _feed_async(self, source: AsyncIterable[T]) -> None:
        async with closed(aiter(source)) as iterator:
            while True:
                await self.admit()
                if (item := await anext(iterator, _END)) is _END:
                    break
                self._take_in(item)


@asynccontextmanager
async def closed(iterator: AsyncIterator[E]) -> AsyncGenerator[AsyncIterator[E], None]:
    """Close an async iterator at the end, if it can be closed: plain iterators cannot."""
    try:
        yield iterator
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


class MapPool(WorkerPool[T, Outcome[T, R]]):
    """One outcome per item, as they come or in the order of the source."""

    def __init__(
        self,
        source: Iterable[T] | AsyncIterable[T],
        func: Callable[[T], Awaitable[R]],
        *,
        ordered: bool,
        limit: int,
        window: int | None,
        on_error: OnError,
        progress: Callable[[Progress], object] | None,
    ) -> None:
        super().__init__(source, limit=limit, window=window, on_error=on_error, progress=progress)
        self._func = func
        self._early: dict[int, Outcome[T, R]] | None = {} if ordered else None
        """Outcomes that came before their turn."""
        self._turn = 0

    async def admit(self) -> None:
        await self.room()
        await super().admit()

    async def work(self, item: T, number: int) -> None:
        began = asyncio.get_running_loop().time()
        pending: object = None
        misused = False
        try:
            pending = self._func(item)
            misused = not inspect.isawaitable(pending)
            outcome = Outcome[T, R](item, await pending, None, _since(began))
        except Exception as error:
            if misused:
                raise TypeError(f"func has to return an awaitable, not {type(pending).__name__}") from None
            if self.on_error == "raise":
                self.fail(error)
            self.ended(failed=True)
            self._arrived(number, Outcome[T, R](item, None, _exception(error), _since(began)))
        else:
            self.ended(failed=False)
            self._arrived(number, outcome)

    def _arrived(self, number: int, outcome: Outcome[T, R]) -> None:
        if self._early is None:
            self.hand_over(outcome)
            return
        self._early[number] = outcome
        while self._turn in self._early:
            self.hand_over(self._early.pop(self._turn))
            self._turn += 1


class FlatMapPool(WorkerPool[T, tuple[T, R]]):
    """The elements of many lists, as they come. A list counts as one item, in flight until its end."""

    def __init__(
        self,
        source: Iterable[T] | AsyncIterable[T],
        func: Callable[[T], AsyncIterable[R]],
        *,
        limit: int,
        window: int | None,
        on_error: OnError,
        progress: Callable[[Progress], object] | None,
    ) -> None:
        super().__init__(source, limit=limit, window=window, on_error=on_error, progress=progress)
        self._func = func
        self.failures: list[Outcome[T, int]] = []

    async def work(self, item: T, number: int) -> None:
        began = asyncio.get_running_loop().time()
        count = 0
        elements: object = None
        misused = False
        try:
            elements = self._func(item)
            misused = not hasattr(elements, "__aiter__")
            async with closed(aiter(elements)) as iterator:
                async for element in iterator:
                    await self.room()
                    self.hand_over((item, element))
                    count += 1
        except Exception as error:
            if misused:
                raise TypeError(f"func has to return a list or async iterable, not {type(elements).__name__}") from None
            if self.on_error == "raise":
                self.fail(error)
            self.failures.append(Outcome[T, int](item, count, _exception(error), _since(began)))
            self.ended(failed=True)
        else:
            self.ended(failed=False)


def _exception(error: Exception) -> Exception:
    return cast("Exception", unwrapped(error))


def _since(began: float) -> float:
    return asyncio.get_running_loop().time() - began
