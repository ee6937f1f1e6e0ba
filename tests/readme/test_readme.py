"""The README does what it says: every block of Python runs, every command works, against an emulator."""

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
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Transitions
from mittwald_async.emulator.pytest_plugin import running
from mittwald_async.inventory.catalog import catalog
from mittwald_async.options import Options

from .blocks import README, Block, blocks

ROOT = README.parent
PYTHON = blocks("python")


def named(block: Block) -> str:
    return block.name


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator that the environment points at, and an empty directory to write into."""
    quick = Transitions(length=0.05, failing=0.0)
    with running(Emulator(seed=7, transitions=quick, lag=0.0, drift=0.0)) as emulator:
        monkeypatch.setenv("MITTWALD_API_TOKEN", emulator.token)
        monkeypatch.setenv("MITTWALD_API_BASE_URL", emulator.url)
        monkeypatch.chdir(tmp_path)
        yield emulator


def compiled(block: Block) -> CodeType:
    """As the asyncio REPL takes it: `await` at the top is fine. Line numbers are those of the README."""
    text = "\n" * block.line + block.text
    code: CodeType = compile(text, README, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return code


async def execute(code: CodeType) -> None:
    async with Mittwald() as mw:
        result: Any = eval(code, {"mw": mw, "__name__": "readme"})
        if inspect.iscoroutine(result):
            await result


def is_test(block: Block) -> bool:
    return "def test_" in block.text


@pytest.mark.parametrize("block", [block for block in PYTHON if not is_test(block)], ids=named)
def test_a_piece_of_python_runs(block: Block, api: Emulator) -> None:
    code = compiled(block)
    if "asyncio.run(" in block.text:
        exec(code, {"__name__": "__main__"})
    else:
        asyncio.run(execute(code))
    assert api.requests or "client = " in block.text or "with_options" in block.text


@pytest.mark.parametrize("block", [block for block in PYTHON if is_test(block)], ids=named)
def test_the_tests_shown_pass(block: Block, tmp_path: Path) -> None:
    """In a pytest of their own, as a user would run them."""
    for_conftest = [line for line in block.text.splitlines(keepends=True) if line.startswith("pytest_plugins")]
    (tmp_path / "conftest.py").write_text("".join(for_conftest), encoding="utf-8")
    rest = "".join(line for line in block.text.splitlines(keepends=True) if line not in for_conftest)
    (tmp_path / "test_mine.py").write_text(rest, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


COMMANDS = [
    line.removeprefix("$ ")
    for block in blocks("console")
    for line in block.text.splitlines()
    if line.startswith("$ mittwald-async ")
]


def command(line: str) -> list[str]:
    words = shlex.split(line)
    return [sys.executable, "-m", "mittwald_async.cli", *words[1:]]


async def some_project() -> str:
    async with Mittwald() as mw:
        found = await mw.project.list_projects().first()
    assert found is not None
    return found.short_id


SILENT = ("update", "--out projects.json")
"""Commands that have nothing to say where all is well."""


@pytest.mark.parametrize("line", [line for line in COMMANDS if "--resume" not in line])
def test_a_command_works(line: str, api: Emulator, tmp_path: Path) -> None:
    done = subprocess.run(
        command(line.replace("p-xxxxxx", asyncio.run(some_project()))),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() or any(word in line for word in SILENT)


def test_an_interrupted_sweep_is_resumed_as_shown(api: Emulator, tmp_path: Path) -> None:
    first, again = (line for line in COMMANDS if "sweep" in line)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    cut = subprocess.run(
        [*command(first), "--max-requests", "5"], cwd=tmp_path, env=environment, capture_output=True, timeout=60
    )
    assert cut.returncode == 4
    done = subprocess.run(command(again), cwd=tmp_path, env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0
    assert (tmp_path / "inventory.sqlite").exists()


def test_the_questions_to_an_inventory_are_answered(api: Emulator, tmp_path: Path) -> None:
    run = [*command("mittwald-async sweep"), "-r", "customer", "-r", "project", "-r", "domain"]
    run += ["-r", "certificate", "-r", "app_installation"]
    subprocess.run(
        run, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True, timeout=60
    )
    statements = [line for block in blocks("sql") for line in block.text.splitlines()]
    assert len(statements) == 3
    with closing(sqlite3.connect(tmp_path / "inventory.sqlite")) as database:
        for statement in statements:
            rows = database.execute(statement).fetchall()
            assert rows, statement
            assert all(rows[0]), statement


def test_the_extras_are_those_of_the_package() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    table = README.read_text(encoding="utf-8").partition("| extra | for |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert sorted(re.findall(r"`(\w+)`", " ".join(cells))) == sorted(declared)
    assert declared["all"] == ["mittwald-async[cli,parquet,speed]"]


def test_the_numbers_given_are_the_defaults() -> None:
    text = " ".join(README.read_text(encoding="utf-8").split())
    options = Options()
    assert (
        f"{options.connect_timeout:g} s connect, {options.read_timeout:g} s read, {options.timeout:g} s in all" in text
    )
    assert f"A call takes {options.timeout:g} s at most, waits between attempts included" in text
    assert options.max_retries == 3
    assert "Up to three times a call is repeated" in text
    source = (ROOT / "mittwald_async" / "cli" / "demo.py").read_text(encoding="utf-8")
    ((customers, projects),) = re.findall(r'"--customers", "(\d+)", "--projects", "(\d+)"', source)
    assert f"a local, made-up account ({customers} customers, {projects} projects)" in text
    kinds = sum(resource.default for resource in catalog().values())
    assert f"lists {kinds} kinds of things in it" in text


def test_the_two_commands_are_the_ones_that_are_promised() -> None:
    lines = [line for block in blocks("console") for line in block.text.splitlines()]
    assert lines[:2] == [
        "$ python3 -m venv .venv && .venv/bin/pip install -q '.[cli]' && .venv/bin/mittwald-async sweep --demo",
        "$ python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest",
    ]


def test_every_file_linked_to_exists() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
    assert missing == []


def test_every_example_is_in_the_table() -> None:
    named_there = set(re.findall(r"\(examples/(\w+)\.py\)", README.read_text(encoding="utf-8")))
    assert named_there == {path.stem for path in (ROOT / "examples").glob("*.py")} - {"demo"}


def test_the_numbers_of_operations_are_true() -> None:
    from mittwald_async.operations import OPERATIONS

    gone = sum(operation.removed_upstream for operation in OPERATIONS.values())
    deprecated = sum(operation.deprecated for operation in OPERATIONS.values())
    cells = f"{len(OPERATIONS)} methods, {deprecated} of them deprecated, {gone} gone upstream"
    assert cells in README.read_text(encoding="utf-8")
