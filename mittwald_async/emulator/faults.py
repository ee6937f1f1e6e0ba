"""Things that go wrong on purpose: which requests, how often, and what happens to them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from ..runtime.operation import Operation
from .options import OptionError

HTML = "<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>proxy</body></html>"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PRINTABLE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One plan. What is not set does not happen; several effects of one plan happen together.

    Usual ones: an answer lost after the write was carried out (`executed=True, reset="before"`), a proxy's 502 after it
    (`executed=True, status=502, html=True`), a budget that is used up (`status=429, type="RateLimitError"`), a slow
    server (`delay=5` or `stall=5`), half a packed body (`gzip=True, truncate=40, unannounced=True`).
    """

    operation: str = "*"
    """Operation id, or a glob over ids or over `METHOD /path/{template}`. One that means no operation is an error."""
    probability: float = 1.0
    """Share of the matching requests, by the plan's own dice."""
    count: int | None = None
    """So many times, then never again; `None`: without end."""
    after: int = 0
    """So many matching requests pass first."""
    seed: int | None = None
    """Of the dice; `None`: the emulator's."""
    executed: bool = False
    """True: the operation is executed before its response is damaged. Always so for effects on the response itself."""
    status: int | None = None
    """Answer with this status instead, with an error body of the API's shape unless `body` or `html` says otherwise."""
    type: str = "InternalError"
    """Of the error body."""
    message: str = "something went wrong"
    body: str | None = None
    """Body as it is. Needs `status`."""
    html: bool = False
    """A proxy's page as body. Needs `status`."""
    headers: dict[str, str] = {}
    """Headers set or, with an empty value, taken away: nonsense welcome."""
    reset: Literal["before", "during", "after"] | None = None
    """Reset the connection before anything is answered, in the middle of the headers, or after headers and half a
    body."""
    truncate: int | None = None
    """Close the connection after so many bytes of the body, though more were announced."""
    delay: float = 0.0
    """Seconds until the request is processed."""
    stall: float = 0.0
    """Seconds between carrying the request out and answering it."""
    gzip: bool = False
    """The body is compressed, whatever the request accepts. `truncate` counts compressed bytes."""
    unannounced: bool = False
    """No `Content-Length`: the end of the connection is the end of the body. Needs `truncate`."""
    drip: float = 0.0
    """Seconds between the pieces of a body that comes in ten."""

    def checked(self) -> Fault:
        """Give itself back, or raise OptionError."""
        if not 0 <= self.probability <= 1:
            raise OptionError("fault: probability must be 0 to 1")
        if self.status is not None and not 200 <= self.status <= 599:
            raise OptionError("fault: status must be 200 to 599")
        if (self.body is not None or self.html) and self.status is None:
            raise OptionError("fault: body and html need a status")
        if self.body is not None and self.html:
            raise OptionError("fault: body and html contradict each other")
        if self.unannounced and self.truncate is None:
            raise OptionError("fault: unannounced needs truncate")
        if self.reset and self.truncate is not None:
            raise OptionError("fault: reset and truncate contradict each other")
        if any(not _TOKEN.fullmatch(name) or not _PRINTABLE.fullmatch(value) for name, value in self.headers.items()):
            raise OptionError("fault: headers must be names and values that fit on a line")
        if (
            min(
                self.delay,
                self.stall,
                self.drip,
                self.after,
                self.truncate or 0,
                0 if self.count is None else self.count,
            )
            < 0
        ):
            raise OptionError("fault: delay, stall, drip, after, truncate and count must be 0 or more")
        return self

    def error_body(self) -> tuple[bytes, str]:
        """Body and content type of the answer that replaces the real one."""
        if self.html:
            return HTML.format(status=self.status).encode(), "text/html"
        if self.body is not None:
            return self.body.encode(), "application/json"
        return msgspec.json.encode({"type": self.type, "message": self.message}), "application/json"


class _Plan:
    __slots__ = ("dice", "fault", "hits", "seen")

    def __init__(self, fault: Fault, seed: int, number: int) -> None:
        self.fault = fault
        self.dice = random.Random(f"fault {seed if fault.seed is None else fault.seed} {number}")
        self.seen = 0
        self.hits = 0

    def happens(self) -> bool:
        self.seen += 1
        fault = self.fault
        if self.seen <= fault.after or (fault.count is not None and self.hits >= fault.count):
            return False
        if fault.probability < 1 and self.dice.random() >= fault.probability:
            return False
        self.hits += 1
        return True


class Faults:
    """The plans of one emulator; the first that applies is the one that happens."""

    def __init__(self, seed: int, operations: Iterable[Operation[Any]]) -> None:
        self._seed = seed
        self._operations = {operation.operation_id: operation for operation in operations}
        self._plans: list[_Plan] = []
        self._by_operation: dict[str, tuple[_Plan, ...]] = {}

    def add(self, *faults: Fault) -> None:
        """All of them or none. Raises OptionError for a plan that contradicts itself or names no operation."""
        self.check(*faults)
        for fault in faults:
            self._plans.append(_Plan(fault, self._seed, len(self._plans)))
        self._by_operation.clear()

    def check(self, *faults: Fault) -> None:
        """Raises what `add` would."""
        known = self._operations
        for fault in faults:
            pattern = fault.checked().operation
            if pattern in known or any(matches(pattern, operation) for operation in known.values()):
                continue
            near = get_close_matches(pattern, known, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise OptionError(f"fault: no operation is {pattern!r}{hint}")

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._plans.clear()
        self._by_operation.clear()

    def match(self, operation: Operation[Any]) -> Fault | None:
        """The fault that happens to this request, if any."""
        if not self._plans:
            return None
        plans = self._by_operation.get(operation.operation_id)
        if plans is None:
            plans = tuple(plan for plan in self._plans if matches(plan.fault.operation, operation))
            self._by_operation[operation.operation_id] = plans
        for plan in plans:
            if plan.happens():
                return plan.fault
        return None

    def dump(self) -> list[dict[str, Any]]:
        """The plans and how often they applied."""
        return [{**msgspec.to_builtins(plan.fault), "seen": plan.seen, "hits": plan.hits} for plan in self._plans]


def matches(pattern: str, operation: Operation[Any]) -> bool:
    """Whether a plan's pattern means this operation."""
    if " " in pattern:
        return fnmatchcase(f"{operation.method} {operation.path}", pattern)
    return fnmatchcase(operation.operation_id, pattern)


def parsed(plans: Any) -> tuple[Fault, ...]:
    """Plans, ready-made or as JSON values: one or a list of them. Raises OptionError."""
    values: Any = msgspec.to_builtins(plans)
    items: list[Any] = [*values] if isinstance(values, list | tuple) else [values]
    known = set(Fault.__struct_fields__)
    for item in items:
        names: set[str] = set(item) if isinstance(item, dict) else set()  # pyright: ignore[reportUnknownArgumentType]
        if names - known:
            raise OptionError(f"fault: unknown {', '.join(sorted(names - known))}")
    try:
        return tuple(fault.checked() for fault in msgspec.convert(items, list[Fault]))
    except msgspec.ValidationError as error:
        raise OptionError(f"fault: {error}") from None
