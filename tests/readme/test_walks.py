"""The changes that CONTRIBUTING describes, made in a copy of the package at the places it names, and seen to work."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from ..support.fresh_process import ordinary_environment
from .blocks import ROOT

TABLE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## Where to change what\n")[2]

NEW_FILES = {
    "add another kind of mittwald login": """
        from ..runtime.credentials.secret import Secret
        from ..runtime.credentials.token_exchange import Exchange, Grant
        from .session_login import SessionLogin


        class VaultLogin(SessionLogin):
            async def _begin(self, exchange: Exchange) -> Grant:
                return Grant(Secret("token-of-the-vault"))
        """,
    "write inventories in another format": """
        from .base import Sink, register


        @register
        class IdsSink(Sink):
            name = "ids"
            suffixes = (".ids",)

            def write(self, store, path, resources):
                path.write_text("\\n".join(str(row.id) for name in resources for row in store.rows(name)))
        """,
    "emulate another resource": """
        from ..handlers import serves
        from ..replies import ValueReply


        @serves("GET", "/v2/planets")
        def list_planets(call):
            return ValueReply([call.headers.get("x-team")])
        """,
    "add a check of inventories": """
        from ..check import Check

        CHECK = Check(
            id="project-without-description",
            family="inventory",
            severity="low",
            title="A project has no description",
            why="Its short id alone says little.",
            fix="Give the project a description.",
            table="project",
            where="coalesce(r.description, '') = ''",
        )
        """,
    "add a command": """
        from .output import emit


        def hello() -> int:
            \"\"\"Say hello.\"\"\"
            emit("hello\\n")
            return 0
        """,
}
"""The contents of new files, by the wish in the table."""

INSERTED = {
    "retry after another status, such as 530": '    530: "idempotent",',
    "send another header with every call": '            {"X-Team": "walks"} |',
    "… and export it": "from .vault_login import VaultLogin",
    "… and load it": "from .ids import IdsSink",
    "… and register it": "    hello,",
}
"""The added lines, by the wish in the table. Imports go before the stated place, everything else after it."""

NAMES = {
    "add another kind of mittwald login": "vault_login.py",
    "write inventories in another format": "ids.py",
    "emulate another resource": "planets.py",
    "add a check of inventories": "project_without_description.py",
    "add a command": "hello.py",
}

PROGRAM = """
import asyncio
from pathlib import Path

from mittwald_async import Mittwald, inventory
from mittwald_async.cli.app import run
from mittwald_async.credentials import VaultLogin
from mittwald_async.emulator import Emulator, Fault
from mittwald_async.inventory.checks import run_checks


async def walk():
    fault = Fault(operation="project-list-projects", status=530, count=1)
    async with Emulator(token="token-of-the-vault", faults=[fault], projects=2) as api:
        async with Mittwald(credentials=VaultLogin("vault", lambda: 0.0), base_url=api.url) as mw:
            assert (await mw.request("GET", "/v2/planets")).data == b'["walks"]'
            assert len(await mw.project.list_projects().collect()) == 2
            await mw.project.update_project((await mw.project.list_projects().first()).id, description="")
            await inventory.sweep_to(mw, "projects.ids", resources=["project"])
            await inventory.sweep_to(mw, "inventory.sqlite", resources=["project"])
        assert 530 in [entry.status for entry in api.requests]


asyncio.run(walk())
assert len(Path("projects.ids").read_text().split()) == 2
found = run_checks(Path("inventory.sqlite"), only=["project-without-description"]).findings
assert len(found) == 1, found
assert run(["hello"]) == 0
"""


def places() -> list[tuple[str, Path, str]]:
    """The wish, the file and the first text of the place, for each row."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]*`mittwald_async/([\w./]+)`[^|]* \| (?:`(.+)`|–) \|$", TABLE, re.MULTILINE)
    return [(wish, Path(path), start) for wish, path, start in rows]


def carry_out(package: Path, wish: str, path: Path, start: str) -> None:
    """Make one change of the table, in the one file that its row names."""
    if wish in NEW_FILES:
        folder = package / path if (package / path).is_dir() else (package / path).parent
        (folder / NAMES[wish]).write_text(textwrap.dedent(NEW_FILES[wish]), encoding="utf-8")
        return
    file = package / path
    lines = file.read_text(encoding="utf-8").split("\n")
    [place] = [number for number, line in enumerate(lines) if line.lstrip().startswith(start)]
    added = INSERTED[wish]
    lines.insert(place if "import" in added else place + 1, added)
    if wish == "… and register it":
        lines.insert(place, "from .hello import hello")
    file.write_text("\n".join(lines), encoding="utf-8")


def test_each_change_takes_one_row_per_file_and_works(tmp_path: Path) -> None:
    package = tmp_path / "mittwald_async"
    shutil.copytree(ROOT / "mittwald_async", package, ignore=shutil.ignore_patterns("__pycache__", "api", "models"))
    for generated in ("api", "models"):
        (package / generated).symlink_to(ROOT / "mittwald_async" / generated, target_is_directory=True)
    wanted = {*NEW_FILES, *INSERTED}
    for wish, path, start in places():
        if wish in wanted:
            carry_out(package, wish, path, start)
            wanted.discard(wish)
    assert not wanted
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=ordinary_environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("hello\n")
