"""The control API under `/__emulator/`: everything about an emulator that the real API does not have. JSON throughout.

GET    /__emulator/status        version of the account, sizes, objects by kind, behaviours, clock
POST   /__emulator/reset         start over; a body may change seed, customers, projects and any other option
GET    /__emulator/faults        plans and how often they applied
POST   /__emulator/faults        add a plan or a list of them      PUT: replace all      DELETE: none
GET    /__emulator/clock         {"now": Unix seconds, "virtual": …, "sleepers": …}
POST   /__emulator/clock         {"advance": seconds}
PUT    /__emulator/transitions   {"unit": "seconds" | "reads", "length": …, "failing": …}
PATCH  /__emulator/behaviours    options of behaviours by name: rate_limit, lag, drift, max_limit, …
GET    /__emulator/requests      the last requests; ?operation=id or glob, ?limit=n      DELETE: forget them
GET    /__emulator/events        the last writes: event id, when it arrives, what it created, project and customer
GET    /__emulator/writes        every write carried out, whatever became of its answer: account, operation, path,
                                 body, time;
                                 ?operation=id or glob, ?account=name, ?limit=n      DELETE: forget them
GET    /__emulator/accounts      name, token, login, seed and sizes of every user
GET    /__emulator/webhooks      the last webhooks: kind, body, attempts, status of the answer
POST   /__emulator/churn         {"seed": …, "days": …}: realistic changes, the same for the same seed
GET    /__emulator/counters      requests by operation and status, budget windows, drift, refusals
GET    /__emulator/state         everything as JSON                PUT: continue from such a dump
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from aiohttp import web

from .core import Core
from .faults import parsed
from .http_messages import ExecutedWrite, LoggedRequest
from .options import EmulatorOptions, OptionError, Transitions, refuse_unknown

CHANGEABLE = frozenset(
    {
        "auth",
        "broken_log_ends",
        "empty_lists",
        "default_limit",
        "drift",
        "event_wait",
        "extension_seconds",
        "lag",
        "login_limit",
        "max_limit",
        "password_policy",
        "permission_lag",
        "rate_limit",
        "rate_limit_on_429",
        "rate_limit_per",
        "session_seconds",
        "transitions",
        "validate",
    }
)
"""Options that can change while the emulator runs."""

FIXED = frozenset({"host", "port", "clock", "state", "redirects"})
"""Options that a reset cannot change."""


class Control:
    """Answers the control routes of one core."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._routes: dict[tuple[str, str], Callable[[Mapping[str, str], Any], Any]] = {
            ("GET", "status"): self._status,
            ("POST", "reset"): self._reset,
            ("GET", "faults"): lambda _query, _body: core.faults.dump(),
            ("POST", "faults"): self._add_faults,
            ("PUT", "faults"): self._replace_faults,
            ("DELETE", "faults"): lambda _query, _body: core.faults.clear(),
            ("GET", "clock"): self._clock,
            ("POST", "clock"): self._advance,
            ("PUT", "transitions"): self._transitions,
            ("PATCH", "behaviours"): self._behaviours,
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): lambda _query, _body: core.log.clear(),
            ("GET", "events"): self._events,
            ("GET", "writes"): self._writes,
            ("DELETE", "writes"): lambda _query, _body: core.writes.clear(),
            ("GET", "accounts"): self._accounts,
            ("POST", "churn"): self._churn,
            ("GET", "webhooks"): self._webhooks,
            ("GET", "counters"): self._counters,
            ("GET", "state"): lambda _query, _body: core.dump(),
            ("PUT", "state"): self._load,
        }

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> web.Response:
        """Answer one control request; what cannot be done is a 400 that says why."""
        name = path.removeprefix("/__emulator/").rstrip("/") or "status"
        route = self._routes.get((method, name))
        if route is None:
            known = sorted({f"{m} {n}" for m, n in self._routes})
            return _json(404, {"error": "no such control route", "routes": known})
        try:
            data = msgspec.json.decode(body) if body else None
            return _json(200, route(query, data))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            return _json(400, {"error": f"{type(error).__name__}: {error}"})

    def _status(self, _query: Mapping[str, str], _body: Any) -> Any:
        core = self._core
        options: dict[str, Any] = msgspec.to_builtins(core.options)
        for name in ("token", "password", "mfa_code", "accounts"):
            del options[name]
        return {
            "options": options,
            "clock": self._clock({}, None),
            "objects": _summed([tenant.world.counts() for tenant in core.tenants]),
            "requests": core.number,
        }

    def _reset(self, _query: Mapping[str, str], body: Any) -> Any:
        wrong = FIXED & set(body or ())
        if wrong:
            raise OptionError(f"cannot be changed by a reset: {', '.join(sorted(wrong))}")
        self._core.reset(changed(self._core.options, body or {}))
        return self._status({}, None)

    def _add_faults(self, _query: Mapping[str, str], body: Any) -> Any:
        self._core.faults.add(*parsed(body))
        return self._core.faults.dump()

    def _replace_faults(self, _query: Mapping[str, str], body: Any) -> Any:
        faults = parsed(body)
        self._core.faults.check(*faults)
        self._core.faults.clear()
        self._core.faults.add(*faults)
        return self._core.faults.dump()

    def _clock(self, _query: Mapping[str, str], _body: Any) -> Any:
        clock = self._core.clock
        return {"now": clock.now(), "iso": clock.iso(), "virtual": clock.virtual, "sleepers": clock.sleepers}

    def _advance(self, _query: Mapping[str, str], body: Any) -> Any:
        self._core.clock.advance(msgspec.convert(body["advance"], float))
        return self._clock({}, None)

    def _transitions(self, _query: Mapping[str, str], body: Any) -> Any:
        self._core.configure(changed(self._core.options, {"transitions": body}))
        return msgspec.to_builtins(self._core.options.transitions)

    def _behaviours(self, _query: Mapping[str, str], body: Any) -> Any:
        self._core.configure(retuned(self._core.options, body))
        values = msgspec.to_builtins(self._core.options)
        return {name: values[name] for name in sorted(CHANGEABLE)}

    def _requests(self, query: Mapping[str, str], _body: Any) -> Any:
        return _chosen(self._core.log, query)

    def _writes(self, query: Mapping[str, str], _body: Any) -> Any:
        return _chosen(self._core.writes, query)

    def _events(self, _query: Mapping[str, str], _body: Any) -> Any:
        return [event for tenant in self._core.tenants for event in tenant.events.recent]

    def _webhooks(self, _query: Mapping[str, str], _body: Any) -> Any:
        names = ("kind", "body", "attempts", "status", "dry_run")
        return [{name: getattr(webhook, name) for name in names} for webhook in self._core.webhooks]

    def _churn(self, _query: Mapping[str, str], body: Any) -> Any:
        return self._core.churn(msgspec.convert(body.get("seed", 0), int), msgspec.convert(body["days"], int))

    def _accounts(self, _query: Mapping[str, str], _body: Any) -> Any:
        return [
            {
                "name": tenant.name,
                "token": tenant.options.token,
                "email": tenant.options.email,
                "password": tenant.options.password,
                "mfa_code": tenant.options.mfa_code if tenant.options.mfa else None,
                "seed": tenant.options.seed,
                "customers": tenant.options.customers,
                "projects": tenant.options.projects,
                "rate_limit": tenant.options.rate_limit,
            }
            for tenant in self._core.tenants
        ]

    def _counters(self, _query: Mapping[str, str], _body: Any) -> Any:
        core = self._core
        operations: dict[str, dict[str, int]] = {}
        for (operation_id, status), count in sorted(core.counts.items()):
            operations.setdefault(operation_id, {})[str(status)] = count
        return {
            "requests": core.number,
            "operations": operations,
            "rate_limit": {"windows": core.limits.dump(), "refused": core.limits.refused},
            "drifted": sum(tenant.drift.added for tenant in core.tenants),
        }

    def _load(self, _query: Mapping[str, str], body: Any) -> Any:
        self._core.load(body)
        return self._status({}, None)


def _chosen(entries: Iterable[LoggedRequest] | Iterable[ExecutedWrite], query: Mapping[str, str]) -> list[Any]:
    """The last entries of a log, by operation and account."""
    operation, account = query.get("operation"), query.get("account")
    chosen = [
        entry
        for entry in entries
        if (operation is None or fnmatchcase(entry.operation_id or "", operation))
        and (account is None or entry.account == account)
    ]
    limit = int(query.get("limit", len(chosen)))
    return chosen[-limit:] if limit > 0 else []


def _summed(counts: list[dict[str, int]]) -> dict[str, int]:
    return {kind: sum(each[kind] for each in counts) for kind in counts[0]}


def retuned(options: EmulatorOptions, behaviours: dict[str, Any]) -> EmulatorOptions:
    """Options with some set that can change in the middle. Raises OptionError."""
    wrong = set(behaviours) - CHANGEABLE
    if wrong:
        raise OptionError(
            f"only a new emulator can take {', '.join(sorted(wrong))}; a running one takes {', '.join(sorted(CHANGEABLE))}"
        )
    return changed(options, behaviours)


def changed(options: EmulatorOptions, changes: dict[str, Any]) -> EmulatorOptions:
    """Options with some set from JSON values. Raises OptionError."""
    refuse_unknown(changes)
    current = {name: getattr(options, name) for name in EmulatorOptions.__struct_fields__}
    if isinstance(changes.get("transitions"), dict):
        own = set(changes["transitions"]) - set(Transitions.__struct_fields__)
        if own:
            raise OptionError(f"unknown in transitions: {', '.join(sorted(own))}")
        changes = {**changes, "transitions": {**msgspec.to_builtins(options.transitions), **changes["transitions"]}}
    try:
        return msgspec.convert({**msgspec.to_builtins(current, builtin_types=()), **changes}, EmulatorOptions).checked()
    except msgspec.ValidationError as error:
        raise OptionError(str(error)) from None


def _json(status: int, data: Any) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(data), content_type="application/json")
