"""What users call: `fan_out`, `fan_out_items`, `gather_bounded`."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar

from ..callbacks import is_async
from ..errors import InvalidArgumentError
from .outcome import Outcome, Progress
from .workers import FlatMapPool, MapPool, OnError, WorkerPool

T = TypeVar("T")
R = TypeVar("R")
E = TypeVar("E")

_LIMIT = 64
"""Items in flight at once by default; the rate limit decides how many of them are really sent."""
_ELEMENTS = 1000
"""Elements of merged lists that may wait to be taken: a page of the usual size."""


class _Fan(Generic[E]):
    """An async iterator over what a crew hands over. `aclose()` ends it early, and so does dropping it."""

    __slots__ = ("_crew",)

    def __init__(self, crew: WorkerPool[Any, E]) -> None:
        self._crew = crew

    def __aiter__(self) -> AsyncIterator[E]:
        return self

    async def __anext__(self) -> E:
        return await self._crew.next()

    async def aclose(self) -> None:
        """End it: all calls in flight are cancelled, and finished on return."""
        await self._crew.close()

    def __del__(self) -> None:
        self._crew.brood.abandon()


class FanOut(_Fan[Outcome[T, R]]):
    """What `fan_out` gives: an async iterator over outcomes."""

    __slots__ = ()


class FanOutItems(_Fan[tuple[T, R]]):
    """What `fan_out_items` gives: an async iterator over pairs of item and element."""

    __slots__ = ("_merged",)

    def __init__(self, crew: FlatMapPool[T, R]) -> None:
        super().__init__(crew)
        self._merged = crew

    @property
    def failures(self) -> list[Outcome[T, int]]:
        """Lists that failed, with `on_error="collect"`; the result of each is how many elements came before."""
        return self._merged.failures


def fan_out(
    source: Iterable[T] | AsyncIterable[T],
    func: Callable[[T], Awaitable[R]],
    *,
    limit: int = _LIMIT,
    ordered: bool = False,
    on_error: OnError = "collect",
    progress: Callable[[Progress], object] | None = None,
) -> FanOut[T, R]:
    """Call `func` for every item of `source`, many at once.

    Args:
        source: any iterable or async iterable, of any length, a `Pages` for example. An item is taken when there is a
            slot for it, and at most `2 * limit` are in flight or waiting to be consumed.
        func: gives an awaitable for an item.
        limit: calls in flight at once, 1 or more.
        ordered: deliver in the order of the source. A slow item then holds back those after it.
        on_error: `collect` delivers errors as outcomes; `raise` raises the first one and cancels the rest.
        progress: called after every finished item. What it raises ends the fan-out.

    Returns:
        An async iterator over an `Outcome` per item.

    Raises:
        InvalidArgumentError: an argument cannot be used.
        Exception (while iterating): what `source` raises, after the outcomes of the items before it; with
            `on_error="raise"` also the first error of `func`. A group of one is raised as that one.
    """
    _check(source, func, limit, on_error, progress)
    crew = MapPool(source, func, ordered=ordered, limit=limit, window=2 * limit, on_error=on_error, progress=progress)
    return FanOut(crew)


def fan_out_items(
    source: Iterable[T] | AsyncIterable[T],
    func: Callable[[T], AsyncIterable[R]],
    *,
    limit: int = _LIMIT,
    on_error: OnError = "raise",
    progress: Callable[[Progress], object] | None = None,
) -> FanOutItems[T, R]:
    """Read many lists at once and merge them.

    Args:
        source: as for `fan_out`.
        func: gives a `Pages` or another async iterable for an item.
        limit: lists being read at once, 1 or more.
        on_error: `raise` raises the first error and cancels the rest; `collect` continues with the other lists and
            keeps the failed ones in `.failures`.
        progress: called after every finished list.

    Returns:
        An async iterator over `(item, element)`, as they come. Elements of one item are in order.

    Raises:
        InvalidArgumentError: an argument cannot be used.
        Exception (while iterating): as for `fan_out`.
    """
    _check(source, func, limit, on_error, progress)
    return FanOutItems(FlatMapPool(source, func, limit=limit, window=_ELEMENTS, on_error=on_error, progress=progress))


async def gather_bounded(
    source: Iterable[T] | AsyncIterable[T],
    func: Callable[[T], Awaitable[R]],
    *,
    limit: int = _LIMIT,
    progress: Callable[[Progress], object] | None = None,
) -> list[R]:
    """The results of `func` for every item, as a list in the order of `source`.

    Args:
        source, func, limit, progress: as for `fan_out`.

    Raises:
        InvalidArgumentError: an argument cannot be used.
        Exception: the first error of `func` or `source`; calls in flight are cancelled.
    """
    _check(source, func, limit, "raise", progress)
    fan = FanOut(MapPool(source, func, ordered=True, limit=limit, window=None, on_error="raise", progress=progress))
    try:
        return [outcome.value() async for outcome in fan]
    finally:
        await fan.aclose()


def _check(source: object, func: object, limit: object, on_error: object, progress: object) -> None:
    if not isinstance(source, Iterable | AsyncIterable):
        raise InvalidArgumentError("source", f"must be an iterable or async iterable, not {type(source).__name__}")
    if not callable(func):
        raise InvalidArgumentError("func", f"must be callable, not {type(func).__name__}")
    if progress is not None and not callable(progress):
        raise InvalidArgumentError("progress", f"must be callable, not {type(progress).__name__}")
    if progress is not None and is_async(progress):
        raise InvalidArgumentError("progress", "is async and would never be awaited; use a plain function")
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise InvalidArgumentError("limit", f"must be a whole number, 1 or more, not {limit!r}")
    if on_error not in ("collect", "raise"):
        raise InvalidArgumentError("on_error", f'must be "collect" or "raise", not {on_error!r}')
