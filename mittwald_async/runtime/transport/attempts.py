"""The way of a call: slot from the limiter, event header, credentials, send, learn, status; again or done.

The path of a call that succeeds at once is kept flat: it makes one small record and awaits one exchange. Everything
that happens rarely (waiting, errors, repeating, redirects, observers) lives in methods of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ..credentials import Secret, TokenResponse
from ..errors import (
    ApiClientError,
    CallTimeoutError,
    ClientStateError,
    InvalidArgumentError,
    NotSentError,
    StatusError,
    TransportError,
)
from ..headers import retry_after
from ..ratelimit import Slot
from . import events
from .call import Call
from .encoding import Content, check_method, header_values, usable
from .middleware import RawResponse, Request, around
from .request_builder import JSON, Outgoing, content_type_of, frame
from .responses import event_id, sealed_answer, status_error
from .retry import jitter
from .retry_decision import Retry, after_error, after_status, follow
from .session import LATE, Session, StreamedResponse

_log = events.logger


class _Free:
    """In place of a slot where a request leaves the API: another origin costs nothing of the budget, and what it says of
    budgets must not stop the calls to the API."""

    __slots__ = ()
    answered: None = None

    def release(self, *, sent: bool = True) -> None:
        """There is nothing to give back."""


_FREE = _Free()


class Attempts(Outgoing):
    """Makes a call's attempts, one after the other, and what is due between them."""

    async def _perform(self, call: Call, stream: bool = False) -> RawResponse:
        """Make attempts until one succeeds, or until nothing more can be hoped for: then its error is raised."""
        shared = self.shared
        session = shared.session
        if session is None or session.loop is not asyncio.get_running_loop():
            raise shared.unusable()
        if self._after is not None or (self._remembers and shared.memory.scopes):
            self._attach(call)
        if self._observers or _log.isEnabledFor(logging.DEBUG):
            call.watch(self._observers)
        limiter = shared.limiter
        assert limiter is not None
        credentials = shared.credentials
        try:
            while True:
                call.number += 1
                if credentials is not None and not call.away:
                    call.secret = credentials.current()
                    if call.secret is None:
                        await self._sign(call)
                slot = _FREE if call.away else limiter.try_acquire(call.plan.route, self._policy)
                if slot is None:
                    slot = await self._slot(call)
                if call.waited:
                    call.begun = shared.clock.now()
                failure: TransportError | None = None
                answer: RawResponse | None = None
                try:
                    if self._middleware or stream:
                        answer = await self._guarded(session, call, slot, stream)
                    else:
                        answer = await session.exchange(
                            call.method,
                            self._url(call),
                            self._headers(call),
                            call.content,
                            self._whole if not call.waited else self._rest(call),
                            slot.answered,
                            False,
                            call.unsent,
                        )
                except TransportError as error:
                    failure = error
                    call.sent = call.sent and not isinstance(error, NotSentError)
                finally:
                    slot.release(sent=call.sent)
                if answer is not None and 200 <= answer.status < 300 and not call.further:
                    break
                await self._follow_up(call, answer, failure)
                call.waited = call.sent = True
                if shared.session is not session:
                    raise shared.unusable()
        except BaseException as error:
            self._ended(call, error)
            raise
        if call.retries:
            shared.quota.give(call.cost)
        elif shared.quota.tokens < shared.quota.capacity:
            shared.quota.give()
        if self._remembers and not call.away and (not call.plan.safe or call.event is not None):
            self._learn(call, answer)
        if call.observers is not None:
            self._finish(call, answer)
        return answer

    async def _sign(self, call: Call) -> None:
        """There is no token at hand that is good for a while: get one. Routes without security do without."""
        credentials = self.shared.credentials
        if credentials is None or not call.plan.operation.secured:
            return
        call.waited = True
        async with self._in_time(call):
            call.secret = await credentials.token(self.exchange)

    async def _slot(self, call: Call) -> Slot:
        """The budget is used up for now: wait for a turn. `max_wait` bounds that, not `timeout`: a bulk job that fails
        because it has to wait for the next window would be of no use."""
        limiter = self.shared.limiter
        assert limiter is not None
        call.waited = True
        begun = self.shared.clock.now()
        async with self._while_open():
            slot = await limiter.acquire(
                call.plan.route, self._policy, on_wait=None if call.observers is None else call.waits_for_budget
            )
        seconds = self.shared.clock.now() - begun
        call.held += seconds
        call.tell(events.WaitedForBudget, seconds=seconds)
        return slot

    @asynccontextmanager
    async def _while_open(self) -> AsyncGenerator[None, None]:
        """Wait, but not for a client that is closed meanwhile."""
        shared = self.shared
        if shared.closed:
            raise shared.unusable()
        waiting = asyncio.timeout(None)
        try:
            async with waiting:
                shared.waiting.add(waiting)
                yield
        except TimeoutError:
            if not waiting.expired():
                raise
            raise shared.unusable() from None
        finally:
            shared.waiting.discard(waiting)

    @asynccontextmanager
    async def _in_time(self, call: Call) -> AsyncGenerator[None, None]:
        """Hold the call's deadline over something that does not know it."""
        late = asyncio.timeout(self._left(call))
        try:
            async with late:
                yield
        except TimeoutError:
            if not late.expired():
                raise
        if late.expired():
            raise CallTimeoutError(LATE)

    async def _guarded(self, session: Session, call: Call, slot: Slot | _Free, stream: bool) -> RawResponse:
        """An attempt through middleware, or one whose body is left on the wire: the deadline is held from outside."""
        timeout = self._limits(None) if stream else self._rest(call)
        call.sent = False
        streams: list[StreamedResponse] = []

        async def send(request: Request) -> RawResponse:
            url, headers, content, answered = self._url(call), self._headers(call), call.content, slot.answered
            if request is not given:
                url, headers, content = self._changed(call, given, request)
                answered = slot.answered if self.shared.own(url) else None
            call.sent = True
            answer = await session.exchange(
                request.method, url, headers, content, timeout, answered, stream, call.unsent
            )
            if isinstance(answer, StreamedResponse):
                streams.append(answer)
            return answer

        content = call.content
        given = Request(
            operation_id=call.operation_id,
            method=call.method,
            url=str(call.url),
            headers=dict(call.extra or {}),
            body=None if content is None or content.open is not None else content.data,
            attempt=call.number,
        )
        taken: object = None
        try:
            async with self._in_time(call):
                answer = await around(self._middleware, send)(given)
            if not isinstance(answer, RawResponse):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
                raise ClientStateError(
                    f"a middleware returned {type(answer).__name__}, no answer: return what call_next gave"
                )
            taken = answer
            if not isinstance(answer.headers, CIMultiDict | CIMultiDictProxy):  # the middleware's own
                answer.headers = CIMultiDict(answer.headers)
            return answer
        finally:
            for opened in streams:
                if opened is not taken:  # the middleware failed, or made up its mind: nobody will read this body
                    opened.close()

    def _changed(self, call: Call, given: Request, request: Request) -> tuple[URL, CIMultiDict[str], Content | None]:
        """URL, headers and body of an attempt that middleware has changed from what it was given."""
        _check_changed(request)
        url, headers, content = usable(request.url, "url"), self._headers(call), call.content
        if request.body is not given.body:
            kind = content_type_of(call, request.headers)
            content = None if request.body is None else Content(kind, request.body)
        if call.away or not self.shared.own(url):
            headers = self._foreign_headers.copy()
        else:
            headers = headers.copy()
            headers.update(header_values(request.headers, {}))
        if content is not None:
            frame(headers, content)
        elif call.content is not None:
            headers.popall("Content-Length", None)
        return url, headers, content

    # -- after an attempt -------------------------------------------------------------------------------------------

    async def _follow_up(self, call: Call, answer: RawResponse | None, failure: TransportError | None) -> None:
        """What follows an attempt that is not the last one: returns to send again, raises to give up."""
        shared, options = self.shared, self.options
        again: Retry | None
        error: ApiClientError
        if answer is None:
            assert failure is not None
            error = failure
            again = after_error(call, failure, options, shared)
        elif 200 <= answer.status < 300:
            if isinstance(answer, StreamedResponse):
                answer.close()  # its body is still on the wire, and nobody is going to read it
            self._next_event(call)
            self._ended_attempt(call, answer.status, None, "waited for the write of another task")
            return
        else:
            error = status_error(
                answer.status, *sealed_answer(answer.headers, answer.body, call.secret), shared.profile
            )
            again = await self._after_status(call, answer, error)
        if again is not None and again.wait and options.timeout is not None:
            # A wait that runs over the deadline: the error at hand says more than a timeout later.
            deadline = call.started + call.held + options.timeout
            again = again if shared.clock.now() + again.wait < deadline else None
        status = None if answer is None else answer.status
        reason = again.reason if again is not None else _told(error)
        self._ended_attempt(call, status, _told(error), reason, 0.0 if again is None else again.wait)
        if again is None:
            raise error
        call.tell(events.RetryScheduled, number=call.number, reason=again.reason, wait=again.wait)
        if again.wait:
            async with self._while_open():
                await shared.clock.sleep(again.wait)

    async def _after_status(self, call: Call, answer: RawResponse, error: StatusError) -> Retry | None:
        shared = self.shared
        if 300 <= answer.status < 400:
            problem = follow(call, answer, shared)
            if not problem:
                return Retry("redirected")
            error.message = problem
            return None
        if answer.status == 401 and call.secret is not None and not call.renewed and not call.away:
            credentials = shared.credentials
            assert credentials is not None
            call.renewed = True
            async with self._in_time(call):
                renewed = await credentials.refused(call.secret, self.exchange)
            if renewed and call.content is not None and call.content.spent:
                error.message += "; the token was renewed, but the body cannot be sent a second time"
            elif renewed:
                return Retry("the token was renewed")
            return None
        return after_status(call, answer, error, self.options, shared)

    def _next_event(self, call: Call) -> None:
        """The event was reached; go on to the next writer's."""
        if call.event is not None:
            self.shared.memory.reached(call.ids, call.plan.operation.group, call.event)
        call.event, *call.further = call.further

    def _ended_attempt(self, call: Call, status: int | None, error: str | None, reason: str, wait: float = 0.0) -> None:
        now = self.shared.clock.now()
        call.note(status, reason, now, wait)
        call.tell(events.AttemptEnded, number=call.number, status=status, error=error, seconds=now - call.begun)

    def _ended(self, call: Call, error: BaseException) -> None:
        """The call fails: put what is known of it on the error."""
        if isinstance(error, (StatusError, TransportError)) and not error.method:
            error.operation_id = call.operation_id
            error.method = call.method
            error.url = call.shown_url
            error.attempts = call.attempts
        call.tell(
            events.CallEnded,
            status=error.status if isinstance(error, StatusError) else None,
            error=type(error).__name__,
            attempts=call.number,
            seconds=self.shared.clock.now() - call.started,
        )

    # -- reading one's own writes ---------------------------------------------------------------------------------

    def _attach(self, call: Call) -> None:
        """The events this call waits for."""
        call.event = self._after
        memory = self.shared.memory
        if not (memory.scopes and self._remembers):
            return
        operation = call.plan.operation
        found = memory.events(call.ids, operation.group, operation.paging is not None, self.shared.clock.now())
        if not found:
            return
        if self._after is not None:
            found.insert(0, self._after)
        if call.plan.safe:
            call.event, *call.further = found
        else:
            call.event = found[-1]

    def _learn(self, call: Call, answer: RawResponse) -> None:
        """A successful write left an event, or an awaited event was reached."""
        shared = self.shared
        memory = shared.memory
        operation = call.plan.operation
        if call.event is not None:
            memory.reached(call.ids, operation.group, call.event)
        if call.method == operation.method and not call.plan.safe:  # not where a redirect turned it into a read
            memory.wrote(
                event_id(call.method, answer.status, answer.headers, shared.profile.events),
                method=call.method,
                group=operation.group,
                names=call.names,
                ids=call.ids,
                body=answer.body,
                started=call.started,
                now=self.shared.clock.now(),
            )

    def _finish(self, call: Call, answer: RawResponse) -> None:
        """Tell of a success."""
        now = self.shared.clock.now()
        call.tell(
            events.AttemptEnded,
            number=call.number,
            status=answer.status,
            error=None,
            seconds=now - call.begun,
            rate_limit=answer.rate_limit,
        )
        call.tell(
            events.CallEnded,
            status=answer.status,
            error=None,
            attempts=call.number,
            seconds=now - call.started,
        )

    # -- for credentials ----------------------------------------------------------------------------------------------

    async def exchange(
        self, operation_id: str, method: str, path: str, body: Secret, content_type: str = JSON
    ) -> TokenResponse:
        """One request for a token: without a token, to the API's own origin, of whatever status.

        It is repeated, for one's own part `max_retries` times, where it was provably not executed: not sent, or 429."""
        shared, options = self.shared, self.options
        session = shared.session
        if session is None or session.loop is not asyncio.get_running_loop():
            raise shared.unusable()
        login_headers = self._login_headers.copy()
        login_headers["Content-Type"] = content_type
        tries = 0
        while True:
            try:
                answer = await session.exchange(
                    method,
                    URL(shared.base + path, encoded=True),
                    login_headers,
                    Content(content_type, body.reveal().encode()),
                    self._login,
                    None,
                )
                told = retry_after(answer.headers, shared.wall())
                wait = 2.0**tries if told is None else told
                if answer.status != 429 or tries >= options.max_retries or wait > options.max_retry_wait:
                    break
            except TransportError as error:
                if shared.session is not session:
                    raise shared.unusable() from None
                error.operation_id, error.method, error.url = operation_id, method, shared.base + path
                if tries >= options.max_retries or not isinstance(error, NotSentError):
                    raise
                wait = jitter(tries, shared.chance())
            await shared.clock.sleep(wait)
            tries += 1
        return TokenResponse(
            status=answer.status,
            headers=answer.headers,
            body=Secret(answer.body.decode("utf-8", "replace")),
            error_body=shared.profile.errors,
        )


def _check_changed(request: object) -> None:
    """Refuse what no request can be made of."""
    if not isinstance(request, Request):
        raise ClientStateError(
            f"a middleware gave {type(request).__name__} to call_next, no request: use msgspec.structs.replace"
        )
    check_method(request.method)
    if request.body is not None and not isinstance(request.body, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - middleware may be untyped
        raise InvalidArgumentError("body", f"must be bytes or None, not {type(request.body).__name__}")
    if not isinstance(request.headers, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - middleware may be untyped
        raise InvalidArgumentError(
            "headers", f"must be a mapping of names to values, not {type(request.headers).__name__}"
        )


def _told(error: ApiClientError) -> str:
    """An error as the reason of an attempt, in a few words."""
    if isinstance(error, StatusError):
        return " ".join(part for part in (str(error.status or ""), error.type) if part) or type(error).__name__
    return error.message if isinstance(error, TransportError) else type(error).__name__
