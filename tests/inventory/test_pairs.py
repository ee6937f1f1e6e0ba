"""The small version of the pairs of sweeps in `python -m benchmarks history`."""

from __future__ import annotations

from benchmarks.history import pairs_of_sweeps


async def test_comparisons_are_right_whatever_happens_to_the_sweeps() -> None:
    """Faults, refused lists, truncation, changes during paging, and sweeps that are killed and resumed."""
    judge, kills = await pairs_of_sweeps(10, kill_every=5)
    assert kills == 2
    assert judge.false == {"gone": 0, "added": 0}
    assert judge.left_out == 0
    assert judge.found > 0
