"""One account of an emulator: its state and tokens, and what happens to a request of its user.

who calls -> budget -> checks -> awaited event -> handler -> page or body -> drift -> event id
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from ..runtime.structs import UNSET
from .behaviours import auth, paging, passwords
from .behaviours.consistency import Events, Visibility
from .behaviours.drift import Drift
from .behaviours.ratelimit import RateLimits
from .clock import EmulatorClock
from .dump import dumped, restored
from .generate import Generator
from .generic import answer_generically, enums_of
from .handlers import EmulatedCall, Handler
from .http_messages import JSON, EmulatedRequest, EmulatedResponse, ExecutedWrite, created, encode, ranged
from .identity import Identity
from .options import AccountOptions
from .replies import ContentReply, EmptyReply, Fail, ListReply, Reply, ValueReply
from .routes import Route, Routes
from .shapes import Shapes
from .state import World
from .validate import Checker


class Specification(msgspec.Struct, frozen=True):
    """What is documented, in the form that requests are served from. Never changes, so emulators share it."""

    routes: Routes
    shapes: Shapes
    checker: Checker


class TenantContext(msgspec.Struct, frozen=True):
    """What the accounts of one emulator share."""

    specification: Specification
    clock: EmulatorClock
    handlers: dict[str, Handler]
    limits: RateLimits
    trace_id: Callable[[], str]
    record: Callable[[ExecutedWrite], None]
    number: Callable[[], int]
    """Of the current request."""
    owner: Callable[[Iterable[str], Tenant], Tenant | None]
    """The account that one of some ids belongs to."""


class Tenant:
    """One account.

    Args:
        options: as this account has them.
        shared: what it has in common with the others.
        index: which of the accounts it is, from 0.
    """

    def __init__(self, options: AccountOptions, shared: TenantContext, index: int) -> None:
        self.options: AccountOptions = options
        self.shared: TenantContext = shared
        self.world: World = World(options, shared.clock)
        self.generator: Generator = Generator(shared.specification.shapes, options.seed, self.world.seeded.epoch)
        self.tokens: auth.TokenStore = auth.TokenStore(options, shared.clock)
        self.events: Events = Events(options, shared.clock, index)
        self.drift: Drift = Drift(options)
        self.main: Identity = self._main_token()

    @property
    def name(self) -> str:
        return self.options.account_name

    def _main_token(self) -> Identity:
        """The main user's token, which every account starts with."""
        known = self.tokens.who(self.options.token)
        if known is None:
            main = Identity("user", self.world.main_user)
            roles = ("api_read", "api_write")
            known = self.tokens.issue(
                "api", main, secret=self.options.token, description="emulator", roles=roles
            ).identity
        return known

    def configure(self, options: AccountOptions) -> None:
        """Take behaviours from other options; state and budgets stay."""
        self.options = options
        self.world.transition_options = options.transitions
        for behaviour in (self.tokens, self.events, self.drift):
            behaviour.options = options

    async def serve(
        self, route: Route, path: dict[str, str], request: EmulatedRequest, headers: dict[str, str]
    ) -> EmulatedResponse:
        """Carry out one request. `headers` are those of the answer, also of a refusal. Raises Fail."""
        operation, shared = route.operation, self.shared
        identity = auth.identify(self.tokens, route, request.headers, self.main)
        passes, budget = shared.limits.take(
            route, identity, request.remote, shared.clock.now(), self.options.rate_limit
        )
        headers.update(budget)
        if not passes:
            raise Fail(429, "RateLimitError", "too many requests")
        owner = shared.owner(path.values(), self)
        if owner is not None and owner is not self and operation.secured:
            raise Fail.forbidden()
        strict, checker = self.options.validate, shared.specification.checker
        query = checker.parameters(route, path, request.query, request.headers, strict=strict)
        body = checker.body(route, request.body, request.headers.get("content-type", ""), strict=strict)
        if self.options.password_policy:
            passwords.check(operation, body)
        event_id = request.headers.get("if-event-reached")
        reached = await self.events.reach(event_id, shared.trace_id) if event_id else 0
        call = self._call(route, path, identity, query, request.headers, body)
        visibility = self.events.view(reached)
        if not visibility.whole:
            visibility.refuse(path.values())
            before = visibility.before(request.path) if operation.method == "GET" else None
            if before is not None:
                return EmulatedResponse(200, {**headers, "Content-Type": JSON}, before)
        earlier = self._before(call, request.path) if self.events.on and not call.pure else None
        reply = self._handler(route)(call)
        if isinstance(reply, Fail):
            raise reply
        response = self._rendered(route, reply, call, visibility, headers)
        if not call.pure:
            new = created(call, reply)
            response.headers["etag"] = self.events.wrote(new, earlier, _about(call))
            self._record(request, call, response.headers["etag"], new)
        return response

    def _call(
        self,
        route: Route,
        path: dict[str, str],
        identity: Identity,
        query: Mapping[str, Any],
        headers: Mapping[str, str],
        body: Any,
    ) -> EmulatedCall:
        return EmulatedCall(
            operation=route.operation,
            path=path,
            query=query,
            headers=headers,
            body=body,
            identity=identity,
            world=self.world,
            tokens=self.tokens,
            clock=self.shared.clock,
            generated=self.generator.value,
        )

    def _record(self, request: EmulatedRequest, call: EmulatedCall, event_id: str, new: list[str]) -> None:
        self.shared.record(
            ExecutedWrite(
                number=self.shared.number(),
                at=self.shared.clock.now(),
                account=self.name,
                operation_id=call.operation.operation_id,
                method=request.method,
                path=request.path,
                body=call.body if _is_json(call) else None,
                event_id=event_id,
                created=tuple(new),
            )
        )

    def _handler(self, route: Route) -> Handler:
        handlers = self.shared.handlers
        handler = handlers.get(route.operation.operation_id)
        if handler is None:
            handler = handlers[route.operation.operation_id] = answer_generically
        return handler

    def _rendered(
        self, route: Route, reply: Reply, call: EmulatedCall, visibility: Visibility, headers: dict[str, str]
    ) -> EmulatedResponse:
        shapes = self.shared.specification.shapes
        if isinstance(reply, ListReply):
            if self.options.empty_lists and _is_narrowable(route) and not set(_SCOPES) & set(call.query):
                reply = ListReply([], reply.extra)
            if not visibility.whole:
                reply = ListReply(visibility.without_new(reply.items), reply.extra)
            items, page_headers = paging.cut(route.operation, reply, call.query, self.options)
            headers.update(page_headers)
            if self.drift.hits():
                items = self.drift.change(items, enums_of(route, shapes))
            headers["Content-Type"] = JSON
            return EmulatedResponse(route.success, headers, encode(paging.wrapped(route.operation, items, reply)))
        assert not isinstance(reply, Fail)
        headers.update(reply.headers)
        if isinstance(reply, ValueReply):
            data = reply.data
            if self.drift.hits():
                data = self.drift.change(data, enums_of(route, shapes))
            headers["Content-Type"] = JSON
            return EmulatedResponse(reply.status or route.success, headers, encode(data))
        if isinstance(reply, EmptyReply):
            return EmulatedResponse(reply.status or route.success, headers)
        assert isinstance(reply, ContentReply)
        headers["Content-Type"] = reply.content_type
        response = ranged(reply, headers, call.headers.get("range"))
        response.breaks = reply.breaks and self.options.broken_log_ends
        return response

    def _before(self, call: EmulatedCall, path: str) -> tuple[str, bytes] | None:
        """The nearest resource at or above the path as it reads now, for those who will not see the write yet."""
        while path.count("/") > 2:
            found = self.shared.specification.routes.find("GET", path)
            if not isinstance(found, frozenset) and isinstance(found[0], Route) and not found[0].needs_query:
                return None if found[0].is_list else self._peek(found[0], found[1], call, path)
            path = path.rpartition("/")[0]
        return None

    def _peek(self, route: Route, path: dict[str, str], call: EmulatedCall, raw_path: str) -> tuple[str, bytes] | None:
        look = self._call(route, path, call.identity, {}, {}, UNSET)
        look.quiet = True
        try:
            reply = self._handler(route)(look)
        except Fail:
            return None
        return (raw_path, encode(reply.data)) if isinstance(reply, ValueReply) and not look.acted else None

    def dump(self) -> dict[str, Any]:
        """Tokens and state as JSON values."""
        return {"tokens": self.tokens.dump(), "world": dumped(self.world)}

    def load(self, tokens: Any, world: Any) -> None:
        """Continue from a dump. Raises ValueError, LookupError or TypeError if it cannot be read; the account is of no
        use then."""
        restored(self.world, world)
        self.tokens.load(tokens)
        self.main = self._main_token()


_SCOPES = ("projectId", "customerId", "serverId", "contextId")


def _is_narrowable(route: Route) -> bool:
    """A list of the whole account of what lies in projects; those of projects, servers and customers stay whole."""
    return route.unscoped and route.operation.path not in ("/v2/projects", "/v2/servers", "/v2/customers")


def _is_json(call: EmulatedCall) -> bool:
    body = call.operation.body
    return body is not None and body.content_type == JSON and call.body is not UNSET


def _about(call: EmulatedCall) -> dict[str, Any]:
    """What an event is remembered with: which operation wrote, to which project or customer."""
    write = call.write
    return {
        "operation_id": call.operation.operation_id,
        "project_id": call.path.get("projectId") or (write.project_id if write is not None else None),
        "customer_id": call.path.get("customerId") or (write.customer_id if write is not None else None),
    }
