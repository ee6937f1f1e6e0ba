"""Lines of an inventory file's books, and its rows, as records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from .plan import Known, Target
from .rolling import Rolling
from .rows import Row

State = Literal["running", "done", "incomplete", "pruned"]

DEMO = "demo"
"""Source of sweeps of the built-in account: nothing of a real one is planned from them."""

SWEEP_COLUMNS = "id, account, state, resources, target, known, started_at, finished_at, source, requests, rolling"


class SweepProgress(msgspec.Struct, frozen=True):
    """How far one list has come."""

    resource: str
    operation: str
    owner: str | None
    position: int
    """Items taken from the start of the list."""
    done: bool
    total: int | None = None
    """Items the list had then, where that was reported."""
    scope: str = "account"
    """Whose list: `account`, `customer`, `project` or `parent`."""
    moved: bool = False
    """Items came, went or changed places while it was read: what it did not show may be there nevertheless."""


class SweepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep as the file knows it: one line of its table `sweeps`."""

    id: int
    account: str
    state: State
    resources: tuple[str, ...]
    target: Target
    known: Known
    """What the plan was made from; going on makes the same plan."""
    started_at: datetime
    finished_at: datetime | None
    source: str | None
    requests: int
    rolling: Rolling | None = None
    """How it chose what to ask for, where it carried the rest forward."""


def sweep_record(found: Sequence[Any]) -> SweepRecord:
    number, account, state, resources, target, known, started, finished, source, requests, rolling = found
    return SweepRecord(
        id=number,
        account=account,
        state=state,
        resources=tuple(json.loads(resources)),
        target=msgspec.json.decode(target, type=Target),
        known=msgspec.json.decode(known, type=Known),
        started_at=datetime.fromisoformat(started),
        finished_at=None if finished is None else datetime.fromisoformat(finished),
        source=source,
        requests=requests,
        rolling=None if rolling is None else msgspec.json.decode(rolling, type=Rolling),
    )


ROW_COLUMNS = "key, id, customer_id, project_id, parent_id, operation, fetched_at, drifted, data"


def stored_row(
    resource: str,
    key: str,
    own: str | None,
    customer: str | None,
    project: str | None,
    parent: str | None,
    operation: str,
    fetched_at: str,
    drifted: int,
    data: str,
) -> Row:
    return Row(
        resource=resource,
        id=own,
        key=key,
        customer_id=customer,
        project_id=project,
        parent_id=parent,
        operation=operation,
        fetched_at=datetime.fromisoformat(fetched_at),
        drifted=bool(drifted),
        raw=data.encode(),
    )
