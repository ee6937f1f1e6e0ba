"""Asking checks of both states, and telling apart what is wrong for certain from what nothing can be said of."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from .check import Check, Hit, Skipped
from .state import InventoryState
from .walk import Carried, CheckHits, nothing_carried, of_rows, walk

Key = tuple[str, str]
"""Account and key of an item."""


class CheckOutcome(NamedTuple):
    """What a check found."""

    now: list[Hit]
    before: list[Hit]
    """What it found in the state before, without what is carried."""
    carried: Carried
    undecided: Set[Key]
    """Of what it cannot say by now whether it is still wrong."""
    blind: Set[str]
    """Accounts of which it cannot say anything by now."""


class Reply(NamedTuple):
    """What checks found in both states, and which could not be made now, or not of everything."""

    outcomes: Mapping[Check, CheckOutcome]
    skipped: Sequence[Skipped]


def steps(checks: Iterable[Check]) -> list[list[Check]]:
    """Checks to be asked together: those of single rows of the same table, each other one alone. Most work first.

    A nested query is slower together: it would be evaluated for each column.
    """
    found: dict[str, list[Check]] = {}
    for check in checks:
        together = of_rows(check) and "SELECT" not in check.where
        found.setdefault(check.table if together else check.id, []).append(check)
    return sorted(found.values(), key=len, reverse=True)


def ask(checks: Sequence[Check], now: InventoryState, before: InventoryState | None) -> Reply:
    """Ask the checks of one step of the present state and of the one before."""
    outcomes: dict[Check, CheckOutcome] = {}
    skipped: list[Skipped] = []
    together: Mapping[Check, CheckHits] = _found_together(checks, now, before) if len(checks) > 1 else {}
    for check in checks:
        missing = [name for name in check.needs if not now.has(name)]
        if missing:
            skipped.append(Skipped(check.id, _not_swept("this inventory", missing)))
            continue
        try:
            found = together[check] if check in together else _found(check, now, before)
        except sqlite3.OperationalError as error:
            if not _of_query(error):
                raise
            skipped.append(Skipped(check.id, f"this inventory lacks what the check reads: {error}"))
            continue
        certain = _Certainty(now, check)
        hits = certain.among(found.now)
        earlier, carried = ([], nothing_carried) if before is None else _Certainty(before, check).of(found)
        outcomes[check] = CheckOutcome(hits, earlier, carried, certain.undecided, certain.blind)
        skipped += [Skipped(check.id, reason) for reason in certain.reasons]
    now.forget()
    return Reply(outcomes, skipped)


def _found_together(
    checks: Sequence[Check], now: InventoryState, before: InventoryState | None
) -> Mapping[Check, CheckHits]:
    """What checks of single rows of a table find; nothing where that fails: then each check fails by itself."""
    possible = [check for check in checks if all(map(now.has, check.needs))]
    if not possible:
        return {}
    try:
        return dict(zip(possible, walk(possible, now, before), strict=True))
    except sqlite3.OperationalError as error:
        if not _of_query(error):
            raise
        return {}


def _of_query(error: sqlite3.OperationalError) -> bool:
    """Whether the query is at fault, not the file."""
    return error.sqlite_errorcode == sqlite3.SQLITE_ERROR


def _found(check: Check, now: InventoryState, before: InventoryState | None) -> CheckHits:
    if of_rows(check):
        return walk([check], now, before)[0]
    return CheckHits(_hits(check, now), [] if before is None else _hits(check, before), nothing_carried)


def _hits(check: Check, state: InventoryState) -> list[Hit]:
    if check.find is not None:
        return list(check.find(state))
    return list(state.hits(check.table, check.subject, check.detail, check.where))


def _not_swept(where: str, missing: Sequence[str]) -> str:
    return f"not in {where}: {', '.join(missing)} (sweep with {' '.join(f'-r +{name}' for name in missing)})"


class _Certainty:
    """What a check can say of a state, where not all lists of it were read."""

    def __init__(self, state: InventoryState, check: Check) -> None:
        self._state = state
        self._check = check
        self._doubtful: dict[tuple[str, str], int] = {}
        self._reasons: list[str] = []
        self.blind: set[str] = set()
        self.undecided: set[Key] = set()
        for account in state.sweeps:
            missing = [name for name in check.needs if not state.has_of(name, account)]
            unread = [name for name in check.absent_anywhere if not missing and not state.read(name, account)]
            if missing:
                self._reasons.append(_not_swept(f"account {account}", missing))
            elif unread:
                self._reasons.append(f"not all lists of {', '.join(unread)} of account {account} could be read")
            if missing or unread:
                self.blind.add(account)

    def among(self, hits: list[Hit]) -> list[Hit]:
        """What is wrong for certain."""
        return hits if self._unconditional else list(filter(self._is, hits))

    def of(self, found: CheckHits) -> tuple[list[Hit], Carried]:
        """What of a state before was wrong for certain, and what of it is carried."""
        if self._unconditional:
            return found.before, found.carried
        carried = [hit for hit in found.now if found.carried(hit.account, hit.key)]
        return self.among([*found.before, *carried]), nothing_carried

    @property
    def _unconditional(self) -> bool:
        return not (self.blind or self._check.absent)

    def _is(self, hit: Hit) -> bool:
        if hit.account in self.blind:
            return False
        for name in self._check.absent:
            if not self._state.read(name, hit.account, hit.customer_id, hit.project_id):
                self._doubtful[hit.account, name] = self._doubtful.get((hit.account, name), 0) + 1
                self.undecided.add((hit.account, hit.key))
                return False
        return True

    @property
    def reasons(self) -> list[str]:
        """Why nothing can be said of the rest."""
        found = list(self._reasons)
        for (account, name), number in self._doubtful.items():
            projects = "1 project" if number == 1 else f"{number} projects"
            found.append(f"for {projects} of account {account} the list of {name} could not be read")
        return found
