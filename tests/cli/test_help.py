"""`--help` at 80 columns keeps everything that people copy in one piece."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mittwald_async.cli.app import app

OPTION = re.compile(r"--[a-z-]+")
NAME = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z]+)+")
"""Names of operations, variables and commands: broken across lines, they cannot be copied."""


def commands(group: Any, above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found += commands(command, (*above, name))
        else:
            found.append(((*above, name), command))
    return found


ALL = commands(typer.main.get_command(app))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_nothing_is_cut_or_broken_at_80_columns(path: tuple[str, ...], command: Any) -> None:
    wide = {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}
    shown = CliRunner().invoke(app, [*path, "--help"], env=wide).output
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    words = {word for word in NAME.findall(command.help or "") if "-" in word or "_" in word}
    for parameter in command.params:
        words |= {*parameter.opts, *parameter.secondary_opts} if parameter.param_type_name == "option" else set()
        words |= set(NAME.findall(parameter.help or "")) | set(OPTION.findall(parameter.help or ""))
    assert sorted(word for word in words if word not in shown) == []
