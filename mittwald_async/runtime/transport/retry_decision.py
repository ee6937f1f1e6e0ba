"""What follows an attempt that did not succeed: another one, or the error. Decides; sleeps and sends nothing."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import ConsistencyError, RateLimitError, StatusError, TransportError
from ..headers import retry_after
from ..middleware import RawResponse
from ..options import Options
from ..profile import EventIds
from . import retry
from .call import Call, Shared

UNREACHED_PAUSE, UNREACHED_CAP = 0.5, 5.0
"""Seconds from one question for an event to the next, at first and at most; it doubles in between. The time that the
server took for its response counts: one that has held a request for 10 s is asked again soon."""
UNREACHED_FOR = 120.0
"""Seconds a not yet reached event is asked for where the call has no deadline."""


UNREACHED = "event not reached"


class Retry(NamedTuple):
    """Another attempt, after `wait` seconds."""

    reason: str
    wait: float = 0.0


def after_error(call: Call, error: TransportError, options: Options, shared: Shared) -> Retry | None:
    """A failed connection. `None`: give up."""
    if call.content is not None and call.content.spent:
        return None
    if not retry.repeats_error(call.method, error):
        return None
    cost = retry.Quota.TIMEOUT if isinstance(error, TimeoutError) else retry.Quota.RETRY
    return _counted(call, error.message, options, shared, cost)


def after_status(
    call: Call, response: RawResponse, error: StatusError, options: Options, shared: Shared
) -> Retry | None:
    """An error status. `None`: give up. (401 and redirects are handled before.)"""
    if call.content is not None and call.content.spent:
        return None
    status = response.status
    if isinstance(error, ConsistencyError):
        return _unreached(call, options, shared)
    events = shared.profile.events
    if events is not None and status in events.lag_statuses:
        return _lag(call, status, options, shared, events)
    if not retry.repeats_status(call.method, status):
        return None
    asked = retry_after(response.headers, shared.wall())
    if isinstance(error, RateLimitError):
        error.retry_after = asked
    if asked is not None and asked > options.max_retry_wait:
        return None
    return _counted(call, f"status {status}", options, shared, 0 if status == 429 else retry.Quota.RETRY, asked)


def _counted(
    call: Call, reason: str, options: Options, shared: Shared, cost: int, asked: float | None = None
) -> Retry | None:
    """A repetition that counts: against the number of retries, the sleeping budget and the client's quota."""
    if call.retries >= options.max_retries:
        return None
    wait = asked
    if wait is None:
        wait = retry.jitter(call.retries, shared.chance())
        if call.slept + wait > retry.BUDGET:
            return None
        call.slept += wait
    if cost and not shared.quota.take(cost):
        return None
    call.cost = cost
    call.retries += 1
    return Retry(reason, wait)


def _unreached(call: Call, options: Options, shared: Shared) -> Retry | None:
    """The event is on its way and the request was not executed, so repeating is right for every method."""
    if options.timeout is None and shared.clock.now() - call.started > UNREACHED_FOR:
        return None
    chance = shared.chance()
    pause = min(UNREACHED_CAP, UNREACHED_PAUSE * 2.0 ** min(call.unreached, 8)) * (0.75 + 0.5 * chance)
    call.unreached += 1
    return Retry(UNREACHED, max(0.1 + 0.4 * chance, pause - (shared.clock.now() - call.begun)))


def _lag(call: Call, status: int, options: Options, shared: Shared, events: EventIds) -> Retry | None:
    """Permissions follow a little after the event; only for things this client created moments ago."""
    if options.consistency == "off" or call.lag_tries >= events.lag_retries:
        return None
    if not shared.event_log.fresh(call.ids, shared.clock.now()):
        return None
    wait = events.lag_wait * 2.0**call.lag_tries * (0.75 + 0.5 * shared.chance())
    call.lag_tries += 1
    return Retry(f"status {status} on something just created", wait)
