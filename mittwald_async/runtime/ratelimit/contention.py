"""Who else draws on a budget, judged by what falls beyond our own use. Pure, like `Window`, and asked by it alone."""

from __future__ import annotations

from math import inf

from .consumption import Consumption

PROOF = 64
"""Answers without a trace of others that make us believe to be alone."""
_SUSPICION = 8
"""The same for somebody who finds a window begun: either others are there, or they were and have finished."""
_LEAST_TAIL, _MOST_TAIL = 0.005, 0.07
"""Part of the limit that is left to others at the end."""
_PLENTY = 0.25
"""Part of the limit below which clients of our kind may be quiet because they leave the rest to each other."""
_MOST_OTHERS = 32
_FEW = 4
"""With fewer calls of our own, a window says nothing about others."""
_BATCH = 8
"""Answers beyond those under way, of which the least tells how many calls others made: enough for calls that overtook."""


class Contention:
    """Others on the same budget: clients of our own kind, which want as much as they can get, or somebody who clicks.

    The first call that cannot have been ours makes us share. A client of our kind goes at our pace, so it shows itself
    all the time; once `Consumption` has seen that nobody does, the calls so far are excused and we are alone until the next
    call that was not ours.
    """

    __slots__ = (
        "_batch",
        "_batch_low",
        "_batch_size",
        "_before",
        "_excused",
        "_last_own",
        "_turn_base",
        "count",
        "foreign",
        "last_foreign",
        "proof",
        "share",
        "suspect",
        "tail",
        "weight",
    )

    def __init__(self) -> None:
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
        """Somebody was here before we came; whether they still are is not known."""
        self.share: Consumption = Consumption()
        self._excused = 0
        self._last_own = 0
        self._turn_base = 0
        self._before = 0
        self._batch = 0
        self._batch_size = 0
        self._batch_low = inf

    def new_window(self, own: int, in_flight: int, turn: int) -> None:
        """A window begins.

        Args:
            own: our calls in the one before.
            in_flight: calls under way, of which nobody knows yet which window counts them.
            turn: the number of the latest call.
        """
        if self.foreign or own >= _FEW:
            self._last_own, self.last_foreign = own, self.foreign if self.foreign > self._excused else 0
        self.foreign = self._excused = 0
        self.share.restart()
        self._turn_base, self._before = turn, 1 + in_flight
        self._batch, self._batch_size, self._batch_low = 0, 0, inf

    def look(
        self, limit: int, gone: int, own: int, in_flight: int, remaining: int, now: float, turn: int | None
    ) -> None:
        """Count what fell beyond anything we can have caused.

        Calls under way hide as many of others. But a server takes calls about in the order of sending, so what fell
        beyond the calls sent up to this one is probably not ours; until we know to be alone, the least that a few
        answers say is believed.

        Args:
            limit: of the window.
            gone: calls since we came to this window, whoever made them.
            own: our calls known to be over, and those of which nobody knows whether they were counted.
            in_flight: our calls under way.
            remaining: as this answer says.
            now: the time.
            turn: the number of the call that was answered; `None` if that tells nothing.
        """
        if turn is not None and turn <= self._turn_base:
            turn = None  # Of a window before.
        if turn is not None and self.proof < PROOF:
            self._batch_low = min(self._batch_low, gone - self._before - (turn - self._turn_base))
            self._batch += 1
            self._batch_size = max(self._batch_size, _BATCH + in_flight)
            if self._batch >= self._batch_size:
                self.foreign = max(self.foreign, int(self._batch_low))
                self._batch, self._batch_size, self._batch_low = 0, 0, inf
        self.foreign = max(self.foreign, gone - own - in_flight)
        if self.foreign <= self._excused and not self.last_foreign:
            self._nobody(limit)
        elif turn is not None and self.share.see(remaining, now, turn) and remaining >= _PLENTY * limit:
            self._excused, self.last_foreign = self.foreign, 0
            self._nobody(limit)
        else:
            self._somebody(limit, own)

    def _nobody(self, limit: int) -> None:
        self.share.forget()
        self.proof += 1
        self.suspect = self.suspect and self.proof < _SUSPICION
        self._believe(1 if self.suspect else 0, limit)

    def _somebody(self, limit: int, own: int) -> None:
        self.proof, self.suspect = 0, False
        if self.share.ratio is not None:
            ratio = self.share.ratio
        elif self._last_own >= _FEW and self.last_foreign:
            ratio = self.last_foreign / self._last_own
        else:
            ratio = self.foreign / max(1, own)
        self._believe(min(_MOST_OTHERS, max(1, round(ratio))), limit)

    def _believe(self, others: int, limit: int) -> None:
        ratio = self.share.ratio
        self.count = others
        self.weight = others if ratio is None else min(others, ratio)
        self.tail = min(others + int(_LEAST_TAIL * limit), max(1, int(_MOST_TAIL * limit))) if others else 0
