"""What an attempt ended in, read in the light of the attempts before it.

A write whose response was lost may have been carried out. Its repetition then finds the world changed: what was to be
deleted is missing, what was to be made exists.
"""

from __future__ import annotations

from ..errors import CallTimeoutError, MaybeSentError, NotSentError, StatusError, TransportError
from ..middleware import RawResponse
from .call import Call
from .encoding import SAFE
from .retry import maybe_carried_out

_MISSING = frozenset((404, 410))
_OTHER_REASONS = frozenset((401, 408, 429))
"""Statuses that say nothing about what the call is about."""


def note_maybe_done(call: Call, response: RawResponse | None, failure: TransportError | None) -> None:
    """Record that a retried attempt may have been executed."""
    if call.method in SAFE:
        return
    lost = isinstance(failure, MaybeSentError | CallTimeoutError)
    if lost or (response is not None and maybe_carried_out(response.status)):
        call.maybe_done = True


def done_before(call: Call, response: RawResponse) -> RawResponse | None:
    """The success that a repeated deletion is when nothing is there any more. `None`: it is not one."""
    if call.method != "DELETE" or not call.maybe_done or response.status not in _MISSING:
        return None
    operation = call.compiled.operation
    empty = (
        204
        if call.compiled.loose
        else next((one.status or 204 for one in operation.results if one.type == "None"), None)
    )
    return None if empty is None else RawResponse(empty, response.headers, rate_limit=response.rate_limit)


def mark_maybe_done(error: StatusError) -> None:
    """Say in an error that it may be the effect of an earlier attempt that did what the call was to do."""
    error.maybe_done = True
    status = error.status
    if status is not None and 400 <= status < 500 and status not in _OTHER_REASONS:
        hint = "an earlier attempt of this call may have done it"
        error.message = f"{error.message}; {hint}" if error.message else hint


def in_light_of_earlier(call: Call, failure: TransportError) -> TransportError:
    """The failure of the last attempt as the failure of the call: not sent this time may be sent before."""
    if not call.maybe_done or not isinstance(failure, NotSentError):
        return failure
    return MaybeSentError(f"{failure.message}; an earlier attempt may have reached the server")
