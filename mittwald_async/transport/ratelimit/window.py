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

from ...operation import RateLimit
from .edge import ROUNDING, Edge, counted_on
from .share import Share

PATIENCE = 5.0
"""Seconds a call that everybody waits for may take before another one is tried beside it."""

_SLACK = 0.05
"""Seconds by which two instants may differ through scheduling alone."""
_PROOF = 64
"""Answers without a trace of others that make us believe to be alone."""
_SUSPICION = 8
"""The same for somebody who finds a window begun: either others are there, or they were and have finished."""
_SOON, _PLENTY = 0.25, 64
"""Seconds between these answers at most, if more than so many calls remain."""
_CAUTION = 16
"""Until then no more than this part of what remains is under way, so that many newcomers together do no harm."""
_DOOR, _LEAST_DOOR, _MOST_DOOR = 0.02, 2, 8
"""Part of the limit (and fewest, most calls) that a lone client spreads over what is left of its window, so that a
newcomer can get in and is noticed."""
_DOOR_OPEN, _DOOR_LENGTH = 0.05, 0.9
"""The part of a window at its end in which the last of them goes, and the part over which they are spread."""
_EVEN, _HURRY = 2.0, 0.2
"""In company calls are this much further apart than what is left would allow for one client, but for the last part of
the window: so what remains lasts, and shows everybody when the window ends."""
_QUIET = 0.25
"""With fewer calls of others for each of our own, they are taken for gone as far as the pace goes."""
_LEAST_TAIL, _MOST_TAIL = 0.005, 0.07
"""Part of the limit that is left to others at the end."""
_MOST_OTHERS = 32
_FEW = 4
"""With fewer calls of our own, a window says nothing about others."""
_FIRST_STEP, _LAST_STEP = 1.0, 60.0
"""Seconds of the shortest and the longest back-off."""
_HEADERLESS = 3
"""Opening calls answered without headers before the budget is taken for gone."""
_BATCH = 8
"""Answers beyond those under way, of which the least tells how many calls others made: enough for calls that overtook."""


class Window:
    """The picture of one budget. Calls go through `sent`, then exactly one of `answered`, `refused`, `lost`, `unsent`."""

    __slots__ = (
        "_base",
        "_batch",
        "_batch_low",
        "_batch_size",
        "_before",
        "_blind",
        "_door",
        "_due",
        "_floor_at",
        "_gap",
        "_headerless",
        "_honest_end",
        "_last_foreign",
        "_last_own",
        "_must_probe",
        "_opened_by",
        "_probe_at",
        "_proof",
        "_random",
        "_regular",
        "_share",
        "_steady",
        "_stop_from",
        "_stop_until",
        "_strikes",
        "_suspect",
        "_tail",
        "_told_end",
        "_turn_base",
        "_uncertain",
        "_uncertain_at",
        "_weight",
        "edge",
        "floor",
        "foreign",
        "in_flight",
        "limit",
        "others",
        "own",
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
        self.foreign: int = 0
        """Calls in this window that cannot have been ours."""
        self.others: int = 0
        """How many clients of our own kind would explain that; 0: alone."""
        self.throttled: int = 0
        self.period: float = 0.0
        """The longest time left that was ever told: about the length of a window."""
        self.edge: Edge = Edge()
        self._random = random
        self._told_end = inf
        self._floor_at = 0.0
        self._opened_by = -inf
        self._base = 0
        self._last_own = 0
        self._last_foreign = 0
        self._proof = 0
        self.turn: int = 0
        """Calls sent so far: the number of the latest one."""
        self._turn_base = 0
        self._before = 0
        self._batch = 0
        self._batch_size = 0
        self._batch_low = inf
        self._suspect = False
        self._honest_end = inf
        self._regular = True
        self._door = _LEAST_DOOR
        self._tail = 0
        self._weight = 0.0
        self._share = Share()
        self._uncertain = 0
        self._uncertain_at = 0.0
        self._blind = False
        self._headerless = 0
        self._probe_at: float | None = None
        self._must_probe = False
        self._stop_from = -inf
        self._stop_until = -inf
        self._strikes = 0
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

    @property
    def stopped_until(self) -> float:
        """The end of the pause after a 429; in the past where there is none."""
        return self._stop_until

    def available(self, reserve: float = 0.0) -> int | None:
        """Calls that may still go in this window; `None` where nothing is known."""
        if self.floor is None:
            return None
        kept = int(reserve * (self.limit or 0))
        return max(0, self.floor - self.in_flight - self._uncertain - kept)

    def opening(self, now: float) -> bool:
        """Whether one call has to go alone now: nothing is known, the window is over, or a pause just ended."""
        return self._must_probe or (not self._blind if self.floor is None else now >= self.end)

    def when(self, now: float, reserve: float = 0.0, smooth: bool = False) -> float:
        """The instant from which one more call may go: not after `now` if at once, `inf` if only an answer can tell.

        Args:
            reserve: share of the limit, 0 to 1, that stays untouched.
            smooth: spread what is left over the time left.
        """
        if now < self._stop_until:
            return self._stop_until
        floor = self.floor
        if floor is None:
            if self._blind and not self._must_probe:
                return now
            return now if self._probe_at is None else self._probe_at + PATIENCE
        end = self._told_end + self.edge.offset
        if now >= end or self._must_probe:
            return now if self._probe_at is None else self._probe_at + PATIENCE
        spare = floor - self.in_flight - self._uncertain
        if reserve:
            spare -= int(reserve * (self.limit or 0))
        if spare < 1:
            return end
        if self.others or smooth:
            return self._paced(now, end, spare)
        self._gap = 0.0
        if spare <= self._door and now < (shut := end - self._ajar(spare)):
            return shut
        if self._proof < _PROOF and self.in_flight >= max(1, floor // _CAUTION):
            return inf
        return now

    def _paced(self, now: float, end: float, spare: int) -> float:
        if self.others:
            spare -= self._tail + int(self._weight * self.in_flight)
        if spare < 1:
            return end
        left = end - now
        self._gap = (_EVEN if self._weight >= _QUIET and left > _HURRY * self.period else 1.0) * left / spare
        if self._suspect and spare > _PLENTY:
            self._gap = min(self._gap, _SOON)
        return min(self._due + self._gap, end)

    @property
    def _untold(self) -> bool:
        """Whether windows are so short that the reset in whole seconds does not show when the next one begins."""
        return self.others > 0 and self.period <= 2 * ROUNDING

    def _ajar(self, spare: int) -> float:
        """How long before the end a lone client takes one of the last so many calls."""
        return (_DOOR_OPEN + _DOOR_LENGTH * (spare - 1) / self._door) * self.period

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
        if self._must_probe or (not self._blind if self.floor is None else now >= end):
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
            or self.limit is None
            or told.limit != self.limit
            or (remaining > floor and sent_at >= self._floor_at)
            or self.limit - remaining - self._base - self.own - self.in_flight > self.foreign
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
        if sent_at >= self._stop_from:
            self._must_probe = False
            self._strikes = 0
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
        self._look_for_others(remaining, now, turn)

    def refused(self, sent_at: float, now: float, told: RateLimit | None, probe: bool) -> None:
        """A 429 is in: everybody stops."""
        self._steady = False
        self._over(probe)
        self.throttled += 1
        if sent_at < self._stop_from:
            return  # Sent before the pause began: the same refusal once more.
        self._stop_from = now
        self._must_probe = True
        if self._told_end < self._honest_end and sent_at >= self._told_end:
            self._told_end, self._regular = self._honest_end, False
        if told is not None and told.reset is not None:
            self._told_end = self._honest_end = now + told.reset
            self.limit = told.limit or self.limit
            self.floor, self._floor_at = 0, now
        if self.floor is not None:
            after = sent_at - self._told_end
            if 0 <= after < ROUNDING:
                self.edge.too_early(after, min(ROUNDING, self.period / 2) if self.others else ROUNDING)
            elif after < 0 and self._could_be_empty(now):
                self.floor, self._floor_at = 0, now
                self._look_for_others(0, now)
            else:
                self._stop_until = self._backed_off(now)
                return
            if self.end > now:
                self._stop_until = self.end
                return
        self._stop_until = self._backed_off(now)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _see_whether_steady(self) -> None:
        """Whether this is the ordinary case, in which most questions need not be asked for every call: alone for long
        enough to know it, nothing lost, refused or being tried. Only what is no part of that case can end it."""
        self._steady = self._proof >= _PROOF and not (
            self.others or self._last_foreign or self._uncertain or self._must_probe
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
                self.floor, self._blind, self._uncertain, self.others = None, True, 0, 0

    def _begin(
        self, now: float, limit: int | None, remaining: int, reset: float, *, sent_at: float, first: bool = False
    ) -> None:
        """This answer is the first of a window."""
        before = inf if first or not self.others else self._told_end
        if not first:
            self.edge.open(now - self._told_end)
            if self.foreign or self.own >= _FEW:
                self._last_own, self._last_foreign = self.own, self.foreign
        self.period = max(self.period, reset)
        self.edge.plan(self.own, self.period, not self.others)
        self.limit = limit or max(remaining, self.limit or 0)
        self.floor, self._floor_at = remaining, now
        self._opened_by = sent_at
        self._honest_end = now + reset
        self._told_end = self._honest_end
        if self._regular:
            self._told_end = counted_on(before, self._honest_end, sent_at + reset - ROUNDING, self.period)
        self._door = min(_MOST_DOOR, max(_LEAST_DOOR, int(_DOOR * self.limit)))
        self._share.new_window()
        self._blind = False
        self.own, self.foreign = 1, 0
        self._base = self.limit - remaining - 1 if first else 0
        self._turn_base, self._before = self.turn, 1 + self.in_flight
        self._batch, self._batch_size, self._batch_low = 0, 0, inf
        if first:
            self._suspect = self._base > 0
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
        self._base = limit - remaining - self.own - self.in_flight - self._uncertain - self.foreign

    def _look_for_others(self, remaining: int, now: float, turn: int | None = None) -> None:
        """Count what fell beyond anything we can have caused.

        Calls under way hide as many of others. But a server takes calls about in the order of sending, so what fell
        beyond the calls sent up to this one is probably not ours; until we know to be alone, the least that a few
        answers say is believed.
        """
        if turn is not None and turn > self._turn_base and self._proof < _PROOF:
            probably = (self.limit or 0) - remaining - self._base - self._before - (turn - self._turn_base)
            self._batch_low = min(self._batch_low, probably)
            self._batch += 1
            self._batch_size = max(self._batch_size, _BATCH + self.in_flight)
            if self._batch >= self._batch_size:
                self.foreign = max(self.foreign, int(self._batch_low))
                self._batch, self._batch_size, self._batch_low = 0, 0, inf
        surely = (self.limit or 0) - remaining - self._base - self.own - self.in_flight - self._uncertain
        if surely > self.foreign:
            self.foreign = surely
        if self.foreign or self._last_foreign:
            self._proof, self._suspect = 0, False
            if turn is not None and turn > self._turn_base:
                self._share.see(remaining, now, turn)
            if self._share.ratio is not None:
                ratio = self._share.ratio
            elif self._last_own >= _FEW and self._last_foreign:
                ratio = self._last_foreign / self._last_own
            else:
                ratio = self.foreign / max(1, self.own)
            self._believe(min(_MOST_OTHERS, max(1, round(ratio))))
        else:
            self._share.ratio = None
            self._proof += 1
            self._suspect = self._suspect and self._proof < _SUSPICION
            self._believe(1 if self._suspect else 0)

    def _believe(self, others: int) -> None:
        limit = self.limit or 0
        self.others = others
        ratio = self._share.ratio
        self._weight = others if ratio is None else min(others, ratio)
        self._tail = min(others + int(_LEAST_TAIL * limit), max(1, int(_MOST_TAIL * limit))) if others else 0

    def _could_be_empty(self, now: float) -> bool:
        """Whether others may have taken what we believed to be left."""
        left = (self.floor or 0) - self.in_flight
        return left <= max(self.others, 0.05 * (self.limit or 0), 2 * self._share.fall * (now - self._floor_at))

    def _backed_off(self, now: float) -> float:
        """The end of the next back-off step, not beyond the end of the window."""
        step = min(_LAST_STEP, _FIRST_STEP * 2.0**self._strikes * (1 + self._random() / 2))
        self._strikes = min(self._strikes + 1, 16)
        if self.floor is not None and self.end > now:
            return min(now + step, self.end)
        return now + step
