"""`call`, `operations`, `limits`, `emulate`: single requests and reference data."""

from __future__ import annotations

import builtins
import io
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mittwald_async import __version__, cli
from mittwald_async._install import install_hint
from mittwald_async.cli.app import run
from mittwald_async.cli.arguments import names
from mittwald_async.cli.call import call
from mittwald_async.cli.limits import limits
from mittwald_async.cli.operations import find, operations
from mittwald_async.cli.plan import plan
from mittwald_async.cli.sweep import sweep
from mittwald_async.operations import OPERATIONS

from .conftest import ROOT, Command, faults


def first(command: Command, operation_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command("call", operation_id)[1])[0]
    return found


def test_an_operation_prints_json(command: Command) -> None:
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
        (("nope",), "`mittwald-async operations WORD` finds one"),
        (("project-get-projekt",), "did you mean project-get-project"),
        ((), "Missing argument 'OPERATION'; see `mittwald-async call --help`"),
        (("project-get-project", "=a"), "NAME=VALUE"),
        (("project-get-project", "--all", "projectId=p"), "gives no list"),
        (("project-update-project", "projectId=p", "description=x", "--body", "{}"), "leave description out"),
        (("project-create-project", "serverId=s"), "needs one: description=…"),
        (("file-create-file", "token=t"), "needs one: file=@FILE"),
        (("file-create-file", "token=t", "file=logo.png"), "give it as @FILE"),
        (("file-create-file", "token=t", "file=@missing"), "No such file"),
        (("file-create-file", "token=t", "--body", "{}"), "made of files"),
        (("project-list-projects", "--out", "missing/x.json"), "--out missing/x.json: No such file"),
        (("project-get-project",), "projectId: required"),
        (("project-get-project", "projectId"), "NAME=VALUE"),
        (("project-get-project", "projectId=a", "projectId=b"), "given twice"),
        (("project-get-project", "project=a"), "did you mean projectId?"),
        (("project-list-projects", "limit=many"), "is not a whole number"),
        (("project-list-projects", "limit=1", "--body", "{"), "takes none"),
        (("project-update-project", "projectId=p", "--body", "{"), "is not JSON"),
        (("project-update-project", "projectId=p", "--body", "@missing"), "No such file"),
    ],
)
def test_wrong_arguments_are_named(command: Command, arguments: tuple[str, ...], complaint: str) -> None:
    code, out, err = command("call", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert len(err.splitlines()) == 1


def test_an_api_error_is_one_line(command: Command) -> None:
    code, _, err = command("call", "project-get-project", "projectId=p-none")
    assert code == 1
    assert err.startswith("mittwald-async: 404")
    assert len(err.splitlines()) == 1


def test_path_parameters_and_body_properties_use_one_syntax(command: Command) -> None:
    project = first(command, "project-list-projects")["id"]
    code, out, _ = command("call", "project.update_project", f"project_id={project}", "description=a=b [ü]")
    assert (code, out) == (0, "")
    assert first(command, "project-list-projects")["description"] == "a=b [ü]"
    assert command("call", "project-update-project", f"projectId={project}", "description=[text] {too")[0] == 0
    assert first(command, "project-list-projects")["description"] == "[text] {too"
    Path("password.txt").write_text("Aa1!aaaaaaaa\n")
    code, out, _ = command(
        *("call", "database-create-mysql-database", f"projectId={project}"),
        'database={"description": "nested", "version": "8.0"}',
        "user.password=@password.txt",
        "user.accessLevel=full",
    )
    assert code == 0
    created = json.loads(out)["id"]
    assert command("call", "database-delete-mysql-database", f"mysqlDatabaseId={created}")[0] == 0


def test_a_body_comes_from_standard_input(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    project = first(command, "project-list-projects")["id"]
    for given in ("-", "@-"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"description": given})))
        assert command("call", "project-update-project", f"projectId={project}", "--body", given)[0] == 0
        assert first(command, "project-list-projects")["description"] == given


def test_a_first_page_is_marked_as_incomplete(command: Command) -> None:
    _, out, err = command("call", "project-list-projects", "limit=2")
    assert len(json.loads(out)) == 2
    assert err == ""  # no more was requested
    assert command("call", "project-list-projects")[2] == ""


def test_a_response_is_printed_with_everything_the_server_sent(command: Command, server: str) -> None:
    body = json.dumps({"id": "p-1", "nobodyKnows": [1, 2.50, None]})
    with faults(server, {"operation": "project-get-project", "status": 200, "body": body}):
        code, out, err = command("call", "project-get-project", "projectId=p-1")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(body)


def test_files_are_uploaded_and_downloaded_unchanged(command: Command) -> None:
    customer = first(command, "customer-list-customers")["customerId"]
    _, out, _ = command("call", "customer-request-avatar-upload", f"customerId={customer}")
    token = json.loads(out)["refId"]
    content = b"\x89PNG\r\n\x1a\n\x00\xff"
    Path("my logo.png").write_bytes(content)
    code, out, _ = command("call", "file-create-file", f"token={token}", "file=@my logo.png")
    assert code == 0
    code, out, _ = command("call", "file-get-file", f"fileId={json.loads(out)['id']}", "--out", "back.png")
    assert (code, out) == (0, "")
    assert Path("back.png").read_bytes() == content


def test_operations_without_security_need_no_token(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MITTWALD_API_TOKEN")
    assert command("call", "app-list-apps")[0] == 0
    code, _, err = command("call", "project-list-projects")
    assert code == 2
    assert "set MITTWALD_API_TOKEN" in err


def test_operations_are_found_by_words(command: Command) -> None:
    code, out, _ = command("operations", "mysql", "user", "list")
    assert code == 0
    assert out.splitlines()[1].split() == [
        "database-list-mysql-users",
        "GET",
        "/v2/mysql-databases/{mysqlDatabaseId}/users",
        "mw.database.list_mysql_users",
    ]
    assert all(line == line.rstrip() for line in out.splitlines())
    assert len(json.loads(command("operations", "--json")[1])) > 460


def test_deprecated_and_removed_operations_say_so(command: Command) -> None:
    _, out, err = command("operations", "ingress", "project")
    assert "deprecated-ingress-list-ingresses" not in out
    assert "left out; --deprecated shows" in err
    assert "deprecated-ingress-list-ingresses (deprecated)" in command("operations", "--deprecated", "ingress")[1]
    assert "customer-create-category (removed)" in command("operations", "--deprecated", "category")[1]
    assert "is deprecated and may vanish" in command("call", "deprecated-ingress-list-ingresses", "projectId=p")[2]
    assert "has been removed from the API" in command("call", "customer-list-of-customer-categories")[2]


def test_an_operation_is_shown_with_its_arguments(command: Command) -> None:
    code, out, _ = command("operations", "file-create-file")
    assert code == 0
    assert out.splitlines()[:3] == ["file-create-file", "POST /v2/files", "mw.file.create_file"]
    assert ["file", "body", "file", "required"] in [line.split() for line in out.splitlines()]


def test_a_body_property_named_like_a_parameter_uses_its_python_name(command: Command) -> None:
    _, out, _ = command("operations", "customer-update-customer")
    assert ["body_customer_id", "body", "str", "required"] in [line.split() for line in out.splitlines()]
    customer = first(command, "customer-list-customers")["customerId"]
    code, _, err = command("call", "customer-update-customer", f"customerId={customer}", "name=x")
    assert (code, err) == (2, "mittwald-async: body_customer_id: required by customer-update-customer\n")
    given = (f"customerId={customer}", f"body_customer_id={customer}", "name=Ann's")
    assert command("call", "customer-update-customer", *given)[0] == 0
    assert first(command, "customer-list-customers")["name"] == "Ann's"


def test_every_operation_can_be_found_and_its_argument_names_are_unique() -> None:
    for operation in OPERATIONS.values():
        assert find(operation.operation_id) is operation
        assert find(f"mw.{operation.group}.{operation.name}") is operation
        properties = operation.body.properties if operation.body is not None and operation.body.flat else ()
        every = (*operation.parameters, *properties)
        reached = set(map(id, names(operation).values()))
        assert all(id(parameter) in reached for parameter in every), operation.operation_id


def test_help_examples_use_existing_commands_operations_and_arguments() -> None:
    for function in (sweep, plan, call, operations, limits):
        lines = [line.strip() for line in (function.__doc__ or "").splitlines() if "mittwald-async " in line]
        assert lines, function
        for line in lines:
            words = shlex.split(line)[1:]
            assert words[0] == function.__name__
            if words[0] == "call":
                known = names(find(words[1]))
                given = [word.partition("=")[0].partition(".")[0] for word in words[2:] if "=" in word]
                assert all(name in known for name in given), line


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown_for_every_shell(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_MITTWALD_ASYNC_COMPLETE", "")
    with pytest.raises(SystemExit) as ended:
        run(["--show-completion", shell])
    assert ended.value.code == 0
    assert f"complete_{shell}" in capsys.readouterr().out


def test_completion_offers_operations_and_resources(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_MITTWALD_ASYNC_COMPLETE", "complete_bash")
    for words, completed in (
        ("call project-get-pro", "project-get-project"),
        ("bulk project-update-pro", "project-update-project"),
        ("sweep -r dns", "dns_zone"),
        ("tables v_dns", "v_dns_record"),
    ):
        monkeypatch.setenv("COMP_WORDS", f"mittwald-async {words}")
        monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
        with pytest.raises(SystemExit):
            run([])
        assert completed in capsys.readouterr().out.split()


def test_limits_are_shown(command: Command) -> None:
    code, out, _ = command("limits")
    assert code == 0
    assert "of 100,000 requests left" in out
    assert json.loads(command("limits", "--json")[1])["limit"] == 100000


def test_version_and_help(command: Command) -> None:
    assert command("--version")[1].strip() == f"mittwald-async {__version__}"
    code, out, _ = command("sweep", "--help")
    assert code == 0
    assert "mittwald-async sweep --demo" in out


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
    assert capsys.readouterr().err.endswith(f"needs its extra: {install_hint('cli')}\n")


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "mittwald_async.cli", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mittwald-async ")


def test_an_unprintable_format_is_refused_before_a_change_is_made(command: Command) -> None:
    """Otherwise the change would be made and its response lost."""
    _, out, _ = command("call", "project-list-projects", "limit=1")
    project = json.loads(out)[0]["id"]
    create = ("call", "mail-create-mail-address", f"projectId={project}", "forwardAddresses=kim@example.org")
    for number, (arguments, said) in enumerate(
        (
            (("--out", "none/x.json"), "--out none/x.json: No such file or directory"),
            (("--out", "."), "--out .: Is a directory"),
            (("--fields", "id,,x"), "--fields: '' is not a place"),
        )
    ):
        code, out, err = command(*create, f"address=early-{number}@example.org", *arguments)
        assert (code, out, said in err) == (2, "", True)
    code, out, err = command(*create, "address=late@example.org", "--fields", "ident")
    assert (code, set(json.loads(out)), "nothing has 'ident'" in err) == (2, {"id"}, True)
    _, out, _ = command("call", "mail-list-mail-addresses", f"projectId={project}", "--all", "--fields", "address")
    made = {box["address"] for box in json.loads(out)}
    assert "late@example.org" in made
    assert not any(address.startswith("early-") for address in made)
