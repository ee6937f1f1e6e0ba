"""A journalled job that the benchmark kills: `python -m benchmarks.bulk_worker URL JOURNAL IDS ROUNDS BOXES`.

Creates so many mail addresses in each of the first hundred projects of the list, then describes all of them anew in so
many rounds. Creates are noted as started before their work begins, updates when they are sent. Prints `begun`, and at
the end the items by state.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from mittwald_async import Mittwald, bulk

from .ratelimit_worker import TOKEN

UPDATE, CREATE = "project-update-project", "mail-create-mail-address"
HOMES = 100
"""Projects that get mail addresses."""


def update(id: str, turn: int) -> dict[str, Any]:
    """The arguments of one update."""
    return {"path": {"projectId": id}, "body": {"description": f"round {turn}"}}


def create(id: str, number: int) -> dict[str, Any]:
    """The arguments of one create."""
    address = f"box-{number}@{id[:8]}.example.org"
    return {"path": {"projectId": id}, "body": {"address": address, "forwardAddresses": ["kim@example.org"]}}


async def main(url: str, path: str, ids: list[str], rounds: int, boxes: int) -> None:
    async with (
        Mittwald(TOKEN, base_url=url) as mw,
        bulk.Journal(path, client=mw) as journal,
    ):
        print("begun", flush=True)
        creates = [create(id, number) for number in range(boxes) for id in ids[:HOMES]]
        if journal.counts("boxes")[bulk.ItemState.DONE] < len(creates):
            await _all(mw, journal, "boxes", CREATE, creates)
        for turn in range(rounds):
            if journal.counts(f"round {turn}")[bulk.ItemState.DONE] < len(ids):
                await _all(mw, journal, f"round {turn}", UPDATE, [update(id, turn) for id in ids])
        print(json.dumps(journal.counts()), flush=True)


async def _all(mw: Mittwald, journal: bulk.Journal, name: str, operation_id: str, calls: list[dict[str, Any]]) -> None:
    check = bulk.verifier_for(operation_id)
    assert check is not None

    async def rows() -> AsyncGenerator[dict[str, Any]]:
        for call in calls:
            yield call

    outcomes = journal.run(
        rows(),
        lambda call: mw.call(operation_id, **call),
        key=lambda call: f"{call['path']['projectId']} {call['body'].get('address', '')}",
        verify=lambda call: check(mw, **call),
        name=name,
        writes_through_client=operation_id == UPDATE,
        settle=0.5,
    )
    async for outcome in outcomes:
        if not outcome.ok:
            print(f"{outcome.key}: {outcome.state} {outcome.error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    found = Path(sys.argv[3]).read_text(encoding="utf-8").split()
    asyncio.run(main(sys.argv[1], sys.argv[2], found, int(sys.argv[4]), int(sys.argv[5])))
