"""The engine below the waiters: one poller per kind of thing asks for all that are waited for.

Every waiter has its own rhythm, slower and slower. When one is due, things that can be listed together are asked for
with one list; the others one by one. A thing that is not there (403, 404) may just not have arrived yet and is waited
for, for a while; errors that pass are waited through until the timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any, Generic, TypeVar

from ..runtime.clock import Clock
from ..runtime.concurrency import gather_bounded
from ..runtime.concurrency.tasks import TaskSet
from ..runtime.errors import ApiClientError, PagingError, RateLimitError
from .since import Demand
from .waitable import FIRST_INTERVAL, PASSING, Key, Waitable, Waiter

T = TypeVar("T")

LONGEST_INTERVAL, _GROWTH = 15.0, 1.5
"""Seconds between two polls of a waiter at most, and how much longer each wait is than the one before."""
_JITTER = 0.2
"""Part of the interval by which polls are moved at random, so that waiters of many processes do not march in step."""
GRACE = 30.0
"""Seconds that a thing may be missing, right after its creation or later."""
_TOGETHER = 0.5
"""Part of its interval by which a waiter is polled early when others are due: shared polls are fewer polls."""
_AT_ONCE = 16
"""Things asked for one by one at the same time."""
_FEW = 32
"""Things of unknown scope from which on one of them is asked first, to find the list that has the others."""
_FRUITLESS = 2
"""Such lists without any of the others, beyond those that had some, after which they are asked for one by one."""


class Poller(Generic[T]):
    """Asks for all things of one kind that are waited for. Runs while there are waiters.

    Args:
        budget: seconds that one request takes of the request budget as it is now; 0 where nothing is known.
        chance: a number from 0 to 1 at random.
        grace: seconds that a thing may be missing.
    """

    def __init__(
        self, kind: Waitable[T], *, clock: Clock, chance: Callable[[], float], budget: Callable[[], float], grace: float
    ) -> None:
        self.kind: Waitable[T] = kind
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
        """The poller has no waiters."""
        return not self._watches

    async def wait(
        self,
        key: Key,
        timeout: float | None,
        on_change: Callable[[str, T], object] | None,
        demand: Demand[T] | None = None,
        before: T | None = None,
    ) -> T | None:
        """Wait until the thing is ready, or gone: then the result is what was seen of it last, if anything.

        Args:
            key: what it is asked for by.
            timeout: seconds, `None` for any time.
            on_change: called with each new state.
            demand: which states count.
            before: the thing as read before, which may tell where it can be listed.

        Raises:
            OperationFailed: it reached a failed state.
            WaitTimeout: `timeout` seconds passed; the last error of a poll is chained.
            ApiClientError: it is missing for longer than the grace, or cannot be asked for.
        """
        watch = Waiter(self.kind, key, self._clock.now(), on_change, demand, before)
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
            # Whatever the error, no caller may wait for a poller that has ended.
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
        asked: dict[Waiter[T], None] = {}
        requests = await self._find_scopes(due, asked)
        due = [watch for watch in due if watch not in asked]
        singles: dict[Key, list[Waiter[T]]] = {}
        for scope, group in self._listable(pending, due).items():
            if (pages := await self._ask_list(scope, group)) is None:
                continue
            requests += pages
            asked.update(dict.fromkeys(group))
            served = {watch for watch in group if not self._unlisted(watch)}
            due = [watch for watch in due if watch not in served]
        for watch in due:
            singles.setdefault(watch.key, []).append(watch)
        asked.update(dict.fromkeys(due))
        await gather_bounded(singles.items(), self._ask_one, limit=_AT_ONCE)
        self._plan(asked, began, requests + len(singles))

    async def _find_scopes(self, due: Sequence[Waiter[T]], asked: dict[Waiter[T], None]) -> int:
        """Where only a thing itself says which list it is in, one of many leads to the list that has the others.

        Adds who was asked for to `asked`; gives the number of requests."""
        requests = fruitful = fruitless = 0
        while self._lists and fruitless <= fruitful + _FRUITLESS:
            lost: dict[Key, list[Waiter[T]]] = {}
            for watch in due:
                if watch.scope is None and watch.listable and watch not in asked and not watch.result.done():
                    lost.setdefault(watch.key, []).append(watch)
            if len(lost) <= _FEW:
                break
            key, probes = next(iter(lost.items()))
            await self._ask_one((key, probes))
            asked.update(dict.fromkeys(probes))
            requests += 1
            scope = probes[0].scope
            if scope is None:
                fruitless += 1
                continue
            others = [watch for watch in due if watch.scope is None and watch not in asked]
            if (pages := await self._ask_list(scope, others, part=True)) is None:
                break
            requests += pages
            found = [watch for watch in others if watch.scope is not None or watch.result.done()]
            asked.update(dict.fromkeys(found))
            fruitful, fruitless = (fruitful + 1, fruitless) if found else (fruitful, fruitless + 1)
        return requests

    def _unlisted(self, watch: Waiter[T]) -> bool:
        """Missing in the list for so long that the thing itself has to say why, now and from now on."""
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
            if watch.settles is not None and now < watch.settles < watch.due:
                watch.due = watch.settles
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

    async def _ask_list(self, scope: str, group: Sequence[Waiter[T]], *, part: bool = False) -> int | None:
        """Find the things of `group` in one list. Gives the number of requests, `None` if lists do not work here.

        `part`: the list need not have all of them."""
        assert self.kind.list is not None
        wanted: dict[str, list[Waiter[T]]] = {}
        for watch in group:
            wanted.setdefault(watch.key[-1], []).append(watch)
        pages = 0
        try:
            async with aclosing(self.kind.list(scope).with_options(ahead=0).pages()) as stream:
                async for page in stream:
                    pages += 1
                    for thing in page.items:
                        for watch in wanted.pop(self.kind.id_of(thing), ()):
                            watch.saw(thing, self._clock.now())
                    if not wanted:
                        break
        except ApiClientError as error:
            cause = error.__cause__ if isinstance(error, PagingError) else error
            if not isinstance(cause, PASSING):
                self._lists = False
                return None
            for watch in () if part else group:
                watch.error = cause
            return pages + 1
        now = self._clock.now()
        for watches in () if part else wanted.values():
            for watch in watches:
                watch.not_listed(now)
        self._list_cost[scope] = pages
        return pages

    async def _ask_one(self, single: tuple[Key, list[Waiter[T]]]) -> None:
        key, watches = single
        try:
            thing = await self.kind.get(key)
        except Exception as error:
            for watch in watches:
                watch.failed_to_ask(error, self._clock.now(), self._grace)
        else:
            for watch in watches:
                watch.saw(thing, self._clock.now())


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)
