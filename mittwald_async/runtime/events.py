"""What observers hear of a call, in this order: started, then per attempt its end and what follows, then the end.

Nothing in an event is secret: URLs are masked, headers and bodies are not there at all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from . import logs
from .operation import RateLimit

logger: logging.Logger = logs.logger("calls")


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    call: int
    """Number of the call within this process; the same in all of its events."""
    operation_id: str | None
    method: str
    url: str
    """Masked."""


class CallStarted(_Record, frozen=True, kw_only=True):
    """A call begins; nothing has been sent yet."""


class WaitingForBudget(_Record, frozen=True, kw_only=True):
    """The limiter holds an attempt back."""

    reason: str
    """What it waits for: `opening`, `window`, `refused`, `pace`, `rate`, `concurrency` or `queue`."""
    expected: float | None
    """Seconds it will probably take; `None` where that is unknown."""


class WaitedForBudget(_Record, frozen=True, kw_only=True):
    """The limiter let a held attempt go, after these seconds."""

    seconds: float


class AttemptEnded(_Record, frozen=True, kw_only=True):
    """One attempt has a response or an error."""

    number: int
    status: int | None
    """`None` where no response came."""
    error: str | None
    seconds: float
    rate_limit: RateLimit | None = None


class RetryScheduled(_Record, frozen=True, kw_only=True):
    """The call is repeated after `wait` seconds."""

    number: int
    """Of the attempt that is repeated."""
    reason: str
    wait: float


class CallEnded(_Record, frozen=True, kw_only=True):
    """The call is over: `error` is the name of the error's class, `None` on success."""

    status: int | None
    error: str | None
    attempts: int
    seconds: float


Event: TypeAlias = CallStarted | WaitingForBudget | WaitedForBudget | AttemptEnded | RetryScheduled | CallEnded


def tell(observers: Iterable[object], event: Event) -> None:
    """Hand an event to everybody who listens. An observer that raises disturbs neither the call nor the others."""
    for observer in observers:
        try:
            observer(event)  # type: ignore[operator]
        except Exception:
            logger.exception("an observer failed on %s", type(event).__name__)
    if logger.isEnabledFor(logging.DEBUG):
        log(event)


def log(event: Event) -> None:
    """One debug line per event."""
    what = event.operation_id or ""
    match event:
        case CallStarted():
            logger.debug("#%d %s %s %s", event.call, event.method, event.url, what)
        case WaitingForBudget():
            logger.debug("#%d waits for the request budget (%s), %s s", event.call, event.reason, event.expected)
        case WaitedForBudget():
            logger.debug("#%d waited %.3f s for the request budget", event.call, event.seconds)
        case AttemptEnded():
            outcome = event.error or event.status
            logger.debug("#%d attempt %d: %s in %.3f s", event.call, event.number, outcome, event.seconds)
        case RetryScheduled():
            logger.debug("#%d repeated in %.3f s: %s", event.call, event.wait, event.reason)
        case CallEnded():
            outcome = event.error or event.status
            logger.debug("#%d ended: %s, %d attempts, %.3f s", event.call, outcome, event.attempts, event.seconds)
