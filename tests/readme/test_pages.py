"""The README and the pages work as written: every block of Python runs, and so does every command."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Transitions
from mittwald_async.emulator.pytest_plugin import running

from .blocks import DOCS, PAGES, ROOT, RUN_ELSEWHERE, Block, blocks, lines

HERE = [page for page in PAGES if page.name not in RUN_ELSEWHERE]
PYTHON = [block for page in HERE for block in blocks(page, "python")]
SPOKEN = [page for page in HERE if any(lines(block) for block in blocks(page, "console", "shell", "sql"))]
FINDINGS = 5
"""Exit code of `check` and `diff --exit-code` if there are results."""


def named(block: Block) -> str:
    return block.name


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator named by the environment, and an empty working directory."""
    quick = Transitions(length=0.05, failing=0.0)
    with running(Emulator(seed=7, transitions=quick, lag=0.0, drift=0.0)) as emulator:
        monkeypatch.setenv("MITTWALD_API_TOKEN", emulator.token)
        monkeypatch.setenv("MITTWALD_API_BASE_URL", emulator.url)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])  # as for a script in that directory
        yield emulator


def compiled(block: Block) -> CodeType:
    """Compile as the asyncio REPL does: `await` is allowed at the top level. Line numbers are those of the page."""
    text = "\n" * block.line + block.text
    code: CodeType = compile(text, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return code


async def execute(code: CodeType) -> None:
    async with Mittwald() as mw:
        result: Any = eval(code, {"mw": mw, "__name__": "page"})
        if inspect.iscoroutine(result):
            await result


def is_test(block: Block) -> bool:
    return "def test_" in block.text


@pytest.mark.parametrize("block", [block for block in PYTHON if not is_test(block)], ids=named)
def test_python_blocks_run(block: Block, api: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    code = compiled(block)
    if "asyncio.run(" in block.text:
        exec(code, {"__name__": "__main__"})
    else:
        asyncio.run(execute(code))
    assert api.requests or re.search(r"client = |with_options|^shop = |^assert ", block.text, re.MULTILINE)


@pytest.mark.parametrize("block", [block for block in PYTHON if is_test(block)], ids=named)
def test_the_tests_shown_pass(block: Block, tmp_path: Path) -> None:
    """In their own pytest run, as a user would start them."""
    for_conftest = [line for line in block.text.splitlines(keepends=True) if line.startswith("pytest_plugins")]
    (tmp_path / "conftest.py").write_text("".join(for_conftest), encoding="utf-8")
    rest = "".join(line for line in block.text.splitlines(keepends=True) if line not in for_conftest)
    (tmp_path / "test_mine.py").write_text(rest, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


async def some_project() -> str:
    async with Mittwald() as mw:
        found = await mw.project.list_projects().first()
    assert found is not None
    return found.short_id


PROGRAMS = {
    "mittwald-async": ("-m", "mittwald_async.cli"),
    "python": (),
    ".venv/bin/python": (),
}
INSTALLS = re.compile(r"^(python3 -m venv|\.venv/bin/(pip|mkdocs|pre-commit) |sudo |docker )")
"""Commands that change the machine or take minutes; `.ci/run` or a person runs them."""
CLUSTER = re.compile(r"^dask |--scheduler ")
"""Commands that need a cluster; the tests in `tests/fleet` run them on one."""

SILENT = ("update", "--out ", "-o ", "--quiet", "prune")
"""Commands that may print nothing on success."""


def started(line: str, folder: Path) -> None:
    """Run a line of a page as a shell would, with the files of the checkout that it names."""
    program, *words = shlex.split(line)
    assert program in PROGRAMS, f"no way to run {line!r} here"
    if words[:2] == ["-m", "benchmarks"]:  # only its name and options: the tests of the benchmarks run it
        words = [*words[:2], "--help"]
    for name in ("examples", "benchmarks"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, *PROGRAMS[program], *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    allowed = {0, FINDINGS} if words and words[0] in ("check", "diff") else {0}
    assert done.returncode in allowed, f"{line}: {done.stdout}{done.stderr}"
    assert done.stdout.strip() or any(word in line for word in SILENT), line


def answered(statement: str, folder: Path) -> None:
    inventory = folder / "inventory.sqlite"
    if not inventory.exists():
        started("mittwald-async sweep", folder)
    with closing(sqlite3.connect(inventory)) as database:
        rows = database.execute(statement).fetchall()
    assert rows, statement
    assert any(cell is not None for cell in rows[0]), statement


@pytest.mark.parametrize("page", SPOKEN, ids=lambda page: page.stem)
def test_the_commands_of_a_page_work_in_sequence(page: Path, api: Emulator, tmp_path: Path) -> None:
    """In one folder, as for a reader who follows the page from top to bottom."""
    project = asyncio.run(some_project())
    for block in blocks(page, "console", "shell", "sql"):
        for line in lines(block):
            if block.language == "sql":
                answered(line, tmp_path)
            elif not INSTALLS.match(line) and not CLUSTER.search(line):
                started(line.replace("p-xxxxxx", project), tmp_path)
                if "--resume-or-new" in line:  # nightly commands have run before
                    started(line, tmp_path)


@pytest.mark.parametrize("page", sorted(RUN_ELSEWHERE))
def test_a_page_excluded_here_is_run_by_its_own_test(page: str) -> None:
    if (DOCS / page).exists():
        assert page in (ROOT / RUN_ELSEWHERE[page]).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Anchors of headings, as GitHub and the site generate them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


GENERATED = {"reference/operations.md", "reference/tables.md", "reference/checks.md"}
"""Generated by the site's hook; `mkdocs build --strict` in `.ci/run` checks links to them."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_resolves(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken: list[str] = []
    for target in re.findall(r"\]\(([^)]+)\)", prose):
        path, _, anchor = target.partition("#")
        if path.startswith(("https://", "http://")):
            continue
        found = (page.parent / path).resolve() if path else page
        if found in (DOCS / name for name in GENERATED):
            continue
        inside = page == PAGES[0] or found.is_relative_to(DOCS)
        if not found.exists() or not inside or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert broken == []


def test_every_page_can_be_found_from_the_readme_and_in_the_navigation() -> None:
    """By any number of links; a page of the site is in its navigation."""
    reached, waiting = {PAGES[0]}, [PAGES[0]]
    while waiting:
        page = waiting.pop()
        for target in re.findall(r"\]\(([^)#]+\.md)", page.read_text(encoding="utf-8")):
            found = (page.parent / target).resolve()
            if found.exists() and found not in reached:
                reached.add(found)
                waiting.append(found)
    assert [page.name for page in PAGES if page not in reached] == []
    menu = (ROOT / ".mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    listed = set(re.findall(r"([\w/-]+\.md)", menu))
    assert listed == {str(page.relative_to(DOCS)) for page in PAGES[1:]} | GENERATED
