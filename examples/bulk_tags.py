"""Tags by SQL: a query on an inventory selects the new descriptions of projects; the journal sets each of them once.

mittwald-async sweep -r project
python examples/bulk_tags.py inventory.sqlite --journal tags.journal
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from demo import connected, existing_file, options, run

from mittwald_async import Mittwald, bulk, inventory

QUERY = """
    SELECT id, '[' || substr(status, 1, 1) || '] ' || description AS description
    FROM v_project WHERE description NOT LIKE '[%' ORDER BY id
"""
UPDATE = "project-update-project"


async def rename(mw: Mittwald, path: Path, query: str, journal_path: Path) -> None:
    read_back = bulk.verifier_for(UPDATE)
    assert read_back is not None

    def arguments_of(row: dict[str, Any]) -> dict[str, Any]:
        return {"path": {"projectId": row["id"]}, "body": {"description": row["description"]}}

    async with bulk.Journal(journal_path, client=mw) as journal:
        changes = journal.run(
            bulk.query(path, query),
            lambda row: mw.call(UPDATE, **arguments_of(row)),
            key=lambda row: row["id"],
            verify=lambda row: read_back(mw, **arguments_of(row)),
        )
        async for done in changes:
            print(f"{done.state:8} {done.item['description']} {done.error or ''}".rstrip())
        print(f"{journal.counts()[bulk.ItemState.DONE]} projects have their tag")


async def main(arguments: argparse.Namespace) -> None:
    async with connected(arguments.demo) as mw:
        if arguments.demo and not arguments.inventory.exists():
            await inventory.sweep_to(mw, arguments.inventory, resources=["project"])
        await rename(mw, arguments.inventory, arguments.query, arguments.journal)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("inventory", type=existing_file, nargs="?", default=Path("inventory.sqlite"), help="of a sweep")
    parser.add_argument("--query", default=QUERY, help="SELECT with the columns id and description")
    parser.add_argument("--journal", type=Path, default=Path("tags.journal"), help="file that records what is done")
    run(main, parser)
