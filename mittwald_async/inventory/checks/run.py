"""Every finding of an inventory, compared with the sweep before, without what is muted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

from ...errors import ConfigurationError
from ...runtime.errors import did_you_mean
from ..existing import damaged, require_inventory
from ..store import Store
from .check import Check, CheckReport, Finding, Hit
from .mutes import Mute
from .names import names
from .registry import all_checks
from .state import before
from .verdicts import RANKS, finding, gone, opened, verdicts


def run_checks(
    path: Path,
    *,
    only: Iterable[str] = (),
    mutes: Sequence[Mute] = (),
    now: str | None = None,
) -> CheckReport:
    """Check the newest state of an inventory file.

    Args:
        path: a SQLite inventory.
        only: ids or families of checks; empty for all.
        mutes: findings to hide.
        now: the time to check against, ISO 8601; by default that of the newest sweep, so that the same file always says
            the same.

    Raises:
        ConfigurationError: the file is not an inventory or has no complete sweep, or `only` names no check.
    """
    chosen = checks_named(only)
    newest = newest_sweep(path)
    try:
        return _checked(path, chosen, mutes, newest, now or newest)
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"{path}: {damaged(error)}") from None


def newest_sweep(path: Path) -> str:
    """When the newest sweep of an inventory file was begun, ISO 8601. A file of version 1 is converted.

    Raises:
        ConfigurationError: the file is not an inventory or has no complete sweep.
    """
    require_inventory(path)
    # One of version 1 is converted.
    Store(path, writable=False).close()
    try:
        with closing(opened(path)) as db:
            return _newest(db, path)
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"{path}: {damaged(error)}") from None


def _checked(path: Path, chosen: Sequence[Check], mutes: Sequence[Mute], newest: str, now: str) -> CheckReport:
    judged = verdicts(path, chosen, now)
    found: list[Finding] = []
    lapsed: list[tuple[Check, Hit]] = []
    for check, outcome in judged.outcomes:
        found += judged.findings(check, outcome, sorted(outcome.now, key=judged.place))
        lapsed += [(check, hit) for hit in gone(outcome)]
    today = day_of(now)
    hidden = (
        {place for place, one in enumerate(found) if any(mute.hides(one, today) for mute in mutes)} if mutes else ()
    )
    return CheckReport(
        findings=tuple(one for place, one in enumerate(found) if place not in hidden) if hidden else tuple(found),
        solved=_solved(path, lapsed),
        muted=tuple(found[place] for place in sorted(hidden)),
        skipped=tuple(judged.skipped),
        checked_at=newest,
        first_sweeps=tuple(judged.first_sweeps),
        compared=len(judged.compared),
    )


def _solved(path: Path, lapsed: Sequence[tuple[Check, Hit]]) -> tuple[Finding, ...]:
    """What is gone, in the words of the state before."""
    if not lapsed:
        return ()
    with closing(opened(path)) as db:
        state = before(db)
        assert state is not None  # There was something that is gone.
        known = names(state, [hit for _, hit in lapsed])
    found = [finding(check, hit, "solved", known) for check, hit in lapsed]
    return tuple(sorted(found, key=lambda one: (RANKS[one.severity], one.check, *_order(one))))


def checks_named(names: Iterable[str]) -> tuple[Check, ...]:
    """Checks by id or family, all for none.

    Raises:
        ConfigurationError: a name that is neither.
    """
    every = all_checks()
    wanted = list(names)
    if not wanted:
        return every
    known = {check.id for check in every} | {check.family for check in every}
    for name in wanted:
        if name not in known:
            way = did_you_mean(name, sorted(known)) or "; `mittwald-async check --list` shows all there are"
            raise ConfigurationError(f"unknown check or family {name!r}{way}")
    return tuple(check for check in every if check.id in wanted or check.family in wanted)


def _newest(db: sqlite3.Connection, path: Path) -> str:
    found: tuple[str | None] = db.execute(
        "SELECT max(started_at) FROM sweeps WHERE state IN ('done', 'incomplete')"
    ).fetchone()
    if found[0] is None:
        raise ConfigurationError(f"{path} has no finished sweep: run `mittwald-async sweep --out {path}` first")
    return found[0]


def _order(one: Finding) -> tuple[str, ...]:
    """Among the findings of a check."""
    return (one.account, one.customer or "", one.project or "", one.subject, one.key)


def day_of(moment: str) -> date:
    """The day of an ISO 8601 time."""
    return datetime.fromisoformat(moment).date()
