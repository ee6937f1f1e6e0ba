"""A job that is killed again and again does every item once and loses none."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from mittwald_async import bulk
from mittwald_async.emulator import Emulator

from ..support.write_log import faults, writes

ROOT = Path(__file__).parents[2]
UPDATES, CREATES, KILLS = 150, 150, 5


async def test_kills_at_random_instants_repeat_and_lose_nothing(tmp_path: Path) -> None:
    dice = random.Random(18)
    path = tmp_path / "rename.journal"
    async with Emulator(seed=3, projects=UPDATES, rate_limit=None, faults=faults(0.05), lag=0.05, drift=0.0) as api:
        command = [sys.executable, "-m", "tests.support.bulk_process", api.url, str(path), str(CREATES)]
        kills = 0
        while True:
            child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
            assert child.stdout is not None
            assert (await child.stdout.readline()).strip() == b"begun"
            try:
                if kills < KILLS:
                    await asyncio.wait_for(child.wait(), dice.uniform(0.01, 0.25))
                else:
                    await child.wait()
            except TimeoutError:
                child.kill()
                await child.wait()
                kills += 1
                continue
            assert child.returncode == 0
            break
        assert kills == KILLS
    with closing(bulk.read_journal(path)) as journal:
        counts = journal.counts()
        assert counts[bulk.ItemState.DONE] == UPDATES + CREATES, (
            counts,
            [*journal.entries(bulk.ItemState.UNKNOWN)][:5],
        )
        results = [entry.results[0]["id"] for entry in journal.entries(name="creates")]
    updated, created = writes(api, "project-update-project"), writes(api, "mail-create-mail-address")
    assert len(updated) == UPDATES
    assert set(updated.values()) == {1}, updated.most_common(3)
    assert len(created) == CREATES
    assert set(created.values()) == {1}, created.most_common(3)
    assert len(set(results)) == CREATES
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
