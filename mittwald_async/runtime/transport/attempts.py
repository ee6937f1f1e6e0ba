"""The way of a call: a slot from the limiter, the token, one exchange; again, or done.

The path of a call that succeeds at once is kept flat: it makes one small record and awaits one exchange. Everything
that happens rarely (waiting, errors, repeating, redirects, observers, middleware) is a collaborator's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType

from .. import events
from ..errors import NotSentError, TransportError
from ..middleware import RawResponse
from ..options import Options
from ..ratelimit import Policy, QueuedCall, RateLimitWait
from .call import Call, Shared, WhileOpen
from .changes import server_time
from .follow_up import FollowUp
from .guarded_attempt import GuardedAttempt
from .header_builder import HeaderBuilder
from .own_writes import OwnWrites
from .session import MACHINERY, Session, WireRequest
from .time_limits import TimeLimits
from .token_requests import TokenRequests
from .write_watch import WRITE_WATCH

_log = events.logger


class _UnlimitedSlot:
    """In place of a slot where a request leaves the API: another origin costs nothing of the budget, and what it says
    of budgets must not stop the calls to the API."""

    __slots__ = ()
    answered: None = None

    def release(self, *, sent: bool = True) -> None:
        """There is nothing to give back."""


_UNLIMITED = _UnlimitedSlot()


class AttemptLoop:
    """Makes a call's attempts, one after the other, with one set of options."""

    def __init__(self, shared: Shared, options: Options) -> None:
        self.shared: Shared = shared
        self._policy = Policy(**{name: getattr(options, name) for name in Policy.__struct_fields__})
        self._observers = options.observers
        self._max_retries = options.max_retries
        self._largest = options.max_response_size
        self._headers = HeaderBuilder(shared.profile, options, MACHINERY, shared.accept_encoding)
        self._limits = TimeLimits(options, shared)
        self._writes = OwnWrites(shared, options)
        self.token_requests: TokenRequests = TokenRequests(
            shared, self._headers, self._limits, options.max_retries, options.max_retry_wait
        )
        self._guarded = GuardedAttempt(shared, options, self._headers, self._limits)
        self._follow_up = FollowUp(shared, options, self._limits, self.token_requests)
        self._plain = not self._guarded.needed and not self._headers.signs_url

    async def perform(self, call: Call, stream: bool = False) -> RawResponse:
        """Make attempts until one succeeds, or until another one makes no sense: then its error is raised."""
        shared = self.shared
        session = self._begin(call)
        limiter, credentials = shared.limiter, shared.credentials
        assert limiter is not None
        watch = None if call.compiled.safe else WRITE_WATCH.get()
        if watch is not None:
            watch.entered(None if credentials is None else credentials.identity, str(shared.origin))
        try:
            if call.event is not None and shared.probes:
                await self._follow_up.await_probe(call)
            while True:
                call.number += 1
                if credentials is not None and not call.off_origin:
                    call.secret = shared.fixed_token or credentials.current()
                    if call.secret is None:
                        await self._get_token(call)
                slot = _UNLIMITED if call.off_origin else limiter.try_acquire(call.compiled.route, self._policy)
                if slot is None:
                    with BudgetWait(shared, call) as wait:
                        slot = wait.slot = limiter.queue(call.compiled.route, self._policy, on_wait=wait.hears)
                        if slot.future is not None:
                            await slot.future
                if call.waited:
                    call.begun = shared.clock.now()
                failure: TransportError | None = None
                response: RawResponse | None = None
                try:
                    if watch is not None:
                        call.sent = False
                        await watch.sending()
                        call.sent = True
                    if self._plain and not stream:
                        response = await session.exchange(
                            WireRequest(call.method, call.url, self._headers.for_call(call), call.content),
                            self._limits.whole if not call.waited else self._limits.rest(call),
                            slot.answered,
                            unsent=call.unsent,
                            largest=self._largest,
                        )
                    else:
                        response = await self._guarded(session, call, slot.answered, stream)
                except TransportError as error:
                    failure = error
                    call.sent = call.sent and not isinstance(error, NotSentError)
                finally:
                    slot.release(sent=call.sent)
                if watch is not None and watch.answered(None if response is None else response.status, sent=call.sent):
                    call.retries = self._max_retries
                if response is not None and 200 <= response.status < 300 and not call.further:
                    break
                response = await self._next_attempt(session, call, response, failure)
                if response is not None:
                    break
        except BaseException as error:
            self._follow_up.failed(call, error)
            raise
        self._learn(call, response)
        return response

    def _begin(self, call: Call) -> Session:
        """The session for a call, which learns who watches it and which events it has to come after."""
        shared, writes = self.shared, self._writes
        session = shared.session
        if session is None or session.loop is not asyncio.get_running_loop():
            raise shared.unusable()
        if shared.event_log.scopes or writes.after is not None:
            writes.attach(call)
        if self._observers or _log.isEnabledFor(logging.DEBUG):
            call.watch(self._observers)
        return session

    def _learn(self, call: Call, response: RawResponse) -> None:
        """Note what a successful call means for the ones to come: retries left, the state of things, own writes."""
        shared, writes = self.shared, self._writes
        if call.probing is not None:
            shared.probes.end(call, reached=True)
        if call.retries or shared.quota.tokens < shared.quota.capacity:
            shared.quota.give(call.cost if call.retries else 1)
        if not call.compiled.safe and not call.off_origin:
            now, moment = shared.clock.now(), server_time(response.headers, shared.wall())
            shared.changes.wrote(call.method, call.path, response.body, now, moment)
        if writes.active and not call.off_origin and (not call.compiled.safe or call.event is not None):
            writes.learn(call, response)
        if call.observers is not None:
            self._follow_up.succeeded(call, response)

    async def _next_attempt(
        self, session: Session, call: Call, response: RawResponse | None, failure: TransportError | None
    ) -> RawResponse | None:
        """Wait until it is time for the next attempt, or raise why there is none. A response ends the call after
        all."""
        settled = await self._follow_up(call, response, failure)
        if settled is not None:
            return settled
        call.waited = call.sent = True
        if self.shared.session is not session:
            raise self.shared.unusable()
        return None

    async def _get_token(self, call: Call) -> None:
        """No token is there, or it expires soon: get one. Routes without security need none."""
        credentials = self.shared.credentials
        if credentials is None or not call.compiled.operation.secured:
            return
        call.waited = True
        async with self._limits.hold(call):
            call.secret = await credentials.token(self.token_requests)


class BudgetWait(WhileOpen):
    """The budget is used up for now: a call waits for a turn. `max_wait` bounds that, not `timeout`: a bulk job that
    fails because it has to wait for the next window would be of no use."""

    __slots__ = ("_begun", "_call", "slot")

    def __init__(self, shared: Shared, call: Call) -> None:
        super().__init__(shared)
        self._call = call
        self._begun = 0.0
        self.slot: QueuedCall | None = None
        """What is waited for."""

    @property
    def hears(self) -> Callable[[RateLimitWait], None] | None:
        """Who is to hear that the call waits."""
        return None if self._call.observers is None else self._call.waits_for_budget

    def __enter__(self) -> BudgetWait:
        self._call.waited = True
        self._begun = self._shared.clock.now()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.slot is not None and self.slot.future is not None:
            self.slot.settle(cancelled=isinstance(error, asyncio.CancelledError))
        super().__exit__(kind, error, traceback)
        if kind is None:
            seconds = self._shared.clock.now() - self._begun
            self._call.budget_wait += seconds
            self._call.emit(events.WaitedForBudget, seconds=seconds)
