"""What follows an attempt that did not end the call: a redirect, a new token, a pause and another attempt, or the
error."""

from __future__ import annotations

from .. import events
from ..credentials import Exchange
from ..errors import (
    ApiClientError,
    CallTimeoutError,
    ClientStateError,
    ConsistencyError,
    ResponseDecodeError,
    ResponseTooLargeError,
    StatusError,
    TransportError,
)
from ..middleware import RawResponse
from ..options import Options
from .bodies import StreamedResponse
from .call import Call, Shared, WhileOpen
from .earlier_attempts import done_before, in_light_of_earlier, mark_maybe_done, note_maybe_done
from .redirects import follow
from .responses import sealed_response, status_error
from .retry_decision import UNREACHED, Retry, after_error, after_status
from .time_limits import TimeLimits


class FollowUp:
    """Decides and waits between the attempts of calls with one set of options."""

    __slots__ = ("_event_header", "_exchange", "_limits", "_options", "_shared")

    def __init__(self, shared: Shared, options: Options, limits: TimeLimits, exchange: Exchange) -> None:
        self._shared = shared
        self._options = options
        self._limits = limits
        self._exchange = exchange
        events = shared.profile.events
        self._event_header = "" if events is None else events.request_header.lower()

    async def __call__(
        self, call: Call, response: RawResponse | None, failure: TransportError | None
    ) -> RawResponse | None:
        """Return to send again, or what the call ends in after all; raise to give up."""
        shared = self._shared
        retry: Retry | None
        error: ApiClientError
        if response is None:
            assert failure is not None
            if len(failure.partial) > len(call.partial):
                call.partial = failure.partial
            error = in_light_of_earlier(call, failure)
            retry = after_error(call, failure, self._options, shared)
        elif 200 <= response.status < 300:
            self._next_event(call, response)
            return None
        else:
            settled = done_before(call, response)
            if settled is not None:
                self._attempt_ended(call, response.status, None, "an earlier attempt has deleted it")
                return settled
            headers, body = sealed_response(response.headers, response.body, call.secret)
            error = status_error(response.status, headers, body, shared.profile, awaits_event=self._awaits_event(call))
            error.body_reader = call.compiled.error_reader(response.status)
            retry = await self._after_status(call, response, error)
            if call.maybe_done:
                mark_maybe_done(error)
        if retry is not None and not self._limits.allows(call, retry.wait):
            retry = None  # the present error says more than a later timeout
        status = None if response is None else response.status
        reason = retry.reason if retry is not None else _in_words(error)
        self._attempt_ended(call, status, _in_words(error), reason, 0.0 if retry is None else retry.wait)
        if retry is None:
            raise error
        note_maybe_done(call, response, failure)
        call.emit(events.RetryScheduled, number=call.number, reason=retry.reason, wait=retry.wait)
        if retry.reason == UNREACHED and not shared.probes.begin(call):
            try:
                await self.await_probe(call)
            except CallTimeoutError:
                raise error from None
        elif retry.wait:
            with WhileOpen(shared):
                await shared.clock.sleep(retry.wait)
        return None

    async def await_probe(self, call: Call) -> None:
        """Wait while another call asks for the event that this one waits for as well."""
        if call.event is not None:
            with WhileOpen(self._shared):
                async with self._limits.hold(call):
                    await self._shared.probes.wait(call)
            call.waited = True

    def _awaits_event(self, call: Call) -> bool:
        """Whether the attempt named an event, its own or in a header of the caller."""
        if call.event is not None:
            return True
        named = (*(call.extra or ()), *self._options.headers)
        return bool(self._event_header) and any(name.lower() == self._event_header for name in named)

    async def _after_status(self, call: Call, response: RawResponse, error: StatusError) -> Retry | None:
        if 300 <= response.status < 400:
            problem = follow(call, response, self._shared)
            if not problem:
                return Retry("redirected")
            error.message = problem
            return None
        if response.status == 401 and call.secret is not None and not call.renewed and not call.off_origin:
            return await self._renew(call, error)
        return after_status(call, response, error, self._options, self._shared)

    async def _renew(self, call: Call, error: StatusError) -> Retry | None:
        """The token was refused: get another one, once for each call."""
        credentials = self._shared.credentials
        assert credentials is not None
        assert call.secret is not None
        call.renewed = True
        async with self._limits.hold(call):
            renewed = await credentials.refused(call.secret, self._exchange)
        if renewed and call.content is not None and call.content.spent:
            error.message += "; the token was renewed, but the body cannot be sent a second time"
        elif renewed:
            return Retry("the token was renewed")
        return None

    def _next_event(self, call: Call, response: RawResponse) -> None:
        """The event was reached; continue with that of the next write."""
        if isinstance(response, StreamedResponse):
            response.close()  # its body is still on the wire and will never be read
        self._shared.probes.end(call, reached=True)
        if call.event is not None:
            self._shared.event_log.reached(call.ids, call.compiled.operation.group, call.event)
        call.event, *call.further = call.further
        self._attempt_ended(call, response.status, None, "waited for the write of another task")

    def _attempt_ended(self, call: Call, status: int | None, error: str | None, reason: str, wait: float = 0.0) -> None:
        now = self._shared.clock.now()
        call.note(status, reason, now, wait)
        call.emit(events.AttemptEnded, number=call.number, status=status, error=error, seconds=now - call.begun)

    def failed(self, call: Call, error: BaseException) -> None:
        """The call fails: put what is known of it on the error."""
        reached = isinstance(error, StatusError) and not isinstance(error, ConsistencyError)
        self._shared.probes.end(call, reached=reached)
        if isinstance(error, TransportError) and len(call.partial) > len(error.partial):
            error.partial = call.partial
        if isinstance(error, ResponseDecodeError):
            error.operation_id = error.operation_id or call.operation_id
        elif isinstance(error, ClientStateError) and call.maybe_done:
            error.args = (f"{error}; an earlier attempt of this call may have done it",)
        elif isinstance(error, ResponseTooLargeError):
            error.operation_id, error.method, error.url = call.operation_id, call.method, call.shown_url
        elif isinstance(error, (StatusError, TransportError)) and not error.method:
            error.operation_id = call.operation_id
            error.method = call.method
            error.url = call.shown_url
            error.attempts = call.attempts
        call.emit(
            events.CallEnded,
            status=error.status if isinstance(error, StatusError) else None,
            error=type(error).__name__,
            attempts=call.number,
            seconds=self._shared.clock.now() - call.started,
        )

    def succeeded(self, call: Call, response: RawResponse) -> None:
        """The call is over."""
        now = self._shared.clock.now()
        call.emit(
            events.AttemptEnded,
            number=call.number,
            status=response.status,
            error=None,
            seconds=now - call.begun,
            rate_limit=response.rate_limit,
        )
        call.emit(
            events.CallEnded,
            status=response.status,
            error=None,
            attempts=call.number,
            seconds=now - call.started,
        )


def _in_words(error: ApiClientError) -> str:
    """An error as the reason of an attempt, in a few words."""
    if isinstance(error, StatusError):
        return " ".join(part for part in (str(error.status or ""), error.type) if part) or type(error).__name__
    return error.message if isinstance(error, TransportError) else type(error).__name__
