"""How far a row travels from the list to the file: calls are counted, which is equal on every machine.

`python -m benchmarks path` shows the same for a larger account.
"""

from __future__ import annotations

from benchmarks.path import sweep_trip
from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Transitions


async def test_a_sweep_row_passes_few_calls_what_is_made_once_apart() -> None:
    calm = Transitions(length=0, failing=0)
    async with (
        Emulator(seed=1, customers=2, projects=15, rate_limit=None, drift=0.0, lag=0.0, transitions=calm) as api,
        Mittwald(api.token, base_url=api.url) as mw,
    ):
        rows, found = await sweep_trip(mw)
    assert rows > 500
    assert found.calls / rows < 50, "a list has three rows on average, and asking for it alone is 47 calls"
