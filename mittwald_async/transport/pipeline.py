"""The way of a call: slot from the limiter, event header, credentials, send, learn, status; again or decode.

The path of a call that succeeds at once is kept flat: it makes one small record and awaits one exchange. Everything
that happens rarely (waiting, errors, repeating, redirects, observers) lives in methods of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar, cast
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from msgspec import UNSET
from multidict import CIMultiDict
from yarl import URL

from .. import codec
from ..credentials import Answer as TokenAnswer
from ..credentials import Secret
from ..errors import (
    CallTimeoutError,
    ClientStateError,
    InvalidArgumentError,
    MittwaldError,
    NotSentError,
    StatusError,
    TransportError,
)
from ..operation import Operation, Response
from ..options import Options
from . import events
from .again import Again, after_error, after_status, follow
from .answers import event_id, masked, status_error
from .build import Content, Plan, cookie_header, form, header_values, query_pairs, spread
from .call import Call, Shared, Slot
from .retry import jitter
from .session import USER_AGENT, Answer, Hidden, Session, StreamAnswer

T = TypeVar("T")

_JSON = "application/json"
_OCTETS = "application/octet-stream"
_PLANS: dict[int, Plan] = {}
"""By identity of the operation, which the plan keeps alive. Only for operations of the document: there are finitely many."""
_METHOD = re.compile("[A-Za-z]{1,20}")
_NOT_IN_URLS = re.compile("[\x00-\x20\x7f]")
_numbers = itertools.count(1)
_log = events.logger


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt as middleware sees it. The access token is added later and is not in here.

    To change it: `msgspec.structs.replace(request, headers={**request.headers, "X-Trace": "1"})`.
    """

    operation_id: str | None
    method: str
    url: str
    headers: Mapping[str, str]
    """Sent in addition to those of the client."""
    body: bytes | None
    """`None` where nothing is sent, and for streamed bodies."""
    attempt: int
    """Counted from 1."""


CallNext: TypeAlias = Callable[[Request], Awaitable[Answer]]
Middleware: TypeAlias = Callable[[Request, CallNext], Awaitable[Answer]]


def plan_of(operation: Operation[Any]) -> Plan:
    """The plan of an operation of the document, made once."""
    plan = _PLANS.get(id(operation))
    if plan is None:
        plan = _PLANS[id(operation)] = Plan(operation)
    return plan


class Pipeline:
    """Sends calls with one set of options. Clones of a client have pipelines of their own over the same `Shared`."""

    def __init__(self, shared: Shared, options: Options) -> None:
        self.shared = shared
        self.options = options
        self._limits = (options.connect_timeout, options.read_timeout)
        self._whole = self._timeout(options.timeout)
        self._session_events = options.consistency == "session"
        self._events = self._session_events or options.after is not None
        self._observers = options.observers
        self._middleware = options.middleware
        agent = f"{options.user_agent} {USER_AGENT}" if options.user_agent else USER_AGENT
        self._base_headers = CIMultiDict({"User-Agent": agent, "Accept": _JSON, **options.headers})
        self._foreign_headers = CIMultiDict({"User-Agent": agent, "Accept": "*/*"})
        self._json_headers = CIMultiDict({"User-Agent": agent, "Accept": _JSON, "Content-Type": _JSON})
        self._secret: Secret | None = None
        self._signed = self._base_headers

    # -- what generated code calls ------------------------------------------------------------------------------

    async def value(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> T:
        """Send and give the decoded result."""
        call = self._call(plan_of(operation), path, query)
        if headers:
            self._add_headers(call, headers)
        if body is not UNSET:
            await self._add_body(call, body)
        answer = await self._perform(call)
        return cast(
            "T",
            codec.decode(
                operation,
                answer.status,
                answer.headers.get("Content-Type"),
                answer.body,
                strict=self.options.strict,
            ),
        )

    async def response(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[T]:
        """Send and give the result with everything around it."""
        call = self._call(plan_of(operation), path, query)
        if headers:
            self._add_headers(call, headers)
        if body is not UNSET:
            await self._add_body(call, body)
        answer = await self._perform(call)
        data = codec.decode(
            operation, answer.status, answer.headers.get("Content-Type"), answer.body, strict=self.options.strict
        )
        return self._response(call, answer, data)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[bytes]:
        """Send to any route; the body stays bytes."""
        call = self._loose(method, path, query)
        if headers:
            self._add_headers(call, headers)
        if body is not UNSET and body is not None:
            kind = next((str(v) for n, v in (call.extra or {}).items() if n.lower() == "content-type"), None)
            if kind is None:
                kind = _OCTETS if isinstance(body, (bytes, bytearray, memoryview)) else _JSON
            call.content = await self._content(kind, body)
        answer = await self._perform(call)
        return self._response(call, answer, answer.body)

    @asynccontextmanager
    async def stream(
        self,
        operation: Operation[Any] | None,
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        *,
        extra_headers: Mapping[str, str] | None = None,
        url: str | None = None,
    ) -> AsyncIterator[StreamAnswer]:
        """Send and give the answer with its body still on the wire. `timeout` ends with the headers; from there on
        `read_timeout` holds for each piece. With `url`, any address; the token goes to the API's own origin only."""
        if operation is None:
            call = self._loose("GET", url or "")
        else:
            call = self._call(plan_of(operation), path, query)
        if headers:
            self._add_headers(call, headers)
        if extra_headers:
            replaced = {name.lower() for name in extra_headers}
            kept = {name: value for name, value in (call.extra or {}).items() if name.lower() not in replaced}
            call.extra = {**kept, **extra_headers}
        answer = await self._perform(call, stream=True)
        if not isinstance(answer, StreamAnswer):
            raise ClientStateError("a middleware replaced a streamed answer by one without a stream")
        answer.url = masked(str(call.url))
        try:
            yield answer
        finally:
            answer.close()

    # -- making a call -------------------------------------------------------------------------------------------

    def _call(self, plan: Plan, path: Sequence[object], query: Mapping[str, object] | None) -> Call:
        shared = self.shared
        url = URL(shared.base + plan.target(path, query), encoded=True)
        call = Call(plan, url, path, query, shared.clock.now())
        if plan.accept is not _JSON:
            call.extra = {"Accept": plan.accept}
        return call

    def _loose(self, method: str, url: str, query: Mapping[str, object] | None = None) -> Call:
        """A call of a route that is in no document: a path under the base URL, or a whole URL."""
        shared = self.shared
        if not _METHOD.fullmatch(method):
            raise InvalidArgumentError("method", f"{method!r} is no HTTP method")
        if "://" not in url and not url.startswith("/"):
            raise InvalidArgumentError("path", f"{url!r} must begin with / (or be a whole URL)")
        if _NOT_IN_URLS.search(url):
            raise InvalidArgumentError("path", "white space and control characters must be percent-encoded")
        pairs = query_pairs(query, {}) if query else []
        if pairs:
            url += ("&" if "?" in url else "?") + urlencode(pairs, quote_via=quote, safe="")
        operation: Operation[bytes] = Operation(
            operation_id="", method=method.upper(), path=url.split("?", 1)[0], group="", name="request", tag=""
        )
        whole = URL(url if "://" in url else shared.base + url, encoded=url.isascii())
        # The pieces of the path stand in for its ids: reads of one's own writes work here, too.
        call = Call(Plan(operation), whole, tuple(whole.path.split("/")), query, shared.clock.now())
        call.away = not shared.own(whole)
        return call

    def _add_headers(self, call: Call, headers: Mapping[str, object]) -> None:
        plan = call.plan
        cookies = {name: value for name, value in headers.items() if name in plan.cookies and value is not None}
        plain = {name: value for name, value in headers.items() if name not in plan.cookies}
        extra = header_values(plain, plan.headers)
        if cookies:
            extra["Cookie"] = Hidden(cookie_header(cookies))
        if extra:
            call.extra = {**(call.extra or {}), **extra}

    async def _add_body(self, call: Call, body: object) -> None:
        plan = call.plan
        kind = plan.operation.body
        content_type = _JSON if kind is None else kind.content_type
        if isinstance(body, dict) and kind is not None and (kind.flat or content_type != _JSON):
            body = spread(cast("dict[str, object]", body), plan.nullable)
            if not body and not kind.required:
                return
        elif body is None and not (kind is not None and kind.required):
            return
        call.content = await self._content(content_type, body)

    async def _content(self, content_type: str, body: object) -> Content:
        if content_type == "multipart/form-data":
            from ..files import multipart

            parts = await multipart(cast("dict[str, Any]", body))
            return Content(parts.content_type, open=parts.open, size=parts.size, repeatable=parts.repeatable)
        if content_type == "application/x-www-form-urlencoded":
            if not isinstance(body, Mapping):
                raise InvalidArgumentError("body", "a form needs a mapping of names to values")
            return Content(content_type, form(cast("Mapping[str, object]", body)))
        if isinstance(body, (bytes, bytearray, memoryview)):
            return Content(content_type, bytes(body))
        if isinstance(body, str) and "json" not in content_type:
            return Content(content_type, body.encode())
        return Content(content_type, codec.encode(body))

    # -- the loop -------------------------------------------------------------------------------------------------

    async def _perform(self, call: Call, stream: bool = False) -> Answer:
        shared = self.shared
        session = shared.session
        if session is None or session.loop is not asyncio.get_running_loop():
            raise shared.unusable()
        now = shared.clock.now
        if self.options.timeout is not None:
            call.deadline = call.started + self.options.timeout
        if self._events:
            self._attach(call)
        if self._observers or _log.isEnabledFor(logging.DEBUG):
            self._start(call)
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
                slot = limiter.try_acquire(call.plan.route, priority=self.options.priority)
                if slot is None:
                    slot = await self._slot(call)
                call.begun = now()
                failure: TransportError | None = None
                answer: Answer | None = None
                try:
                    if self._middleware or stream:
                        answer = await self._guarded(session, call, slot, stream)
                    else:
                        answer = await session.exchange(
                            call.method,
                            call.url,
                            self._headers(call),
                            call.content,
                            self._whole if not call.waited else self._rest(call),
                            slot.answered,
                        )
                except TransportError as error:
                    failure = error
                finally:
                    slot.release()
                if answer is not None and 200 <= answer.status < 300 and not call.events:
                    break
                await self._follow_up(call, answer, failure)
                call.waited = True
        except BaseException as error:
            self._ended(call, error)
            raise
        if call.retries:
            shared.quota.give(call.cost)
        elif shared.quota.tokens < shared.quota.capacity:
            shared.quota.give()
        if self._session_events and (not call.plan.safe or call.event is not None):
            self._learn(call, answer)
        if call.watched:
            self._finish(call, answer)
        return answer

    def _timeout(self, total: float | None) -> aiohttp.ClientTimeout:
        connect, read = self._limits
        return aiohttp.ClientTimeout(total=total, sock_connect=connect, sock_read=read)

    def _rest(self, call: Call) -> aiohttp.ClientTimeout:
        """What is left of the call's time."""
        if call.deadline is None:
            return self._whole
        return self._timeout(self._left(call))

    def _left(self, call: Call) -> float | None:
        if call.deadline is None:
            return None
        left = call.deadline - self.shared.clock.now()
        if left <= 0:
            raise CallTimeoutError("the call took longer than timeout")
        return left

    def _headers(self, call: Call) -> CIMultiDict[str]:
        """What this attempt carries. Without anything special, the same object again and again."""
        if call.away:
            headers = self._foreign_headers
        elif call.secret is self._secret:
            headers = self._signed
        else:
            headers = self._sign_headers(call.secret)
        content = call.content
        if call.extra is None and content is None and call.event is None:
            return headers
        headers = headers.copy()
        if content is not None:
            headers["Content-Type"] = content.content_type
            if content.open is not None and content.size is not None:
                headers["Content-Length"] = str(content.size)
        if call.away:
            return headers
        if call.event is not None:
            headers["If-Event-Reached"] = call.event
        if call.extra is not None:
            headers.update(call.extra)
        return headers

    def _sign_headers(self, secret: Secret | None) -> CIMultiDict[str]:
        headers = self._base_headers.copy()
        if secret is not None:
            headers["X-Access-Token"] = Hidden(secret.reveal())
        self._secret = secret
        self._signed = headers
        return headers

    async def _sign(self, call: Call) -> None:
        """There is no token at hand that is good for a while: get one. Routes without security do without."""
        credentials = self.shared.credentials
        if credentials is None or not call.plan.operation.secured:
            return
        call.waited = True
        async with self._in_time(call):
            call.secret = await credentials.token(self.exchange)

    async def _slot(self, call: Call) -> Slot:
        """The budget is used up for now: wait for a turn."""
        limiter = self.shared.limiter
        assert limiter is not None
        call.waited = True
        begun = self.shared.clock.now()
        left = self._left(call)
        longest = min((seconds for seconds in (left, self.options.max_wait) if seconds is not None), default=None)
        async with self._in_time(call):
            slot = await limiter.acquire(call.plan.route, priority=self.options.priority, max_wait=longest)
        if call.watched:
            self._tell(call, events.WaitedForBudget, seconds=self.shared.clock.now() - begun)
        return slot

    @asynccontextmanager
    async def _in_time(self, call: Call) -> AsyncIterator[None]:
        """Hold the call's deadline over something that does not know it."""
        late = asyncio.timeout(self._left(call))
        try:
            async with late:
                yield
        except TimeoutError:
            if not late.expired():
                raise
        if late.expired():
            raise CallTimeoutError("the call took longer than timeout")

    async def _guarded(self, session: Session, call: Call, slot: Slot, stream: bool) -> Answer:
        """An attempt through middleware, or one whose body is left on the wire: the deadline is held from outside."""
        timeout = self._timeout(None) if stream else self._rest(call)

        async def send(request: Request) -> Answer:
            url, headers, content = call.url, self._headers(call), call.content
            if request is not given:
                url = URL(request.url, encoded=True)
                if request.headers is not given.headers:
                    headers = headers.copy()
                    headers.update(request.headers)
                if request.body is not given.body:
                    content = None if request.body is None else Content(_content_type(call, request), request.body)
                if not self.shared.own(url):
                    headers = self._foreign_headers
            return await session.exchange(request.method, url, headers, content, timeout, slot.answered, stream)

        content = call.content
        given = Request(
            operation_id=call.operation_id,
            method=call.method,
            url=str(call.url),
            headers=dict(call.extra or {}),
            body=None if content is None or content.open is not None else content.data,
            attempt=call.number,
        )
        run: CallNext = send
        for middleware in reversed(self._middleware):
            run = _bound(middleware, run)
        async with self._in_time(call):
            return await run(given)

    # -- after an attempt -------------------------------------------------------------------------------------------

    async def _follow_up(self, call: Call, answer: Answer | None, failure: TransportError | None) -> None:
        """What follows an attempt that is not the last one: returns to send again, raises to give up."""
        shared, options = self.shared, self.options
        again: Again | None
        error: MittwaldError
        if answer is None:
            assert failure is not None
            error = failure
            again = after_error(call, failure, options, shared)
        elif 200 <= answer.status < 300:
            self._next_event(call)
            self._ended_attempt(call, answer.status, None, "waited for the write of another task")
            return
        else:
            error = status_error(answer.status, answer.headers, answer.body)
            again = await self._after_status(call, answer, error)
        now = shared.clock.now()
        if again is not None and again.wait and call.deadline is not None and now + again.wait >= call.deadline:
            again = None
        status = None if answer is None else answer.status
        reason = again.reason if again is not None else _told(error)
        self._ended_attempt(call, status, _told(error), reason, 0.0 if again is None else again.wait)
        if again is None:
            raise error
        if call.watched:
            self._tell(call, events.RetryScheduled, number=call.number, reason=again.reason, wait=again.wait)
        if again.wait:
            await shared.clock.sleep(again.wait)

    async def _after_status(self, call: Call, answer: Answer, error: StatusError) -> Again | None:
        shared = self.shared
        if 300 <= answer.status < 400:
            problem = follow(call, answer, shared)
            if not problem:
                return Again("redirected")
            error.message = problem
            return None
        if answer.status == 401 and call.secret is not None and not call.renewed and not call.away:
            credentials = shared.credentials
            assert credentials is not None
            call.renewed = True
            async with self._in_time(call):
                if await credentials.refused(call.secret, self.exchange):
                    return Again("the token was renewed")
            return None
        return after_status(call, answer, error, self.options, shared)

    def _next_event(self, call: Call) -> None:
        """The event was reached; go on to the next writer's."""
        if call.event is not None:
            self.shared.memory.reached(call.ids, call.plan.operation.group, call.event)
        call.event, *call.events = call.events

    def _ended_attempt(self, call: Call, status: int | None, error: str | None, reason: str, wait: float = 0.0) -> None:
        now = self.shared.clock.now()
        call.note(status, reason, now, wait)
        if call.watched:
            self._tell(
                call,
                events.AttemptEnded,
                number=call.number,
                status=status,
                error=error,
                seconds=now - call.begun,
            )

    def _ended(self, call: Call, error: BaseException) -> None:
        """The call fails: put what is known of it on the error."""
        if isinstance(error, (StatusError, TransportError)) and not error.method:
            error.operation_id = call.operation_id
            error.method = call.method
            error.url = masked(str(call.url))
            error.attempts = call.attempts
        if call.watched:
            status = error.status if isinstance(error, StatusError) else None
            self._tell(
                call,
                events.CallEnded,
                status=status,
                error=type(error).__name__,
                attempts=call.number,
                seconds=self.shared.clock.now() - call.started,
            )

    # -- reading one's own writes ---------------------------------------------------------------------------------

    def _attach(self, call: Call) -> None:
        """The events this call waits for."""
        if self.options.after is not None:
            call.event = self.options.after
        memory = self.shared.memory
        if not (memory and self._session_events):
            return
        operation = call.plan.operation
        found = memory.events(call.ids, operation.group, operation.paging is not None, self.shared.clock.now())
        if not found:
            return
        if call.event is not None:
            found = [event for event in (call.event, *found) if event]
        if call.plan.safe:
            call.event, *call.events = found
        else:
            call.event = found[-1]

    def _learn(self, call: Call, answer: Answer) -> None:
        """A successful write left an event, or an awaited event was reached."""
        memory = self.shared.memory
        operation = call.plan.operation
        if call.event is not None:
            memory.reached(call.ids, operation.group, call.event)
        if not call.plan.safe:
            memory.wrote(
                event_id(call.method, answer.status, answer.headers),
                method=call.method,
                group=operation.group,
                names=call.names,
                ids=call.ids,
                body=answer.body,
                started=call.started,
                now=self.shared.clock.now(),
            )

    # -- telling ------------------------------------------------------------------------------------------------------

    def _start(self, call: Call) -> None:
        call.watched = True
        call.ident = next(_numbers)
        self._tell(call, events.CallStarted)

    def _finish(self, call: Call, answer: Answer) -> None:
        now = self.shared.clock.now()
        self._tell(
            call,
            events.AttemptEnded,
            number=call.number,
            status=answer.status,
            error=None,
            seconds=now - call.begun,
            rate_limit=None,
        )
        self._tell(
            call,
            events.CallEnded,
            status=answer.status,
            error=None,
            attempts=call.number,
            seconds=now - call.started,
        )

    def _tell(self, call: Call, kind: Callable[..., events.Event], **facts: Any) -> None:
        event = kind(
            call=call.ident,
            operation_id=call.operation_id,
            method=call.method,
            url=masked(str(call.url)),
            **facts,
        )
        events.tell(self._observers, event)

    def _response(self, call: Call, answer: Answer, data: T) -> Response[T]:
        call.note(answer.status, "ok", self.shared.clock.now())
        return Response(
            data=data,
            status=answer.status,
            headers=answer.headers,
            method=call.method,
            url=masked(str(call.url)),
            operation_id=call.operation_id,
            event_id=event_id(call.method, answer.status, answer.headers),
            rate_limit=None,
            attempts=call.attempts,
        )

    # -- for credentials ----------------------------------------------------------------------------------------------

    async def exchange(self, operation_id: str, method: str, path: str, body: Secret) -> TokenAnswer:
        """One request for a token: without a token, to the API's own origin, of whatever status."""
        shared = self.shared
        session = shared.session
        if session is None or session.loop is not asyncio.get_running_loop():
            raise shared.unusable()
        for retry in itertools.count():
            try:
                answer = await session.exchange(
                    method,
                    URL(shared.base + path, encoded=True),
                    self._json_headers,
                    Content(_JSON, body.reveal().encode()),
                    self._whole,
                    None,
                )
                break
            except NotSentError as error:
                error.operation_id, error.method, error.url = operation_id, method, shared.base + path
                if retry >= self.options.max_retries:
                    raise
            await shared.clock.sleep(jitter(retry, shared.chance()))
        return TokenAnswer(
            status=answer.status, headers=answer.headers, body=Secret(answer.body.decode("utf-8", "replace"))
        )


def _bound(middleware: Middleware, run: CallNext) -> CallNext:
    async def bound(request: Request) -> Answer:
        return await middleware(request, run)

    return bound


def _content_type(call: Call, request: Request) -> str:
    for name, value in request.headers.items():
        if name.lower() == "content-type":
            return value
    return _JSON if call.content is None else call.content.content_type


def _told(error: MittwaldError) -> str:
    """An error as the reason of an attempt, in a few words."""
    if isinstance(error, StatusError):
        return " ".join(part for part in (str(error.status or ""), error.type) if part) or type(error).__name__
    return error.message if isinstance(error, TransportError) else type(error).__name__
