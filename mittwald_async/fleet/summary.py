"""What became of a fleet: every account's result, and all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from .tables import merged_counts
from .task import AccountResult

FleetState = Literal["done", "incomplete", "failed"]


class FleetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended."""

    run: str
    path: str
    accounts: tuple[AccountResult, ...]
    seconds: float

    @property
    def state(self) -> FleetState:
        """`done`: everything was read. `incomplete`: all accounts are published, some of their lists failed. `failed`:
        an account is not published."""
        states = {one.state for one in self.accounts}
        return "failed" if "failed" in states else "incomplete" if "incomplete" in states else "done"

    @property
    def rows(self) -> dict[str, int]:
        """Rows of all accounts by resource."""
        return merged_counts(dict(one.rows) for one in self.accounts)

    @property
    def requests(self) -> int:
        """Sent by this call."""
        return sum(one.requests for one in self.accounts)

    @property
    def failed(self) -> tuple[AccountResult, ...]:
        """Accounts that are not published; resuming asks for these."""
        return tuple(one for one in self.accounts if one.state == "failed")


def merged(parts: Sequence[AccountResult]) -> AccountResult:
    """The parts of an account as one result."""
    if len(parts) == 1:
        return parts[0]
    states = {part.state for part in parts}
    return AccountResult(
        account=parts[0].account,
        state="failed" if "failed" in states else "incomplete" if "incomplete" in states else "done",
        rows=merged_counts(dict(part.rows) for part in parts),
        failed_lists=sum(part.failed_lists for part in parts),
        failures=tuple(text for part in parts for text in part.failures)[:5],
        drifted=sum(part.drifted for part in parts),
        requests=sum(part.requests for part in parts),
        seconds=max(part.seconds for part in parts),
        budget=next((part.budget for part in parts if part.budget is not None), None),
        error=next((part.error for part in parts if part.error is not None), None),
        repeated=all(part.repeated for part in parts),
        worker=", ".join(dict.fromkeys(part.worker for part in parts if part.worker)),
    )
