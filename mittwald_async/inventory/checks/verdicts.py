"""What all checks found in an inventory file, before any of it is put into words: of 10⁵ findings mostly a part is
shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from .ask import CheckOutcome, Reply, ask, steps
from .check import SEVERITIES, Check, Finding, Hit, Skipped, Standing
from .names import Names, names
from .state import before, current

RANKS = {severity: rank for rank, severity in enumerate(SEVERITIES)}
"""0 is the worst severity."""


class Verdicts(NamedTuple):
    """What checks found in the present state and in the one before."""

    outcomes: Sequence[tuple[Check, CheckOutcome]]
    """Of each check that could be made; worst first."""
    skipped: Sequence[Skipped]
    known: Names
    compared: Set[str]
    """Accounts that have a complete sweep before."""
    first_sweeps: Sequence[str]
    """Those that have none."""

    def standing(self, outcome: CheckOutcome) -> Callable[[Hit], Standing]:
        """Tells how what a check found compares with the state before."""
        earlier = {(hit.account, hit.key) for hit in outcome.before}
        carried, compared = outcome.carried, self.compared

        def standing(hit: Hit) -> Standing:
            if hit.account not in compared:
                return "first"
            return "still" if carried(hit.account, hit.key) or (hit.account, hit.key) in earlier else "new"

        return standing

    def new(self, outcome: CheckOutcome, hits: Iterable[Hit]) -> int:
        """How many of these things that a check found the sweep before did not have."""
        standing = self.standing(outcome)
        return sum(standing(hit) == "new" for hit in hits)

    def place(self, hit: Hit) -> tuple[str, ...]:
        """What orders the findings of a check."""
        customer = self.known.customers.get((hit.account, hit.customer_id)) or ""
        project = self.known.projects.get((hit.account, hit.project_id)) or ""
        return (hit.account, customer, project, hit.subject, hit.key)

    def findings(self, check: Check, outcome: CheckOutcome, hits: Iterable[Hit]) -> list[Finding]:
        """These things that a check found now, in words."""
        standing = self.standing(outcome)
        return [finding(check, hit, standing(hit), self.known) for hit in hits]


def verdicts(path: Path, chosen: Sequence[Check], now: str, threads: int = 2) -> Verdicts:
    """Ask all these checks.

    Args:
        path: a SQLite inventory with a finished sweep.
        chosen: the checks.
        now: the time to check against, ISO 8601.
        threads: how many ask, at least 1.

    Raises:
        sqlite3.DatabaseError: the file is damaged.
    """
    with closing(opened(path)) as db:
        sweeps = current(db, now).sweeps
    replies, known = _asked(path, chosen, now, threads)
    outcomes = {check.id: outcome for reply in replies for check, outcome in reply.outcomes.items()}
    compared = {account for account, sweep in sweeps.items() if sweep.previous is not None}
    order = {check.id: place for place, check in enumerate(chosen)}
    return Verdicts(
        outcomes=[
            (check, outcomes[check.id])
            for check in sorted(chosen, key=lambda check: (RANKS[check.severity], check.id))
            if check.id in outcomes
        ],
        skipped=sorted((skip for reply in replies for skip in reply.skipped), key=lambda skip: order[skip.check]),
        known=known,
        compared=compared,
        first_sweeps=sorted(sweeps.keys() - compared),
    )


def _asked(path: Path, chosen: Sequence[Check], now: str, threads: int) -> tuple[list[Reply], Names]:
    """What the checks say, and what customers and projects are called."""
    todo = iter(steps(chosen))
    # SQLite works without the interpreter's lock: two threads take two cores.
    with ThreadPoolExecutor(threads) as pool:
        naming = pool.submit(_present_names, path)
        asking = [pool.submit(_ask, path, todo, now) for _ in range(threads)]
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


def gone(outcome: CheckOutcome) -> list[Hit]:
    """What was wrong in the state before, and is not by now for certain."""
    earlier = {(hit.account, hit.key): hit for hit in outcome.before}
    if earlier:
        for hit in outcome.now:
            earlier.pop((hit.account, hit.key), None)
    return [hit for key, hit in earlier.items() if key not in outcome.undecided and hit.account not in outcome.blind]


def finding(check: Check, hit: Hit, standing: Standing, known: Names) -> Finding:
    """One thing that a check found, in words."""
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


def opened(path: Path) -> sqlite3.Connection:
    """An inventory file, to be read by one thread."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA automatic_index = OFF")
    return db
