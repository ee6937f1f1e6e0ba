"""What follows a 429: everybody stops, then one call probes. Pure, like `Window`."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

_FIRST_STEP, _LAST_STEP = 1.0, 60.0
"""Seconds of the shortest and the longest back-off."""


class Backoff:
    """Until when nobody may go, and whether the one who goes next goes alone.

    Args:
        random: gives numbers from 0 to 1, for the jitter.
    """

    __slots__ = ("_random", "_since", "_strikes", "probing", "until")

    def __init__(self, random: Callable[[], float]) -> None:
        self.until: float = -inf
        """The end of the pause; in the past where there is none."""
        self.probing: bool = False
        """Whether one call has to show that the pause may end."""
        self._random = random
        self._since = -inf
        self._strikes = 0

    def begin(self, sent_at: float, now: float) -> bool:
        """A call sent at that instant was refused. False: it is the refusal that is known already, once more."""
        if sent_at < self._since:
            return False
        self._since, self.probing = now, True
        return True

    def passed(self, sent_at: float) -> None:
        """A call sent at that instant was not refused."""
        if sent_at >= self._since:
            self.probing, self._strikes = False, 0

    def back_off(self, now: float, reset: float) -> None:
        """Stop for a step, each twice as long as the last, and up to half as long again by chance.

        Args:
            now: the time.
            reset: when the window ends, `inf` if unknown. If the next step would reach it, everybody waits for it.
        """
        step = min(_LAST_STEP, _FIRST_STEP * 2.0**self._strikes * (1 + self._random() / 2))
        self._strikes = min(self._strikes + 1, 16)
        self.until = reset if now < reset <= now + 2 * step else now + step
