"""The limiter as the pipeline sees it: `acquire` a slot, say what was `answered`, `release` it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from math import inf
from random import random as dice
from time import monotonic
from typing import ClassVar
from weakref import WeakValueDictionary

from msgspec.structs import replace

from ..errors import ClientStateError, RateLimitError
from ..operation import RateLimit
from .budget import Budget, PriorityQueue, too_long
from .headers import read_headers, read_pause
from .policy import DEFAULT, Policy, RateLimitStatus, RateLimitWait
from .rate_cap import RateCap
from .route_budgets import RouteBudgets

_WAITS, _OUT, _ANSWERED, _OVER = range(4)


class Slot:
    """The right to send one request. `answered` once when headers are in, `release` in any case."""

    __slots__ = ("_budget", "_limiter", "_probe", "_sent_at", "_state", "_turn", "policy", "route")

    def __init__(
        self,
        limiter: Limiter,
        budget: Budget,
        route: str,
        policy: Policy,
        state: int = _WAITS,
        sent_at: float = 0.0,
        turn: int = 0,
    ) -> None:
        self._limiter = limiter
        self._budget = budget
        self._state = state
        self._sent_at = sent_at
        self._probe = False
        self._turn = turn
        self.route: str = route
        self.policy: Policy = policy

    def go(self, now: float) -> None:
        """Its turn has come."""
        window, limiter = self._budget.window, self._limiter
        self._state = _OUT
        self._sent_at = now
        self._probe = window.sent(now)
        self._turn = window.turn
        limiter.in_flight += 1
        if self.policy.max_rate is not None:
            limiter.bucket(self.policy.max_rate).take()

    def answered(self, status: int, headers: Mapping[str, str]) -> RateLimit | None:
        """The headers of the answer are in.

        Args:
            status: of the response; 429 makes everybody on this budget stop.
            headers: of the response.

        Returns:
            What they said of the budget, `None` if nothing.
        """
        told = read_headers(headers)
        if self._state == _OUT:
            self._state = _ANSWERED
            limiter, budget, sent_at = self._limiter, self._budget, self._sent_at
            if (
                told is not None
                and status != 429
                and not self._probe
                and limiter.scopes.routes.get(self.route) is budget
                and budget.window.ordinary(sent_at, limiter.time(), told)
            ):
                limiter.finished()
            else:
                wait = read_pause(headers) if status == 429 else None
                limiter.learn(budget, self.route, sent_at, self._probe, self._turn, status, told, wait)
        return told

    def release(self, *, sent: bool = True) -> None:
        """Done with it, whatever happened; the second time it does nothing.

        Args:
            sent: False if the request provably never left: then it was not counted.
        """
        if self._state == _OUT:
            window, limiter = self._budget.window, self._limiter
            if sent:
                window.lost(limiter.now(), self._probe)
            else:
                window.unsent(self._probe)
            limiter.finished()
        self._state = _OVER


class QueuedCall(Slot):
    """A slot that somebody waits for."""

    __slots__ = ("asked_at", "deadline", "future", "lane", "order", "terms")

    def __init__(self, limiter: Limiter, budget: Budget, route: str, policy: Policy, order: int) -> None:
        super().__init__(limiter, budget, route, policy)
        self.future: asyncio.Future[None] | None = None
        self.lane: PriorityQueue | None = None
        """Where it was entered last."""
        self.asked_at: float = 0.0
        self.deadline: float = inf
        self.order: int = order
        self.terms: Policy = policy if policy.max_wait is None else replace(policy, max_wait=None)
        """Whoever waits on the same terms waits in the same lane; each has a patience of its own."""

    @property
    def waits(self) -> bool:
        """Whether its turn has not come yet, and somebody still wants it."""
        return self._state == _WAITS and (self.future is None or not self.future.done())

    def go(self, now: float) -> None:
        """Its turn has come: wake who waits for it."""
        super().go(now)
        if self.future is not None:
            self.future.set_result(None)

    def fail(self, error: RateLimitError) -> None:
        """Its turn comes too late."""
        self._state = _OVER
        self._budget.leave(self)
        if self.future is not None:
            self.future.set_exception(error)

    def move(self, budget: Budget) -> None:
        """Wait for another budget from now on."""
        self._budget = budget
        budget.enter(self)

    def expired(self) -> None:
        """Its patience is over."""
        if self.waits:
            expected = self._budget.expected(self._limiter.now(), self.policy)[1]
            self.fail(too_long(expected, self.deadline - self.asked_at))

    def abandoned(self) -> None:
        """Whoever wanted it was cancelled, while waiting or between its turn and running on: give everything back."""
        if self._state == _WAITS:
            self._state = _OVER
            self._budget.leave(self)
        else:
            self.release(sent=False)


class Limiter:
    """All budgets of one credential on one event loop.

    A 429 stops everybody on its budget: for as long as its `Retry-After` says; else until the reset last known if
    that is near or, as far as is known, nothing may be left; else, because it contradicts what the answers said, for a step
    of back-off (1 s, doubling to 60 s, up to half as long again by chance). Then one call goes alone, then all.

    Args:
        random: gives numbers from 0 to 1, for the jitter of back-off.
    """

    def __init__(self, *, random: Callable[[], float] = dice) -> None:
        self._random = random
        self._loop: asyncio.AbstractEventLoop | None = None
        self.time: Callable[[], float] = monotonic
        """The loop's, once it is in use on one."""
        self._reset()

    def _reset(self) -> None:
        self.busy: set[Budget] = set()
        """Budgets that somebody waits for."""
        self.in_flight: int = 0
        self.scopes: RouteBudgets[Budget] = RouteBudgets(self._budget)
        """Which route draws on which budget."""
        self.scopes.free.window.free()
        self._buckets: dict[tuple[float, float], RateCap] = {}
        self._order = 0

    def _budget(self) -> Budget:
        return Budget(self, self._random)

    # -- for callers ------------------------------------------------------------------------------------------------

    def try_acquire(self, route: str, policy: Policy = DEFAULT) -> Slot | None:
        """A slot if one is to be had without waiting, else `None`.

        Args:
            route: whatever names the route: an operation id, or method and path template.
            policy: how this caller wants to draw on the budget.

        Raises:
            ClientStateError: in use on another event loop that still runs.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._bind(loop)
        budget = self.scopes.routes.get(route, self.scopes.common)
        if budget.waiting:
            return None
        now = loop.time()
        plain = not (policy.reserve or policy.max_concurrency or policy.max_rate or policy.pace == "smooth")
        if plain and budget.window.slip(now):
            self.in_flight += 1
            return Slot(self, budget, route, policy, _OUT, now, budget.window.turn)
        if budget.when(now, policy) > now:
            return None
        slot = Slot(self, budget, route, policy)
        slot.go(now)
        return slot

    async def acquire(
        self,
        route: str,
        policy: Policy = DEFAULT,
        *,
        max_wait: float | None = None,
        on_wait: Callable[[RateLimitWait], object] | None = None,
    ) -> Slot:
        """A slot, as soon as it is this caller's turn.

        Args:
            route: whatever names the route: an operation id, or method and path template.
            policy: how this caller wants to draw on the budget.
            max_wait: seconds; the shorter of this and `policy.max_wait` counts.
            on_wait: is told, before waiting begins, why and how long.

        Raises:
            RateLimitError: the wait is, or turns out to be, longer than allowed; `.retry_after` seconds.
            ClientStateError: in use on another event loop that still runs.
        """
        slot = self.try_acquire(route, policy)
        if slot is not None:
            return slot
        loop, budget = self.loop, self.scopes.of(route)
        if policy.max_wait is not None:
            max_wait = policy.max_wait if max_wait is None else min(max_wait, policy.max_wait)
        self._order += 1
        slot = QueuedCall(self, budget, route, policy, self._order)
        budget.enter(slot)
        budget.pump()
        if not slot.waits:
            return slot
        timer = self._consider(slot, max_wait, on_wait) if max_wait is not None or on_wait is not None else None
        slot.future = loop.create_future()
        try:
            await slot.future
        except asyncio.CancelledError:
            slot.abandoned()
            raise
        finally:
            slot.future = None
            if timer is not None:
                timer.cancel()
        return slot

    def _consider(
        self, slot: QueuedCall, max_wait: float | None, on_wait: Callable[[RateLimitWait], object] | None
    ) -> asyncio.TimerHandle | None:
        """Whether waiting is worth it: tell the observer, set the alarm; too long raises at once."""
        budget, now = self.scopes.of(slot.route), self.now()
        try:
            reason, expected = budget.expected(now, slot.policy)
            if max_wait is not None and expected is not None and expected > max_wait:
                raise too_long(expected, max_wait)
            if on_wait is not None:
                on_wait(RateLimitWait(route=slot.route, reason=reason, expected=expected))
        except BaseException:
            slot.abandoned()
            raise
        if max_wait is None:
            return None
        slot.asked_at, slot.deadline = now, now + max_wait
        budget.impatient(slot)
        return self.loop.call_at(slot.deadline, slot.expired)

    @property
    def status(self) -> RateLimitStatus:
        """The common budget as it is known now; `waiting`, `in_flight` and `throttled` count every route."""
        window, budgets = self.scopes.common.window, self.scopes.all()
        known = window.floor is not None
        return RateLimitStatus(
            limit=window.limit,
            remaining=window.available(),
            resets_in=max(0.0, window.end - self.now()) if known else None,
            in_flight=self.in_flight,
            waiting=sum(b.waiting for b in budgets),
            throttled=sum(b.window.throttled for b in budgets),
            others=window.company.count,
            taken_by_others=window.company.foreign,
            paused=max(0.0, max(b.window.pause.until for b in budgets) - self.now()),
        )

    # -- for slots and budgets --------------------------------------------------------------------------------------

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop it is in use on."""
        return self._loop or asyncio.get_running_loop()

    @property
    def stale(self) -> bool:
        """Whether the loop it belonged to is gone."""
        return self._loop is not None and self._loop.is_closed()

    def now(self) -> float:
        """The loop's time."""
        return self.loop.time()

    def under_ceilings(self, now: float, policy: Policy) -> float:
        """`now` if the policy's own ceilings allow a call, else `inf`: a release or the bucket will tell."""
        if policy.max_concurrency is not None and self.in_flight >= policy.max_concurrency:
            return inf
        if policy.max_rate is not None and not self.bucket(policy.max_rate).ready():
            return inf
        return now

    def bucket(self, rate: tuple[float, float]) -> RateCap:
        """The bucket of a ceiling; callers with the same ceiling share it."""
        found = self._buckets.get(rate)
        if found is None:
            found = self._buckets[rate] = RateCap(rate[0], rate[1], self._pump)
        return found

    def learn(
        self,
        budget: Budget,
        route: str,
        sent_at: float,
        probe: bool,
        turn: int,
        status: int,
        told: RateLimit | None,
        wait: float | None = None,
    ) -> None:
        """An answer is in: sort its route, tell its budget, wake who may go now."""
        now = self.time()
        window = budget.window
        if told is not None and (told.exempt or told.limit is not None):
            target = self.scopes.learn(route, told, sent_at, now)
            if target is not budget:
                window.unsent(probe)
                self._rehome()
                if target is None or told.exempt:
                    self.finished()
                    return
                window, probe = target.window, target.window.sent(now)
                turn = window.turn
        if told is not None and told.exempt:
            window.unsent(probe)
        elif status == 429:
            window.refused(sent_at, now, told, probe, wait)
        else:
            window.answered(sent_at, now, told, probe, turn)
        self.finished()

    def finished(self) -> None:
        """A call is over."""
        self.in_flight -= 1
        if self.busy:
            self._pump()

    def _pump(self) -> None:
        for budget in tuple(self.busy):
            budget.pump()

    def _rehome(self) -> None:
        """Routes were sorted anew: let everybody wait for the right budget."""
        for budget in tuple(self.busy):
            for slot in budget.everybody():
                slot.move(self.scopes.of(slot.route))

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None:
            if not self._loop.is_closed():
                raise ClientStateError("the request budget is in use on another event loop; use one client per loop")
            self._reset()
        self._loop = loop
        self.time = loop.time


class Limiters:
    """Limiters shared by name: clients of one token on one loop draw on one budget."""

    _known: ClassVar[WeakValueDictionary[tuple[int, Hashable], Limiter]] = WeakValueDictionary()

    @classmethod
    def shared(cls, key: Hashable) -> Limiter:
        """The limiter of this key on the running loop. It lives as long as somebody holds it.

        Args:
            key: origin and identity of the credential; never the credential itself.
        """
        name = (id(asyncio.get_running_loop()), key)
        found = cls._known.get(name)
        if found is None or found.stale:
            found = cls._known[name] = Limiter()
        return found
