"""`--json` always means JSON for programs instead of text for people. Every command that prints data has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mittwald_async.cli.app import app

from .conftest import Command
from .test_emulate import emulating

OTHERWISE = {
    "check": "--format",  # json is one of several formats
    "report": "--out",  # prints a page
    "export": "--out",  # writes tables in the format of the file
}
"""Commands whose result is a document, with the option that selects its format."""


def commands(group: Any, above: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every command with its options."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", {option for parameter in command.params for option in parameter.opts}


def test_every_command_that_prints_data_has_it() -> None:
    found = dict(commands(typer.main.get_command(app)))
    assert len(found) > 15
    for name, options in found.items():
        assert {"--json", OTHERWISE.get(name, "--json")} & options, name


def test_call_prints_json_anyway(command: Command) -> None:
    code, out, _ = command("call", "project-list-projects", "limit=1", "--json")
    assert (code, len(json.loads(out))) == (0, 1)
    code, out, err = command("call", "project-list-projects", "--json", "--output", "csv")
    assert (code, out, err) == (2, "", "mittwald-async: --json: contradicts --output csv\n")


def test_dns_commands_report_whether_anything_changed(command: Command) -> None:
    pytest.importorskip("dns")
    _, out, _ = command("call", "domain-list-domains", "limit=1", "--fields", "domain")
    name = f"json.{json.loads(out)[0]['domain']}"
    for arguments, changed in (
        (("add", name, "TXT", "x"), True),
        (("add", name, "TXT", "x"), False),
        (("set", name, "TXT", "y"), True),
        (("remove", name, "TXT"), True),
    ):
        code, out, err = command("dns", *arguments, "--json")
        assert (code, json.loads(out), err) == (0, {"changed": changed}, "")
    Path("zone").write_text("@ 300 IN A 192.0.2.2\n", encoding="utf-8")
    code, out, err = command("dns", "import", "zone", "--origin", name, "--json")
    shown = json.loads(out)
    assert (code, err, shown["written"], shown["changes"][0]["after"]) == (0, "", False, ["192.0.2.2"])


def test_programs_can_find_the_emulator() -> None:
    with emulating("--json", "--accounts", "2") as running:
        assert running.stdout is not None
        shown = json.loads(running.stdout.readline())
        assert shown["url"].startswith("http://127.0.0.1:")
        assert [account["token"] for account in shown["accounts"]] == ["token", "token-2"]
