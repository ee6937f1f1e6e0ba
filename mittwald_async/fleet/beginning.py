"""Which run a fleet performs: a new one, or a resumed one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import cast

import msgspec

from ..errors import ConfigurationError
from ..inventory import Account, accounts_from, chosen
from .eta import AccountCost
from .lake import LONGEST_NAME, Lake, RunRecord, quoted, run_id
from .task import AccountResult


class _Ended(msgspec.Struct, frozen=True):
    """What is needed of the manifest of a run that has ended."""

    accounts: tuple[AccountResult, ...]


def accounts_by_name(accounts: Mapping[str, Account] | Iterable[Account] | Path | str) -> dict[str, Account]:
    """Accounts in whichever form they come.

    Raises:
        ConfigurationError: there are none, two have one name, a name cannot be that of a folder, or the file is not an
            accounts file.
    """
    if isinstance(accounts, Path | str):
        accounts = accounts_from(accounts)
    found: dict[str, Account] = {}
    several = cast("Iterable[Account]", accounts.values() if isinstance(accounts, Mapping) else accounts)
    for account in several:
        if account.name in found:
            raise ConfigurationError(f"two accounts are called {account.name!r}; names must differ")
        if not account.name.strip():
            raise ConfigurationError("an account needs a name")
        if len(quoted(account.name)) > LONGEST_NAME:
            raise ConfigurationError(f"the account name {account.name[:40]!r}… is too long for the name of a folder")
        found[account.name] = account
    if not found:
        raise ConfigurationError("no accounts were given")
    return found


def new_run(
    lake: Lake, resources: tuple[str, ...] | None, accounts: Iterable[str], split_over: int | None
) -> RunRecord:
    """Begin a run; makes the data set where there is none.

    Raises:
        ConfigurationError: the place cannot be used, or holds names for folders that differ only in case to be one.
        StoreError: it cannot be written.
    """
    lake.open_for_writing()
    names = tuple(accounts)
    if lake.ignores_case:
        _check_case(lake, names)
    now = datetime.now(UTC)
    record = RunRecord(
        id=run_id(now),
        started_at=now,
        resources=resources or tuple(one.name for one in chosen(None)),
        accounts=names,
        split_over=split_over,
    )
    lake.begin(record)
    return record


def _check_case(lake: Lake, names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise ConfigurationError(
                f"{lake.url}: the accounts {other!r} and {name!r} would have one folder there; rename one of them"
            )


def resumed_run(lake: Lake, resources: tuple[str, ...] | None, accounts: Mapping[str, Account]) -> RunRecord:
    """The newest run that has not ended. Where all have: a new one of the accounts whose lists failed in the last run.

    Raises:
        ConfigurationError: there is nothing to resume, the run is of other resources, or an account of it is missing.
        StoreError: the data set cannot be read.
    """
    lake.check()
    unfinished = lake.unfinished()
    record = unfinished or _incomplete(lake)
    if record is None:
        raise ConfigurationError(f"{lake.url}: there is nothing to resume; run without --resume")
    if resources is not None and set(resources) != set(record.resources):
        raise ConfigurationError(
            f"{lake.url}: the run {record.id} is of other resources; leave them out to resume it, or start a new run"
        )
    missing = [name for name in record.accounts if name not in accounts]
    if missing:
        raise ConfigurationError(
            f"{lake.url}: the run {record.id} has an account {missing[0]!r} that is not among these accounts; "
            "add it, or do not resume"
        )
    if unfinished is not None:
        return unfinished
    return new_run(lake, record.resources, record.accounts, record.split_over)


def _incomplete(lake: Lake) -> RunRecord | None:
    """The last run, of those accounts only of which lists failed."""
    for run in reversed(lake.runs()):
        record, ended = lake.run(run), lake.ended(run, _Ended)
        if record is not None and ended is not None:
            names = tuple(one.account for one in ended.accounts if one.state == "incomplete")
            return msgspec.structs.replace(record, accounts=names) if names else None
    return None


_LOOKED_BACK = 5
"""Runs that are looked at for what accounts took."""


class _Took(msgspec.Struct, frozen=True):
    """What is needed of an account's result to say how long it will take the next time."""

    account: str
    requests: int
    budget: tuple[int, float] | None = None


class _Costs(msgspec.Struct, frozen=True):
    accounts: tuple[_Took, ...]


def costs_of_last_runs(lake: Lake) -> dict[str, AccountCost]:
    """What each account took the last time. A few files are read, however many accounts there are."""
    costs: dict[str, AccountCost] = {}
    for run in islice(reversed(lake.runs()), _LOOKED_BACK):
        ended = lake.ended(run, _Costs)
        for one in ended.accounts if ended is not None else ():
            if one.requests:  # None, where a run was resumed that had it already.
                costs.setdefault(one.account, AccountCost(one.requests, one.budget))
    return costs
