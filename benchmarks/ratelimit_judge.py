"""The rule that the benchmark's server enforces, and its account of what happened. Pure: told the time, waits for
nothing."""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Log: TypeAlias = list[tuple[float, str, int]]
"""Time, caller, status of every call."""
Kind = Literal["fixed", "first", "sliding", "gcra"]
Rounding = Literal["up", "down", "nearest"]


@dataclass
class Judge:
    """A budget of `limit` calls per `period` seconds.

    Args:
        kind: windows one after the other from `epoch`, windows that begin with a first call, a sliding one, or calls
            that come back one by one (GCRA; the reset is the time until all are back).
        spent: calls of the first window that were made before anybody came.
        mute: no headers; nothing is refused.
        forgets: share of answers without headers.
        rounding: of the reset to whole seconds.
        faults: share of calls that get a 429 without reason.
        silent: from, until: every call gets a 429.
    """

    limit: int
    period: float
    epoch: float = 0.0
    kind: Kind = "fixed"
    rounding: Rounding = "up"
    faults: float = 0.0
    silent: tuple[float, float] = (0.0, 0.0)
    spent: int = 0
    mute: bool = False
    forgets: float = 0.0
    changes: tuple[tuple[float, int], ...] = ()
    """When the limit becomes what."""
    random: random.Random = field(default_factory=lambda: random.Random(4))
    log: Log = field(default_factory=list[tuple[float, str, int]])
    _end: float = -math.inf
    _used: int = 0
    _recent: deque[float] = field(default_factory=deque[float])

    def restart(self, epoch: float) -> None:
        """Forget everything; the first window begins at `epoch`."""
        self.epoch, self._end, self._used = epoch, -math.inf, 0
        self._recent.clear()
        self.log.clear()

    def call(self, now: float, caller: str = "") -> tuple[int, dict[str, str]]:
        """Judge one call: the status and what the headers tell."""
        while self.changes and now >= self.changes[0][0]:
            self.limit = self.changes[0][1]
            self.changes = self.changes[1:]
        status, headers = self._judge(now)
        self.log.append((now, caller, status))
        return status, headers

    def _judge(self, now: float) -> tuple[int, dict[str, str]]:
        if self.mute:
            return 200, {}
        used, left = self._roll(now)
        if self.silent[0] <= now < self.silent[1] or used >= self.limit or self.random.random() < self.faults:
            return 429, {}
        self._used += 1
        if self.kind == "sliding":
            self._recent.append(now)
        elif self.kind == "gcra":
            self._end = max(now, self._end) + self.period / self.limit
            left = self._end - now
        if self.forgets and self.random.random() < self.forgets:
            return 200, {}
        whole = math.ceil(left) if self.rounding == "up" else math.floor(left + (self.rounding == "nearest") / 2)
        return 200, {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.limit - used - 1),
            "X-RateLimit-Reset": str(whole),
        }

    def _roll(self, now: float) -> tuple[int, float]:
        """Calls used and seconds left at this moment."""
        if self.kind == "sliding":
            while self._recent and self._recent[0] <= now - self.period:
                self._recent.popleft()
            return len(self._recent), self.period - (now - self._recent[0] if self._recent else 0.0)
        if self.kind == "gcra":
            back = max(0.0, self._end - now) * self.limit / self.period
            return math.ceil(back - 1e-6), max(0.0, self._end - now)
        if now >= self._end:
            self._used, self.spent = self.spent, 0
            passed = math.floor((now - self.epoch) / self.period)
            self._end = now + self.period if self.kind == "first" else self.epoch + (passed + 1) * self.period
        return self._used, self._end - now


@dataclass(frozen=True)
class Verdict:
    """What a stretch of the log comes to."""

    allowed: int
    passed: int
    refused: int
    slowest: float
    """Calls of the slowest caller as a share of the mean."""

    @property
    def used(self) -> float:
        """Share of the budget that was used."""
        return self.passed / self.allowed

    @property
    def throttled(self) -> float:
        """429s per call made."""
        return self.refused / max(1, self.passed + self.refused)


def verdict(
    log: Log,
    *,
    begin: float,
    end: float,
    rate: float,
    fair_from: float | None = None,
    fair_until: float | None = None,
    strangers: frozenset[str] | set[str] = frozenset(),
) -> Verdict:
    """Judge the calls between two instants; fairness between those who called while all were there.

    Strangers use the budget as well, but their 429s are their own affair.
    """
    inside = [(at, caller, status) for at, caller, status in log if begin <= at < end]
    fair_from, fair_until = begin if fair_from is None else fair_from, end if fair_until is None else fair_until
    counts: dict[str, int] = {caller: 0 for _, caller, _ in inside if caller not in strangers}
    for at, caller, status in inside:
        if caller in counts and status != 429 and fair_from <= at < fair_until:
            counts[caller] += 1
    mean = sum(counts.values()) / max(1, len(counts))
    return Verdict(
        allowed=round((end - begin) * rate),
        passed=sum(status != 429 for _, _, status in inside),
        refused=sum(status == 429 and caller in counts for _, caller, status in inside),
        slowest=min(counts.values()) / mean if mean else 0.0,
    )
