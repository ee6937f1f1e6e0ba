"""The emulator as its own process."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from mittwald_async.emulator import Emulator, EmulatorOptions, OptionError
from mittwald_async.emulator.__main__ import main
from mittwald_async.emulator.commandline import serve
from mittwald_async.emulator.factory import build


@contextmanager
def process(*arguments: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "mittwald_async.emulator", "--port", "0", *arguments]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        yield running, running.stdout.readline().strip()
    finally:
        running.kill()
        running.communicate()


def fetched(url: str) -> Any:
    request = urllib.request.Request(url, headers={"x-access-token": "other"})
    with urllib.request.urlopen(request) as answer:
        return msgspec.json.decode(answer.read())


def test_it_prints_its_url_serves_and_exits_on_a_signal() -> None:
    with process("--seed", "5", "--projects", "4", "--token", "other", "--rate-limit", "none") as (running, url):
        assert url.startswith("http://127.0.0.1:")
        assert len(fetched(f"{url}/v2/projects")) == 4
        assert running.stdout is not None
        assert running.stdout.readline() == "token: other\n"
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=10)
        assert (running.returncode, err) == (0, "")


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["--port", "0", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


def test_a_port_in_use_gives_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in refusal(capsys, "--port", str(port))


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot read"), (b"{", "not JSON"), (b"{}", "version"), (b"[]", "object"), (b'{"version":2}', "accounts")],
)
def test_an_unreadable_state_gives_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "state.json"
    if content is not None:
        path.write_bytes(content)
    assert problem in refusal(capsys, "--state", str(path))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--state", "x", "--seed", "0"], "contradicts"),
        (["--no-auth", "--mfa"], "mfa"),
        (["--customers", "0"], "customers"),
        (["--rate-limit", "many"], "--rate-limit"),
        (["--on", "yesterday"], "--on must be a date"),
        (["--accounts", "0"], "--accounts must be 1 to 1000"),
        (["--accounts", '[{"tokn": "a"}]'], "tokn"),
        (["--accounts", '[{"token": "a"}, {"token": "a"}]'], "accounts must differ in token"),
        (["--faults", "{"], "--faults"),
        (["--faults", "@/nowhere/plan.json"], "cannot read"),
        (["--faults", '{"status": 1}'], "status"),
    ],
)
def test_invalid_options_give_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str) -> None:
    assert problem in refusal(capsys, *arguments)


def test_all_options_are_passed_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[EmulatorOptions] = []

    async def remember(options: EmulatorOptions, ready: Any) -> None:
        seen.append(options)

    monkeypatch.setattr("mittwald_async.emulator.commandline.serve", remember)
    plan = tmp_path / "plan.json"
    plan.write_text('[{"status": 500}]')
    flags = [
        "--mfa",
        "--no-validate",
        "--clock",
        "virtual",
        "--transitions",
        "reads",
        "--rate-limit",
        "5/2.5",
        "--faults",
        f"@{plan}",
    ]
    assert main(flags) == 0
    assert main(["--rate-limit", "7", "--no-auth"]) == 0
    assert main(["--on", "2026-01-31", "--accounts", "3"]) == 0
    first, second, third = seen
    assert (third.on, len(third.accounts)) == (date(2026, 1, 31), 3)
    assert (first.mfa, first.validate, first.clock, first.transitions.unit) == (True, False, "virtual", "reads")
    assert (first.rate_limit, len(first.faults), first.port) == ((5, 2.5), 1, 8080)
    assert (second.rate_limit, second.auth) == ((7, 600.0), False)


@pytest.mark.parametrize("fast", [False, True])
def test_uvloop_is_used_where_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fast: bool
) -> None:
    used: list[str] = []

    def new_event_loop() -> asyncio.AbstractEventLoop:
        used.append("fast")
        return asyncio.new_event_loop()

    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(new_event_loop=new_event_loop) if fast else None)
    assert "cannot read" in refusal(capsys, "--state", "nowhere.json")
    assert used == ["fast"] * fast


def test_a_dumped_state_is_continued(tmp_path: Path) -> None:
    emulator = Emulator(seed=11, projects=2)
    path = tmp_path / "state.json"
    path.write_bytes(msgspec.json.encode(emulator.core.dump()))
    core = build(EmulatorOptions(state=str(path)))
    assert (core.options.seed, core.options.projects) == (11, 2)
    assert Emulator(state=path).core.dump() == {
        **emulator.core.dump(),
        "clock": pytest.approx(core.clock.now(), abs=60),
    }
    path.write_bytes(msgspec.json.encode({**emulator.core.dump(), "accounts": [3]}))
    with pytest.raises(OptionError, match="cannot use state file"):
        build(EmulatorOptions(state=str(path)))


async def test_serving_ends_with_a_signal() -> None:
    urls: list[str] = []

    def ready(emulator: Emulator) -> None:
        urls.append(emulator.url)
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGTERM)

    await asyncio.wait_for(serve(EmulatorOptions(), ready), 10)
    assert urls[0].startswith("http://127.0.0.1:")


async def test_it_listens_on_the_given_address() -> None:
    async with Emulator(host="::1") as emulator:
        assert emulator.url.startswith("http://[::1]:")
