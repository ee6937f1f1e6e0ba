"""The examples in `docs/bulk.md` and in `examples/` work as described."""

from __future__ import annotations

import ast
import asyncio
import csv
import inspect
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Transitions
from mittwald_async.emulator.pytest_plugin import running

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "bulk.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    quick = Transitions(length=0.05, failing=0.0)
    with running(Emulator(seed=7, transitions=quick, lag=0.0, drift=0.0)) as emulator:
        monkeypatch.setenv("MITTWALD_API_TOKEN", emulator.token)
        monkeypatch.setenv("MITTWALD_API_BASE_URL", emulator.url)
        monkeypatch.chdir(tmp_path)
        yield emulator


async def execute(text: str) -> None:
    code = compile(text, "bulk.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    async with Mittwald() as mw:
        result: Any = eval(code, {"mw": mw, "__name__": "docs"})
        if inspect.iscoroutine(result):
            await result


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language == "python"])
def test_python_blocks_run(text: str, api: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(execute(text))
    out = capsys.readouterr().out
    for printed in re.findall(r"# (first unknown)", text):
        assert printed in out
    assert "failed" not in out.replace("<ItemState.FAILED: 'failed'>: 0", "")


def test_console_commands_run_in_sequence(api: Emulator, tmp_path: Path) -> None:
    project = api.world.sample("projectId")
    assert project is not None
    (table,) = (text for language, text in BLOCKS if language == "csv")
    (tmp_path / "mailboxes.csv").write_text(table.replace("p-xxxxxx", project), encoding="utf-8")
    lines = [line for language, text in BLOCKS if language in ("shell", "console") for line in text.splitlines()]
    assert len(lines) >= 6
    for line in lines:
        words = shlex.split(line.removeprefix("$ mittwald-async "))
        done = subprocess.run(
            [sys.executable, "-m", "mittwald_async.cli", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, (line, done.stderr)
        assert done.stdout


def example(name: str, *arguments: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py"), "--demo", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_mailboxes_are_created_from_a_table(tmp_path: Path) -> None:
    lines = example("bulk_mailboxes", folder=tmp_path)
    assert lines[-1] == "4 done"
    secrets = tmp_path / "passwords.csv"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    with secrets.open(newline="", encoding="utf-8") as file:
        made = dict(csv.reader(file))
    assert {f"done     {address}" for address in made} == set(lines[:-1])
    assert all(password.encode() not in (tmp_path / "mailboxes.journal").read_bytes() for password in made.values())


def test_tags_are_set_from_a_query(tmp_path: Path) -> None:
    lines = example("bulk_tags", folder=tmp_path)
    assert lines[-1] == "20 projects have their tag"
    assert all(re.match(r"done +\[\w\] ", line) for line in lines[:-1])
    assert len(lines) == 21


def test_sites_roll_out_in_stages(tmp_path: Path) -> None:
    lines = example("staged_rollout", "--first", "1", folder=tmp_path)
    assert lines[:2] == ["done     www.shop-1.example", "1 of 1 sites are online"]
    assert sorted(lines[2:6]) == [f"done     www.shop-{n}.example" for n in (2, 3, 4, 5)]
    assert lines[-1] == "5 of 5 sites are online"
