"""How many calls a row takes from the list to the file. Counting calls gives the same result on every machine.

`python -m benchmarks path` shows the same for a larger account.
"""

from __future__ import annotations

from benchmarks.path import sweep_row
from mittwald_async.runtime._accel import PURE


async def test_a_row_of_a_sweep_takes_few_calls() -> None:
    rows, found = await sweep_row(20)
    assert rows > 500
    most = 55 if PURE else 50
    assert found.calls / rows < most, "three rows a list on average, and asking for a list alone is 47 calls"
