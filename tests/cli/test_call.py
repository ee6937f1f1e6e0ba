"""`call`, `operations`, `limits`, `emulate`: single requests and facts."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mittwald_async import cli

from .conftest import ROOT, Command


def test_an_operation_answers_in_json(command: Command) -> None:
    code, out, _ = command("call", "project-list-projects", "limit=2")
    assert code == 0
    first, second = json.loads(out)
    assert first["id"] != second["id"]
    code, out, _ = command("call", "project-get-project", f"projectId={first['id']}")
    assert json.loads(out)["shortId"] == first["shortId"]


def test_all_pages_of_a_list(command: Command) -> None:
    code, out, _ = command("call", "project-list-projects", "--all", "limit=5")
    assert code == 0
    assert len(json.loads(out)) == 12


def test_a_body_comes_from_the_argument_or_a_file(command: Command) -> None:
    _, out, _ = command("call", "project-list-servers")
    server_id = json.loads(out)[0]["id"]
    code, out, _ = command(
        "call", "project-create-project", f"server_id={server_id}", "--body", '{"description": "new"}'
    )
    assert code == 0
    created = json.loads(out)["id"]
    Path("body.json").write_text('{"description": "newer"}')
    code, out, _ = command("call", "project-update-project", f"projectId={created}", "--body", "@body.json")
    assert (code, out) == (0, "")
    command("call", "project-delete-project", f"projectId={created}")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nope",), "there is no 'nope'"),
        (("project-get-project",), "projectId: required"),
        (("project-get-project", "projectId"), "NAME=VALUE"),
        (("project-get-project", "projectId=a", "projectId=b"), "given twice"),
        (("project-get-project", "project=a"), "it has projectId"),
        (("project-list-projects", "limit=many"), "is no int"),
        (("project-list-projects", "--body", "{"), "no JSON"),
        (("project-list-projects", "--body", "@missing"), "No such file"),
    ],
)
def test_wrong_arguments_are_named(command: Command, arguments: tuple[str, ...], complaint: str) -> None:
    code, _, err = command("call", *arguments)
    assert code == 2
    assert complaint in err


def test_an_error_of_the_api_is_one_line(command: Command) -> None:
    code, _, err = command("call", "project-get-project", "projectId=p-none")
    assert code == 1
    assert err.startswith("mittwald-async: 404")
    assert len(err.splitlines()) == 1


def test_operations_are_found_by_words(command: Command) -> None:
    code, out, _ = command("operations", "mysql", "user", "list")
    assert code == 0
    assert out.splitlines()[1].split() == [
        "database-list-mysql-users",
        "GET",
        "/v2/mysql-databases/{mysqlDatabaseId}/users",
        "mw.database.list_mysql_users",
    ]
    assert "(deprecated)" in command("operations", "--deprecated", "ingress")[1]
    assert len(json.loads(command("operations", "--json")[1])) > 470


def test_limits_are_shown(command: Command) -> None:
    code, out, _ = command("limits")
    assert code == 0
    assert "of 100000 requests left" in out
    assert json.loads(command("limits", "--json")[1])["limit"] == 100000


def test_version_and_help(command: Command) -> None:
    assert command("--version")[1].startswith("mittwald-async 0.")
    code, out, _ = command("sweep", "--help")
    assert code == 0
    assert "mittwald-async sweep --demo" in out


def test_emulate_refuses_what_cannot_be(command: Command) -> None:
    code, _, err = command("emulate", "--port", "99999")
    assert code == 2
    assert "port must be 0 to 65535" in err


def test_without_its_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def without_typer(name: str, *rest: Any) -> Any:
        if name == "typer":
            raise ModuleNotFoundError("No module named 'typer'", name="typer")
        return real(name, *rest)

    for module in [name for name in sys.modules if name.startswith("mittwald_async.cli.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", without_typer)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "mittwald-async[cli]" in capsys.readouterr().err


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "mittwald_async.cli", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mittwald-async ")
