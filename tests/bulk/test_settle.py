"""A read that starts too early decides nothing, however long it takes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mittwald_async import bulk
from mittwald_async.errors import MaybeSentError
from tests.support.clock import VirtualClock, virtual


@virtual
async def test_a_slow_read_that_started_too_early_is_repeated(tmp_path: Path) -> None:
    """Its response arrives after the write became visible, but shows the state before it."""
    loop = asyncio.get_running_loop()
    sent: list[float] = []
    reads: list[float] = []

    async def work(_: str) -> None:
        sent.append(loop.time())
        raise MaybeSentError("the connection broke")

    async def verify(_: str) -> bulk.Verdict:
        reads.append(loop.time())
        visible = loop.time() >= sent[0] + 1.0
        await asyncio.sleep(5.0)
        return bulk.DONE if visible else bulk.NOT_DONE

    async with bulk.Journal(tmp_path / "a.journal", clock=VirtualClock()) as journal:
        (done,) = [one async for one in journal.run(["a"], work, verify=verify, settle=2.0)]
    assert done.state is bulk.ItemState.DONE
    assert done.verified
    assert len(sent) == 1
    assert len(reads) == 2
    assert reads[1] >= sent[0] + 2.0
