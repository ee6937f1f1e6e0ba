"""Who else draws on a budget, judged by what falls beyond our own use. Pure."""

from __future__ import annotations

from .consumption import Consumption
from .tuning import TUNING, Tuning


class Contention:
    """Others on the same budget: clients of our own kind, which want as much as they can get, or a person who clicks.

    The first call that cannot have been ours makes us share. A client of our kind goes at our pace, so it shows itself
    all the time; once `Consumption` has seen that no client does, the calls so far are excused and we are alone until
    the next call that was not ours.
    """

    __slots__ = (
        "_excused",
        "_last_own",
        "_mark_gone",
        "_number_base",
        "_tuning",
        "consumption",
        "count",
        "foreign",
        "hiding",
        "last_foreign",
        "mark",
        "marked",
        "own_above",
        "proof",
        "suspect",
        "tail",
        "untouched",
        "wary",
        "weight",
    )

    def __init__(self, tuning: Tuning = TUNING) -> None:
        self._tuning = tuning
        self.foreign: int = 0
        """Calls in this window that cannot have been ours."""
        self.last_foreign: int = 0
        """The same of the window before, if those who made them may want as much again."""
        self.count: int = 0
        """How many clients of our own kind would explain that; 0: alone."""
        self.weight: float = 0.0
        """Calls of others for each of our own, at most `count`."""
        self.tail: int = 0
        """Calls to be left to others at the end of the window."""
        self.proof: int = 0
        """Answers since the last trace of others."""
        self.suspect: bool = False
        """Another client was here before we came; whether it still is is not known."""
        self.untouched: bool = False
        """We had the first call of our first window: a client that came at the same instant knows that it was not
        first."""
        self.wary: int = 0
        """Windows for which bursts of others are expected."""
        self.consumption: Consumption = Consumption(tuning)
        self._excused = 0
        self._last_own = 0
        self._number_base = 0
        self.hiding: int = 0
        """Calls that were in flight at the marked remainder and are not over yet; 0: none is marked."""
        self.marked: int = 0
        """The number of the latest of them."""
        self.mark: int = 0
        """The marked remainder."""
        self._mark_gone = 0
        self.own_above: int = 0
        """Own calls that may have come before it."""

    def new_window(self, own: int, in_flight: int, number: int) -> None:
        """A window begins.

        Args:
            own: our calls in the one before.
            in_flight: calls in flight; which window counts them is not known yet.
            number: the number of the latest call.
        """
        if self.foreign or own >= self._tuning.few_own_calls:
            self._last_own, self.last_foreign = own, self.foreign if self.foreign > self._excused else 0
        self.foreign = self._excused = 0
        self.wary = max(0, self.wary - 1)
        self.consumption.restart()
        self._number_base = number
        self.hiding = 0

    def look(
        self,
        limit: int,
        gone: int,
        own: int,
        in_flight: int,
        remaining: int,
        now: float,
        number: int | None,
        latest: int = 0,
    ) -> None:
        """Count what fell beyond anything we can have caused.

        Calls in flight hide as many of others, but only until they are answered: then it is known which of them came
        before a remainder seen earlier, and whatever else had been taken until that was not ours. So with many in
        flight a remainder is marked, and settled in `over`.

        Args:
            limit: of the window.
            gone: calls since we came to this window, by any client.
            own: our calls known to be over, and those that may or may not have been counted.
            in_flight: our calls in flight.
            remaining: the least seen so far.
            now: the time.
            number: the number of the answered call; `None` if unknown.
            latest: the number of the latest call sent.
        """
        if number is not None and number <= self._number_base:
            number = None  # Of a window before.
        elif number is not None and not in_flight:
            number = max(number, latest)  # All that were sent are over: no count is as exact as this.
        if not self.hiding and in_flight >= self._tuning.hiding:
            self.set_mark(gone, own, in_flight, remaining, latest)
        self.foreign = max(self.foreign, gone - own - in_flight)
        if self.foreign <= self._excused and not self.last_foreign:
            self._conclude_alone(limit)
        elif (
            number is not None
            and self.consumption.see(remaining, now, number)
            and remaining >= self._tuning.enough_to_judge * limit
        ):
            self._excused, self.last_foreign = self.foreign, 0
            self._conclude_alone(limit)
        else:
            self._conclude_others(limit, own)

    def set_mark(self, gone: int, own: int, in_flight: int, remaining: int, latest: int) -> None:
        """Mark what remains now; the arguments are those of `look`."""
        self.hiding, self.marked, self.mark = in_flight, latest, remaining
        self._mark_gone, self.own_above = gone, own

    def over(self, number: int | None, remaining: int | None) -> None:
        """A call of ours is over.

        Args:
            number: of the call; `None` if not known.
            remaining: as its answer said; `-1` if it certainly was not counted, `None` if it may have been.
        """
        if not self.hiding:
            return
        if number is None:
            self.hiding = 0
        elif number <= self.marked:
            self.hiding -= 1
            self.own_above += remaining is None or remaining >= self.mark
            if not self.hiding:
                self.foreign = max(self.foreign, self._mark_gone - self.own_above)
                if self.untouched and not self.foreign:
                    self.proof = max(self.proof, self._tuning.alone_after)  # Who came when we came had called by then.

    def be_wary(self, limit: int) -> None:
        """A refusal has shown that others take bursts; of these, large ones empty whatever is kept clear of them."""
        if self.count and self.consumption.burst <= self._tuning.wary_burst * limit:
            self.wary = self._tuning.wary_windows

    def second_is_ours(self) -> None:
        """The second call of a window was ours. If the first was, too, no other client came at the same time: they
        would have called while our first answer was on its way."""
        if self.untouched and not self.foreign:
            self.proof = max(self.proof, self._tuning.alone_after)

    def _conclude_alone(self, limit: int) -> None:
        self.consumption.forget()
        self.proof += 1
        self.suspect = self.suspect and self.proof < self._tuning.alone_after_when_suspicious
        self._settle(1 if self.suspect else 0, limit)

    def _conclude_others(self, limit: int, own: int) -> None:
        self.proof, self.suspect, self.untouched = 0, False, False
        if self.consumption.ratio is not None:
            ratio = self.consumption.ratio
        elif self._last_own >= self._tuning.few_own_calls and self.last_foreign:
            ratio = self.last_foreign / self._last_own
        else:
            ratio = self.foreign / max(1, own)
        self._settle(min(self._tuning.most_others, max(1, round(ratio))), limit)

    def _settle(self, others: int, limit: int) -> None:
        ratio = self.consumption.ratio
        self.count = others
        self.weight = others if ratio is None else min(others, ratio)
        self.tail = (
            min(others + int(self._tuning.least_tail * limit), max(1, int(self._tuning.most_tail * limit)))
            if others
            else 0
        )
        if self.wary and others > 1:
            self.tail *= self._tuning.wary_tail
