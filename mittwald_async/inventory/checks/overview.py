"""How much is wrong, and the worst of it: what a page or a summary shows, without putting every finding into words."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from heapq import nsmallest
from pathlib import Path

import msgspec

from ...errors import ConfigurationError
from ..existing import damaged
from .ask import CheckOutcome
from .check import SEVERITIES, Check, Finding, Hit, Severity, Skipped
from .mutes import Mute
from .registry import all_checks
from .run import day_of, newest_sweep
from .verdicts import Verdicts, finding, gone, verdicts

Owner = tuple[str, str]
"""Account and id of a customer."""


class CheckOverview(msgspec.Struct, frozen=True, kw_only=True):
    """What all checks found, counted. Muted findings are not in it."""

    findings: tuple[Finding, ...]
    """The worst, as `CheckReport.findings` begins."""
    total: int
    severities: Mapping[Severity, int]
    new: int
    """Findings that the sweep before did not have."""
    solved: int
    checks: frozenset[str]
    """Checks that found something."""
    customers: Mapping[Owner, Mapping[Severity, int]]
    """Findings of each customer that has any."""
    skipped: tuple[Skipped, ...]
    checked_at: str
    """Time of the newest sweep that was looked at."""
    compared: int
    """Number of accounts with a complete sweep before."""


def overview(path: Path, *, listed: int, mutes: Sequence[Mute] = (), threads: int = 2) -> CheckOverview:
    """Check the newest state of an inventory file at the time of its newest sweep, and count what is found.

    Args:
        path: a SQLite inventory.
        listed: how many findings are wanted, worst first.
        mutes: findings to hide.
        threads: how many ask, at least 1.

    Raises:
        ConfigurationError: the file is not an inventory or has no complete sweep.
    """
    newest = newest_sweep(path)
    try:
        judged = verdicts(path, all_checks(), newest, threads)
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"{path}: {damaged(error)}") from None
    return _counted(judged, listed, mutes, newest)


def _counted(judged: Verdicts, listed: int, mutes: Sequence[Mute], newest: str) -> CheckOverview:
    today = day_of(newest)
    findings: list[Finding] = []
    severities: Counter[Severity] = Counter(dict.fromkeys(SEVERITIES, 0))
    customers: dict[Owner, Counter[Severity]] = {}
    checks: set[str] = set()
    new = 0
    for check, outcome in judged.outcomes:
        shown = _unmuted(judged, check, outcome, mutes, today)
        if not shown:
            continue
        checks.add(check.id)
        severities[check.severity] += len(shown)
        new += judged.new(outcome, shown)
        for (account, customer), number in Counter([(hit.account, hit.customer_id) for hit in shown]).items():
            if customer:
                customers.setdefault((account, customer), Counter())[check.severity] += number
        room = listed - len(findings)
        if room > 0:
            findings += judged.findings(check, outcome, nsmallest(room, shown, key=judged.place))
    return CheckOverview(
        findings=tuple(findings),
        total=severities.total(),
        severities=severities,
        new=new,
        solved=sum(len(gone(outcome)) for _, outcome in judged.outcomes),
        checks=frozenset(checks),
        customers=customers,
        skipped=tuple(judged.skipped),
        checked_at=newest,
        compared=len(judged.compared),
    )


def _unmuted(
    judged: Verdicts, check: Check, outcome: CheckOutcome, mutes: Sequence[Mute], today: date
) -> Sequence[Hit]:
    """What no mute hides. Only for mutes of this check the findings are put into words."""
    muting = [mute for mute in mutes if mute.concerns(check)]
    if not muting:
        return outcome.now
    return [
        hit
        for hit in outcome.now
        if not any(mute.hides(finding(check, hit, "still", judged.known), today) for mute in muting)
    ]
