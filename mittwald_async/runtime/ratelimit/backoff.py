"""What follows a 429: calls stop, then one probes. Pure: it takes the time as an argument and waits for nothing."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from .tuning import TUNING, Tuning
from .turn import Turn


class Backoff:
    """Until when a budget or a route rests, and whether the one call that goes next goes alone.

    Args:
        random: gives numbers from 0 to 1, for the jitter.
        tuning: the steps.
    """

    __slots__ = ("_random", "_since", "_strikes", "_tuning", "demanded_until", "probe_at", "probing", "until")

    def __init__(self, random: Callable[[], float], tuning: Tuning = TUNING) -> None:
        self.until: float = -inf
        """The end of the pause; in the past where there is none."""
        self.demanded_until: float = -inf
        """The end of the pause that the server itself named."""
        self.probing: bool = False
        """Whether one call has to show that the pause may end."""
        self.probe_at: float | None = None
        """When the call that all others wait for was sent; `None` while none is in flight."""
        self._random = random
        self._tuning = tuning
        self._since = -inf
        self._strikes = 0

    def begin(self, sent_at: float, now: float) -> bool:
        """A call sent at that instant was refused. False: this refusal is already known."""
        if sent_at < self._since:
            return False
        self._since, self.probing = now, True
        return True

    def demand(self, until: float) -> None:
        """The server says until when to wait; the longest of several answers to one burst counts."""
        self.until = max(self.until, until)
        self.demanded_until = max(self.demanded_until, until)

    def passed(self, sent_at: float) -> None:
        """A call sent at that instant was not refused."""
        if sent_at >= self._since:
            self.probing, self._strikes = False, 0

    def back_off(self, now: float, reset: float) -> None:
        """Rest for a step, each twice as long as the last, and up to half as long again by chance.

        Args:
            now: the time.
            reset: when the window ends, `inf` if unknown. If the next step would reach it, everybody waits for it.
        """
        tuning = self._tuning
        step = min(tuning.longest_backoff, tuning.first_backoff * 2.0**self._strikes * (1 + self._random() / 2))
        self._strikes = min(self._strikes + 1, 16)
        self.until = reset if now < reset <= now + 2 * step else now + step

    def turn(self, now: float) -> Turn:
        """When a call may go that only this pause holds back."""
        if now < self.until:
            return Turn(self.until, "refused", demanded=self.until <= self.demanded_until)
        return self.after_probe(now) if self.probing else Turn(now)

    def after_probe(self, now: float) -> Turn:
        """One call goes alone; the others wait for its response."""
        if self.probe_at is None:
            return Turn(now)
        return Turn(self.probe_at + self._tuning.patience, "opening", sure=False)
