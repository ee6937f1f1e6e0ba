"""Forgetting: runs of long ago, or everything of an account. What readers see of the other accounts stays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from ..errors import ConfigurationError
from .delta import delete_from_delta
from .lake import Lake, RunRecord

_QUIET = timedelta(days=1)
"""How long a run that has not ended may still be running."""


class PrunedLake(msgspec.Struct, frozen=True):
    """What was removed from a data set."""

    runs: int
    """Runs of which nothing is left."""
    accounts: int
    """Accounts of a run, whose files were removed."""


def prune_lake(lake: Lake, before: datetime | None = None, *, account: str | None = None) -> PrunedLake:
    """Remove what a data set keeps for looking back.

    The run that readers see of an account stays whatever its age, and so does the newest run that can be resumed. A
    Delta table keeps versions of its own, which `vacuum` of deltalake removes; it loses them with `account`.

    Args:
        lake: the data set.
        before: runs that began before this moment are removed; `None`: none.
        account: remove everything of this account, also what readers see and its rows in the Delta table.

    Raises:
        ConfigurationError: the data set or the account does not exist.
        StoreError: it cannot be written.
    """
    lake.check()
    removed = _forget_account(lake, account) if account is not None else 0
    if before is None:
        return PrunedLake(0, removed)
    resumable = lake.unfinished()
    runs = accounts = 0
    records = {run: record for run in lake.runs() if (record := lake.run(run)) is not None}
    for run, record in records.items():
        if not _is_over(lake, record, before):
            continue
        if resumable is not None and run == resumable.id:
            continue
        stay = {name for name in record.accounts if _is_seen(lake, records, record, name)}
        if not stay:
            lake.forget(run)
            runs, accounts = runs + 1, accounts + len(record.accounts)
            continue
        accounts += sum(lake.forget(run, name) for name in record.accounts if name not in stay)
    return PrunedLake(runs, removed + accounts)


def _is_seen(lake: Lake, records: Mapping[str, RunRecord], record: RunRecord, account: str) -> bool:
    """Whether readers see rows of an account that a run published: all of them, or what no later run swept."""
    seen = lake.current(account)
    if seen is None or seen.run == record.id:
        return seen is not None
    left = set(record.resources)
    if seen.run in records:
        left.difference_update(records[seen.run].resources)
    later = (one for run, one in records.items() if run > record.id and not left.isdisjoint(one.resources))
    while left and (one := next(later, None)) is not None:
        if lake.published(one.id, account):
            left.difference_update(one.resources)
    return bool(left) and bool(lake.published(record.id, account))


def _is_over(lake: Lake, record: RunRecord, before: datetime) -> bool:
    if record.started_at >= before:
        return False
    return lake.has_ended(record.id) or record.started_at < datetime.now(UTC) - _QUIET


def _forget_account(lake: Lake, account: str) -> int:
    found = sum(lake.forget(run, account) for run in lake.runs())
    seen = lake.forget_view(account)
    if not found and not seen:
        raise ConfigurationError(f"{lake.url}: unknown account {account!r}")
    delete_from_delta(lake, account)
    return found
