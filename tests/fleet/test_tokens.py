"""Tokens that do not come: they hold up no other account, end in an error, and do not keep the program from ending."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.fleet import Account, LocalExecutor, TaskFunction, TaskResult, sweep_fleet
from mittwald_async.fleet.tokens import TokenReader
from mittwald_async.inventory import accounts as module

from .accounts import accounts, token_of

_others_are_done = threading.Event()
_gave_up: list[str] = []


def one_that_hangs(name: str) -> str:
    """Until every other account has ended; gives up at last, so that a test that fails ends."""
    if not _others_are_done.wait(60):
        _gave_up.append(name)
    return "late"


def one_that_comes(name: str) -> str:
    return token_of(name)


def one_that_leaves(_: str) -> str:
    sys.exit("not-a-real-secret")


class Releasing:
    """An executor that lets the tokens come once so many accounts have ended."""

    def __init__(self, inner: LocalExecutor, accounts: int) -> None:
        self._inner = inner
        self._left = accounts

    async def submit(self, function: TaskFunction, task: Any) -> Any:
        return await self._inner.submit(function, task)

    async def gather(self, handles: Collection[Any]) -> Mapping[Any, TaskResult | BaseException]:
        ended = await self._inner.gather(handles)
        self._left -= len(ended)
        if self._left <= 0:
            _others_are_done.set()
        return ended


async def test_tokens_that_hang_hold_up_no_other_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mittwald_async.fleet.tokens._MAKES_ROOM", 0.05)
    _others_are_done.clear()
    _gave_up.clear()
    with accounts(monkeypatch, 1, 1, 1) as (api, found):
        url = api.url
        function = f"{__name__}:one_that_hangs"
        hanging = [Account(name=f"h{n}", token_function=function, base_url=url) for n in range(40)]
        told = Account(name=found[0].name, token_function=f"{__name__}:one_that_comes", base_url=url)
        asked = Account(name=found[1].name, token_command=("echo", token_of(found[1].name)), base_url=url)
        several = [*hanging, told, asked, found[2]]
        async with LocalExecutor() as inner:
            summary = await sweep_fleet(
                several, tmp_path / "lake", resources=["project"], executor=Releasing(inner, accounts=3)
            )
    assert not _gave_up
    assert [one.state for one in summary.accounts] == ["failed"] * 40 + ["done"] * 3


async def test_what_does_not_come_in_time_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _others_are_done.clear()
    reader = TokenReader(seconds=0.1)
    with pytest.raises(
        ConfigurationError, match=r"^account shop: token_function .*:one_that_hangs gave no token within"
    ):
        await reader.read(Account(name="shop", token_function=f"{__name__}:one_that_hangs"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match=r"^account shop: token_file .*pipe gave no token within"):
        await reader.read(Account(name="shop", token_file=str(tmp_path / "pipe")))
    _others_are_done.set()
    os.close(os.open(tmp_path / "pipe", os.O_RDWR))
    monkeypatch.setattr(module, "COMMAND_SECONDS", 0.3)
    begin = time.monotonic()
    # The shell's own child holds on to the output.
    hanging = Account(name="shop", token_command=("sh", "-c", "sleep 20; echo token"))
    with pytest.raises(ConfigurationError, match=r"^account shop: token_command sh: printed nothing within 0\.3 s"):
        await TokenReader().read(hanging)
    assert time.monotonic() - begin < 15


async def test_a_function_that_ends_the_program_fails_its_account_only() -> None:
    account = Account(name="shop", token_function=f"{__name__}:one_that_leaves")
    with pytest.raises(ConfigurationError, match=r"one_that_leaves raised SystemExit$"):
        await TokenReader().read(account)


def test_a_fleet_that_waits_for_tokens_ends_at_once_and_its_commands_with_it(tmp_path: Path) -> None:
    (tmp_path / "accounts.toml").write_text(
        '[accounts.shop]\ntoken_command = ["sh", "-c", "echo $$ > pid.new; mv pid.new pid; exec sleep 50"]\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "mittwald_async.cli", "fleet", "-r", "project"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143, said
    assert "--resume" in said
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
