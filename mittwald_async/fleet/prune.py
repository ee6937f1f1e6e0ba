"""Forgetting: runs of long ago, or everything of an account. What readers see of the other accounts stays."""

from __future__ import annotations

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

    The run that readers see of an account stays whatever its age, and so does the newest run that can be resumed. A Delta
    table keeps versions of its own, which `vacuum` of deltalake removes; it loses them with `account`.

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
    for run in lake.runs():
        record = lake.run(run)
        if record is None or not _is_over(lake, record, before):
            continue
        if resumable is not None and run == resumable.id:
            continue
        stay = [name for name in record.accounts if (seen := lake.current(name)) is not None and seen.run == run]
        if not stay:
            lake.forget(run)
            runs, accounts = runs + 1, accounts + len(record.accounts)
            continue
        accounts += sum(lake.forget(run, name) for name in record.accounts if name not in stay)
    return PrunedLake(runs, removed + accounts)


def _is_over(lake: Lake, record: RunRecord, before: datetime) -> bool:
    if record.started_at >= before:
        return False
    return lake.has_ended(record.id) or record.started_at < datetime.now(UTC) - _QUIET


def _forget_account(lake: Lake, account: str) -> int:
    found = sum(lake.forget(run, account) for run in lake.runs())
    seen = lake.forget_view(account)
    if not found and not seen:
        raise ConfigurationError(f"{lake.url}: there is no account {account!r}")
    delete_from_delta(lake, account)
    return found
