"""What was really changed: the emulator's log of executed writes, whatever happened to their responses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from mittwald_async.emulator import Emulator, Fault


def faults(share: float) -> tuple[Fault, ...]:
    """Faults of all kinds for this share of all writes: executed with a damaged or lost response, interrupted before
    execution, or temporarily refused."""
    return tuple(
        fault
        for method in ("PATCH", "POST")
        for fault in (
            Fault(operation=f"{method} *", probability=share / 4, status=502, html=True, executed=True),
            Fault(operation=f"{method} *", probability=share / 4, reset="before", executed=True),
            Fault(operation=f"{method} *", probability=share / 4, reset="before"),
            Fault(
                operation=f"{method} *",
                probability=share / 4,
                status=429,
                type="RateLimitError",
                headers={"Retry-After": "0"},
            ),
        )
    )


def writes(api: Emulator, operation_id: str) -> Counter[str]:
    """How often a write with a given path and body was executed."""
    return counted((write.path, write.body) for write in api.writes if write.operation_id == operation_id)


def counted(found: Iterable[tuple[str, object]]) -> Counter[str]:
    """How often each value occurs."""
    return Counter(f"{path} {msgspec.json.encode(body).decode()}" for path, body in found)
