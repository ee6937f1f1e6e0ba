"""How much others draw on the same budget while we do, judged by what falls from one of our calls to a later one."""

from __future__ import annotations

from .tuning import TUNING, Tuning


class Consumption:
    """Others' calls for each of our own lately, and the speed at which what remains falls. Pure."""

    __slots__ = (
        "_at",
        "_from",
        "_from_number",
        "_from_remaining",
        "_number",
        "_remaining",
        "_tuning",
        "burst",
        "fall",
        "ratio",
    )

    def __init__(self, tuning: Tuning = TUNING) -> None:
        self._tuning = tuning
        self.ratio: float | None = None
        """Calls of others for each of ours; `None`: not known yet."""
        self.fall: float = 0.0
        """Calls per second, our own included."""
        self.burst: int = 0
        """Most calls that others made from one look to the next."""
        self._remaining: int | None = None
        self._at = 0.0
        self._number = 0
        self._from = 0.0
        self._from_remaining = 0
        self._from_number = 0

    def restart(self) -> None:
        """Restart the remainder; what was learned stays."""
        self._remaining = None

    def forget(self) -> None:
        """No other client is there."""
        self.ratio = self._remaining = None

    def see(self, remaining: int, now: float, number: int) -> bool:
        """An answer to our call number `number` says what remains.

        Returns:
            Whether no client of our kind has been there for a while: for sixteen calls of ours and two seconds others
                made
            less than a quarter of our calls. Paced as we are, they would have made as many.
        """
        tuning = self._tuning
        if self._remaining is None:
            self._begin_stretch(remaining, now, number)
        else:
            ours, fell = number - self._number, self._remaining - remaining
            if ours <= 0 or now <= self._at:
                return False
            gone = self.ratio is not None and ours * (1 + self.ratio) - fell >= tuning.ratio_calls
            if ours < tuning.ratio_every and fell < tuning.ratio_calls and not gone:
                return False
            ratio = max(0.0, fell / ours - 1)
            self.ratio = ratio if self.ratio is None or gone else (self.ratio + ratio) / 2
            self.fall = fell / (now - self._at)
            self.burst = max(self.burst, fell - ours)
        self._remaining, self._at, self._number = remaining, now, number
        ours = number - self._from_number
        if self._from_remaining - remaining - ours > tuning.quiet_ratio * max(ours, tuning.quiet_calls):
            self._begin_stretch(remaining, now, number)
        return ours >= tuning.quiet_calls and now - self._from >= tuning.quiet_seconds

    def _begin_stretch(self, remaining: int, now: float, number: int) -> None:
        self._from, self._from_remaining, self._from_number = now, remaining, number
