"""What happens to a request between the socket and the handlers, without any HTTP library.

route -> fault -> who calls -> budget -> checks -> awaited event -> handler -> page or body -> drift -> event id
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ..runtime.operation import Operation, Redirect
from ..runtime.structs import UNSET
from . import resources
from .behaviours import auth, paging
from .behaviours.consistency import Events, View
from .behaviours.drift import Drift
from .behaviours.ratelimit import RateLimits
from .clock import EmulatorClock
from .faults import Faults, parsed
from .generate import Generator
from .generic import answer_generically, enums_of
from .handlers import HANDLERS, Call, Content, Fail, Handler, Identity, Listing, Nothing, Reply, Value
from .http_messages import JSON, EmulatedResponse, Entry, Incoming, created, encode, failed, no_route, ranged
from .options import Options
from .resources.exports import exported
from .routes import Route, Routes, Stub
from .shapes import Shapes
from .state import World
from .validate import Checker

log: logging.Logger = logging.getLogger("mittwald_async.emulator")
DUMP_VERSION = 1


class Facts:
    """What is documented, in the form the core needs it. Never changes, so emulators share it.

    Args:
        locations: where redirect stubs lead, by `METHOD /path` template.
    """

    def __init__(
        self,
        operations: Iterable[Operation[Any]],
        redirects: Iterable[Redirect],
        locations: Mapping[str, str] | None = None,
    ) -> None:
        self.routes: Routes = Routes(operations, redirects, locations)
        self.shapes: Shapes = Shapes()
        self.checker: Checker = Checker(self.shapes)


class Core:
    """One emulator's whole behaviour.

    Args:
        options: checked.
        facts: what is documented, shared by all emulators of the process.
    """

    def __init__(self, options: Options, facts: Facts) -> None:
        resources.register()
        self.options: Options = options
        self.clock: EmulatorClock = EmulatorClock(virtual=options.clock == "virtual")
        self.routes: Routes = facts.routes
        self.shapes: Shapes = facts.shapes
        self.checker: Checker = facts.checker
        self.handlers: dict[str, Handler] = dict(HANDLERS)
        self.log: deque[Entry] = deque(maxlen=options.log_size)
        self.counts: Counter[tuple[str, int]] = Counter()
        self.number: int = 0
        self.world: World = World(options, self.clock)
        self._begin(self._planned(options))

    def _begin(self, faults: Faults) -> None:
        """Everything that a reset makes anew beside world and clock."""
        options = self.options
        self.generator: Generator = Generator(self.shapes, options.seed)
        self.tokens: auth.TokenStore = auth.TokenStore(options, self.clock)
        self.limits: RateLimits = RateLimits(options)
        self.events: Events = Events(options, self.clock)
        self.drift: Drift = Drift(options)
        self.faults: Faults = faults
        self._main_token()

    def _planned(self, options: Options) -> Faults:
        seed = options.seed if options.fault_seed is None else options.fault_seed
        faults = Faults(seed, (route.operation for route in self.routes.by_id.values()))
        faults.add(*parsed(options.faults))
        return faults

    def _main_token(self) -> None:
        """The main user's token, which every emulator starts with."""
        known = self.tokens.who(self.options.token)
        if known is None:
            main = Identity("user", self.world.main_user)
            roles = ("api_read", "api_write")
            known = self.tokens.issue(
                "api", main, secret=self.options.token, description="emulator", roles=roles
            ).identity
        self.main = known

    def reset(self, options: Options | None = None) -> None:
        """Start over: state, tokens, budgets, events, faults, log. A virtual clock begins anew, a real one goes on."""
        faults = self._planned(options or self.options)  # first: refused ones change nothing
        self.options = options or self.options
        self.clock.restart()
        self.world = World(self.options, self.clock)
        self.log = deque(maxlen=self.options.log_size)
        self.counts.clear()
        self.number = 0
        self._begin(faults)

    def configure(self, options: Options) -> None:
        """Take traits from other options; state and budgets stay."""
        self.options = options
        self.world.transitions = options.transitions
        for trait in (self.tokens, self.limits, self.events, self.drift):
            trait.options = options

    async def answer(self, request: Incoming) -> EmulatedResponse:
        """Answer any request; never raises."""
        self.number += 1
        found = self.routes.find(request.method, request.path)
        operation_id = None
        if isinstance(found, frozenset):
            answer = failed(no_route(found), {})
            if found:
                answer.headers["Allow"] = ", ".join(sorted(found))
        else:
            target, path = found
            if isinstance(target, Stub):
                answer = EmulatedResponse(308, {"location": target.target(path, request.query)})
            else:
                operation_id = target.operation.operation_id
                answer = await self._operation(target, path, request)
        self.counts[operation_id or "", answer.status] += 1
        if self.log.maxlen:
            self.log.append(
                Entry(
                    self.number,
                    self.clock.now(),
                    request.method,
                    request.path,
                    request.query,
                    operation_id,
                    answer.status,
                )
            )
        return answer

    async def _operation(self, route: Route, path: dict[str, str], request: Incoming) -> EmulatedResponse:
        fault = self.faults.strike(route.operation)
        if fault is None:
            return await self._served(route, path, request)
        if fault.delay:
            await self.clock.sleep(fault.delay)
        spoilt = fault.status is not None or fault.reset == "before"
        if spoilt and not fault.executed:
            answer = EmulatedResponse(fault.status or 500, {})
        else:
            answer = await self._served(route, path, request)
        if fault.status is not None:
            answer.status = fault.status
            answer.body, answer.headers["Content-Type"] = fault.error_body()
        for name, value in fault.headers.items():
            for known in [known for known in answer.headers if known.lower() == name.lower()]:
                del answer.headers[known]
            if value:
                answer.headers[name] = value
        answer.fault = fault
        return answer

    async def _served(self, route: Route, path: dict[str, str], request: Incoming) -> EmulatedResponse:
        headers: dict[str, str] = {}
        try:
            return await self._carried_out(route, path, request, headers)
        except Fail as failure:
            return failed(failure, headers)
        except Exception:
            log.exception("%s failed: %s %s", route.operation.operation_id, request.method, request.path)
            return failed(Fail(500, "InternalError", "the emulator failed; its log has the traceback"), headers)

    async def _carried_out(
        self, route: Route, path: dict[str, str], request: Incoming, headers: dict[str, str]
    ) -> EmulatedResponse:
        operation = route.operation
        identity = auth.identify(self.tokens, route, request.headers, self.main)
        passes, budget = self.limits.take(route, identity, request.remote, self.clock.now())
        headers.update(budget)
        if not passes:
            raise Fail(429, "RateLimitError", "too many requests")
        strict = self.options.validate
        query = self.checker.parameters(route, path, request.query, request.headers, strict=strict)
        body = self.checker.body(route, request.body, request.headers.get("content-type", ""), strict=strict)
        event_id = request.headers.get("if-event-reached")
        reached = await self.events.reach(event_id, self.trace_id) if event_id else 0
        call = Call(
            operation=operation,
            path=path,
            query=query,
            headers=request.headers,
            body=body,
            identity=identity,
            world=self.world,
            tokens=self.tokens,
            clock=self.clock,
            generated=self.generator.value,
        )
        view = self.events.view(reached)
        if not view.whole:
            view.refuse(path.values())
            before = view.before(request.path) if operation.method == "GET" else None
            if before is not None:
                return EmulatedResponse(200, {**headers, "Content-Type": JSON}, before)
        earlier = self._before(call, request.path) if self.events.on and not call.pure else None
        reply = self._handler(route)(call)
        if isinstance(reply, Fail):
            raise reply
        answer = self._rendered(route, reply, call, view, headers)
        if not call.pure:
            answer.headers["etag"] = self.events.wrote(created(call, reply), earlier, _about(call))
        return answer

    def _handler(self, route: Route) -> Handler:
        handler = self.handlers.get(route.operation.operation_id)
        if handler is None:
            handler = self.handlers[route.operation.operation_id] = answer_generically
        return handler

    def _rendered(
        self, route: Route, reply: Reply, call: Call, view: View, headers: dict[str, str]
    ) -> EmulatedResponse:
        if isinstance(reply, Listing):
            if not view.whole:
                reply = Listing(view.without_new(reply.items), reply.extra)
            items, page_headers = paging.cut(route.operation, reply, call.query, self.options)
            headers.update(page_headers)
            if self.drift.hits():
                items = self.drift.change(items, enums_of(route, self.shapes))
            headers["Content-Type"] = JSON
            return EmulatedResponse(route.success, headers, encode(paging.wrapped(route.operation, items, reply)))
        if isinstance(reply, Value):
            data = reply.data
            if self.drift.hits():
                data = self.drift.change(data, enums_of(route, self.shapes))
            headers.update(reply.headers)
            headers["Content-Type"] = JSON
            return EmulatedResponse(reply.status or route.success, headers, encode(data))
        if isinstance(reply, Nothing):
            headers.update(reply.headers)
            return EmulatedResponse(reply.status or route.success, headers)
        assert isinstance(reply, Content)
        headers.update(reply.headers)
        headers["Content-Type"] = reply.content_type
        return ranged(reply, headers, call.headers.get("range"))

    def _before(self, call: Call, path: str) -> tuple[str, bytes] | None:
        """The nearest resource at or above the path as it reads now, for those who will not see the write yet."""
        while path.count("/") > 2:
            found = self.routes.find("GET", path)
            if not isinstance(found, frozenset) and isinstance(found[0], Route) and not found[0].needs_query:
                return None if found[0].is_list else self._peek(found[0], found[1], call, path)
            path = path.rpartition("/")[0]
        return None

    def _peek(self, route: Route, path: dict[str, str], call: Call, raw_path: str) -> tuple[str, bytes] | None:
        look = Call(
            operation=route.operation,
            path=path,
            query={},
            headers={},
            body=UNSET,
            identity=call.identity,
            world=self.world,
            tokens=self.tokens,
            clock=self.clock,
            generated=self.generator.value,
        )
        look.quiet = True
        try:
            reply = self._handler(route)(look)
        except Fail:
            return None
        return (raw_path, encode(reply.data)) if isinstance(reply, Value) else None

    def download(self, backup_id: str, wanted: str | None) -> EmulatedResponse:
        """What is behind an export's download URL: no token, no budget, ranges as asked for."""
        try:
            content = exported(self.world, backup_id)
        except Fail as failure:
            return failed(failure, {})
        return ranged(content, {"Content-Type": content.content_type, **content.headers}, wanted)

    def trace_id(self) -> str:
        """Id of the current request, for support."""
        return f"{self.options.seed & 0xFFFFFFFF:08x}{self.number:024x}"

    def dump(self) -> dict[str, Any]:
        """State and tokens as JSON values."""
        options = self.options
        sizes = {
            "seed": options.seed,
            "customers": options.customers,
            "projects": options.projects,
            "foreign": options.foreign,
        }
        parts: dict[str, Any] = {"clock": self.clock.now(), "tokens": self.tokens.dump(), "world": self.world.dump()}
        return {"version": DUMP_VERSION, "sizes": sizes, **parts}

    def load(self, dumped: Any) -> None:
        """Continue from a dump; a virtual clock goes on from its time. Raises ValueError, LookupError or TypeError if it
        cannot be read; nothing has changed then."""
        if not isinstance(dumped, dict):
            raise TypeError("a dump is an object")
        parts: dict[str, Any] = dumped  # pyright: ignore[reportUnknownVariableType]
        if parts.get("version") != DUMP_VERSION:
            raise ValueError(f"not a state of version {DUMP_VERSION}")
        sizes = msgspec.convert(parts["sizes"], dict[str, int])
        if set(sizes) != {"seed", "customers", "projects", "foreign"}:
            raise ValueError("its sizes are not those of an account")
        now = msgspec.convert(parts["clock"], float)
        options: Options = msgspec.structs.replace(self.options, **sizes).checked()
        world = World(options, self.clock)
        world.load(parts["world"])
        tokens = auth.TokenStore(options, self.clock)
        tokens.load(parts["tokens"])
        self.reset(options)
        self.world, self.tokens = world, tokens
        self._main_token()
        if self.clock.virtual:
            self.clock.advance(max(now - self.clock.now(), 0.0))


def _about(call: Call) -> dict[str, Any]:
    """What an event is remembered with: which operation wrote, to which project or customer."""
    write = call.write
    return {
        "operation_id": call.operation.operation_id,
        "project_id": call.path.get("projectId") or (write.project_id if write is not None else None),
        "customer_id": call.path.get("customerId") or (write.customer_id if write is not None else None),
    }
