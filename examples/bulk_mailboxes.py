"""Mailboxes from a table: one for every row, created once, however often the program is killed and restarted.

The table has the columns `address` and `project`; passwords are generated and written to a file that only you can read.

    python examples/bulk_mailboxes.py mailboxes.csv --journal mailboxes.journal --secrets passwords.csv
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from demo import connected, existing_file, options, run

from mittwald_async import Mittwald, bulk
from mittwald_async.bulk.passwords import random_password
from mittwald_async.bulk.row_job import private
from mittwald_async.models.mail import CreateMailAddress, CreateMailAddressMailbox

QUOTA = 5 * 1024**3
CREATE = "mail-create-mail-address"


async def made_up(mw: Mittwald, path: Path) -> None:
    """A sample table."""
    project = await anext(aiter(mw.project.list_projects()))
    rows = [(f"{name}@shop.example", project.id) for name in ("kim", "sam", "info", "orders")]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("address", "project"), *rows])


async def main(arguments: argparse.Namespace) -> None:
    async with connected(arguments.demo) as mw:
        if arguments.demo and not arguments.table.exists():
            await made_up(mw, arguments.table)
        find_again = bulk.verifier_for(CREATE)
        assert find_again is not None
        with private(arguments.secrets, append=True) as secrets:

            async def create(row: dict[str, Any]) -> str:
                password = random_password()
                # Before it is set, so that none is lost. If there are several, the last one is valid.
                secrets.write(f"{row['address']},{password}\n")
                secrets.flush()
                mailbox = CreateMailAddressMailbox(enable_spam_protection=True, password=password, quota_in_bytes=QUOTA)
                body = CreateMailAddress(address=row["address"], is_catch_all=False, mailbox=mailbox)
                return (await mw.mail.create_mail_address(row["project"], body)).id

            async def created(row: dict[str, Any]) -> Any:
                return await find_again(mw, path={"projectId": row["project"]}, body={"address": row["address"]})

            async with bulk.Journal(arguments.journal, client=mw) as journal:
                rows = bulk.read_rows(arguments.table)
                async for done in journal.run(rows, create, key=lambda row: row["address"], verify=created):
                    print(f"{done.state:8} {done.key} {done.error or ''}".rstrip())
                counts = {state: number for state, number in journal.counts().items() if number}
    print(", ".join(f"{number} {state}" for state, number in counts.items()))


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument(
        "table", type=existing_file, nargs="?", default=Path("mailboxes.csv"), help=".csv, .jsonl or .xlsx"
    )
    parser.add_argument(
        "--journal", type=Path, default=Path("mailboxes.journal"), help="file that records what is done"
    )
    parser.add_argument("--secrets", type=Path, default=Path("passwords.csv"), help="file for the new passwords")
    run(main, parser)
