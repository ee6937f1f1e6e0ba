"""Findings of the previous state: obtained by evaluating only changed rows, with the same result as evaluating all."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.inventory.checks import Finding, all_checks, run_checks
from mittwald_async.inventory.checks.ask import ask, findings_of
from mittwald_async.inventory.checks.state import before, current, of_row

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


def asked_of_everything(path: Path) -> dict[tuple[str, ...], Finding]:
    """The slow method: every check evaluates every row of the previous state."""
    with closing(sqlite3.connect(path)) as db:
        state = before(db)
        if state is None:
            return {}
        return {one.identity: one for one in findings_of(ask(all_checks(), state, None)[0].hits, "solved")}


@pytest.mark.parametrize("seed", range(12))
def test_evaluating_only_changed_rows_loses_nothing(tmp_path: Path, seed: int) -> None:
    path = history(tmp_path / "inventory.sqlite", seed)
    known = asked_of_everything(path)
    report = run_checks(path)
    present = {one.identity for one in report.findings}
    assert {one.identity for one in report.findings if one.standing == "still"} == present & known.keys()
    assert {one.identity: one for one in report.solved} == {
        identity: one for identity, one in known.items() if identity not in present
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
    names = {check.id for check in all_checks() if of_row(check)}
    assert {"mail-catch-all", "mailbox-full", "certificate-missing"} <= names
    # Depends on the time, on other rows, on a function.
    assert not names & {"ssh-user-password", "backup-missing", "certificate-expired", "container-image-unpinned"}


def test_unchanged_rows_are_read_once(tmp_path: Path) -> None:
    path = history(tmp_path / "inventory.sqlite", 1)
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(path)) as other:
        read: list[str] = []
        now = current(db, EVENINGS[-1])
        earlier = before(other, now)
        other.set_trace_callback(read.append)
        ask([check for check in all_checks() if check.id == "mail-catch-all"], now, earlier)
    assert any('FROM "ended_mail_address"' in statement for statement in read)
    assert not any('FROM "v_mail_address"' in statement for statement in read)
