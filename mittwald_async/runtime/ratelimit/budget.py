"""One budget on the event loop: who waits for it, in which order, and the timer that wakes them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Literal, Protocol

from ..errors import RateLimitError
from .policy import Policy
from .window import Window

_FEW = 64
"""Below this many abandoned places a lane is not tidied up."""

_GLANCE = 0.5
"""Seconds by which the next turn must have moved before the impatient are looked through again."""

Reason = Literal["opening", "window", "refused", "pace", "rate", "concurrency", "queue"]


class Waiting(Protocol):
    """Somebody in the queue, as far as the queue has to know."""

    route: str
    policy: Policy
    terms: Policy
    """The policy without the patience: whoever waits on the same terms waits in the same lane."""
    order: int
    """Counted up in the order of coming."""
    asked_at: float
    deadline: float
    lane: PriorityQueue | None
    """Where it was entered last."""

    @property
    def waits(self) -> bool:
        """Whether its turn has not come yet, and somebody still wants it."""
        ...

    def go(self, now: float) -> None:
        """Its turn has come."""
        ...

    def fail(self, error: RateLimitError) -> None:
        """Its turn comes too late."""
        ...

    def move(self, budget: Budget) -> None:
        """Wait for another budget from now on."""
        ...


class BudgetOwner(Protocol):
    """Who keeps the budgets of one credential, as far as each of them has to know."""

    busy: set[Budget]
    in_flight: int

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop all of them are in use on."""
        ...

    def now(self) -> float:
        """The loop's time."""
        ...

    def under_ceilings(self, now: float, policy: Policy) -> float:
        """`now` if the policy's own ceilings allow a call, else `inf`."""
        ...


class PriorityQueue:
    """Those who wait on the same terms, first come first served. Places given up stay until passed or tidied."""

    __slots__ = ("alive", "impatient", "looked_until", "policy", "queue")

    def __init__(self, policy: Policy) -> None:
        self.policy: Policy = policy
        self.queue: deque[Waiting] = deque()
        self.alive: int = 0
        self.impatient: bool = False
        self.looked_until: float = -inf

    def head(self) -> Waiting | None:
        """The first who still waits."""
        queue = self.queue
        while queue:
            slot = queue[0]
            if slot.waits:
                return slot
            queue.popleft()
        return None

    def left(self) -> None:
        """One of them gave up."""
        self.alive -= 1
        if len(self.queue) > 2 * self.alive + _FEW:
            self.queue = deque(slot for slot in self.queue if slot.waits)


class Budget:
    """A window and its queue."""

    __slots__ = ("_keeper", "_lanes", "_timer", "_timer_at", "waiting", "window")

    def __init__(self, keeper: BudgetOwner, random: Callable[[], float]) -> None:
        self.window: Window = Window(random)
        self.waiting: int = 0
        self._keeper = keeper
        self._lanes: dict[Policy, PriorityQueue] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    def when(self, now: float, policy: Policy) -> float:
        """The instant from which a call under this policy may go; `inf`: an answer or a ceiling will tell."""
        at = self.window.when(now, policy.reserve, policy.pace == "smooth")
        if at <= now and (policy.max_concurrency is not None or policy.max_rate is not None):
            return self._keeper.under_ceilings(now, policy)
        return at

    def expected(self, now: float, policy: Policy) -> tuple[Reason, float | None]:
        """Why a call that is in the queue has to wait, and for how many seconds; `None` where nobody can tell."""
        window, at = self.window, self.when(now, policy)
        if at == inf and policy.max_concurrency is not None and self._keeper.in_flight >= policy.max_concurrency:
            return "concurrency", None
        if at <= now:
            return "queue", 0.0
        if now < window.pause.until:
            return "refused", at - now
        if window.guess:
            return "opening", None
        if at == inf:
            return "rate", None
        ahead = sum(lane.alive for other, lane in self._lanes.items() if other.priority >= policy.priority) - 1
        if window.gap and at < window.end:
            return "pace", at - now + ahead * window.gap
        return "window", at - now + (ahead // max(1, window.limit or 1)) * window.period

    # -- the queue --------------------------------------------------------------------------------------------------

    def enter(self, slot: Waiting) -> None:
        """Wait at the end of the lane of its terms."""
        lane = self._lanes.get(slot.terms)
        if lane is None:
            lane = self._lanes[slot.terms] = PriorityQueue(slot.terms)
        slot.lane = lane
        lane.queue.append(slot)
        lane.alive += 1
        self.waiting += 1
        self._keeper.busy.add(self)

    def leave(self, slot: Waiting) -> None:
        """It waits no longer: cancelled, or too late."""
        lane = self._lanes.get(slot.terms)
        if lane is None or lane is not slot.lane:
            return  # Given up in the moment in which all others were entered anew: it was not counted with them.
        self.waiting -= 1
        lane.left()
        if not lane.alive:
            del self._lanes[slot.terms]
        if not self.waiting:
            self._rest()

    def everybody(self) -> list[Waiting]:
        """Take all who wait out of the queue, in the order of their coming, to be entered elsewhere."""
        slots = sorted((s for lane in self._lanes.values() for s in lane.queue if s.waits), key=lambda s: s.order)
        self._lanes.clear()
        self.waiting = 0
        self._rest()
        return slots

    def pump(self) -> None:
        """Let go whoever may go, one wake-up per slot; then set the timer for the next."""
        while self.waiting:
            now = self._keeper.now()
            slot, wake = self._next(now)
            if slot is None:
                self._wake_at(wake)
                return
            lane = self._lanes[slot.terms]
            lane.queue.popleft()
            lane.alive -= 1
            if not lane.alive:
                del self._lanes[slot.terms]
            self.waiting -= 1
            slot.go(now)
        self._rest()

    def _next(self, now: float) -> tuple[Waiting | None, float]:
        """The one whose turn it is, else the instant to look again."""
        best: Waiting | None = None
        rank = (0, 0)
        wake = inf
        for lane in list(self._lanes.values()):
            at = self.when(now, lane.policy)
            if lane.impatient and at > lane.looked_until + _GLANCE and at != inf and not self.window.guess:
                self._give_up(lane, now, at)
            wake = min(wake, at)
            head = lane.head()
            if at <= now and head is not None and (best is None or (-lane.policy.priority, head.order) < rank):
                best, rank = head, (-lane.policy.priority, head.order)
        return best, wake

    def impatient(self, slot: Waiting) -> None:
        """This one has a deadline; it is told as soon as it is known to be too early."""
        self._lanes[slot.terms].impatient = True

    def _give_up(self, lane: PriorityQueue, now: float, at: float) -> None:
        """Fail those whose patience ends before anybody's turn comes. Looked at once per half second of delay."""
        lane.looked_until = at
        for slot in [slot for slot in lane.queue if slot.deadline < at and slot.waits]:
            slot.fail(too_long(at - now, slot.deadline - slot.asked_at))

    def _wake_at(self, at: float) -> None:
        if at == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = at
        if at != inf:
            self._timer = self._keeper.loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer, self._timer_at = None, inf
        self.pump()

    def _rest(self) -> None:
        self._wake_at(inf)
        self._keeper.busy.discard(self)


def too_long(expected: float | None, allowed: float) -> RateLimitError:
    """The error for a wait beyond `max_wait`."""
    seconds = "an unknown time" if expected is None else f"{expected:.1f} s"
    return RateLimitError(
        f"the request budget is used up: waiting would take {seconds}, {allowed:.1f} s are allowed",
        retry_after=expected,
    )
