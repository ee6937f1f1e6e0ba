"""When a window really ends, although its reset is reported in whole seconds and the rounding is unknown."""

from __future__ import annotations

from math import ceil, inf

from .tuning import TUNING, Tuning


class ResetSkew:
    """How long after `earliest (time seen + reset)` the next window opens: between `low` (was too early) and `high`.

    Rounded up, that is nothing; rounded down, up to a second. It begins by trusting the number, but for a margin that
    costs next to nothing (a whole second only where a window lasts ten minutes). The first opening that proves too
    early makes it wait longer, and from then on a lone client halves what it does not know; each failure costs one 429,
    so they are kept far apart.
    """

    __slots__ = ("_calls", "_trial", "_tuning", "high", "low", "margin", "offset")

    def __init__(self, tuning: Tuning = TUNING) -> None:
        self._tuning = tuning
        self.low: float = 0.0
        self.high: float = 0.0
        self.margin: float = 0.0
        """Seconds to wait at least."""
        self._calls = self._tuning.trials_apart
        self._trial: float | None = None
        self.offset: float = 0.0
        """Seconds to wait after the reported end. Kept at hand: every call asks for it."""

    def _settle(self) -> None:
        self.offset = max(self.margin, self.high if self._trial is None else self._trial)

    def rounded_down(self) -> None:
        """The server said zero while a window ran, so it rounds down (or to the nearest)."""
        self.high = max(self.high, self._tuning.rounding)
        self._settle()

    def too_early(self, after: float, step: float | None = None) -> None:
        """The old window still ran, this long after its reported end.

        Args:
            after: seconds.
            step: seconds later to try if nothing better is known; a whole second if not given.
        """
        rounding = self._tuning.rounding
        if after >= rounding:
            return
        self._trial = None
        self._calls = 0
        self.low = max(self.low, after)
        if self.high <= self.low:
            self.high = min(rounding, self.low + (rounding if step is None else step))
        self._settle()

    def still_running(self, after: float) -> None:
        """The old window was seen alive this long after its reported end, at no cost."""
        self._trial = None
        self.low = min(max(self.low, after), self._tuning.rounding)
        self.high = min(self._tuning.rounding, max(self.high, after + 0.1))
        self._settle()

    def open(self, after: float) -> None:
        """The new window was found open this long after the reported end."""
        if after < self.high:
            self.high = max(0.0, after)
            self.low = min(self.low, self.high)
            self._settle()

    def plan(self, calls: int, period: float, alone: bool) -> None:
        """A window begins.

        Args:
            calls: made in the one before.
            period: seconds that a window lasts.
            alone: whether no other client can have emptied a window that is found empty.
        """
        self._calls += calls
        self._trial = None
        self.margin = min(self._tuning.rounding, period * self._tuning.margin_part)
        if (
            alone
            and self.high - self.low > max(self._tuning.fine, period * self._tuning.margin_part)
            and self._calls >= self._tuning.trials_apart
        ):
            self._trial = (self.low + self.high) / 2
        self._settle()


def counted_on(
    before: float, reported: float, earliest: float, period: float, rounding: float = TUNING.rounding
) -> float:
    """The end of a window, counted on from that of an earlier one where windows follow each other evenly.

    In company a client may come late in every window and so never see for itself when it ends; but the earliest end
    ever reported tells that of every later window too. It is believed where what was reported now allows it.

    Args:
        before: the end of the earlier window; `inf` if not known.
        reported: the end as reported now: it cannot be later.
        earliest: nor earlier than this, however the reset was rounded.
        period: seconds that a window lasts.
        rounding: seconds by which the reset may be rounded.
    """
    if before == inf or period < rounding:
        return reported
    return min(reported, before + max(1, ceil((earliest - before) / period)) * period)
