"""The limiter as transport sees it: `acquire` a slot, say what was `answered`, `release` it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from math import inf
from random import random as chance
from time import monotonic
from typing import ClassVar
from weakref import WeakValueDictionary

import msgspec
from msgspec.structs import replace

from ..budget_headers import X_RATELIMIT, BudgetHeaders
from ..clock import Clock, SystemClock
from ..errors import ClientStateError, RateLimitError
from ..headers import retry_after
from ..operation import RateLimit
from .alarm import Alarm, ClockAlarm, LoopAlarm
from .backoff import Backoff
from .ceilings import Ceilings
from .estimate import Estimate
from .header_values import MOST_SECONDS
from .headers import HeaderReader
from .policy import DEFAULT, Policy, RateLimitStatus, RateLimitWait
from .route_budgets import MOST_ROUTES, RouteBudgets
from .scheduler import PriorityQueue, Scheduler, pause_too_long, wait_too_long
from .tuning import TUNING, Tuning

_WAITS, _SENT, _ANSWERED, _OVER = range(4)


class Slot(msgspec.Struct, eq=False):
    """The right to send one request. `answered` once when headers are in, `release` in any case."""

    limiter: Limiter
    budget: Scheduler
    route: str
    policy: Policy
    state: int = _WAITS
    sent_at: float = 0.0
    number: int = 0
    """Which call on its budget it is."""
    probe: bool = False
    """Whether it goes alone, and all others wait for its answer."""
    route_pause: Backoff | None = None
    """The pause of its route that it probes."""

    def go(self, now: float, gap: float, waited: bool = False) -> None:
        """Its turn has come, after waiting for it or not."""
        limiter, estimate = self.limiter, self.budget.estimate
        self.state = _SENT
        self.sent_at = now
        self.probe = estimate.sent(now, gap, waited)
        self.number = estimate.number
        limiter.in_flight += 1
        limiter.ceilings.enter(self.policy, now)
        pause = limiter.refused_routes.get(self.route)
        if pause is not None and pause.probing:
            pause.probe_at, self.route_pause = now, pause

    def answered(self, status: int, headers: Mapping[str, str]) -> RateLimit | None:
        """The headers of the answer are in.

        Args:
            status: of the response; 429 stops its route or all calls on this budget.
            headers: of the response.

        Returns:
            What they said of the budget, `None` if nothing.
        """
        limiter = self.limiter
        reading = limiter.reader.read(headers)
        if self.state == _SENT:
            self.state = _ANSWERED
            if (
                reading is not None
                and status != 429
                and not self.probe
                and not limiter.refused_routes
                and limiter.routes.known.get(self.route) is self.budget
                and self.budget.estimate.observe_fast(self.sent_at, limiter.now(), reading, self.number)
            ):
                if limiter.busy or self.policy.max_concurrency is not None:
                    limiter.finished(self.policy)
                else:
                    limiter.in_flight -= 1
            else:
                limiter.learn(self, status, reading, retry_after(headers) if status == 429 else None)
        return reading

    def release(self, *, sent: bool = True) -> None:
        """Done with it, whatever happened; the second time it does nothing.

        Args:
            sent: False if the request provably never left: then it was not counted.
        """
        if self.state == _SENT:
            if sent:
                self.budget.estimate.lost(self.limiter.now(), self.probe, self.number)
            else:
                self.budget.estimate.unsent(self.probe, self.number)
            self.end_route_probe()
            self.limiter.finished(self.policy)
        # Not by `end`: every request comes this way, and calls cost.
        self.state = _OVER

    def end(self) -> None:
        """No request comes of it any more."""
        self.state = _OVER

    def end_route_probe(self) -> None:
        """It is known what became of it: another call may probe its route."""
        if self.route_pause is not None:
            self.route_pause.probe_at = None
            self.route_pause = None


class QueuedCall(Slot, eq=False, kw_only=True):
    """A slot that a caller waits for."""

    order: int
    terms: Policy
    """Calls that wait on the same terms wait in the same line; each has a patience of its own."""
    future: asyncio.Future[None] | None = None
    queue: PriorityQueue | None = None
    """Where it was entered last."""
    asked_at: float = 0.0
    deadline: float = inf

    @property
    def waits(self) -> bool:
        """Whether its turn has not come yet, and its caller still wants it."""
        return self.state == _WAITS and (self.future is None or not self.future.done())

    def go(self, now: float, gap: float, waited: bool = False) -> None:
        """Its turn has come: wake who waits for it."""
        Slot.go(self, now, gap, waited or self.future is not None)
        if self.future is not None:
            self.future.set_result(None)

    def fail(self, error: RateLimitError) -> None:
        """Its turn comes too late."""
        self.end()
        self.budget.leave(self)
        if self.future is not None:
            self.future.set_exception(error)

    def move(self, scheduler: Scheduler) -> None:
        """Wait for another budget from now on."""
        self.budget = scheduler
        scheduler.enter(self)

    def settle(self, *, cancelled: bool = False) -> None:
        """The wait is over; `cancelled`: its task was, and has no use for a slot."""
        if cancelled:
            self.abandoned()
        self.future = None

    def abandoned(self) -> None:
        """The waiting task was cancelled, while waiting or between its turn and running on: give everything back."""
        if self.state == _WAITS:
            self.end()
            self.budget.leave(self)
        else:
            self.release(sent=False)


class Limiter:
    """All budgets of one credential on one event loop.

    A 429 that may be the budget's stops all calls on it: for as long as its `Retry-After` says; else until the reset
    last known. One that contradicts all that is known stops its route only, for a step of back-off (1 s, doubling to 60
    s, up to half as long again by chance); if a second route is refused before any call passes, it stops the budget.
    Then one call goes alone, then all.

    Args:
        budget_headers: which headers state the budget; `None`: the API states none.
        clock: governs all waits; the event loop's own time if not given.
        random: gives numbers from 0 to 1, for the jitter of back-off.
        tuning: how careful to be.
    """

    def __init__(
        self,
        *,
        budget_headers: BudgetHeaders | None = X_RATELIMIT,
        clock: Clock | None = None,
        random: Callable[[], float] = chance,
        tuning: Tuning = TUNING,
    ) -> None:
        self.reader: HeaderReader = HeaderReader(budget_headers)
        self.now: Callable[[], float] = monotonic
        """The time on the limiter's clock, once it is in use on a loop."""
        self._clock = None if isinstance(clock, SystemClock) else clock
        self._random = random
        self._tuning = tuning
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reset()

    def _reset(self) -> None:
        self.busy: set[Scheduler] = set()
        """Budgets that calls wait for."""
        self.in_flight: int = 0
        self.ceilings: Ceilings = Ceilings()
        self.routes: RouteBudgets[Scheduler] = RouteBudgets(self._new_budget)
        """Which route draws on which budget."""
        self.routes.free.estimate.lift()
        self.refused_routes: dict[str, Backoff] = {}
        """Routes that are refused while the budget is not."""
        self._blamed: str | None = None
        """The route refused last, if no call has passed since."""
        self._order = 0

    def _new_budget(self) -> Scheduler:
        return Scheduler(self, Estimate(self._random, self._tuning))

    # -- for callers ---------------------------------------------------------------------------------------------------

    def try_acquire(self, route: str, policy: Policy = DEFAULT) -> Slot | None:
        """A slot if there is one without waiting, else `None`.

        Args:
            route: whatever names the route: an operation id, or method and path template.
            policy: how this caller wants to draw on the budget.

        Raises:
            ClientStateError: in use on another event loop that still runs.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._bind(loop)
        budget = self.routes.known.get(route, self.routes.common)
        if budget.waiting or route in self.refused_routes:
            return None
        now, estimate = self.now(), budget.estimate
        plain = not (policy.reserve or policy.max_concurrency or policy.max_rate or policy.pace == "smooth")
        if plain and estimate.try_send_fast(now):
            self.in_flight += 1
            return Slot(self, budget, route, policy, _SENT, now, estimate.number)
        turn = budget.next_turn(now, policy)
        if turn.at > now:
            return None
        slot = Slot(self, budget, route, policy)
        slot.go(now, turn.gap)
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
            on_wait: called before waiting begins, with the reason and the seconds.

        Raises:
            RateLimitError: the wait is, or turns out to be, longer than allowed; `.retry_after` seconds.
            ClientStateError: in use on another event loop that still runs.
        """
        slot = self.queue(route, policy, max_wait=max_wait, on_wait=on_wait)
        if slot.future is not None:
            try:
                await slot.future
            except asyncio.CancelledError:
                slot.settle(cancelled=True)
                raise
            finally:
                slot.settle()
        return slot

    def queue(
        self,
        route: str,
        policy: Policy = DEFAULT,
        *,
        max_wait: float | None = None,
        on_wait: Callable[[RateLimitWait], object] | None = None,
    ) -> QueuedCall:
        """A slot, or a place in the queue for one: `acquire` without a coroutine that would be kept while many calls
        wait.

        Where the slot has a `future`, await that; then `settle` the slot in any case.

        Args and errors: as of `acquire`, but those of a turn that comes too late are raised by the future.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._bind(loop)
        if policy.max_wait is not None:
            max_wait = policy.max_wait if max_wait is None else min(max_wait, policy.max_wait)
        budget = self.routes.of(route)
        self._order += 1
        terms = policy if policy.max_wait is None else replace(policy, max_wait=None)
        slot = QueuedCall(self, budget, route, policy, order=self._order, terms=terms)
        budget.enter(slot)
        budget.pump()
        if slot.state == _OVER:  # The server asked for a longer pause than this caller allows.
            raise pause_too_long(self._longest_pause(slot), policy.max_retry_wait)
        if not slot.waits:
            return slot
        if max_wait is not None or on_wait is not None:
            self._consider(slot, max_wait, on_wait)
        slot.future = loop.create_future()
        if max_wait is not None:
            slot.budget.pump()
        return slot

    def _consider(
        self, slot: QueuedCall, max_wait: float | None, on_wait: Callable[[RateLimitWait], object] | None
    ) -> None:
        """Whether waiting is worth it: tell the observer, set the deadline; too long raises at once."""
        budget, now = slot.budget, self.now()
        try:
            reason, expected = budget.forecast(now, slot)
            if max_wait is not None and expected is not None and expected > max_wait:
                raise wait_too_long(expected, max_wait)
            if on_wait is not None:
                on_wait(RateLimitWait(route=slot.route, reason=reason, expected=expected))
        except BaseException:
            slot.abandoned()
            raise
        if max_wait is not None:
            slot.asked_at, slot.deadline = now, now + max_wait
            budget.has_deadline(slot)

    def _longest_pause(self, slot: Slot) -> float:
        pause = self.refused_routes.get(slot.route)
        until = slot.budget.estimate.pause.until
        return (until if pause is None else max(until, pause.until)) - self.now()

    @property
    def status(self) -> RateLimitStatus:
        """The common budget as it is known now; `waiting`, `in_flight` and `throttled` count every route."""
        estimate, budgets, now = self.routes.common.estimate, self.routes.all(), self.now()
        known = estimate.floor is not None
        pauses = [*(b.estimate.pause.until for b in budgets), *(p.until for p in self.refused_routes.values())]
        return RateLimitStatus(
            limit=estimate.limit,
            remaining=estimate.available(),
            resets_in=max(0.0, estimate.end - now) if known else None,
            in_flight=self.in_flight,
            waiting=sum(b.waiting for b in budgets),
            throttled=sum(b.estimate.throttled for b in budgets),
            others=estimate.others.count,
            taken_by_others=estimate.others.foreign,
            paused=max(0.0, max(pauses) - now),
        )

    # -- for slots and budgets -----------------------------------------------------------------------------------------

    @property
    def stale(self) -> bool:
        """Whether the loop it belonged to is gone."""
        return self._loop is not None and self._loop.is_closed()

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """An alarm on the limiter's clock."""
        loop = self._loop or asyncio.get_running_loop()
        return LoopAlarm(loop, ring) if self._clock is None else ClockAlarm(loop, self._clock, ring)

    def learn(self, slot: Slot, status: int, reading: RateLimit | None, wait: float | None = None) -> None:
        """An answer is in: sort its route, teach its budget, wake who may go now."""
        now, budget = self.now(), slot.budget
        slot.end_route_probe()
        if reading is not None and (reading.exempt or reading.limit is not None):
            target = self.routes.learn(slot.route, reading, slot.sent_at, now)
            if target is not budget:
                budget.estimate.unsent(slot.probe, slot.number)
                self._rehome()
                if target is None or reading.exempt:
                    self.finished(slot.policy)
                    return
                slot.budget = budget = target
                slot.probe, slot.number = target.estimate.sent(now), target.estimate.number
        if status == 429:
            if wait is not None and wait > MOST_SECONDS:
                wait = None  # Sooner a mistake than a wish; one bogus answer must not stop a token for days.
            self._refused(slot, now, reading, wait)
        else:
            self._passed(slot)
            if reading is not None and reading.exempt:
                budget.estimate.unsent(slot.probe, slot.number)
            else:
                budget.estimate.answered(slot.sent_at, now, reading, slot.probe, slot.number)
        self.finished(slot.policy)

    def _refused(self, slot: Slot, now: float, reading: RateLimit | None, wait: float | None) -> None:
        """A 429 is the budget's, or else the route's; but two routes refused with nothing passing between are not."""
        estimate, route = slot.budget.estimate, slot.route
        pause = self.refused_routes.get(route)
        others_refused = self._blamed not in (None, route)
        full = pause is None and len(self.refused_routes) >= MOST_ROUTES
        if others_refused or full or not estimate.contradicts(slot.sent_at, now, reading):
            estimate.refused(slot.sent_at, now, reading, slot.probe, wait, slot.number)
            return
        self._blamed = route
        if pause is None:
            pause = self.refused_routes[route] = Backoff(self._random, self._tuning)
            self._rehome()
        estimate.refused_elsewhere(slot.probe, slot.number)
        known = not pause.begin(slot.sent_at, now)
        if wait:
            pause.demand(now + wait)
        elif not known:
            pause.back_off(now, estimate.end)

    def _passed(self, slot: Slot) -> None:
        """A call was not refused: nor is its route any longer, if it was sent after the refusal."""
        self._blamed = None
        pause = self.refused_routes.get(slot.route)
        if pause is not None:
            pause.passed(slot.sent_at)
            if not pause.probing:
                del self.refused_routes[slot.route]

    def finished(self, policy: Policy) -> None:
        """A call is over."""
        self.in_flight -= 1
        self.ceilings.leave(policy)
        if self.busy:
            for budget in tuple(self.busy):
                budget.pump()

    def _rehome(self) -> None:
        """Routes were reassigned: move all waiters to the right queue."""
        for budget in tuple(self.busy):
            for waiter in budget.everybody():
                waiter.move(self.routes.of(waiter.route))

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None:
            if not self._loop.is_closed():
                raise ClientStateError("the request budget is in use on another event loop; use one client per loop")
            self._reset()
        self._loop = loop
        if self._clock is not None:
            self.now = self._clock.now
        elif type(loop).time is asyncio.BaseEventLoop.time:
            self.now = monotonic  # The same, without a call of Python's.
        else:
            self.now = loop.time


class Limiters:
    """Limiters shared by name: clients of one token on one loop draw on one budget."""

    _known: ClassVar[WeakValueDictionary[tuple[object, ...], Limiter]] = WeakValueDictionary()

    @classmethod
    def shared(
        cls, key: Hashable, *, budget_headers: BudgetHeaders | None = X_RATELIMIT, clock: Clock | None = None
    ) -> Limiter:
        """The limiter of this key on the running loop. It lives as long as it is held.

        Args:
            key: origin and identity of the credential; never the credential itself.
            budget_headers: which headers state the budget; `None`: the API states none.
            clock: governs all waits; the event loop's own time if not given.
        """
        own_clock = None if clock is None or isinstance(clock, SystemClock) else clock
        name = (id(asyncio.get_running_loop()), key, budget_headers, id(own_clock))
        found = cls._known.get(name)
        if found is None or found.stale:
            found = cls._known[name] = Limiter(budget_headers=budget_headers, clock=own_clock)
        return found
