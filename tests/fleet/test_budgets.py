"""Accounts with their own budgets, in virtual time."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fleet_virtual import RESOURCES, swept
from tests.support.clock import run_virtual

BUDGET = (300, 600.0)


def test_an_account_waiting_for_its_budget_does_not_delay_others(tmp_path: Path) -> None:
    """Two accounts are swept at once, and the first needs a second window of its budget."""
    sizes = [21, *[2] * 6]
    summary, wire = run_virtual(swept(tmp_path / "lake", sizes, RESOURCES, 8, at_once=2, budget=BUDGET))
    slow, *others = summary.accounts
    assert summary.state == "done"
    assert slow.requests > BUDGET[0]
    assert slow.seconds > BUDGET[1]
    assert max(one.seconds for one in others) < 5
    assert max(max(wire.sent[f"benchmark-{n}"]) for n in range(1, 7)) < 30
    assert not wire.refused
