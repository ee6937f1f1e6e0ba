"""The control API under `/__emulator/`: everything about an emulator that the real API does not have. JSON throughout.

GET    /__emulator/status        version of the account, sizes, objects by kind, traits, clock
POST   /__emulator/reset         start over; a body may change seed, customers, projects and any other option
GET    /__emulator/faults        plans and how often they struck
POST   /__emulator/faults        add a plan or a list of them      PUT: replace all      DELETE: none
GET    /__emulator/clock         {"now": Unix seconds, "virtual": …, "sleepers": …}
POST   /__emulator/clock         {"advance": seconds}
PUT    /__emulator/transitions   {"unit": "seconds" | "reads", "length": …, "failing": …}
PATCH  /__emulator/traits        any trait's options by name: rate_limit, lag, drift, max_limit, …
GET    /__emulator/requests      the last requests; ?operation=id or glob, ?limit=n      DELETE: forget them
GET    /__emulator/events        the last writes: event id, when it arrives, what it created, project and customer
GET    /__emulator/counters      requests by operation and status, budget windows, drift, refusals
GET    /__emulator/state         everything as JSON                PUT: continue from such a dump
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from aiohttp import web

from .core import Core
from .faults import parsed
from .options import OptionError, Options, Transitions

TRAITS = frozenset(
    {
        "auth",
        "default_limit",
        "drift",
        "event_wait",
        "extension_seconds",
        "lag",
        "login_limit",
        "max_limit",
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
            ("PATCH", "traits"): self._traits,
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): lambda _query, _body: core.log.clear(),
            ("GET", "events"): lambda _query, _body: list(core.events.recent),
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
        del options["token"]
        return {
            "options": options,
            "clock": self._clock({}, None),
            "objects": core.world.counts(),
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

    def _traits(self, _query: Mapping[str, str], body: Any) -> Any:
        self._core.configure(retuned(self._core.options, body))
        values = msgspec.to_builtins(self._core.options)
        return {name: values[name] for name in sorted(TRAITS)}

    def _requests(self, query: Mapping[str, str], _body: Any) -> Any:
        entries = list(self._core.log)
        pattern = query.get("operation")
        if pattern is not None:
            entries = [entry for entry in entries if fnmatchcase(entry.operation_id or "", pattern)]
        limit = int(query.get("limit", len(entries)))
        return entries[-limit:] if limit > 0 else []

    def _counters(self, _query: Mapping[str, str], _body: Any) -> Any:
        core = self._core
        operations: dict[str, dict[str, int]] = {}
        for (operation_id, status), count in sorted(core.counts.items()):
            operations.setdefault(operation_id, {})[str(status)] = count
        return {
            "requests": core.number,
            "operations": operations,
            "rate_limit": {"windows": core.limits.dump(), "refused": core.limits.refused},
            "drifted": core.drift.added,
        }

    def _load(self, _query: Mapping[str, str], body: Any) -> Any:
        self._core.load(body)
        return self._status({}, None)


def retuned(options: Options, traits: dict[str, Any]) -> Options:
    """Options with some traits set that can change in the middle. Raises OptionError."""
    wrong = set(traits) - TRAITS
    if wrong:
        raise OptionError(f"no traits: {', '.join(sorted(wrong))}; there are {', '.join(sorted(TRAITS))}")
    return changed(options, traits)


def changed(options: Options, changes: dict[str, Any]) -> Options:
    """Options with some set from JSON values. Raises OptionError."""
    unknown = set(changes) - set(Options.__struct_fields__)
    if unknown:
        raise OptionError(f"unknown options: {', '.join(sorted(unknown))}")
    current = {name: getattr(options, name) for name in Options.__struct_fields__}
    if isinstance(changes.get("transitions"), dict):
        own = set(changes["transitions"]) - set(Transitions.__struct_fields__)
        if own:
            raise OptionError(f"unknown in transitions: {', '.join(sorted(own))}")
        changes = {**changes, "transitions": {**msgspec.to_builtins(options.transitions), **changes["transitions"]}}
    try:
        return msgspec.convert({**msgspec.to_builtins(current, builtin_types=()), **changes}, Options).checked()
    except msgspec.ValidationError as error:
        raise OptionError(str(error)) from None


def _json(status: int, data: Any) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(data), content_type="application/json")
