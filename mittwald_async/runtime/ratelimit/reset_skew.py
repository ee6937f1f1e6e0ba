"""When a window really ends, although its reset is told in whole seconds and nobody says how they were rounded."""

from __future__ import annotations

from math import ceil, inf

ROUNDING = 1.0
"""Rounding to whole seconds moves the end by no more than this."""

_FINE = 0.02
"""Seconds: closer than this the end is known well enough."""
_CHEAP = 1 / 600
"""Part of a window that may be given away for certainty."""
_TRIALS_APART = 2000
"""Calls from a trial that failed to the next one: it costs a 429, and one in two thousand is cheap."""


class ResetSkew:
    """How long after `earliest (time seen + reset)` the next window opens: between `low` (was too early) and `high`.

    Rounded up, that is nothing; rounded down, up to a second. It begins by trusting the number, but for a margin that
    costs next to nothing (a whole second only where a window lasts ten minutes). The first opening that proves too early
    makes it wait longer, and from then on a lone client halves what it does not know; each failure costs one 429, so
    they are kept far apart.
    """

    __slots__ = ("_calls", "_margin", "_trial", "high", "low", "offset")

    def __init__(self) -> None:
        self.low: float = 0.0
        self.high: float = 0.0
        self._margin = 0.0
        self._calls = _TRIALS_APART
        self._trial: float | None = None
        self.offset: float = 0.0
        """Seconds to wait after the end as told. Kept at hand: every call asks for it."""

    def _settle(self) -> None:
        self.offset = max(self._margin, self.high if self._trial is None else self._trial)

    def rounded_down(self) -> None:
        """The server said zero while a window ran, so it rounds down (or to the nearest)."""
        self.high = max(self.high, ROUNDING)
        self._settle()

    def too_early(self, after: float, step: float = ROUNDING) -> None:
        """The old window still ran, this long after its end as told.

        Args:
            after: seconds.
            step: how much later to try if nothing better is known.
        """
        if after >= ROUNDING:
            return
        self._trial = None
        self._calls = 0
        self.low = max(self.low, after)
        if self.high <= self.low:
            self.high = min(ROUNDING, self.low + step)
        self._settle()

    def still_running(self, after: float) -> None:
        """The old window was seen alive this long after its end as told, at no cost."""
        self._trial = None
        self.low = min(max(self.low, after), ROUNDING)
        self.high = min(ROUNDING, max(self.high, after + 0.1))
        self._settle()

    def open(self, after: float) -> None:
        """The new window was found open this long after the end as told."""
        if after < self.high:
            self.high = max(0.0, after)
            self.low = min(self.low, self.high)
            self._settle()

    def plan(self, calls: int, period: float, alone: bool) -> None:
        """A window begins.

        Args:
            calls: made in the one before.
            period: seconds that a window lasts.
            alone: whether nobody else can have emptied a window that is found empty.
        """
        self._calls += calls
        self._trial = None
        self._margin = min(ROUNDING, period * _CHEAP)
        if alone and self.high - self.low > max(_FINE, period * _CHEAP) and self._calls >= _TRIALS_APART:
            self._trial = (self.low + self.high) / 2
        self._settle()


def counted_on(before: float, told: float, earliest: float, period: float) -> float:
    """The end of a window, counted on from that of an earlier one where windows follow each other evenly.

    In company a client may come late in every window and so never see for itself when it ends; but the earliest end
    ever told tells that of every later window too. It is believed where what was told now allows it.

    Args:
        before: the end of the earlier window; `inf` if not known.
        told: the end as told now: it cannot be later.
        earliest: nor earlier than this, however the reset was rounded.
        period: seconds that a window lasts.
    """
    if before == inf or period < ROUNDING:
        return told
    return min(told, before + max(1, ceil((earliest - before) / period)) * period)
