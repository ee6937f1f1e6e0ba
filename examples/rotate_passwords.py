"""Set a new password for the main user of every MySQL database; nothing changes without `--yes`.

Each new password is written to a file that only you can read before it is set, so that none is lost.

    python examples/rotate_passwords.py --out passwords.jsonl --yes
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import string
from pathlib import Path

from demo import connected, options, run

from mittwald_async import Mittwald, fan_out, fan_out_items
from mittwald_async.models.database import MySqlDatabase, MySqlUser

KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.!")


def password() -> str:
    """32 characters, at least one of each kind; the first is a letter, since the password policy forbids `-`, `_`, `;`
    there."""
    random = secrets.SystemRandom()
    rest = [random.choice(kind) for kind in KINDS] + random.choices("".join(KINDS), k=27)
    random.shuffle(rest)
    return random.choice(string.ascii_letters) + "".join(rest)


async def with_users(mw: Mittwald) -> list[tuple[MySqlDatabase, MySqlUser]]:
    """Every database with a main user, and that user."""
    projects = mw.project.list_projects()
    lists = fan_out_items(projects, lambda project: mw.database.list_mysql_databases(project.id))
    return [(database, database.main_user) async for _, database in lists if database.main_user is not None]


async def main(arguments: argparse.Namespace) -> None:
    async with connected(arguments.demo) as mw:
        found = await with_users(mw)
        if not arguments.yes:
            print(f"{len(found)} passwords would be changed; say --yes to do it")
            return
        out: Path = arguments.out
        with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:

            async def rotate(pair: tuple[MySqlDatabase, MySqlUser]) -> None:
                database, user = pair
                new = password()
                line = {"database": database.name, "host": database.hostname, "user": user.name, "password": new}
                file.write(json.dumps(line) + "\n")
                file.flush()
                await mw.database.update_mysql_user(user.id, password=new)

            changed = 0
            async for done in fan_out(found, rotate, limit=16):
                changed += done.ok
                if done.error:
                    print(f"{done.item[0].name}: {done.error}")
    print(f"{changed} of {len(found)} passwords changed, written to {out}")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("passwords.jsonl"), help="file to create for the new passwords"
    )
    parser.add_argument("--yes", action="store_true", help="really do it")
    run(main, parser)
