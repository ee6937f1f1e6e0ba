"""`docs/fleet.md` works as written. Its cluster is that of `test_cluster`, its object store that of `test_readers`."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.inventory.accounts import accounts_from
from tests.readme.blocks import DOCS, README, blocks, lines

from .accounts import accounts, accounts_file, command

PAGE = DOCS / "fleet.md"
COMMANDS = [line for block in blocks(PAGE, "console") for line in lines(block) if line.startswith("mittwald-async")]


async def execute(text: str) -> None:
    code = compile(text, PAGE, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    result: Any = eval(code, {"__name__": "page"})
    if inspect.iscoroutine(result):
        await result


def test_the_commands_work_in_the_order_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 2, 1) as (_, found):
        accounts_file(tmp_path, found)
        here = [line for line in COMMANDS if "--scheduler" not in line]
        assert len(here) >= 5
        codes: dict[str, int] = {}
        for line in here:
            done = command(*shlex.split(line)[1:], folder=tmp_path)
            codes[shlex.split(line)[1]] = done.returncode
            # The first fleet left nothing to resume, and one run cannot be compared.
            expected = {"--resume": "there is nothing to resume", "diff": "there is nothing to compare"}
            said = next((text for word, text in expected.items() if word in line), "")
            assert said in done.stderr
            assert done.returncode == (2 if said else 5 if "check" in line else 0), done.stderr
        assert codes.keys() >= {"fleet", "report", "check", "diff"}


async def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 2, 1) as (_, found):
        accounts_file(tmp_path, found)
        monkeypatch.chdir(tmp_path)
        pieces = [block.text for block in blocks(PAGE, "python")]
        assert len(pieces) == 2
        for text in pieces:
            await execute(text)


def test_the_accounts_file_shown_is_valid(tmp_path: Path) -> None:
    (shown,) = blocks(PAGE, "toml")
    (tmp_path / "accounts.toml").write_text(shown.text)
    assert list(accounts_from(tmp_path / "accounts.toml")) == ["agency", "shop", "blog", "forum"]


def test_a_cluster_takes_three_commands_and_the_stated_numbers_are_the_defaults() -> None:
    from mittwald_async.cli import fleet as cli
    from mittwald_async.fleet.account_sweep import _WRITERS  # pyright: ignore[reportPrivateUsage]
    from mittwald_async.fleet.dask_executor import (
        _RECONNECT_SECONDS,  # pyright: ignore[reportPrivateUsage]
        _WORKER_SECONDS,  # pyright: ignore[reportPrivateUsage]
    )
    from mittwald_async.fleet.run import AT_ONCE, FleetOptions
    from mittwald_async.fleet.worker import CONNECTIONS

    text = PAGE.read_text(encoding="utf-8")
    section = re.search(r"## On a cluster\n(.*?)\n## ", text, re.DOTALL)
    assert section is not None
    on_a_cluster = [line for line in section[1].splitlines() if line.startswith("$ ")]
    assert len(on_a_cluster) == 3
    assert "\n".join(on_a_cluster) in README.read_text(encoding="utf-8")
    assert f"one pool of {CONNECTIONS} connections" in text
    assert f"{AT_ONCE} accounts run at once" in text
    assert "At most eight of them have a file open" in text
    assert _WRITERS == 8
    assert f"waits {_WORKER_SECONDS:.0f} s for the scheduler's first worker" in text
    assert _RECONNECT_SECONDS == 300
    assert (AT_ONCE, _WORKER_SECONDS, FleetOptions().concurrency) == (cli.AT_ONCE, cli.WORKER_SECONDS, cli.CONCURRENCY)
