"""Asking all checks, comparing with the sweep before, hiding what is muted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

from ...errors import ConfigurationError
from ...runtime.errors import did_you_mean
from ..existing import damaged, require_inventory
from ..store import Store
from .ask import CheckOutcome, Reply, ask, steps
from .check import SEVERITIES, Check, CheckReport, Finding, Hit, Standing
from .mutes import Mute
from .names import Names, names
from .registry import all_checks
from .state import before, current

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
    with closing(opened(path)) as db:
        state = current(db, newest)
        compared = {account for account, sweep in state.sweeps.items() if sweep.previous is not None}
    replies, known = _asked(path, chosen, now)
    outcomes = {check.id: outcome for reply in replies for check, outcome in reply.outcomes.items()}
    found: list[Finding] = []
    gone: list[tuple[Check, Hit]] = []
    for check in sorted(chosen, key=lambda check: (_RANKS[check.severity], check.id)):
        if check.id in outcomes:
            found += _present(check, outcomes[check.id], compared, known)
            gone += [(check, hit) for hit in _gone(outcomes[check.id])]
    today = _day(now)
    hidden = (
        {place for place, one in enumerate(found) if any(mute.hides(one, today) for mute in mutes)} if mutes else ()
    )
    order = {check.id: place for place, check in enumerate(chosen)}
    return CheckReport(
        findings=tuple(one for place, one in enumerate(found) if place not in hidden) if hidden else tuple(found),
        solved=_solved(path, gone),
        muted=tuple(found[place] for place in sorted(hidden)),
        skipped=tuple(
            sorted((skip for reply in replies for skip in reply.skipped), key=lambda skip: order[skip.check])
        ),
        checked_at=newest,
        first_sweeps=tuple(sorted(state.sweeps.keys() - compared)),
        compared=len(compared),
    )


def _asked(path: Path, chosen: Sequence[Check], now: str) -> tuple[list[Reply], Names]:
    """What the checks say, and what customers and projects are called."""
    todo = iter(steps(chosen))
    # SQLite works without the interpreter's lock: two threads take two cores.
    with ThreadPoolExecutor(2) as pool:
        naming = pool.submit(_present_names, path)
        asking = [pool.submit(_ask, path, todo, now) for _ in range(2)]
        return [reply for one in asking for reply in one.result()], naming.result()


def _ask(path: Path, todo: Iterator[Sequence[Check]], now: str) -> list[Reply]:
    """Ask step after step, as long as there are any: another thread takes from them as well."""
    with closing(opened(path)) as db, closing(opened(path)) as other:
        state = current(db, now)
        earlier = before(other, state)
        return [ask(step, state, earlier) for step in todo]


def _present_names(path: Path) -> Names:
    with closing(opened(path)) as db:
        return names(current(db, ""))


def _present(check: Check, outcome: CheckOutcome, compared: Set[str], known: Names) -> list[Finding]:
    """What is wrong now, compared with the state before."""
    earlier = {(hit.account, hit.key) for hit in outcome.before}

    def standing(account: str, key: str) -> Standing:
        if account not in compared:
            return "first"
        return "still" if outcome.carried(account, key) or (account, key) in earlier else "new"

    found = [_finding(check, hit, standing(hit.account, hit.key), known) for hit in outcome.now]
    found.sort(key=_order)
    return found


def _gone(outcome: CheckOutcome) -> Iterable[Hit]:
    """What was wrong in the state before, and is not by now for certain."""
    earlier = {(hit.account, hit.key): hit for hit in outcome.before}
    if earlier:
        for hit in outcome.now:
            earlier.pop((hit.account, hit.key), None)
    return [hit for key, hit in earlier.items() if key not in outcome.undecided and hit.account not in outcome.blind]


def _solved(path: Path, gone: Sequence[tuple[Check, Hit]]) -> tuple[Finding, ...]:
    if not gone:
        return ()
    with closing(opened(path)) as db:
        state = before(db)
        assert state is not None  # There was something that is gone.
        known = names(state, [hit for _, hit in gone])
    found = [_finding(check, hit, "solved", known) for check, hit in gone]
    return tuple(sorted(found, key=lambda one: (_RANKS[one.severity], one.check, *_order(one))))


def _finding(check: Check, hit: Hit, standing: Standing, known: Names) -> Finding:
    return Finding(
        check=check.id,
        family=check.family,
        severity=check.severity,
        title=check.title,
        account=hit.account,
        resource=check.table,
        key=hit.key,
        customer_id=hit.customer_id,
        project_id=hit.project_id,
        customer=known.customers.get((hit.account, hit.customer_id)),
        project=known.projects.get((hit.account, hit.project_id)),
        subject=hit.subject,
        detail=hit.detail if hit.unseen_since is None else _known_before(hit),
        standing=standing,
    )


def _known_before(hit: Hit) -> str:
    return f"{hit.detail} (as known before {hit.unseen_since}; not seen since)".lstrip()


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
            raise ConfigurationError(f"there is no check or family {name!r}{way}")
    return tuple(check for check in every if check.id in wanted or check.family in wanted)


def opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA automatic_index = OFF")
    return db


def _newest(db: sqlite3.Connection, path: Path) -> str:
    found: tuple[str | None] = db.execute(
        "SELECT max(started_at) FROM sweeps WHERE state IN ('done', 'incomplete')"
    ).fetchone()
    if found[0] is None:
        raise ConfigurationError(f"{path} has no finished sweep: run `mittwald-async sweep --out {path}` first")
    return found[0]


def _order(finding: Finding) -> tuple[str, ...]:
    """Among the findings of a check."""
    return (finding.account, finding.customer or "", finding.project or "", finding.subject, finding.key)


def _day(moment: str) -> date:
    return datetime.fromisoformat(moment).date()
