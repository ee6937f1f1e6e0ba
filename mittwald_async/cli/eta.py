"""How long a sweep still takes: the speed so far, and the windows of the budget that have to be waited for."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from ..runtime.ratelimit import RateLimitStatus

_NEW_WINDOW = 1.5
"""Seconds by which the time left in a window rises when a new one begins. Servers tell whole seconds."""
_LAST, _LAST_SHARE = 10, 0.08
"""Requests, and their share of all, that the limiter keeps for the end of a window or for others."""


class Eta(msgspec.Struct, frozen=True):
    """Time to go."""

    seconds: float
    at_least: bool
    """More lists may be found, or it is not known yet how long a window is: it can only take longer."""


class EtaEstimator:
    """Learns from frequent readings of the budget how long a window is and how much time was spent waiting.

    Args:
        reserve: share of the budget that is left to others, 0 to 1.
    """

    def __init__(self, reserve: float = 0.0) -> None:
        self._reserve = reserve
        self._window = 0.0
        self._whole = False
        self._resets_in: float | None = None
        self._waited = 0.0
        self._last: float | None = None
        self._idle = False

    def look(self, now: float, budget: RateLimitStatus) -> None:
        """Record the state of the budget at a moment."""
        if self._last is not None and self._idle:
            self._waited += now - self._last
        self._last, self._idle = now, idle(budget)
        if budget.resets_in is None:
            return
        self._whole = self._whole or (self._resets_in is not None and budget.resets_in > self._resets_in + _NEW_WINDOW)
        self._window = max(self._window, budget.resets_in)
        self._resets_in = budget.resets_in

    def estimate(
        self, seconds: float, ended: int, due: int, budget: RateLimitStatus, *, growing: bool = False
    ) -> Eta | None:
        """The time to go.

        Args:
            seconds: since the beginning.
            ended: lists done in them.
            due: lists to be asked for.
            budget: its current state.
            growing: further lists may be found.

        Returns:
            `None` before anything is known of the speed.
        """
        working = seconds - self._waited
        if not ended or working <= 0:
            return None
        each = working / ended
        if budget.limit is None or budget.remaining is None or budget.resets_in is None:
            return Eta(due * each, growing)
        kept = int(self._reserve * budget.limit)
        usable = max(1, budget.limit - kept)
        over = due - max(0, budget.remaining - kept)
        if over <= 0:
            return Eta(due * each, growing)
        between = ceil(over / usable) - 1
        in_windows = budget.resets_in + between * self._window + (over - between * usable) * each
        return Eta(max(due * each, in_windows), growing or (between > 0 and not self._whole))


def idle(budget: RateLimitStatus) -> bool:
    """Whether everything there is to do waits for its turn."""
    return budget.waiting > 0 and budget.in_flight == 0


def used_up(budget: RateLimitStatus, reserve: float) -> bool:
    """Whether the sweep waits for the next window, and not for its turn in this one."""
    if not idle(budget) or budget.limit is None or budget.remaining is None:
        return False
    return budget.remaining - int(reserve * budget.limit) <= max(_LAST, _LAST_SHARE * budget.limit)
