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
from .check import SEVERITIES, Check, CheckReport, Finding, Hit, Skipped, Standing
from .mutes import Mute
from .registry import all_checks
from .state import InventoryState, before, current

Identity = tuple[str, str, str, str]


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
    with closing(_opened(path)) as db:
        newest = _newest(db, path)
    # SQLite works without the interpreter's lock: two connections take two cores.
    with ThreadPoolExecutor(1) as pool:
        earlier = pool.submit(_known_before, path, chosen)
        with closing(_opened(path)) as db:
            hits, skipped = _ask(current(db, now or newest), chosen)
        known = earlier.result()
    found = [_with_standing(finding, known) for finding in _findings(hits, "new")]
    present = {finding.identity for finding in found}
    today = _day(now or newest)
    hidden = [finding for finding in found if any(mute.hides(finding, today) for mute in mutes)]
    hidden_ids = {finding.identity for finding in hidden}
    return CheckReport(
        findings=tuple(sorted((one for one in found if one.identity not in hidden_ids), key=_order)),
        solved=tuple(sorted((one for key, one in known.items() if key not in present), key=_order)),
        muted=tuple(sorted(hidden, key=_order)),
        skipped=tuple(skipped),
        checked_at=newest,
    )


def _known_before(path: Path, checks: Sequence[Check]) -> dict[Identity, Finding]:
    """What the checks found in each account's complete sweep before the last."""
    with closing(_opened(path)) as db:
        earlier = before(db)
        if earlier is None:
            return {}
        return {finding.identity: finding for finding in _findings(_ask(earlier, checks)[0], "solved")}


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
    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file")
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    db.execute("PRAGMA temp_store = MEMORY")
    return db


def _newest(db: sqlite3.Connection, path: Path) -> str:
    try:
        found: tuple[str | None] = db.execute(
            "SELECT max(started_at) FROM sweeps WHERE state IN ('done', 'incomplete')"
        ).fetchone()
    except sqlite3.DatabaseError:
        raise ConfigurationError(f"{path} is not an inventory made by `mittwald-async sweep`") from None
    if found[0] is None:
        raise ConfigurationError(f"{path} has no finished sweep: run `mittwald-async sweep --out {path}` first")
    return found[0]


Asked = list[tuple[Check, list[Hit]]]


def _ask(state: InventoryState, checks: Iterable[Check]) -> tuple[Asked, list[Skipped]]:
    hits: Asked = []
    skipped: list[Skipped] = []
    for check in checks:
        missing = [name for name in check.needs if not state.has(name)]
        if missing:
            skipped.append(Skipped(check.id, _not_swept("this inventory", missing)))
            continue
        try:
            found, reasons = _told_apart(state, check, _hits(state, check))
        except sqlite3.OperationalError as error:
            skipped.append(Skipped(check.id, f"this inventory lacks what the check reads: {error}"))
            continue
        hits.append((check, found))
        skipped += [Skipped(check.id, reason) for reason in reasons]
    return hits, skipped


def _not_swept(where: str, missing: Sequence[str]) -> str:
    return f"not in {where}: {', '.join(missing)} (sweep with -r +{missing[0]})"


def _told_apart(state: InventoryState, check: Check, hits: Iterable[Hit]) -> tuple[list[Hit], list[str]]:
    """What is wrong for certain, and why nothing can be said of the rest."""
    reasons: list[str] = []
    blind: set[str] = set()
    for account in state.sweeps:
        missing = [name for name in check.needs if not state.has_of(name, account)]
        unread = [name for name in check.absent_anywhere if not missing and not state.read(name, account)]
        if missing:
            reasons.append(_not_swept(f"account {account}", missing))
        elif unread:
            reasons.append(f"not all lists of {', '.join(unread)} of account {account} could be read")
        if missing or unread:
            blind.add(account)
    found: list[Hit] = []
    doubtful: dict[tuple[str, str], int] = {}
    for hit in hits:
        if hit.account in blind:
            continue
        unsure = [name for name in check.absent if not state.read(name, hit.account, hit.customer_id, hit.project_id)]
        if unsure:
            doubtful[hit.account, unsure[0]] = doubtful.get((hit.account, unsure[0]), 0) + 1
        else:
            found.append(hit)
    for (account, name), number in doubtful.items():
        projects = "1 project" if number == 1 else f"{number} projects"
        reasons.append(f"for {projects} of account {account} the list of {name} could not be read")
    return found, reasons


def _hits(state: InventoryState, check: Check) -> Iterable[Hit]:
    if check.find is not None:
        return check.find(state)
    return state.hits(check.table, check.subject, check.detail, check.where)


def _findings(asked: Iterable[tuple[Check, list[Hit]]], standing: Standing) -> list[Finding]:
    return [
        Finding(
            check=check.id,
            family=check.family,
            severity=check.severity,
            title=check.title,
            account=hit.account,
            resource=check.table,
            key=hit.key,
            customer_id=hit.customer_id,
            project_id=hit.project_id,
            customer=hit.customer,
            project=hit.project,
            subject=hit.subject,
            detail=_detail(hit),
            standing=standing,
        )
        for check, found in asked
        for hit in found
    ]


def _detail(hit: Hit) -> str:
    if hit.unseen_since is None:
        return hit.detail
    return f"{hit.detail} (as known before {hit.unseen_since}; not seen since)".lstrip()


def _with_standing(finding: Finding, known: Mapping[Identity, Finding]) -> Finding:
    return replace(finding, standing="still") if finding.identity in known else finding


def _order(finding: Finding) -> tuple[object, ...]:
    return (
        SEVERITIES.index(finding.severity),
        finding.check,
        finding.account,
        finding.customer or "",
        finding.project or "",
        finding.subject,
        finding.key,
    )


def _day(moment: str) -> date:
    return datetime.fromisoformat(moment).date()
