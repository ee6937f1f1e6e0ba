"""Another interpreter makes the overview: with the same result, and with the same words where it cannot."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory.checks import Mute, apart
from mittwald_async.inventory.checks.apart import overview_apart
from mittwald_async.inventory.checks.overview import CheckOverview, overview

from .test_earlier import history

MUTES = [Mute(reason="of all checks", subject="*a*")]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return history(tmp_path_factory.mktemp("apart ü") / "inventory.sqlite", 0)


@pytest.mark.parametrize("mutes", [[], MUTES], ids=["none", "one"])
def test_another_interpreter_finds_the_same(
    file: Path, mutes: Sequence[Mute], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = overview(file, listed=7, mutes=mutes)
    # What lies where the command is run is not imported.
    (tmp_path / "msgspec.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(apart, "overview", _fail)
    assert overview_apart(file, listed=7, mutes=mutes) == here


def test_where_no_interpreter_starts_the_checks_are_made_here(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(file))
    assert overview_apart(file, listed=7) == overview(file, listed=7)
    monkeypatch.setattr(sys, "executable", "")
    assert overview_apart(file, listed=7) == overview(file, listed=7)


def test_an_answer_of_another_program_does_not_count(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", _program(tmp_path, "echo welcome"))
    assert overview_apart(file, listed=7) == overview(file, listed=7)


def test_an_interpreter_that_is_killed_is_not_replaced(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", _program(tmp_path, "kill -KILL $$"))
    monkeypatch.setattr(apart, "overview", _fail)
    with pytest.raises(ConfigurationError, match=f"stopped by signal {signal.SIGKILL.value}"):
        overview_apart(file, listed=7)


def test_what_is_wrong_with_a_file_is_said_the_same(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        overview_apart(tmp_path / "none.sqlite", listed=7)


def _program(folder: Path, does: str) -> str:
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    return str(program)


def _fail(*_: Any, **__: Any) -> CheckOverview:
    raise AssertionError("was made here")
