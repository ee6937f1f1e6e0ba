"""The engine below the waiters: one poller per kind of thing asks for all that are waited for.

Every watch has its own rhythm, slower and slower. When one is due, things that can be listed together are asked for with
one list; the others one by one. A thing that is not there (403, 404) may just not have arrived yet and is waited for,
for a while; errors that pass are waited through until the timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, Generic, TypeVar

from ..errors import (
    ConsistencyError,
    MittwaldError,
    NotFoundError,
    OperationFailed,
    PagingError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
    WaitTimeout,
)
from ..runtime.clock import Clock
from ..runtime.concurrency import gather_bounded
from ..runtime.concurrency.tasks import TaskSet
from ..runtime.paging import Pages

T = TypeVar("T")

Key = tuple[str, ...]
"""What a thing is asked for by; the last part is its id."""

FIRST_INTERVAL, LONGEST_INTERVAL, _GROWTH = 1.0, 15.0, 1.5
"""Seconds from the first poll of a watch to its second, at most between two, and how much longer each wait is."""
_JITTER = 0.2
"""Part of the interval by which polls are moved at random, so that waiters of many processes do not march in step."""
GRACE = 30.0
"""Seconds that a thing may be missing, right after its creation or later."""
_TOGETHER = 0.5
"""Part of its interval by which a watch is polled early when others are due: shared polls are fewer polls."""
_AT_ONCE = 16
"""Things asked for one by one at the same time."""

_PASSING = (TransportError, ServerError, RateLimitError, ConsistencyError)


class Waitable(Generic[T]):
    """A kind of thing that can be waited for.

    Args:
        name: for messages.
        get: asks for one.
        state: what is shown as its state.
        done, failed: what ends the wait.
        id: its own id, as in the last part of a key. Needed for `list`.
        list: all things of one scope; the scope is `""` where one list has them all.
        scope: the scope of a key as far as it can be told without, or else with, the thing itself.
    """

    def __init__(
        self,
        name: str,
        get: Callable[[Key], Awaitable[T]],
        *,
        state: Callable[[T], str],
        done: Callable[[T], bool],
        failed: Callable[[T], bool],
        id: Callable[[T], str] | None = None,
        list: Callable[[str], Pages[Any]] | None = None,
        scope: Callable[[T | None], str | None] = lambda thing: "",
    ) -> None:
        self.name: str = name
        self.get: Callable[[Key], Awaitable[T]] = get
        self.state: Callable[[T], str] = state
        self.done: Callable[[T], bool] = done
        self.failed: Callable[[T], bool] = failed
        self.id: Callable[[T], str] | None = id
        self.list: Callable[[str], Pages[Any]] | None = list
        self.scope: Callable[[T | None], str | None] = scope


class Waiter(Generic[T]):
    """One waiter: what for, what it saw, and when it looks again."""

    def __init__(self, kind: Waitable[T], key: Key, now: float, on_change: Callable[[str, T], object] | None) -> None:
        self.kind: Waitable[T] = kind
        self.key: Key = key
        self.scope: str | None = kind.scope(None) if kind.list is not None else None
        self.listable: bool = True
        self.due: float = now
        self.interval: float = FIRST_INTERVAL
        self.last: T | None = None
        self.error: MittwaldError | None = None
        self.result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._state: str | None = None
        self._missing_since: float | None = now
        self._on_change = on_change

    def __str__(self) -> str:
        return f"{self.kind.name} {'/'.join(self.key)}".strip()

    def saw(self, thing: T) -> None:
        """The thing came; end the wait if that is what was waited for."""
        if self.result.done():
            return
        kind = self.kind
        try:
            self.last, self.error, self._missing_since = thing, None, None
            if kind.list is not None:
                self.scope = kind.scope(thing)
            state = kind.state(thing)
            if state != self._state:
                self._state = state
                if self._on_change is not None:
                    self._on_change(state, thing)
            if kind.failed(thing):
                raise OperationFailed(f"{self} failed: its state is {state!r}", state=state, last=thing)
            if kind.done(thing):
                self.result.set_result(thing)
        except Exception as error:
            self.fail(error)

    def missed(self, now: float, grace: float, error: MittwaldError) -> None:
        """The thing is not there, or not for us; end the wait if that lasts."""
        self.error = error
        if self.long_missing(now, grace):
            self.fail(error)
        elif self._missing_since is None:
            self._missing_since = now

    def long_missing(self, now: float, grace: float) -> bool:
        return self._missing_since is not None and now - self._missing_since >= grace

    def not_listed(self, now: float) -> None:
        """A list came without the thing."""
        if self._missing_since is None:
            self._missing_since = now

    def fail(self, error: BaseException) -> None:
        if not self.result.done():
            self.result.set_exception(error)

    def forget(self) -> None:
        """Nobody waits for the result any more, whatever it is."""
        if not self.result.cancel() and not self.result.cancelled():
            self.result.exception()

    def failed_to_ask(self, error: Exception, now: float, grace: float) -> None:
        """What an error of a poll means for this watch."""
        if isinstance(error, NotFoundError | PermissionDeniedError):
            self.missed(now, grace, error)
        elif isinstance(error, _PASSING):
            self.error = error
        else:
            self.fail(error)

    def timed_out(self, seconds: float) -> WaitTimeout:
        seen = "it was never seen" if self._state is None else f"its last state is {self._state!r}"
        return WaitTimeout(f"{self} did not get ready within {seconds:g} s: {seen}", last=self.last)


class Poller(Generic[T]):
    """Asks for all things of one kind that are waited for. Runs while somebody waits.

    Args:
        budget: seconds that one request takes of the request budget as it is now; 0 where nothing is known.
        chance: a number from 0 to 1 at random.
        grace: seconds that a thing may be missing.
    """

    def __init__(
        self, kind: Waitable[T], *, clock: Clock, chance: Callable[[], float], budget: Callable[[], float], grace: float
    ) -> None:
        self._kind = kind
        self._clock = clock
        self._chance = chance
        self._budget = budget
        self._grace = grace
        self._watches: dict[Waiter[T], None] = {}
        self._brood = TaskSet()
        self._running: asyncio.Task[None] | None = None
        self._sleeping: asyncio.Task[None] | None = None
        self._not_before = float("-inf")
        self._list_cost: dict[str, int] = {}
        self._lists = kind.list is not None

    @property
    def idle(self) -> bool:
        """Nobody waits."""
        return not self._watches

    async def wait(self, key: Key, timeout: float | None, on_change: Callable[[str, T], object] | None) -> T:
        """Wait until the thing is ready.

        Raises:
            OperationFailed: it reached a failed state.
            WaitTimeout: `timeout` seconds passed; the last error of a poll is chained.
            MittwaldError: it is missing for longer than the grace, or cannot be asked for.
        """
        watch = Waiter(self._kind, key, self._clock.now(), on_change)
        self._join(watch)
        timers = TaskSet()
        try:
            waited: set[asyncio.Future[Any]] = {watch.result}
            if timeout is not None:
                waited.add(timers.start(_sleep(self._clock, timeout)))
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not watch.result.done():
                raise watch.timed_out(timeout or 0.0) from watch.error
            return watch.result.result()
        finally:
            watch.forget()
            del self._watches[watch]
            await timers.close()
            if not self._watches:
                self._running = None
                await self._brood.close()

    def _join(self, watch: Waiter[T]) -> None:
        self._watches[watch] = None
        if self._running is None or self._running.done():
            self._running = self._brood.start(self._run())
        elif self._sleeping is not None:
            self._sleeping.cancel()

    async def _run(self) -> None:
        try:
            while pending := self._pending():
                now = self._clock.now()
                due = max(min(watch.due for watch in pending), self._not_before)
                if due > now:
                    # A joining watch cancels this sleep, not the poller.
                    self._sleeping = self._brood.start(_sleep(self._clock, due - now))
                    await asyncio.wait((self._sleeping,))
                    self._sleeping = None
                else:
                    await self._round(pending, now)
        except BaseException as error:
            # Whatever it is, nobody may go on waiting for a poller that has gone.
            for watch in self._pending():
                watch.fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            if self._running is asyncio.current_task():
                self._running = None

    def _pending(self) -> list[Waiter[T]]:
        return [watch for watch in self._watches if not watch.result.done()]

    async def _round(self, pending: Sequence[Waiter[T]], began: float) -> None:
        """Ask for everything that is due, as cheaply as it goes, and say when to ask again."""
        due = [watch for watch in pending if watch.due - _TOGETHER * watch.interval <= began]
        asked: dict[Waiter[T], None] = dict.fromkeys(due)
        singles: dict[Key, list[Waiter[T]]] = {}
        requests = 0
        for scope, group in self._listable(pending, due).items():
            if (pages := await self._ask_list(scope, group)) is None:
                continue
            requests += pages
            asked.update(dict.fromkeys(group))
            served = {watch for watch in group if not self._unlisted(watch)}
            due = [watch for watch in due if watch not in served]
        for watch in due:
            singles.setdefault(watch.key, []).append(watch)
        await gather_bounded(singles.items(), self._ask_one, limit=_AT_ONCE)
        self._plan(asked, began, requests + len(singles))

    def _unlisted(self, watch: Waiter[T]) -> bool:
        """Not in the list for so long that the thing itself has to say why, now and from now on."""
        if watch.result.done() or not watch.long_missing(self._clock.now(), self._grace):
            return False
        watch.listable = False
        return True

    def _plan(self, asked: dict[Waiter[T], None], began: float, requests: int) -> None:
        """Slower from poll to poll, and never faster than the polls themselves or the budget allow."""
        now = self._clock.now()
        least = max(now - began, requests * self._budget())
        self._not_before = began + max(FIRST_INTERVAL, least)
        for watch in asked:
            wait = watch.interval * (1 - _JITTER + 2 * _JITTER * self._chance())
            if isinstance(watch.error, RateLimitError) and watch.error.retry_after is not None:
                wait = max(wait, watch.error.retry_after)
            watch.due = now + wait
            watch.interval = min(LONGEST_INTERVAL, watch.interval * _GROWTH)

    def _listable(self, pending: Sequence[Waiter[T]], due: Sequence[Waiter[T]]) -> dict[str, list[Waiter[T]]]:
        """Things of one scope for which a list is cheaper than asking one by one. Who is not due profits as well."""
        groups: dict[str, list[Waiter[T]]] = {}
        if self._lists:
            for watch in pending:
                if watch.scope is not None and watch.listable:
                    groups.setdefault(watch.scope, []).append(watch)
        dues = set(due)
        return {
            scope: group
            for scope, group in groups.items()
            if len({watch.key for watch in group if watch in dues}) > self._list_cost.get(scope, 1)
        }

    async def _ask_list(self, scope: str, group: Sequence[Waiter[T]]) -> int | None:
        """Find the things of `group` in one list. Gives the number of requests, `None` if lists do not work here."""
        assert self._kind.list is not None
        assert self._kind.id is not None
        wanted: dict[str, list[Waiter[T]]] = {}
        for watch in group:
            wanted.setdefault(watch.key[-1], []).append(watch)
        pages = 0
        try:
            async with aclosing(self._kind.list(scope).with_options(ahead=0).pages()) as stream:
                async for page in stream:
                    pages += 1
                    for thing in page.items:
                        for watch in wanted.pop(self._kind.id(thing), ()):
                            watch.saw(thing)
                    if not wanted:
                        break
        except MittwaldError as error:
            cause = error.__cause__ if isinstance(error, PagingError) else error
            if not isinstance(cause, _PASSING):
                self._lists = False
                return None
            for watch in group:
                watch.error = cause
            return pages + 1
        now = self._clock.now()
        for watches in wanted.values():
            for watch in watches:
                watch.not_listed(now)
        self._list_cost[scope] = pages
        return pages

    async def _ask_one(self, single: tuple[Key, list[Waiter[T]]]) -> None:
        key, watches = single
        try:
            thing = await self._kind.get(key)
        except Exception as error:
            for watch in watches:
                watch.failed_to_ask(error, self._clock.now(), self._grace)
        else:
            for watch in watches:
                watch.saw(thing)


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)
