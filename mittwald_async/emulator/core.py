"""What happens to a request between the socket and an account, without any HTTP library.

route -> fault -> whose account -> the account -> log
"""

from __future__ import annotations

import gzip
import logging
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

import msgspec

from .behaviours import auth
from .behaviours.consistency import Events
from .behaviours.drift import Drift
from .behaviours.ratelimit import RateLimits
from .churn import AccountChange, Churn
from .clock import EmulatorClock, midnight
from .faults import Fault, Faults, parsed
from .generate import Generator
from .handlers import HANDLERS, Handler
from .http_messages import (
    EmulatedRequest,
    EmulatedResponse,
    ExecutedWrite,
    LoggedRequest,
    failed,
    no_route,
)
from .options import EmulatedAccount, EmulatorOptions
from .replies import Fail
from .routes import Route, Routes, Stub
from .seeded import DAY
from .shapes import Shapes
from .state import World
from .tenant import Specification, Tenant, TenantContext
from .validate import Checker
from .webhooks import Webhook

log: logging.Logger = logging.getLogger("mittwald_async.emulator")
DUMP_VERSION = 2
_SIZES = ("seed", "customers", "projects", "foreign")


class Core:
    """One emulator's whole behaviour.

    Args:
        options: checked.
        specification: what is documented, shared by all emulators of the process.
    """

    def __init__(self, options: EmulatorOptions, specification: Specification) -> None:
        self.options: EmulatorOptions = options
        self.specification: Specification = specification
        self.clock: EmulatorClock = EmulatorClock(virtual=options.clock == "virtual", start=midnight(options.on))
        self.handlers: dict[str, Handler] = dict(HANDLERS)
        self.counts: Counter[tuple[str, int]] = Counter()
        self._begin(self._planned(options))

    @property
    def routes(self) -> Routes:
        return self.specification.routes

    @property
    def shapes(self) -> Shapes:
        return self.specification.shapes

    @property
    def checker(self) -> Checker:
        return self.specification.checker

    def _begin(self, faults: Faults) -> None:
        """Everything that a reset recreates beside the clock."""
        options = self.options
        self.number: int = 0
        self.days: int = 0
        """Days that were let pass with `churn`."""
        self.counts.clear()
        self.log: deque[LoggedRequest] = deque(maxlen=options.log_size)
        self.writes: deque[ExecutedWrite] = deque(maxlen=options.write_log_size)
        self.webhooks: deque[Webhook] = deque(maxlen=options.log_size)
        self.limits: RateLimits = RateLimits(options)
        self.faults: Faults = faults
        shared = TenantContext(
            specification=self.specification,
            clock=self.clock,
            handlers=self.handlers,
            limits=self.limits,
            trace_id=self.trace_id,
            record=lambda write: self.writes.append(write),
            number=lambda: self.number,
            owner=self._owner,
        )
        self.tenants: tuple[Tenant, ...] = tuple(
            Tenant(account, shared, index) for index, account in enumerate(options.each_account())
        )
        self._found: dict[str, Tenant] = {}
        """Accounts by a token that was theirs when it was last looked for: thousands are not asked at every request."""

    def _planned(self, options: EmulatorOptions) -> Faults:
        seed = options.seed if options.fault_seed is None else options.fault_seed
        faults = Faults(seed, (route.operation for route in self.routes.by_id.values()))
        faults.add(*parsed(options.faults))
        return faults

    # the first account, which is the only one of most emulators

    @property
    def world(self) -> World:
        return self.tenants[0].world

    @property
    def tokens(self) -> auth.TokenStore:
        return self.tenants[0].tokens

    @property
    def events(self) -> Events:
        return self.tenants[0].events

    @property
    def drift(self) -> Drift:
        return self.tenants[0].drift

    @property
    def generator(self) -> Generator:
        return self.tenants[0].generator

    def reset(self, options: EmulatorOptions | None = None) -> None:
        """Start over: state, tokens, budgets, events, faults, log. A virtual clock restarts, a real one continues."""
        faults = self._planned(options or self.options)  # first: refused ones change nothing
        self.options = options or self.options
        self.clock.restart(midnight(self.options.on))
        self._begin(faults)

    def configure(self, options: EmulatorOptions) -> None:
        """Take behaviours from other options; state and budgets stay."""
        self.options = options
        self.limits.options = options
        for tenant, account in zip(self.tenants, options.each_account(), strict=True):
            tenant.configure(account)

    async def answer(self, request: EmulatedRequest) -> EmulatedResponse:
        """Answer any request; never raises."""
        self.number += 1
        found = self.routes.find(request.method, request.path)
        operation_id = None
        tenant = self.tenants[0]
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
                tenant = self._tenant(path, request)
                answer = await self._operation(tenant, target, path, request)
        self.counts[operation_id or "", answer.status] += 1
        if self.log.maxlen:
            self.log.append(
                LoggedRequest(
                    self.number,
                    self.clock.now(),
                    request.method,
                    request.path,
                    request.query,
                    operation_id,
                    answer.status,
                    tenant.name,
                )
            )
        return answer

    def _tenant(self, path: dict[str, str], request: EmulatedRequest) -> Tenant:
        """The account that a request is for: by its token, by what a login names, by an id in the path."""
        if len(self.tenants) == 1:
            return self.tenants[0]
        secret = auth.secret_of(request.headers)
        if secret:
            found = self._found.get(secret)
            for tenant in self.tenants if found is None else (found, *self.tenants):
                if tenant.tokens.knows(secret):
                    self._found[secret] = tenant
                    return tenant
        given = auth.login_of(request.body)
        for tenant in self.tenants:
            if auth.is_for(tenant.tokens, tenant.options.email, given):
                return tenant
        return self._owner(path.values()) or self.tenants[0]

    def _owner(self, ids: Iterable[str], asking: Tenant | None = None) -> Tenant | None:
        if len(self.tenants) == 1:
            return None
        # Most ask for what is theirs: then no other account has to be looked at.
        order = self.tenants if asking is None else (asking, *self.tenants)
        return next((tenant for id in ids for tenant in order if tenant.world.owns(id)), None)

    async def _operation(
        self, tenant: Tenant, route: Route, path: dict[str, str], request: EmulatedRequest
    ) -> EmulatedResponse:
        fault = self.faults.match(route.operation)
        if fault is None:
            return await self._served(tenant, route, path, request)
        if fault.delay:
            await self.clock.sleep(fault.delay)
        spoilt = fault.status is not None or fault.reset == "before"
        if spoilt and not fault.executed:
            answer = EmulatedResponse(fault.status or 500, {})
        else:
            answer = await self._served(tenant, route, path, request)
        if fault.stall:
            await self.clock.sleep(fault.stall)
        _spoil(answer, fault)
        return answer

    async def _served(
        self, tenant: Tenant, route: Route, path: dict[str, str], request: EmulatedRequest
    ) -> EmulatedResponse:
        headers: dict[str, str] = {}
        try:
            return await tenant.serve(route, path, request, headers)
        except Fail as failure:
            return failed(failure, headers)
        except Exception:
            log.exception("%s failed: %s %s", route.operation.operation_id, request.method, request.path)
            return failed(Fail(500, "InternalError", "the emulator failed; its log has the traceback"), headers)

    def trace_id(self) -> str:
        """Id of the current request, for support."""
        return f"{self.options.seed & 0xFFFFFFFF:08x}{self.number:024x}"

    def new_webhooks(self) -> list[Webhook]:
        """Webhooks that were caused since this was asked, to be sent."""
        found: list[Webhook] = []
        for tenant in self.tenants:
            found += tenant.world.outbox
            tenant.world.outbox.clear()
        self.webhooks += found
        return found

    def churn(self, seed: int, days: int) -> list[AccountChange]:
        """Let days pass in all accounts, each with its backups, renewals and changes by people; gives all of them."""
        if not 0 <= days <= 3660:
            raise ValueError("days must be 0 to 3660")
        trace: list[AccountChange] = []
        churns = [Churn(tenant.world, tenant.name, seed) for tenant in self.tenants]
        for _ in range(days):
            self.clock.advance(DAY)
            self.days += 1
            for churn in churns:
                trace += churn.day(self.days)
        return trace

    def dump(self) -> dict[str, Any]:
        """State and tokens as JSON values."""
        accounts = [
            {"sizes": {name: getattr(tenant.options, name) for name in _SIZES}, **tenant.dump()}
            for tenant in self.tenants
        ]
        return {"version": DUMP_VERSION, "clock": self.clock.now(), "accounts": accounts}

    def load(self, dumped: Any) -> None:
        """Continue from a dump; a virtual clock goes on from its time. Raises ValueError, LookupError or TypeError if
        it cannot be read; nothing has changed then."""
        if not isinstance(dumped, dict):
            raise TypeError("a dump is an object")
        parts: dict[str, Any] = dumped  # pyright: ignore[reportUnknownVariableType]
        if parts.get("version") != DUMP_VERSION:
            raise ValueError(f"not a state of version {DUMP_VERSION}")
        accounts = msgspec.convert(parts["accounts"], list[dict[str, Any]])
        now = msgspec.convert(parts["clock"], float)
        if len(accounts) != len(self.tenants):
            raise ValueError(f"a state of {len(accounts)} accounts; this emulator has {len(self.tenants)}")
        options = _sized(self.options, [account["sizes"] for account in accounts])
        fresh = Core(options, self.specification)
        for tenant, account in zip(fresh.tenants, accounts, strict=True):
            tenant.load(account["tokens"], account["world"])
        self.reset(options)
        for tenant, account in zip(self.tenants, accounts, strict=True):
            tenant.load(account["tokens"], account["world"])
        if self.clock.virtual:
            self.clock.advance(max(now - self.clock.now(), 0.0))


def _sized(options: EmulatorOptions, accounts: list[Any]) -> EmulatorOptions:
    """Options with the sizes of a dump."""
    sizes = [msgspec.convert(account, dict[str, int]) for account in accounts]
    if any(set(each) != set(_SIZES) for each in sizes):
        raise ValueError("its sizes are not those of an account")
    if not options.accounts:
        return msgspec.structs.replace(options, **sizes[0]).checked()
    own: list[EmulatedAccount] = [
        msgspec.structs.replace(account, **each) for account, each in zip(options.accounts, sizes, strict=True)
    ]
    return msgspec.structs.replace(options, accounts=tuple(own)).checked()


def _spoil(answer: EmulatedResponse, fault: Fault) -> None:
    """What a fault does to the answer itself; the rest happens on the wire."""
    if fault.status is not None:
        answer.status = fault.status
        answer.body, answer.headers["Content-Type"] = fault.error_body()
    for name, value in fault.headers.items():
        for known in [known for known in answer.headers if known.lower() == name.lower()]:
            del answer.headers[known]
        if value:
            answer.headers[name] = value
    if fault.gzip and answer.body:
        answer.body = gzip.compress(answer.body, mtime=0)
        answer.headers["Content-Encoding"] = "gzip"
    answer.fault = fault
