"""A job for a test that kills it: `python -m tests.support.bulk_process URL JOURNAL CREATES`.

Changes the description of every project and creates mail addresses in the first one; prints how it ended.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from mittwald_async import Mittwald, bulk
from mittwald_async.models.mail import CreateForwardAddress


async def main(url: str, path: str, creates: int) -> None:
    async with (
        Mittwald("token", base_url=url, max_retries=2) as mw,
        bulk.Journal(path, client=mw) as journal,
    ):
        projects = [project.id for project in await mw.project.list_projects().collect()]

        async def update(number: int) -> None:
            await mw.project.update_project(projects[number], description=f"project {number}")

        async def updated(number: int) -> bulk.Verdict:
            found = await mw.project.get_project(projects[number])
            return bulk.DONE if found.description == f"project {number}" else bulk.NOT_DONE

        async def create(number: int) -> Any:
            body = CreateForwardAddress(address=f"box-{number}@example.org", forward_addresses=["kim@example.org"])
            return await mw.mail.create_mail_address(projects[0], body)

        async def created(number: int) -> Any:
            address = f"box-{number}@example.org"
            async for found in mw.mail.list_mail_addresses(projects[0], search=address):
                if found.address == address:
                    return bulk.DONE, {"id": found.id}
            return bulk.NOT_DONE

        print("begun", flush=True)
        for count, work, verify, name in (
            (len(projects), update, updated, "updates"),
            (creates, create, created, "creates"),
        ):
            run = journal.run(
                range(count), work, key=lambda number: number, verify=verify, name=name, limit=16, settle=0.3
            )
            async for done in run:
                if not done.ok:
                    print(f"{name} {done.key} {done.state} {done.error!r}", file=sys.stderr)
        print("ended", {state.value: number for state, number in journal.counts().items() if number}, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
