"""Findings of the previous state: obtained by evaluating only changed rows, with the same result as evaluating all."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.inventory.checks import Check, all_checks, run_checks
from mittwald_async.inventory.checks.ask import CheckOutcome, ask, steps
from mittwald_async.inventory.checks.names import names
from mittwald_async.inventory.checks.state import InventoryState, before, current
from mittwald_async.inventory.checks.verdicts import opened
from mittwald_async.inventory.checks.walk import of_rows

from ...support.inventory_file import InventoryFile, Rows
from .cases import CASES

EVENINGS = [f"2026-11-{day}T03:00:00+00:00" for day in (24, 25, 26, 27)]
OWNERS = {"projectId": "p1", "customerId": "c1"}


def things(dice: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Items from the cases of several checks in one inventory, some altered as in another case."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name in dice.sample(sorted(CASES), 25):
        for resource, items in CASES[name].rows.items():
            for place, item in enumerate(items):
                key = str(item.get("id", item.get("domainId", place)))
                if dice.random() < 0.7:
                    found.setdefault(resource, {})[key] = {**OWNERS, **item}
    return {resource: list(items.values()) for resource, items in found.items()}


def next_evening(last: Rows, dice: random.Random) -> dict[str, list[dict[str, Any]]]:
    """The next sweep: most items stay, some disappear, some appear, some are not requested."""
    fresh = things(dice)
    evening = {name: [dict(item) for item in items if dice.random() < 0.85] for name, items in last.items()}
    for name, items in fresh.items():
        there = {str(item.get("id")) for item in evening.get(name, [])}
        new = [item for item in items if str(item.get("id")) not in there and dice.random() < 0.3]
        evening[name] = [*evening.get(name, []), *new]
    return {name: items for name, items in evening.items() if dice.random() < 0.9}


def history(path: Path, seed: int) -> Path:
    dice = random.Random(seed)
    file = InventoryFile(path)
    accounts: dict[str, Rows] = {"agency": things(dice), "second": things(dice)}
    for at in EVENINGS:
        for account in list(accounts):
            if dice.random() < 0.2:
                continue
            failures = [{"resource": "backup", "project": "p1"}] if dice.random() < 0.2 else []
            state = "incomplete" if failures else "done"
            file.sweep(accounts[account], account=account, at=at, failures=failures, state=state)
            accounts[account] = next_evening(accounts[account], dice)
    file.sweep(accounts["agency"])
    return path


Said = dict[tuple[str, str, str], tuple[str | None, ...]]
"""By check, account and key what is said of it."""


def said_of(state: InventoryState) -> Said:
    """The slow method: every check evaluates every row of one state."""
    known = names(state)
    return {
        (check.id, hit.account, hit.key): (
            hit.subject,
            known.customers.get((hit.account, hit.customer_id)),
            known.projects.get((hit.account, hit.project_id)),
        )
        for check, outcome in outcomes(state, None).items()
        for hit in outcome.now
    }


def outcomes(now: InventoryState, earlier: InventoryState | None) -> dict[Check, CheckOutcome]:
    found: dict[Check, CheckOutcome] = {}
    for step in steps(all_checks()):
        found.update(ask(step, now, earlier).outcomes)
    return found


def keys_before(outcome: CheckOutcome) -> set[tuple[str, str]]:
    carried = {(hit.account, hit.key) for hit in outcome.now if outcome.carried(hit.account, hit.key)}
    return carried | {(hit.account, hit.key) for hit in outcome.before}


@pytest.mark.parametrize("seed", range(12))
def test_evaluating_only_changed_rows_loses_nothing(tmp_path: Path, seed: int) -> None:
    path = history(tmp_path / "inventory.sqlite", seed)
    with closing(opened(path)) as db, closing(opened(path)) as other, closing(opened(path)) as third:
        now = current(db, EVENINGS[-1])
        earlier, alone = before(other, now), before(third)
        assert (earlier is None) == (alone is None)
        then = {} if alone is None else said_of(alone)
        found = outcomes(now, earlier)
    report = run_checks(path, now=EVENINGS[-1])
    assert {(check.id, *key) for check, one in found.items() for key in keys_before(one)} == then.keys()
    for one in report.findings:
        was = (one.check, one.account, one.key) in then
        assert one.standing == ("first" if one.account in report.first_sweeps else "still" if was else "new")
    undecided = {(check.id, *key) for check, one in found.items() for key in one.undecided}
    blind = {(check.id, account) for check, one in found.items() for account in one.blind}
    present = {(one.check, one.account, one.key) for one in report.findings}
    assert {(one.check, one.account, one.key): (one.subject, one.customer, one.project) for one in report.solved} == {
        own: said for own, said in then.items() if own not in present | undecided and own[:2] not in blind
    }


@pytest.mark.parametrize("seed", range(3))
def test_checks_evaluated_together_find_what_each_finds_alone(tmp_path: Path, seed: int) -> None:
    path = history(tmp_path / "inventory.sqlite", seed)
    together = run_checks(path)
    for check in all_checks():
        alone = run_checks(path, only=[check.id])
        assert alone.findings == tuple(one for one in together.findings if one.check == check.id)
        assert alone.solved == tuple(one for one in together.solved if one.check == check.id)


def test_checks_that_look_beyond_a_row_are_recognised() -> None:
    names = {check.id for check in all_checks() if of_rows(check)}
    assert {"mail-catch-all", "ssh-user-password", "container-image-unpinned", "dns-dkim-missing"} <= names
    # Of other rows, of a function.
    assert not names & {"backup-missing", "certificate-expired", "storage-growing", "member-twice"}


def test_unchanged_rows_are_read_once(tmp_path: Path) -> None:
    path = history(tmp_path / "inventory.sqlite", 1)
    with closing(opened(path)) as db, closing(opened(path)) as other:
        read: list[str] = []
        now = current(db, EVENINGS[-1])
        earlier = before(other, now)
        other.set_trace_callback(read.append)
        for step in steps(all_checks()):
            if all(map(of_rows, step)):
                ask(step, now, earlier)
    assert any('FROM "ended_mail_address"' in statement for statement in read)
    assert not any('FROM "v_' in statement for statement in read)
