"""Asking all checks, comparing with the sweep before, hiding what is muted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

from msgspec.structs import replace

from ...errors import ConfigurationError
from ...runtime.errors import did_you_mean
from ..existing import damaged, require_inventory
from ..store import Store
from .ask import Reply, ask, findings_of
from .check import SEVERITIES, Check, CheckReport, Finding
from .mutes import Mute
from .registry import all_checks
from .state import before, current

Identity = tuple[str, str, str, str]

_RANKS = {severity: rank for rank, severity in enumerate(SEVERITIES)}


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
    require_inventory(path)
    # One of version 1 is converted.
    Store(path, writable=False).close()
    try:
        return _checked(path, chosen, mutes, now)
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"{path}: {damaged(error)}") from None


def _checked(path: Path, chosen: Sequence[Check], mutes: Sequence[Mute], now: str | None) -> CheckReport:
    with closing(_opened(path)) as db:
        newest = _newest(db, path)
    # SQLite works without the interpreter's lock: two threads take two cores.
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(_ask, path, half, now or newest) for half in _halves(chosen)]
        halves = [one.result() for one in asked]
    known = {one.identity: one for _, earlier in halves for one in findings_of(earlier.hits, "solved")}
    found = [_with_standing(finding, known) for present, _ in halves for finding in findings_of(present.hits, "new")]
    present = {finding.identity for finding in found}
    order = {check.id: place for place, check in enumerate(chosen)}
    skipped = [skip for present, _ in halves for skip in present.skipped]
    today = _day(now or newest)
    hidden = [finding for finding in found if any(mute.hides(finding, today) for mute in mutes)]
    hidden_ids = {finding.identity for finding in hidden}
    return CheckReport(
        findings=tuple(sorted((one for one in found if one.identity not in hidden_ids), key=_order)),
        solved=tuple(sorted((one for key, one in known.items() if key not in present), key=_order)),
        muted=tuple(sorted(hidden, key=_order)),
        skipped=tuple(sorted(skipped, key=lambda skip: order[skip.check])),
        checked_at=newest,
    )


def _halves(checks: Iterable[Check]) -> list[list[Check]]:
    """Two parts that take about as long. What a family reads once for several checks stays within it."""
    halves: tuple[list[Check], list[Check]] = ([], [])
    for check in checks:
        halves[check.family in _NAMES_AND_MAIL].append(check)
    return [half for half in halves if half]


_NAMES_AND_MAIL = frozenset({"certificates", "dns", "mail"})
"""Families that read domains, zones and addresses: about half of the work."""


def _ask(path: Path, checks: Sequence[Check], now: str) -> tuple[Reply, Reply]:
    """What checks find in the present state, and in each account's complete sweep before the last."""
    with closing(_opened(path)) as db, closing(_opened(path)) as other:
        state = current(db, now)
        return ask(checks, state, before(other, state))


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
            raise ConfigurationError(f"there is no check or family {name!r}{did_you_mean(name, known)}")
    return tuple(check for check in every if check.id in wanted or check.family in wanted)


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    db.execute("PRAGMA temp_store = MEMORY")
    return db


def _newest(db: sqlite3.Connection, path: Path) -> str:
    found: tuple[str | None] = db.execute(
        "SELECT max(started_at) FROM sweeps WHERE state IN ('done', 'incomplete')"
    ).fetchone()
    if found[0] is None:
        raise ConfigurationError(f"{path} has no finished sweep: run `mittwald-async sweep --out {path}` first")
    return found[0]


def _with_standing(finding: Finding, known: Mapping[Identity, Finding]) -> Finding:
    return replace(finding, standing="still") if finding.identity in known else finding


def _order(finding: Finding) -> tuple[object, ...]:
    return (
        _RANKS[finding.severity],
        finding.check,
        finding.account,
        finding.customer or "",
        finding.project or "",
        finding.subject,
        finding.key,
    )


def _day(moment: str) -> date:
    return datetime.fromisoformat(moment).date()
