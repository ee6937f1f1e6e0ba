"""Arguments of `call`: files, nested properties, secrets, standard input; and its output formats."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mittwald_async.cli.arguments import read_arguments
from mittwald_async.cli.call import argument_names
from mittwald_async.cli.fields import fields_of, is_secret, skeleton
from mittwald_async.cli.forms import select
from mittwald_async.cli.operations import find, reference_link
from mittwald_async.cli.waits import WAITERS
from mittwald_async.cli.yaml_text import as_yaml
from mittwald_async.codegen.yaml_text import parse_yaml
from mittwald_async.errors import InvalidArgumentError
from mittwald_async.operations import OPERATIONS
from mittwald_async.runtime.codec import convert, resolve
from mittwald_async.waiting.waiters import Waiters

from .conftest import PROGRAM, Command, environment


def body(operation_id: str, *arguments: str) -> Any:
    """The request body that the arguments make, with every id in the path filled in."""
    operation = find(operation_id)
    path = [f"{parameter.wire}=x" for parameter in operation.parameters if parameter.where == "path"]
    return read_arguments(operation, [*path, *arguments], None).body


def project(command: Command) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command("call", "project-list-projects", "limit=1")[1])[0]
    return found


def test_a_file_argument_and_text_that_looks_like_one(command: Command) -> None:
    id_ = project(command)["id"]
    Path("desc.txt").write_bytes("Müller\nSöhne\n".encode())
    assert command("call", "project-update-project", f"projectId={id_}", "description=@desc.txt")[0] == 0
    assert project(command)["description"] == "Müller\nSöhne"
    assert command("call", "project-update-project", f"projectId={id_}", "description=@@desc.txt")[0] == 0
    assert project(command)["description"] == "@desc.txt"
    code, _, err = command("call", "project-update-project", f"projectId={id_}", "description=@missing.txt")
    assert (code, err) == (2, "mittwald-async: description: missing.txt: No such file or directory\n")
    Path("odd.txt").write_bytes(b"M\xfcller")
    code, _, err = command("call", "project-update-project", f"projectId={id_}", "description=@odd.txt")
    assert (code, err) == (2, "mittwald-async: description: odd.txt is not UTF-8 text (byte 1)\n")


def test_dots_and_brackets_address_nested_properties() -> None:
    given = ("database.description=Shop", "database.version=8.4", "user.accessLevel=full")
    made = body("database-create-mysql-database", *given)
    assert made == {"database": {"description": "Shop", "version": "8.4"}, "user": {"accessLevel": "full"}}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["hostname=h", "projectId=p", "paths[].path=/", "paths[].target.url=https://a.example"], 1),
        (["hostname=h", "projectId=p", "paths[0].path=/", "paths[0].target.url=https://a.example"], 1),
        (
            [
                "hostname=h",
                "projectId=p",
                "paths[].path=/",
                "paths[].target.url=u",
                "paths[].path=/b",
                "paths[].target.url=v",
            ],
            2,
        ),
        (
            [
                "hostname=h",
                "projectId=p",
                "paths[1].path=/b",
                "paths[1].target.url=v",
                "paths[0].path=/",
                "paths[0].target.url=u",
            ],
            2,
        ),
        (["hostname=h", "projectId=p", 'paths=[{"path": "/", "target": {"url": "u"}}]'], 1),
    ],
)
def test_lists_of_objects(arguments: list[str], expected: int) -> None:
    made = body("ingress-create-ingress", *arguments)["paths"]
    assert len(made) == expected
    assert made[0]["path"] == "/"
    assert all(set(one) == {"path", "target"} and set(one["target"]) == {"url"} for one in made)
    assert [one["path"] for one in made] == ["/", "/b"][:expected]


def test_values_get_the_type_of_their_property() -> None:
    made = body(
        "mail-create-mail-address",
        "address=kim@shop.example",
        "isCatchAll=false",
        "mailbox.quotaInBytes=5000000000",
        "mailbox.enableSpamProtection=true",
        "forwardAddresses=a@x.example",
        "forwardAddresses[]=b@x.example",
    )
    assert made == {
        "address": "kim@shop.example",
        "isCatchAll": False,
        "mailbox": {"quotaInBytes": 5_000_000_000, "enableSpamProtection": True},
        "forwardAddresses": ["a@x.example", "b@x.example"],
    }


@pytest.mark.parametrize(
    ("operation_id", "argument", "complaint"),
    [
        ("database-create-mysql-database", "database.verion=8", "unknown property 'verion'; did you mean version?"),
        ("database-create-mysql-database", "database.version.major=8", "'major' cannot be set"),
        ("database-create-mysql-database", "database[0]=8", "is not a list but object"),
        ("database-create-mysql-database", "databse.version=8", "did you mean database?"),
        ("database-create-mysql-database", "database.=8", "write what is inside as name.property"),
        ("ingress-create-ingress", "paths[1].path=/", "paths[0]: is missing"),
        ("ingress-create-ingress", "paths[99999999].path=/", "at most 10,000"),
        ("mail-create-mail-address", "mailbox.quotaInBytes=many", "'many' is not a whole number"),
        ("mail-create-mail-address", "mailbox.enableSpamProtection=perhaps", "is not true or false"),
    ],
)
def test_a_wrong_property_path_is_named(operation_id: str, argument: str, complaint: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        body(operation_id, argument)
    assert complaint in str(caught.value)


SECRET = "Aa1!aaaaaaaa"


@pytest.mark.parametrize(
    "arguments",
    [
        ("database-create-mysql-database", f"user.password={SECRET}"),
        ("database-create-mysql-database", f'user={{"password": "{SECRET}"}}'),
        ("database-create-mysql-database", "--body", f'{{"user": {{"password": "{SECRET}"}}}}'),
        ("mail-create-mail-address", f"mailbox.password={SECRET}"),
        ("user-change-password", f"oldPassword={SECRET}"),
        ("user-change-password", f"new_password={SECRET}"),
        ("ssl-replace-certificate", f"privateKey={SECRET}"),
    ],
)
def test_a_secret_on_the_command_line_is_refused_and_not_repeated(command: Command, arguments: tuple[str, ...]) -> None:
    path = [f"{one.wire}=x" for one in find(arguments[0]).parameters if one.where == "path"]
    code, out, err = command("call", arguments[0], *path, *arguments[1:])
    assert (code, out) == (2, "")
    assert "=? asks for it" in err
    assert SECRET not in err


def test_a_name_that_only_resembles_a_secret_is_accepted() -> None:
    for operation_id, name in (
        ("user-create-ssh-key", "publicKey"),
        ("extension-create-extension-instance", "variantKey"),
        ("file-create-file", "Token"),
        ("leadfyndr-list-leads", "locationPostCode"),
        ("relocation-create-relocation", "allowPasswordChange"),
    ):
        assert not is_secret(name, find(operation_id)), name


def test_a_secret_comes_from_standard_input_a_file_or_a_prompt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("password").write_text(f"{SECRET}\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{SECRET}\r\n"))
    assert body("mail-update-mail-address-password", "password=-") == {"password": SECRET}
    assert body("mail-update-mail-address-password", "password=@password") == {"password": SECRET}
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr("mittwald_async.cli.reading.getpass", {"password: ": SECRET}.__getitem__)
    assert body("mail-update-mail-address-password", "password=?") == {"password": SECRET}


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("x"))
    with pytest.raises(InvalidArgumentError, match="standard input is read for oldPassword already"):
        body("user-change-password", "oldPassword=-", "newPassword=-")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1"])
def test_pipes_are_utf_8_in_any_locale(server: str, encoding: str, tmp_path: Path) -> None:
    """aws-cli#5086: piped input was read in the terminal's encoding and stored garbled."""
    given = {**environment(server), "PYTHONIOENCODING": encoding, "LANG": "C", "PYTHONUTF8": "0", "LC_ALL": "C"}

    def call(*arguments: str, content: bytes = b"") -> bytes:
        done = subprocess.run(
            [*PROGRAM, "call", *arguments], input=content, env=given, cwd=tmp_path, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    id_ = json.loads(call("project-list-projects", "limit=1"))[0]["id"]
    call("project-update-project", f"projectId={id_}", "description=@-", content="Müller".encode())
    assert "Müller".encode() in call("project-list-projects", "limit=1")
    call("project-update-project", f"projectId={id_}", "--body", "-", content='{"description": "Größe"}'.encode())
    assert "Größe".encode() in call("project-list-projects", "limit=1")


def test_closed_standard_input_gives_a_message(server: str, tmp_path: Path) -> None:
    line = f"{' '.join(PROGRAM)} call project-update-project projectId=x --body - <&-"
    done = subprocess.run(line, shell=True, env=environment(server), cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mittwald-async: --body: standard input is closed\n"


def test_fields_and_output_formats(command: Command) -> None:
    listed = ("call", "project-list-projects", "--all", "--fields", "shortId,status")
    rows = json.loads(command(*listed)[1])
    assert len(rows) == 12
    assert set(rows[0]) == {"shortId", "status"}
    lines = command(*listed, "--output", "table")[1].splitlines()
    assert lines[0].split() == ["shortId", "status"]
    assert [line.split() for line in lines[1:]] == [list(row.values()) for row in rows]
    assert list(csv.DictReader(io.StringIO(command(*listed, "--output", "csv")[1]))) == rows
    assert parse_yaml(command(*listed, "--output", "yaml")[1], "rows", []) == rows


def test_unknown_fields_and_output_formats_are_named(command: Command) -> None:
    code, _, err = command("call", "project-list-projects", "--fields", "descripton")
    assert (code, err) == (2, "mittwald-async: --fields: nothing has 'descripton'; did you mean description?\n")
    code, _, err = command("call", "project-list-projects", "--output", "xml")
    assert (code, err) == (2, "mittwald-async: --output: 'xml' is unknown; there is json, table, csv, yaml\n")


def test_tables_keep_field_order_except_for_identifying_columns(command: Command) -> None:
    lines = command("call", "project-list-projects", "--fields", "status,createdAt,shortId", "--output", "table")[1]
    assert lines.split()[:3] == ["shortId", "status", "createdAt"]


def test_field_paths_reach_into_responses() -> None:
    value = {"a": {"b": [1, 2]}, "c": [{"d": 1}, {"e": 2}], "f": None}
    assert select(value, "a.b[1], c[].d ,f") == {"a.b[1]": 2, "c[].d": [1], "f": None}
    assert select([value, {"a": 1}], "a.b") == [{"a.b": [1, 2]}, {"a.b": None}]
    with pytest.raises(InvalidArgumentError, match="is not a place"):
        select(value, "a..b")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(JSON)
def test_yaml_output_reads_back_unchanged(value: Any) -> None:
    text = as_yaml(value)
    if any(
        ord(one) > 0xFFFF or 0xD800 <= ord(one) < 0xE000 or ord(one) in (0x7F, *range(0x80, 0xA0), 0xFFFE, 0xFFFF)
        for one in text
    ):
        return  # not printable in YAML 1.2 without escapes, as this reader requires
    assert parse_yaml(text, "value", []) == value


def test_wait_prints_the_object_in_its_final_state(command: Command) -> None:
    id_ = project(command)["id"]
    Path("secret").write_text(SECRET)
    arguments = (f"projectId={id_}", "database.description=Shop", "database.version=8.0", "user.accessLevel=full")
    code, out, err = command("call", "database-create-mysql-database", *arguments, "user.password=@secret", "--wait")
    assert (code, err) == (0, "")
    made = json.loads(out)
    assert made["status"] == "ready"
    command("call", "database-delete-mysql-database", f"mysqlDatabaseId={made['id']}")
    code, _, err = command("call", "project-list-projects", "--wait")
    assert code == 2
    assert "begins nothing that is waited for" in err


def test_every_wait_target_exists() -> None:
    for operation_id, waiter in WAITERS.items():
        paths = {one.wire for one in OPERATIONS[operation_id].parameters if one.where == "path"}
        assert waiter.argument is None or waiter.argument in paths
        assert hasattr(Waiters, waiter.method)


class Context:
    def __init__(self, operation_id: str, *arguments: str) -> None:
        self.params = {"operation_id": operation_id, "arguments": arguments}


def test_completion_offers_nested_properties() -> None:
    context: Any = Context("database-create-mysql-database", "projectId=x")
    assert argument_names(context, "user.p") == ["user.password="]
    assert "projectId=" not in argument_names(context, "")
    assert argument_names(context, "user.password=") == []
    other: Any = Context("nonsense")
    assert argument_names(other, "") == []


def test_every_operation_has_a_valid_skeleton() -> None:
    for operation in OPERATIONS.values():
        whole = operation.body
        if whole is not None and not whole.content_type.startswith("multipart/"):
            expected = resolve(whole.type, models=operation.models)
            assert all(field.path and field.type for field in fields_of(expected, ""))
            made = convert(whole.type, skeleton(operation), models=operation.models, strict=True)
            assert made is not None, operation.operation_id


def test_an_operation_is_shown_with_nested_arguments(command: Command) -> None:
    code, out, _ = command("operations", "mail-create-mail-address")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["mailbox.quotaInBytes", "body", "int", "required"] in lines
    assert ["mailbox.password", "body", "str", "required"] in lines
    assert reference_link(find("mail-create-mail-address")) in out


def test_a_skeleton_can_be_filled_in_and_sent(command: Command) -> None:
    id_ = project(command)["id"]
    for form, name in (("json", "body.json"), ("yaml", "body.yaml")):
        text = command("operations", "project-update-project", "--skeleton", form)[1]
        Path(name).write_text(text.replace("…", f"by {form}").replace("# desc", "desc"))
        assert command("call", "project-update-project", f"projectId={id_}", "--body", f"@{name}")[0] == 0
        assert project(command)["description"] == f"by {form}"
    code, _, err = command("operations", "project-get-project", "--skeleton", "json")
    assert (code, err) == (2, "mittwald-async: --skeleton: project-get-project takes no body\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("description: [", "is not YAML: "),
        ("description: a\ndescription: b\n", "line 2: the key 'description' is given twice\n"),
    ],
)
def test_yaml_that_cannot_be_sent_unchanged_is_refused(command: Command, text: str, problem: str) -> None:
    id_ = project(command)["id"]
    Path("body.yaml").write_text(text)
    code, _, err = command("call", "project-update-project", f"projectId={id_}", "--body", "@body.yaml")
    assert code == 2
    assert problem in err


def test_a_misspelled_value_gets_a_suggestion(command: Command) -> None:
    for more in ((), ("--json",)):
        code, out, err = command("operations", "databse", *more)
        assert (code, out) == (2, "")
        assert "did you mean database" in err


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_out_may_be_standard_output(server: str, name: str, tmp_path: Path) -> None:
    for redirected in (subprocess.PIPE, (tmp_path / "file").open("wb")):
        done = subprocess.run(
            [*PROGRAM, "call", "project-list-projects", "limit=1", "-o", name],
            env=environment(server),
            cwd=tmp_path,
            stdout=redirected,
            check=True,
        )
        content = done.stdout if redirected is subprocess.PIPE else (tmp_path / "file").read_bytes()
        assert len(json.loads(content)) == 1
        if not isinstance(redirected, int):
            redirected.close()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert os.path.exists("/dev/stdout")
