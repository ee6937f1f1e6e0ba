"""What is known of one budget, and when the next call may go. Pure: every method is told the time, nothing waits.

The server's window is the truth; this is the picture of it that arrives late, out of order, in whole seconds, and that
other processes change behind our back. Two facts carry everything:

- within a window `remaining` only falls, so the lowest value seen is an upper bound, and calls still under way may each
  have taken one more;
- an answer to a call sent after another answer was seen is younger than that one. Only such an answer can show that
  a new window began.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from random import random as dice

from ..operation import RateLimit
from .backoff import Backoff
from .consumption import QUIET
from .contention import PROOF, Contention
from .reset_skew import ROUNDING, ResetSkew, counted_on

PATIENCE = 5.0
"""Seconds a call that everybody waits for may take before another one is tried beside it."""

_SLACK = 0.05
"""Seconds by which two instants may differ through scheduling alone."""
_SOON, _PLENTY = 0.25, 64
"""Seconds between these answers at most, if more than so many calls remain."""
_CAUTION, _GROWTH = 16, 4
"""A newcomer has a sixteenth of what remains under way, and one call more for every fourth answer without a trace of
others, so that many newcomers together do no harm."""
_DOOR, _LEAST_DOOR, _MOST_DOOR = 0.02, 2, 8
"""Part of the limit (and fewest, most calls) that a lone client spreads over what is left of its window, so that a
newcomer can get in and is noticed."""
_DOOR_OPEN, _DOOR_LENGTH = 0.05, 0.9
"""The part of a window at its end in which the last of them goes, and the part over which they are spread."""
_EVEN, _HURRY = 2.0, 0.2
"""In company calls are this much further apart than what is left would allow for one client, but for the last part of
the window: so what remains lasts, and shows everybody when the window ends."""
_LITTLE, _STALE = 0.05, 1.0
"""Part of the limit that others may have taken unseen, so that a refusal means that nothing is left; and the seconds
after which that is so even for somebody who was alone."""
_EARLY = 0.02
"""Part of a window that has to pass before what others took of it tells how much they will take."""
_HEADERLESS = 3
"""Opening calls answered without headers before the budget is taken for gone."""


class Window:
    """The picture of one budget. Calls go through `sent`, then exactly one of `answered`, `refused`, `lost`, `unsent`."""

    __slots__ = (
        "_blind",
        "_door",
        "_due",
        "_floor_at",
        "_gap",
        "_headerless",
        "_honest_end",
        "_opened_by",
        "_ours",
        "_probe_at",
        "_regular",
        "_steady",
        "_told_end",
        "_uncertain",
        "_uncertain_at",
        "company",
        "edge",
        "floor",
        "guess",
        "in_flight",
        "limit",
        "own",
        "pause",
        "period",
        "throttled",
        "turn",
    )

    def __init__(self, random: Callable[[], float] = dice) -> None:
        self.limit: int | None = None
        self.floor: int | None = None
        """The lowest `remaining` seen in this window."""
        self.in_flight: int = 0
        self.own: int = 0
        """Our calls known to be over in this window."""
        self.guess: bool = False
        """Whether what `when` said last is no more than a guess: the next answer tells, most likely much sooner."""
        self.turn: int = 0
        """Calls sent so far: the number of the latest one."""
        self.throttled: int = 0
        self.period: float = 0.0
        """The longest time left that was ever told: about the length of a window."""
        self.edge: ResetSkew = ResetSkew()
        self.company: Contention = Contention()
        self.pause: Backoff = Backoff(random)
        self._told_end = inf
        self._honest_end = inf
        self._regular = True
        self._floor_at = 0.0
        self._opened_by = -inf
        self._ours = 0
        self._door = _LEAST_DOOR
        self._uncertain = 0
        self._uncertain_at = 0.0
        self._blind = False
        self._headerless = 0
        self._probe_at: float | None = None
        self._due = -inf
        self._gap = 0.0
        self._steady = False

    def free(self) -> None:
        """No budget is in force here: everything may go until an answer says otherwise."""
        self._blind = True

    # -- when ------------------------------------------------------------------------------------------------------

    @property
    def end(self) -> float:
        """When the window ends, as far as is known."""
        return self._told_end + self.edge.offset

    @property
    def gap(self) -> float:
        """Seconds between two calls while they are paced, else 0."""
        return self._gap

    def available(self, reserve: float = 0.0) -> int | None:
        """Calls that may still go in this window; `None` where nothing is known."""
        if self.floor is None:
            return None
        kept = int(reserve * (self.limit or 0))
        return max(0, self.floor - self.in_flight - self._uncertain - kept)

    def opening(self, now: float) -> bool:
        """Whether one call has to go alone now: nothing is known, the window is over, or a pause just ended."""
        return self.pause.probing or (not self._blind if self.floor is None else now >= self.end)

    def when(self, now: float, reserve: float = 0.0, smooth: bool = False) -> float:
        """The instant from which one more call may go: not after `now` if at once. `guess` is set where that is only the
        end of our patience with a call under way.

        Args:
            reserve: share of the limit, 0 to 1, that stays untouched.
            smooth: spread what is left over the time left.
        """
        pause, company, floor = self.pause, self.company, self.floor
        self.guess = False
        if now < pause.until:
            return pause.until
        if floor is None:
            return now if self._blind and not pause.probing else self._after_probe(now)
        end = self._told_end + self.edge.offset
        if now >= end or pause.probing:
            return self._after_probe(now)
        spare = floor - self.in_flight - self._uncertain
        if reserve:
            spare -= int(reserve * (self.limit or 0))
        if spare < 1:
            return end
        if company.count or smooth:
            return self._paced(now, end, spare)
        self._gap = 0.0
        door = self._door if not company.foreign else max(self._door, self._for_few(now))
        if spare <= door and now < (shut := end - self._ajar(spare, door)):
            return shut
        if company.proof < PROOF and self.in_flight >= max(1, floor // _CAUTION) + company.proof // _GROWTH:
            self.guess = True
            return max(now, min(self._due + PATIENCE, end))
        return now

    def _after_probe(self, now: float) -> float:
        """One call goes alone; while it is under way the others wait for its answer."""
        if self._probe_at is None:
            return now
        self.guess = True
        return self._probe_at + PATIENCE

    def _paced(self, now: float, end: float, spare: int) -> float:
        company = self.company
        if company.count:
            spare -= company.tail + int(company.weight * self.in_flight)
        if spare < 1:
            return end
        left = end - now
        self._gap = (_EVEN if company.weight >= QUIET and left > _HURRY * self.period else 1.0) * left / spare
        if company.suspect and spare > _PLENTY:
            self._gap = min(self._gap, _SOON)
        return min(self._due + self._gap, end)

    @property
    def _untold(self) -> bool:
        """Whether windows are so short that the reset in whole seconds does not show when the next one begins."""
        return self.company.count > 0 and self.period <= 2 * ROUNDING

    def _ajar(self, spare: int, door: float) -> float:
        """How long before the end a lone client takes one of the last so many calls, if it spreads so many."""
        return (_DOOR_OPEN + _DOOR_LENGTH * (spare - 1) / door) * self.period

    def _for_few(self, now: float) -> float:
        """What others of no great demand will have taken of the whole window if they go on like that."""
        return self.company.foreign * self.period / max(now - self._opened_by, _EARLY * self.period)

    # -- what happens to a call -------------------------------------------------------------------------------------

    def slip(self, now: float) -> bool:
        """Count one more call in if nothing at all stands in its way: `when` and `sent` for the ordinary case, in a
        window that is known, wide and ours alone. False: nothing was counted, ask them."""
        if (
            not self._steady
            or self.floor is None
            or self.floor - self.in_flight <= self._door
            or now >= self._told_end + self.edge.offset
        ):
            return False
        self.in_flight += 1
        self.turn += 1
        self._gap, self._due = 0.0, now
        return True

    def sent(self, now: float) -> bool:
        """A call goes out. True: it goes alone, everybody waits for what it brings."""
        self.in_flight += 1
        self.turn += 1
        due = self._due + self._gap
        self._due = due if now - due < self._gap else now
        end = self._told_end + self.edge.offset
        if self.pause.probing or (not self._blind if self.floor is None else now >= end):
            self._probe_at = now
            return True
        return False

    def unsent(self, probe: bool) -> None:
        """It never left: as if it had not been asked for."""
        self._over(probe)

    def lost(self, now: float, probe: bool) -> None:
        """No answer came; the server may or may not have counted it."""
        self._steady = False
        self._over(probe)
        self._uncertain += 1
        self._uncertain_at = now

    def ordinary(self, sent_at: float, now: float, told: RateLimit) -> bool:
        """Take in an answer that only says that a window ours alone goes on as expected: what `answered` comes to
        then, without its questions. False: it says more, and nothing was taken in; tell `answered`."""
        floor, told_end, remaining, reset = self.floor, self._told_end, told.remaining, told.reset
        if (
            not self._steady
            or floor is None
            or remaining is None
            or not reset
            or told.limit is None
            or told.limit != self.limit
            or (remaining > floor and sent_at >= self._floor_at)
            or self._ours - remaining > self.own + self.in_flight
            or not self._opened_by <= sent_at <= told_end
            or sent_at + reset > told_end + ROUNDING + _SLACK
        ):
            return False
        self.in_flight -= 1
        self.own += 1
        if remaining < floor or sent_at >= self._floor_at:
            self.floor, self._floor_at = remaining, now
        if now + reset < self._honest_end:
            self._honest_end = now + reset
            self._told_end = min(told_end, self._honest_end)
        return True

    def answered(
        self, sent_at: float, now: float, told: RateLimit | None, probe: bool, turn: int | None = None
    ) -> None:
        """An answer other than a 429 is in; `turn`: the number it was sent under."""
        self._take_in(sent_at, now, told, probe, turn)
        self._see_whether_steady()

    def _take_in(self, sent_at: float, now: float, told: RateLimit | None, probe: bool, turn: int | None) -> None:
        self._over(probe)
        self.pause.passed(sent_at)
        if told is None or told.remaining is None or told.reset is None:
            self._headers_missing(now, probe)
            return
        remaining, reset = told.remaining, told.reset
        self._headerless = 0
        if self.floor is None:
            self._begin(now, told.limit, remaining, reset, sent_at=sent_at, first=True)
        elif sent_at + reset > self._told_end + ROUNDING + _SLACK:
            self._begin(now, told.limit, remaining, reset, sent_at=sent_at)
        elif sent_at < self._opened_by:  # Probably of the window before; whether this one counted it, nobody knows.
            self._uncertain += 1
            self._uncertain_at = now
            return
        else:
            self._same_or_risen(sent_at, now, told.limit, remaining, reset)
        if sent_at >= self._uncertain_at:
            self.own += self._uncertain
            self._uncertain = 0
        self._look_around(remaining, now, turn)

    def refused(
        self, sent_at: float, now: float, told: RateLimit | None, probe: bool, wait: float | None = None
    ) -> None:
        """A 429 is in: everybody stops.

        For as long as the server says (`wait` seconds, or a reset beside nothing remaining); if it says nothing, until
        the reset last known, where by what we know nothing may be left, or where that is near. Otherwise the refusal
        contradicts what we know: some gateway's, or a limit that nobody tells of. To wait for the reset would then cost
        up to ten minutes each time, so everybody stops for a step of exponential back-off and one call probes. Where that
        was wrong and the window is empty, it costs thirteen more refusals in ten minutes and nothing else.
        """
        self._steady = False
        self._over(probe)
        self.throttled += 1
        pause = self.pause
        known = not pause.begin(sent_at, now)
        if wait:
            pause.until = max(pause.until, now + wait)
        if known or wait:
            return
        if told is not None and told.reset and not told.remaining:
            self._told_end = self._honest_end = now + told.reset
            self.limit = told.limit or self.limit
            self.floor, self._floor_at = 0, now
        elif self._told_end < self._honest_end and sent_at >= self._told_end:
            self._told_end, self._regular = self._honest_end, False
        if self.floor is None:
            pause.back_off(now, inf)
            return
        after = sent_at - self._told_end
        if 0 <= after < ROUNDING:
            self.edge.too_early(after, min(ROUNDING, self.period / 2) if self.company.count else ROUNDING)
        elif after < 0 and self._could_be_empty(now):
            self.floor, self._floor_at = 0, now
            self._look_around(0, now)
        else:
            pause.back_off(now, self.end)
            return
        if self.end > now:
            pause.until = self.end
        else:
            pause.back_off(now, inf)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _see_whether_steady(self) -> None:
        """Whether this is the ordinary case, in which most questions need not be asked for every call: alone for long
        enough to know it, nothing lost, refused or being tried. Only what is no part of that case can end it."""
        company = self.company
        self._steady = company.proof >= PROOF and not (
            company.count or company.foreign or company.last_foreign or self._uncertain or self.pause.probing
        )

    def _over(self, probe: bool) -> None:
        self.in_flight -= 1
        if probe:
            self._probe_at = None

    def _headers_missing(self, now: float, probe: bool) -> None:
        if self.floor is None:
            self._blind = True
            return
        self._uncertain += 1
        self._uncertain_at = now
        if probe:
            self._headerless += 1
            if self._headerless >= _HEADERLESS:
                self.floor, self._blind, self._uncertain = None, True, 0
                self.company = Contention()

    def _begin(
        self, now: float, limit: int | None, remaining: int, reset: float, *, sent_at: float, first: bool = False
    ) -> None:
        """This answer is the first of a window."""
        company = self.company
        before = inf if first or not company.count else self._told_end
        if not first:
            self.edge.open(now - self._told_end)
        company.new_window(self.own, self.in_flight, self.turn)
        self.period = max(self.period, reset)
        self.edge.plan(self.own, self.period, not company.count)
        self.limit = limit or max(remaining, self.limit or 0)
        self.floor, self._floor_at = remaining, now
        self._opened_by = sent_at
        self._honest_end = now + reset
        self._told_end = self._honest_end
        if self._regular:
            self._told_end = counted_on(before, self._honest_end, sent_at + reset - ROUNDING, self.period)
        self._door = min(_MOST_DOOR, max(_LEAST_DOOR, int(_DOOR * self.limit)))
        self._blind = False
        self.own = 1
        self._ours = remaining + 1 if first else self.limit
        if first:
            company.suspect = self._ours < self.limit
        self._due = now
        if reset == 0:
            self.edge.rounded_down()

    def _same_or_risen(self, sent_at: float, now: float, limit: int | None, remaining: int, reset: float) -> None:
        floor = self.floor or 0
        risen = remaining > floor and sent_at >= self._floor_at
        if risen and (now >= self.end - _SLACK or (self._untold and limit == self.limit)):
            self._begin(now, limit, remaining, reset, sent_at=sent_at)
            return
        self.own += 1
        if remaining < floor or sent_at >= self._floor_at:
            self.floor, self._floor_at = remaining, now
            if limit is not None and limit != self.limit:
                self._new_limit(limit, remaining)
        if reset == 0:
            self.edge.rounded_down()
        after = sent_at - self._told_end
        self._honest_end = min(self._honest_end, now + reset)
        self._told_end = min(self._told_end, now + reset)
        if after > self.edge.offset:
            self.edge.still_running(after)

    def _new_limit(self, limit: int, remaining: int) -> None:
        """The limit changed within a window: what others took so far stays what it was."""
        self.limit = limit
        self._ours = remaining + self.own + self.in_flight + self._uncertain + self.company.foreign

    def _look_around(self, remaining: int, now: float, turn: int | None = None) -> None:
        gone, own = self._ours - remaining, self.own + self._uncertain
        self.company.look(self.limit or 0, gone, own, self.in_flight, remaining, now, turn)

    def _could_be_empty(self, now: float) -> bool:
        """Whether others may have taken what we believed to be left."""
        left, age, others = (self.floor or 0) - self.in_flight, now - self._floor_at, self.company.count
        little = _LITTLE * (self.limit or 0) if others or age > _STALE else self._door
        return left <= max(others, little, 2 * self.company.share.fall * age)
