"""Who goes when: the queue of one budget, in order of priority and of asking, and the alarm that wakes them.

What the estimate knows comes in as a `Turn`; nothing else of it is read here but for a forecast of waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Protocol, TypeAlias

from ..errors import RateLimitError
from .alarm import Alarm
from .backoff import Backoff
from .ceilings import Ceilings
from .estimate import Estimate
from .policy import Policy
from .turn import Reason, Turn

_FEW = 64
"""Below this many abandoned places a queue is not tidied up."""
_NOTABLE_DELAY = 0.5
"""Seconds by which the next turn must have moved before those with a deadline are looked through again."""

QueueKey: TypeAlias = tuple[Policy, str | None]
"""What those who wait in one line have in common: the policy without the patience, and a route that is being
refused."""


class WaitingCall(Protocol):
    """A call in the queue, as far as the queue has to know."""

    route: str
    policy: Policy
    terms: Policy
    """The policy without the patience: calls that wait on the same terms wait in the same line."""
    order: int
    """Counted up in the order of coming."""
    asked_at: float
    deadline: float
    queue: PriorityQueue | None
    """Where it was entered last."""

    @property
    def waits(self) -> bool:
        """Whether its turn has not come yet, and its caller still wants it."""
        ...

    def go(self, now: float, gap: float) -> None:
        """Its turn has come."""
        ...

    def fail(self, error: RateLimitError) -> None:
        """Its turn comes too late."""
        ...

    def move(self, scheduler: Scheduler) -> None:
        """Wait for another budget from now on."""
        ...


class BudgetOwner(Protocol):
    """Who keeps the budgets of one credential, as far as each of them has to know."""

    busy: set[Scheduler]
    ceilings: Ceilings
    refused_routes: dict[str, Backoff]
    """Routes that are refused while the budget is not."""

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """An alarm on the limiter's clock."""
        ...

    def now(self) -> float:
        """The time on that clock."""
        ...


class PriorityQueue:
    """Those who wait on the same terms, first come first served. Places left stay until passed or tidied."""

    __slots__ = ("alive", "has_deadlines", "key", "line", "looked_until")

    def __init__(self, key: QueueKey) -> None:
        self.key: QueueKey = key
        self.line: deque[WaitingCall] = deque()
        self.alive: int = 0
        self.has_deadlines: bool = False
        self.looked_until: float = -inf

    def head(self) -> WaitingCall | None:
        """The first who still waits."""
        line = self.line
        while line:
            waiter = line[0]
            if waiter.waits:
                return waiter
            line.popleft()
        return None

    def left(self) -> None:
        """One of them gave up."""
        self.alive -= 1
        if len(self.line) > 2 * self.alive + _FEW:
            self.line = deque(waiter for waiter in self.line if waiter.waits)


class Scheduler:
    """The queue of one budget."""

    __slots__ = ("_alarm", "_deadlines", "_most_wanted", "_owner", "_queues", "estimate", "waiting")

    def __init__(self, owner: BudgetOwner, estimate: Estimate) -> None:
        self.estimate: Estimate = estimate
        self.waiting: int = 0
        self._owner = owner
        self._queues: dict[QueueKey, PriorityQueue] = {}
        self._deadlines: list[tuple[float, int, WaitingCall]] = []
        self._alarm: Alarm | None = None
        self._most_wanted = 0
        """Most calls waiting and in flight since a call waits."""

    def next_turn(self, now: float, policy: Policy, route: str | None = None, rest: int | None = None) -> Turn:
        """When a call under this policy may go; `route` if that one is being refused; `rest`: see the estimate."""
        if route is not None:
            pause = self._owner.refused_routes.get(route)
            if pause is not None:
                turn = pause.turn(now)
                if turn.at > now:
                    return turn
        turn = self.estimate.next_turn(now, policy.reserve, policy.pace == "smooth", policy.priority > 0, rest)
        if turn.at <= now and (policy.max_concurrency is not None or policy.max_rate is not None):
            ceiling = self._owner.ceilings.turn(policy)
            if ceiling.at > now:
                return ceiling
        return turn

    def forecast(self, now: float, waiter: WaitingCall) -> tuple[Reason, float | None]:
        """Why a call that is in the queue has to wait, and for how many seconds; `None` where nothing can tell."""
        policy, key = waiter.policy, self._key(waiter)
        turn = self.next_turn(now, policy, key[1])
        wait = turn.at - now
        if wait <= 0:
            return "queue", 0.0
        if not turn.sure or turn.at == inf:
            return turn.reason, None
        if turn.reason == "rate":
            return "rate", None  # Others under the same ceiling may be on other budgets.
        if turn.reason == "refused":
            return "refused", wait
        rank = policy.priority
        ahead = sum(queue.alive for other, queue in self._queues.items() if other[0].priority >= rank) - 1
        if turn.reason == "pace":
            return "pace", wait + ahead * turn.gap
        return "window", wait + (ahead // max(1, self.estimate.limit or 1)) * self.estimate.period

    # -- the queue -----------------------------------------------------------------------------------------------------

    def enter(self, waiter: WaitingCall) -> None:
        """Wait at the end of the line of its terms."""
        key = self._key(waiter)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = PriorityQueue(key)
        waiter.queue = queue
        queue.line.append(waiter)
        queue.alive += 1
        self.waiting += 1
        self._owner.busy.add(self)
        if waiter.deadline != inf:
            self.has_deadline(waiter)

    def leave(self, waiter: WaitingCall) -> None:
        """It waits no longer: cancelled, or too late."""
        queue = waiter.queue
        if queue is None or self._queues.get(queue.key) is not queue:
            return  # Given up in the moment in which all others were entered anew: it was not counted with them.
        self.waiting -= 1
        queue.left()
        if not queue.alive:
            del self._queues[queue.key]
        if not self.waiting:
            self._rest()

    def everybody(self) -> list[WaitingCall]:
        """Take all who wait out of the queue, in the order of their coming, to be entered elsewhere."""
        waiters = sorted((w for queue in self._queues.values() for w in queue.line if w.waits), key=lambda w: w.order)
        self._queues.clear()
        self.waiting = 0
        self._rest()
        return waiters

    def has_deadline(self, waiter: WaitingCall) -> None:
        """This one is failed when its deadline comes, or as soon as that is known to be too early."""
        if waiter.queue is not None:
            waiter.queue.has_deadlines = True
        heappush(self._deadlines, (waiter.deadline, waiter.order, waiter))

    def pump(self) -> None:
        """Release the calls that may go, one wake-up each; then set the alarm for the next."""
        under_way = self.estimate.in_flight
        self._most_wanted = max(self._most_wanted, under_way + self.waiting)
        while self.waiting:
            now = self._owner.now()
            self._expire(now)
            chosen, wake = self._next(now, self._rest_of_job(under_way))
            if chosen is None:
                if self.waiting:
                    self._wake_at(min(wake, self._first_deadline()))
                    return
                break
            waiter, turn = chosen
            queue = waiter.queue
            assert queue is not None
            queue.alive -= 1
            if not queue.alive:
                del self._queues[queue.key]
            self.waiting -= 1
            waiter.go(now, turn.gap)
        self._rest()

    def _rest_of_job(self, under_way: int) -> int | None:
        """How many calls those who ask here still want, if they are about to end; `None` if not.

        Args:
            under_way: calls in flight, each of which may be followed by another; not those let go just now.
        """
        wanted = under_way + self.waiting
        return wanted if wanted <= self._most_wanted - self.estimate.tuning.ebb else None

    def _next(self, now: float, rest: int | None) -> tuple[tuple[WaitingCall, Turn] | None, float]:
        """The one whose turn it is, else the instant to look again."""
        best: tuple[WaitingCall, Turn] | None = None
        rank = (0, 0)
        wake = inf
        for queue in list(self._queues.values()):
            policy, route = queue.key
            turn = self.next_turn(now, policy, route, rest)
            if turn.demanded and turn.at - now > policy.max_retry_wait:
                self._refuse(queue, now, turn)
                continue
            if queue.has_deadlines and turn.sure and queue.looked_until + _NOTABLE_DELAY < turn.at < inf:
                self._give_up(queue, now, turn.at)
            if turn.at > now:
                wake = min(wake, turn.at)
                continue
            head = queue.head()
            if head is not None and (best is None or (-policy.priority, head.order) < rank):
                best, rank = (head, turn), (-policy.priority, head.order)
        return best, wake

    def _refuse(self, queue: PriorityQueue, now: float, turn: Turn) -> None:
        """The server asks for a longer pause than these callers allow."""
        for waiter in [waiter for waiter in queue.line if waiter.waits]:
            waiter.fail(pause_too_long(turn.at - now, queue.key[0].max_retry_wait))

    def _give_up(self, queue: PriorityQueue, now: float, at: float) -> None:
        """Fail those whose patience ends before the next turn comes. Looked at once per half second of delay."""
        queue.looked_until = at
        for waiter in [waiter for waiter in queue.line if waiter.deadline < at and waiter.waits]:
            waiter.fail(wait_too_long(at - now, waiter.deadline - waiter.asked_at))

    def _expire(self, now: float) -> None:
        """Fail those whose patience is over."""
        while self._first_deadline() <= now:
            waiter = heappop(self._deadlines)[2]
            waiter.fail(wait_too_long(self.forecast(now, waiter)[1], waiter.deadline - waiter.asked_at))

    def _first_deadline(self) -> float:
        deadlines = self._deadlines
        while deadlines and not self._is_here(deadlines[0][2]):
            heappop(deadlines)
        return deadlines[0][0] if deadlines else inf

    def _is_here(self, waiter: WaitingCall) -> bool:
        return waiter.waits and waiter.queue is not None and self._queues.get(waiter.queue.key) is waiter.queue

    def _key(self, waiter: WaitingCall) -> QueueKey:
        return waiter.terms, waiter.route if waiter.route in self._owner.refused_routes else None

    def _wake_at(self, at: float) -> None:
        if self._alarm is None:
            self._alarm = self._owner.alarm(self.pump)
        self._alarm.set(at)

    def _rest(self) -> None:
        if self._alarm is not None:
            self._alarm.set(inf)
        self._most_wanted = 0
        self._deadlines.clear()
        self._owner.busy.discard(self)


def wait_too_long(expected: float | None, allowed: float) -> RateLimitError:
    """The error for a wait beyond `max_wait`."""
    seconds = "an unknown time" if expected is None else f"{expected:.1f} s"
    return RateLimitError(
        f"the request budget is used up: waiting would take {seconds}, {allowed:.1f} s are allowed",
        retry_after=expected,
    )


def pause_too_long(asked: float, allowed: float) -> RateLimitError:
    """The error for a pause that the server asks for and `max_retry_wait` does not allow."""
    return RateLimitError(
        f"the server asks to wait {asked:.0f} s before the next call, max_retry_wait allows {allowed:g} s",
        retry_after=asked,
    )
