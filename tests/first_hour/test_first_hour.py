"""A newcomer with the README and an hour: fourteen tasks, each with the lines that a person types."""

from __future__ import annotations

from pathlib import Path

from tests.first_hour.tasks import TASKS
from tests.first_hour.walk import walk

BUSY = 6
"""Factor for a machine that runs other tests at the same time."""


def test_fourteen_tasks_in_sequence(tmp_path: Path) -> None:
    outcomes = list(walk(tmp_path))
    assert len(outcomes) == len(TASKS) == 14
    assert [complaint for outcome in outcomes for complaint in outcome.complaints] == []
    slow = [(one.task.wish, one.seconds) for one in outcomes if one.seconds > BUSY * one.task.seconds]
    assert slow == []
