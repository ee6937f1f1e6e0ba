"""Asking checks of one state, and telling apart what is wrong for certain from what nothing can be said of."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .check import Check, Finding, Hit, Skipped, Standing
from .state import InventoryState, of_row

Hits = dict[Check, list[Hit]]


class Reply(NamedTuple):
    """What checks found in a state, and which could not be made, or not of everything."""

    hits: Hits
    skipped: list[Skipped]


def ask(checks: Sequence[Check], now: InventoryState, before: InventoryState | None) -> tuple[Reply, Reply]:
    """Ask checks of the present state and of the one before.

    Each check is asked of both in turn: what it has read of unchanged rows need not be read twice, nor kept for long.
    """
    replies = Reply({}, []), Reply({}, [])
    for several in _steps(checks):
        for state, reply in zip((now, before), replies, strict=True):
            if state is not None:
                _ask(state, several, reply)
        now.forget()
    return replies


def _steps(checks: Iterable[Check]) -> list[list[Check]]:
    """Checks to be asked together: those of single rows of the same table, each other one alone.

    A nested query is slower together: its condition is evaluated for each column.
    """
    steps: dict[str, list[Check]] = {}
    for check in checks:
        steps.setdefault(check.table if of_row(check) and "SELECT" not in check.where else check.id, []).append(check)
    return list(steps.values())


def _ask(state: InventoryState, checks: Sequence[Check], reply: Reply) -> None:
    together = _asked_together(state, checks) if len(checks) > 1 else {}
    for check in checks:
        missing = [name for name in check.needs if not state.has(name)]
        if missing:
            reply.skipped.append(Skipped(check.id, _not_swept("this inventory", missing)))
            continue
        try:
            found, reasons = _separated(state, check, together[check] if check in together else _hits(state, check))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:  # Not of the query, but of the file.
                raise
            reply.skipped.append(Skipped(check.id, f"this inventory lacks what the check reads: {error}"))
            continue
        reply.hits[check] = found
        reply.skipped.extend(Skipped(check.id, reason) for reason in reasons)


def _asked_together(state: InventoryState, checks: Sequence[Check]) -> Hits:
    """The hits of checks of one table; empty if that fails: then each check is evaluated alone."""
    if not all(map(state.has, checks[0].needs)):
        return {}
    try:
        return dict(zip(checks, state.hits_of_each(checks[0].table, checks), strict=True))
    except sqlite3.OperationalError:
        return {}


def _not_swept(where: str, missing: Sequence[str]) -> str:
    return f"not in {where}: {', '.join(missing)} (sweep with -r +{missing[0]})"


def _separated(state: InventoryState, check: Check, hits: Iterable[Hit]) -> tuple[list[Hit], list[str]]:
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


def findings_of(hits: Mapping[Check, Iterable[Hit]], standing: Standing) -> list[Finding]:
    """Hits with what their checks say of them."""
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
        for check, found in hits.items()
        for hit in found
    ]


def _detail(hit: Hit) -> str:
    if hit.unseen_since is None:
        return hit.detail
    return f"{hit.detail} (as known before {hit.unseen_since}; not seen since)".lstrip()
