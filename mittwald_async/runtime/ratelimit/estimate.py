"""What is known of one budget, and when the next call may go. Pure: it takes the time as an argument and waits for
nothing.

The server's window is the truth; this is the picture of it that arrives late, out of order, in whole seconds, and that
other processes change behind our back. Two facts carry everything:

- within a window `remaining` only falls, so the lowest value seen is an upper bound, and calls in flight may each have
  taken one more;
- an answer to a call sent after another answer was seen is younger than that one. Only such an answer can show that a
  new window began.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, pow
from random import random as chance

from ..operation import RateLimit
from .backoff import Backoff
from .contention import Contention
from .rate_control import RateControl
from .reset_skew import ResetSkew, counted_on
from .tuning import TUNING, Tuning
from .turn import Turn


class Estimate:
    """The picture of one budget. Calls go through `sent`, then exactly one of `answered`, `refused`, `lost`, `unsent`.

    Args:
        random: gives numbers from 0 to 1, for the jitter of back-off.
        tuning: how careful to be.
    """

    __slots__ = (
        "_baseline",
        "_check_after",
        "_check_at",
        "_due",
        "_ends_regularly",
        "_fast_above",
        "_fast_most",
        "_first_window",
        "_floor_at",
        "_headerless",
        "_latest_end",
        "_limit",
        "_longer",
        "_newcomer_headroom",
        "_observed_end",
        "_opened_by",
        "_random",
        "_stated_end",
        "_steady",
        "_uncertain",
        "_uncertain_at",
        "_unlimited",
        "floor",
        "in_flight",
        "number",
        "others",
        "own",
        "pause",
        "period",
        "rate",
        "skew",
        "throttled",
        "tuning",
    )

    def __init__(self, random: Callable[[], float] = chance, tuning: Tuning = TUNING) -> None:
        self._limit = 0
        """Calls per window; 0: not known yet."""
        self.floor: int | None = None
        """The lowest `remaining` seen in this window."""
        self.in_flight: int = 0
        self.own: int = 0
        """Our calls known to be over in this window."""
        self.number: int = 0
        """Calls sent so far: the number of the latest one."""
        self.throttled: int = 0
        self.period: float = 0.0
        """The longest time left that was ever stated and believed: about the length of a window."""
        self.skew: ResetSkew = ResetSkew(tuning)
        self.others: Contention = Contention(tuning)
        self.rate: RateControl = RateControl(tuning)
        self.pause: Backoff = Backoff(random, tuning)
        self._random = random
        self.tuning: Tuning = tuning
        self._stated_end = inf
        self._observed_end = inf
        self._latest_end = inf
        """One period after the first answer of the window: however resets are rounded, it cannot last longer."""
        self._longer = 0.0
        """Seconds that windows last longer than any reset says: rounded down, two seconds are one."""
        self._ends_regularly = True
        self._first_window = True
        """Whether the window in which we came still runs: who comes later than others may well begin with them next."""
        self._floor_at = 0.0
        self._opened_by = -inf
        self._baseline = 0
        """What remained when we came to this window."""
        self._newcomer_headroom = tuning.least_headroom
        self._uncertain = 0
        """Calls that this window may or may not have counted."""
        self._uncertain_at = 0.0
        self._unlimited = False
        self._headerless = 0
        self._due = -inf
        self._steady = False
        self._fast_above: float = inf
        """The fast path is taken while more than this remains,"""
        self._fast_most: float = 0
        """and fewer than this are in flight."""
        self._check_at = inf
        self._check_after = 0.0

    def lift(self) -> None:
        """No budget is in force here: all calls may go until an answer says otherwise."""
        self._unlimited = True

    # -- when ----------------------------------------------------------------------------------------------------------

    @property
    def limit(self) -> int | None:
        """Calls per window; `None`: not known yet."""
        return self._limit or None

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._limit = limit or 0

    @property
    def end(self) -> float:
        """When the window ends, as far as is known."""
        return min(self._stated_end + self.skew.offset, self._latest_end)

    def available(self, reserve: float = 0.0) -> int | None:
        """Calls that may still go in this window; `None` where nothing is known."""
        if self.floor is None:
            return None
        kept = int(reserve * self._limit)
        return max(0, self.floor - self.in_flight - self._uncertain - kept)

    def next_turn(
        self, now: float, reserve: float = 0.0, smooth: bool = False, urgent: bool = False, rest: int | None = None
    ) -> Turn:
        """When one more call may go.

        Args:
            now: the time.
            reserve: share of the limit, 0 to 1, that stays untouched.
            smooth: spread what is left over the time left.
            urgent: go ahead of the pace while anything is left.
            rest: calls that a job at its end may still want; `None` where no end is in sight.
        """
        pause, others, floor = self.pause, self.others, self.floor
        if now < pause.until or pause.probing:
            return pause.turn(now)
        if floor is None:
            return Turn(now) if self._unlimited else pause.after_probe(now)
        if self.rate.active and not self._idle(now):
            gap = self.rate.gap / (1 - min(0.9, reserve))
            return Turn(now if urgent else self._due + gap, "pace", gap)
        end = min(self._stated_end + self.skew.offset, self._latest_end)
        if now >= end:
            return pause.after_probe(now)
        spare = floor - self.in_flight - self._uncertain
        if reserve:
            spare -= int(reserve * self._limit)
        if spare < 1:
            at = min(end, self._check_at)
            return Turn(at, "window") if now < at else pause.after_probe(now)
        if (others.count and not urgent and not (others.suspect and self._is_plenty(spare))) or smooth:
            return self._paced(now, end, spare)
        headroom = self._newcomer_headroom if not others.foreign else max(self._newcomer_headroom, self._for_few(now))
        kept = spare <= headroom and not urgent and (rest is None or rest > spare or others.foreign)
        if kept and now < (opens := end - self._headroom_delay(spare, headroom)):
            return Turn(opens, "window")
        if others.proof < self.tuning.alone_after and self.in_flight >= self._most_in_flight(floor):
            return Turn(max(now, min(self._due + self.tuning.patience, end)), "opening", sure=False)
        return Turn(now)

    def _idle(self, now: float) -> bool:
        """Whether there was no demand for so long that nothing of an even rate is true any longer."""
        return now - self._due > 2 * self.period

    def _is_plenty(self, spare: int) -> bool:
        """Whether so much remains that a newcomer does no harm by not waiting for proof that it is alone."""
        return self._first_window and spare > max(self.tuning.plenty, self.tuning.plenty_part * self._limit)

    def _most_in_flight(self, floor: int) -> int:
        """How many calls a client that does not know yet whether it is alone may have in flight."""
        tuning, proof = self.tuning, self.others.proof
        if floor > tuning.plenty:
            return floor // tuning.newcomer_part_of_plenty + proof
        if self.others.untouched:
            return max(tuning.hiding, int(self._baseline * tuning.newcomer_part_of_fresh) - self.own)
        return max(1, floor // tuning.newcomer_part) + proof // tuning.newcomer_growth

    def _paced(self, now: float, end: float, spare: int) -> Turn:
        others, tuning, left = self.others, self.tuning, end - now
        slowed = self._slowed(left, spare)
        if others.count:
            spare -= others.tail + int(others.weight * self.in_flight)
        if spare < 1:
            return Turn(end, "window")
        shared = others.weight >= tuning.quiet_ratio and left > tuning.final_part * self.period
        gap = (tuning.shared_gap_factor if shared else 1.0) * slowed * left / spare
        if self.period <= tuning.short_window and self._limit < tuning.few_in_a_window:
            gap = max(gap, left * (others.weight + 1) / spare)  # Of so few, each takes no more than its part.
        if others.suspect and spare > tuning.suspicious_gap_above:
            # A company that spreads what is left shows itself before the last of these, most likely.
            growth = tuning.suspicious_growth * (others.proof / tuning.alone_after_when_suspicious) ** 2
            gap = min(gap, max(tuning.suspicious_gap, growth * left / spare))
        at = self._due + gap
        return Turn(at, "pace", gap) if at < end else Turn(end, "window", gap)

    def _slowed(self, left: float, spare: int) -> float:
        """How much further apart calls are in a crowd, which would otherwise spend a long window in its first minutes
        and turn away a client that joins: the more, the further what remains has fallen below an even line. All clients
        see the same line, so their shares stay equal."""
        tuning = self.tuning
        if (self._is_quick and not self.others.wary) or self.others.count < 2 or spare < 1:
            return 1.0
        most = self.others.count + 1
        # Also where a server states resets of no time at all: nothing is divided by them.
        if left * self._limit >= pow(most, 1 / tuning.line_steepness) * self.period * spare:
            return most
        return pow(max(1.0, left / self.period * self._limit / spare), tuning.line_steepness)

    @property
    def _is_quick(self) -> bool:
        """Whether windows are so short, and of so many calls, that no client can join so late that it matters."""
        return self.period <= self.tuning.short_window and self._limit > self.tuning.small_limit

    @property
    def _resets_say_little(self) -> bool:
        """Whether windows are so short that the reset in whole seconds does not show when the next one begins."""
        return self.others.count > 0 and self.period <= 2 * self.tuning.rounding

    def _headroom_delay(self, spare: int, headroom: float) -> float:
        """Seconds before the end at which a lone client takes one of the last calls, if it spreads so many."""
        tuning = self.tuning
        return (tuning.headroom_last + tuning.headroom_length * (spare - 1) / headroom) * self.period

    def _for_few(self, now: float) -> float:
        """What others of no great demand will have taken of the whole window if they go on like that."""
        passed = max(now - self._opened_by, self.tuning.early_part * self.period)
        return (self.others.foreign - 1) * self.period / passed

    # -- what happens to a call ----------------------------------------------------------------------------------------

    def try_send_fast(self, now: float) -> bool:
        """Count one more call in if nothing at all stands in its way: `next_turn` and `sent` for the ordinary case, in
        a window that is known, wide and ours alone. False: nothing was counted, ask them."""
        if (
            not self._steady
            or self.floor is None
            or self.floor - self.in_flight <= self._fast_above
            or self.in_flight >= self._fast_most
            or now >= self._stated_end + self.skew.offset
            or now >= self._latest_end
        ):
            return False
        self.in_flight += 1
        self.number += 1
        self._due = now
        return True

    def sent(self, now: float, gap: float = 0.0, waited: bool = False) -> bool:
        """A call goes out, `gap` seconds after the one before if calls are paced, after waiting for its turn or not.
        True: it goes alone, all others wait for what it brings."""
        if self.rate.active and self._idle(now):
            self.rate.leave(now)
        self.rate.sent(waited)
        if self.rate.active:
            alone = False
        elif self.floor is None:
            alone = not self._unlimited
        else:
            checks = now >= self._check_at and self.floor - self.in_flight < 1
            alone = checks or now >= self.end
        self.in_flight += 1
        self.number += 1
        due = self._due + gap
        self._due = due if now - due < gap else now
        if self.pause.probing or alone:
            self.pause.probe_at = now
            return True
        return False

    def unsent(self, probe: bool, number: int | None = None) -> None:
        """It never left, or cost nothing: as if it had not been asked for."""
        self._over(probe, number, -1)

    def lost(self, now: float, probe: bool, number: int | None = None) -> None:
        """No answer came; the server may or may not have counted it."""
        self._steady = False
        self._over(probe, number)
        self._uncertain += 1
        self._uncertain_at = now

    def observe_fast(self, sent_at: float, now: float, reading: RateLimit, number: int) -> bool:
        """Take in an answer that only says that a window ours alone goes on as expected: what `answered` comes to then,
        without its questions. False: it says more, and nothing was taken in; use `answered`."""
        floor, stated_end, remaining, reset = self.floor, self._stated_end, reading.remaining, reading.reset
        others = self.others
        if (
            not self._steady
            or floor is None
            or remaining is None
            or not reset
            or reading.limit is None
            or reading.limit != self._limit
            or (remaining > floor and sent_at >= self._floor_at)
            or self._baseline - remaining > self.own + self.in_flight
            or not self._opened_by <= sent_at <= stated_end
            or sent_at + reset > stated_end + self.tuning.rounding + self.tuning.slack
            or (others.hiding == 1 and number <= others.marked)
        ):
            return False
        self.in_flight -= 1
        self.own += 1
        others.proof += 1
        if others.hiding and number <= others.marked:
            others.hiding -= 1
            others.own_above += remaining >= others.mark
        if others.proof == self.tuning.alone_after:
            self._see_whether_steady()
        if remaining < floor or sent_at >= self._floor_at:
            floor = self.floor = remaining
            self._floor_at = now
        if not others.hiding and self.in_flight >= self.tuning.hiding:
            others.set_mark(self._baseline - floor, self.own, self.in_flight, floor, self.number)
        if now + reset < self._observed_end:
            self._observed_end = now + reset
            self._stated_end = min(stated_end, self._observed_end)
        return True

    def answered(
        self, sent_at: float, now: float, reading: RateLimit | None, probe: bool, number: int | None = None
    ) -> None:
        """An answer other than a 429 is in; `number`: the one it was sent under."""
        self._take_in(sent_at, now, reading, probe, number)
        self._see_whether_steady()

    def _take_in(self, sent_at: float, now: float, reading: RateLimit | None, probe: bool, number: int | None) -> None:
        self._over(probe, number, None if reading is None else reading.remaining)
        self.pause.passed(sent_at)
        if reading is None or reading.remaining is None or reading.reset is None:
            self._headers_missing(now, probe)
            return
        remaining, reset = reading.remaining, reading.reset
        self._doubt(remaining, reset, now)
        self._headerless = 0
        surely = (
            sent_at + reset - self.tuning.rounding - self.tuning.slack
        )  # However it is rounded, it lasts until then.
        self._correct_count(surely, self._risen(sent_at, remaining))
        if self.floor is None:
            self._begin(now, reading.limit, remaining, reset, sent_at=sent_at, first=True)
        elif surely > self._stated_end:
            self._begin(now, reading.limit, remaining, reset, sent_at=sent_at)
        elif sent_at < self._opened_by:  # Probably of the window before; whether this one counted it is not known.
            self._uncertain += 1
            self._uncertain_at = now
            return
        else:
            self._same_or_risen(sent_at, now, reading.limit, remaining, reset)
        self._settle_uncertain(sent_at)
        self._look_around(remaining, now, number)
        if remaining == self._baseline - 2 and self._limit <= self.tuning.plenty:
            self.others.second_is_ours()
        self.rate.saw(remaining, reset, now, self._limit, self.period)

    def contradicts(self, sent_at: float, now: float, reading: RateLimit | None) -> bool:
        """Whether a 429 cannot be the budget's, by all that is known: then it is a gateway's, or a limit of the route's
        own that no header states."""
        if reading is not None and reading.reset and reading.remaining == 0:
            return False
        if self.pause.probing or now < self.pause.until or self.rate.active:
            return False
        if self.floor is None:
            return self._unlimited
        return sent_at < self._stated_end and not self._could_be_empty(now)

    def refused_elsewhere(self, probe: bool, number: int | None = None) -> None:
        """A 429 is in that says nothing of the budget."""
        self._steady = False
        self._over(probe, number, -1)
        self.throttled += 1

    def refused(
        self,
        sent_at: float,
        now: float,
        reading: RateLimit | None,
        probe: bool,
        wait: float | None = None,
        number: int | None = None,
    ) -> None:
        """A 429 is in: all calls on this budget stop.

        For as long as the server says (`wait` seconds, or a reset beside nothing remaining); if it says nothing, until
        the reset last known, where by what we know nothing may be left, or where that is near. Otherwise the refusal
        contradicts what we know. To wait for the reset would then cost up to ten minutes each time, so calls stop for a
        step of exponential back-off and one call probes. Where that was wrong and the window is empty, it costs
        thirteen more refusals in ten minutes and nothing else.
        """
        self._steady = False
        self._over(probe, number, -1)
        self.throttled += 1
        if self.rate.refused(now) and not wait:
            rest = min(self.rate.gap, self.tuning.rest_after_refusal * self.period)
            self._due = max(self._due, now + rest * self._random())  # Not all at the same instant once more.
            return
        pause, rounding = self.pause, self.tuning.rounding
        known = not pause.begin(sent_at, now)
        if wait:
            pause.demand(now + wait)
        if known or wait:
            return
        if reading is not None and reading.reset and not reading.remaining:
            self._doubt(0, reading.reset, now)
            self._stated_end = self._observed_end = now + reading.reset
            self._latest_end = max(self._latest_end, self._observed_end + self.skew.margin)
            self._limit = reading.limit or self._limit
            self.floor, self._floor_at = 0, now
        elif self._stated_end < self._observed_end and sent_at >= self._stated_end:
            self._stated_end, self._ends_regularly = self._observed_end, False
        if self.floor is None:
            pause.back_off(now, inf)
            return
        self._outlasted(sent_at)
        after = sent_at - self._stated_end
        if 0 <= after < rounding:
            self.skew.too_early(after, min(rounding, self.period / 2) if self.others.count else rounding)
        elif after < 0 and self._could_be_empty(now):
            if self._is_quick:
                self.others.be_wary(self._limit)
            self.floor, self._floor_at = 0, now
            self._look_around(0, now)
        else:
            pause.back_off(now, self.end)
            return
        if self.end > now:
            pause.until = min(self.end, self._check_at)
        else:
            pause.back_off(now, inf)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _see_whether_steady(self) -> None:
        """Whether this is the ordinary case, in which most questions need not be asked for every call: alone for long
        enough to know it, or with plenty left; nothing lost, refused or being tried. Only what is no part of that case
        can end it."""
        others, tuning = self.others, self.tuning
        self._steady = (
            tuning.fast_path
            and not self.rate.active
            and others.proof > 0
            and not (others.untouched and others.proof < tuning.alone_after and self._limit <= tuning.plenty)
            and not (others.count or others.foreign or others.last_foreign or self._uncertain or self.pause.probing)
        )
        if others.proof >= tuning.alone_after:
            self._fast_above, self._fast_most = self._newcomer_headroom, inf
        else:
            self._fast_above = max(tuning.plenty, tuning.plenty_part * self._limit)
            self._fast_most = tuning.plenty // tuning.newcomer_part_of_plenty

    def _over(self, probe: bool, number: int | None, remaining: int | None = None) -> None:
        self.in_flight -= 1
        self.others.over(number, remaining)
        if probe:
            self.pause.probe_at = None

    def _settle_uncertain(self, sent_at: float) -> None:
        """The window counted those calls: an answer to a later one is in, or as many are gone as we made, and no other
        client is there who could have made them."""
        gone = self._baseline - (self.floor or 0)
        if sent_at >= self._uncertain_at or (not self.others.count and gone >= self.own + self._uncertain):
            self.own += self._uncertain
            self._uncertain = 0

    def _doubt(self, remaining: int, reset: float, now: float) -> None:
        """Whether a reset is so far away that one call should check it before all wait for it."""
        tuning, period = self.tuning, self.period
        if reset <= max(tuning.believable_reset, tuning.doubtful_factor * period):
            self._check_at, self._check_after = inf, 0.0
        elif remaining < 1:
            self._check_after = 2 * self._check_after or period or tuning.first_check
            self._check_at = now + self._check_after

    def _headers_missing(self, now: float, probe: bool) -> None:
        if self.floor is None:
            self._unlimited = True
            return
        self._uncertain += 1
        self._uncertain_at = now
        self._settle_uncertain(-inf)
        if probe:
            self._headerless += 1
            if self._headerless >= self.tuning.headerless_openings:
                self.floor, self._unlimited, self._uncertain = None, True, 0
                self.others = Contention(self.tuning)

    def _begin(
        self, now: float, limit: int | None, remaining: int, reset: float, *, sent_at: float, first: bool = False
    ) -> None:
        """This answer is the first of a window."""
        others, tuning, was_active = self.others, self.tuning, self.rate.active
        before = inf if first or not others.count else self._stated_end
        if not first:
            # Rounded down, a window of two seconds is stated as one.
            lasts = self.period + (self.skew.high if self.period <= tuning.rounding else 0.0)
            self.rate.window_over(now, self._limit, lasts, self.own, self.own + others.foreign, remaining)
            self.skew.open(now - self._stated_end)
        others.new_window(self.own, self.in_flight, self.number)
        self.period = max(self.period, min(reset, max(tuning.believable_reset, tuning.doubtful_factor * self.period)))
        self.skew.plan(self.own, self.period, not others.count)
        self._limit = limit or max(remaining, self._limit)
        self.floor, self._floor_at = remaining, now
        self._opened_by = sent_at
        self._observed_end = now + reset
        short = reset <= self.period <= tuning.short_window  # In longer ones a second does not matter.
        self._latest_end = now + self.period + self._longer + self.skew.margin if short else inf
        self._stated_end = self._observed_end
        if self._ends_regularly:
            earliest = sent_at + reset - tuning.rounding
            self._stated_end = counted_on(before, self._observed_end, earliest, self.period, tuning.rounding)
        spread = int(tuning.headroom_part * self._limit)
        self._newcomer_headroom = min(tuning.most_headroom, max(tuning.least_headroom, spread))
        self._unlimited = False
        self._first_window = first
        self.own = 1
        self._baseline = remaining + 1 if first else self._limit
        if first:
            others.suspect = self._baseline < self._limit
            others.untouched = not others.suspect and reset > tuning.short_window
        if not self.rate.active:
            self._due = now
        elif not was_active:
            self._due = now - self.rate.gap * self._random()  # Clients that change over with us go at another instant.
        if reset == 0:
            self.skew.rounded_down()

    def _same_or_risen(self, sent_at: float, now: float, limit: int | None, remaining: int, reset: float) -> None:
        floor = self.floor or 0
        unannounced = self._resets_say_little and limit == self._limit
        if self._risen(sent_at, remaining) and (now >= self.end - self.tuning.slack or unannounced):
            self._begin(now, limit, remaining, reset, sent_at=sent_at)
            return
        self.own += 1
        if remaining < floor or sent_at >= self._floor_at:
            self.floor, self._floor_at = remaining, now
            if limit is not None and limit != self._limit:
                self._new_limit(limit, remaining)
        if reset == 0:
            self.skew.rounded_down()
        self._outlasted(sent_at)
        after = sent_at - self._stated_end
        self._observed_end = min(self._observed_end, now + reset)
        self._stated_end = min(self._stated_end, now + reset)
        if after > self.skew.offset:
            self.skew.still_running(after)

    def _risen(self, sent_at: float, remaining: int) -> bool:
        """Whether more remains than before, by an answer that is certainly younger."""
        return remaining > (self.floor or 0) and sent_at >= self._floor_at

    def _correct_count(self, surely: float, risen: bool) -> None:
        """Whether the end was counted on wrongly: this window lasts longer, and nothing came back. Only where a second
        matters."""
        short = self.period <= self.tuning.short_window
        if short and self._stated_end < surely <= self._observed_end and not risen:
            self._stated_end, self._ends_regularly = self._observed_end, False

    def _outlasted(self, sent_at: float) -> None:
        """The window still ran at this instant, perhaps after the latest end that resets allow for."""
        if sent_at >= self._latest_end:
            self._latest_end, self._longer = inf, self.tuning.rounding

    def _new_limit(self, limit: int, remaining: int) -> None:
        """The limit changed within a window: what others took so far stays what it was."""
        self._limit = limit
        self._baseline = remaining + self.own + self.in_flight + self._uncertain + self.others.foreign

    def _look_around(self, remaining: int, now: float, number: int | None = None) -> None:
        floor = min(remaining, self.floor or 0)
        gone, own = self._baseline - floor, self.own + self._uncertain
        self.others.look(self._limit, gone, own, self.in_flight, floor, now, number, self.number)

    def _could_be_empty(self, now: float) -> bool:
        """Whether others may have taken what we believed to be left."""
        left, age, others = (self.floor or 0) - self.in_flight, now - self._floor_at, self.others
        hidden = others.count or age > self.tuning.stale_after
        little = self.tuning.hidden_part * self._limit if hidden else self._newcomer_headroom
        return left <= max(others.count, little, 2 * others.consumption.fall * age, others.consumption.burst)
