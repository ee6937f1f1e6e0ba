"""Tables fit the terminal without breaking an id, and no text of a server moves the cursor."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mittwald_async import bulk
from mittwald_async.cli.app import run
from mittwald_async.cli.columns import GAP, ShownColumn, fit
from mittwald_async.cli.failures import grouped, grouped_unknown
from mittwald_async.cli.output import emit_pieces, folded, for_terminal, json_bytes, make_writable, table_text
from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import Failure, Undecided

from .conftest import PROGRAM, Command, environment, faults
from .test_progress import on_a_terminal

WORD = st.text("abc-0189", min_size=1, max_size=30)
CELL = st.lists(WORD, max_size=6).map(" ".join)
UUID = "0b4dd8f1-5b9c-4d53-9a3d-0d1a9ad2c8e1"


@given(
    st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), max_size=4)),
    st.integers(20, 120),
)
def test_columns_fit_and_no_word_is_broken(rows: list[list[str]], width: int) -> None:
    heads = [f"head{number}" for number in range(len(rows[0]) if rows else 1)]
    columns = [ShownColumn(head, [row[number] for row in rows]) for number, head in enumerate(heads)]
    shown = fit(columns, width)
    assert shown[0] is columns[0]
    assert all(column.width >= column.narrowest for column in shown)
    needed = sum(column.width for column in shown) + GAP * (len(shown) - 1)
    assert needed <= width or len(shown) == 1
    if (
        sum(column.width for column in [ShownColumn(one.head, one.cells) for one in columns]) + GAP * (len(columns) - 1)
        <= width
    ):
        assert shown == columns


def test_a_narrow_terminal_wraps_prose_and_keeps_ids_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    said: list[str] = []
    rows = [(UUID, "a description of some length that goes on and on, until it ends", f"mw.group.{'x' * 40}")]
    lines = table_text(("id", "description", "method"), rows, note=said.append).splitlines()
    assert max(map(len, lines)) <= 80
    assert UUID in lines[1]
    assert said == ["no room for: method; a wider terminal or a pipe shows all"]
    monkeypatch.setenv("COLUMNS", "200")
    assert len(table_text(("id", "description", "method"), rows).splitlines()) == 2


@pytest.mark.parametrize("columns", ["80", "120"])
@pytest.mark.parametrize(
    "line", ["operations mysql user", "check --list", "plan --list", "tables", "operations mail-create-mail-address"]
)
def test_every_table_fits(server: str, tmp_path: Path, columns: str, line: str) -> None:
    code, shown = on_a_terminal(server, tmp_path, *line.split(), COLUMNS=columns, TERM="xterm")
    assert code == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")
    drawn = [one for one in text.splitlines() if not one.startswith("Each view") and "https://" not in one]
    assert len(drawn) > 5
    assert max(map(len, drawn)) <= int(columns)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize(
    "line",
    [
        "project-list-projects --output table",
        "project-get-project projectId={} --output table",
        "mail-list-mail-addresses projectId={} --output table",
        "domain-list-domains --output table",
    ],
)
def test_commands_that_read_fit_the_terminal_and_keep_ids_whole(
    server: str, command: Command, tmp_path: Path, columns: int, line: str
) -> None:
    project = json.loads(command("call", "project-list-projects", "limit=1")[1])[0]["id"]
    arguments = ("call", *line.format(project).split())
    code, shown = on_a_terminal(server, tmp_path, *arguments, COLUMNS=str(columns), TERM="xterm")
    assert code == 0
    lines = shown.decode().replace("\r\n", "\n").splitlines()
    assert max(map(len, lines)) <= columns
    assert max(map(len, lines)) > columns / 3, "values are left out"
    assert not [
        word
        for line in lines
        for word in line.split()
        if re.fullmatch(r"[0-9a-f]{4,}-[0-9a-f-]*", word[:30]) and len(word) != 36
    ]


async def test_failures_are_listed_within_the_terminal_width(server: str, tmp_path: Path) -> None:
    async def refused(_: str) -> None:
        raise ConfigurationError("mailbox.address: " + "is not an address of a domain of this project, " * 6 + UUID)

    async with bulk.Journal(tmp_path / "rows.journal") as journal:
        assert [done.ok async for done in journal.run([UUID], refused, key=str)] == [False]
    code, shown = on_a_terminal(server, tmp_path, "journal", "rows.journal", COLUMNS="80", TERM="xterm")
    lines = shown.decode().replace("\r\n", "\n").splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    assert shown.count(UUID.encode()) == 2, "ids are whole"


def test_only_json_and_paths_are_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    nested, address = json.dumps({"id": UUID, "name": "x" * 40}), "kim@" + "sub." * 20 + "example.org"
    rows = [("id", UUID), ("meta", nested), ("address", address)]
    lines = table_text(("property", "value"), rows, keep=2).splitlines()
    assert lines[1].split() == ["id", UUID]
    assert lines[3].split() == ["address", address]
    monkeypatch.setenv("COLUMNS", "50")
    (_, line) = table_text(
        ("operation", "request"), [("a-b-c", "GET /v2/" + "x" * 80)], shorten=("request",)
    ).splitlines()
    assert line.startswith("a-b-c      GET /v2/xxx")
    assert line.endswith("x…")
    assert len(line) == 50


def test_output_to_a_pipe_is_complete() -> None:
    nested = json.dumps(["x" * 30_000])
    said: list[str] = []
    (_, line) = table_text(("id", "meta", "more"), [(UUID, nested, "end")], note=said.append).splitlines()
    assert line.split() == [UUID, nested, "end"]
    assert said == []


def test_findings_wrap_between_words_and_are_indented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    line = "  + shop.example: expired on 2027-01-01  (A customer / A project)\n\n"
    assert folded(line, hang=6) == "  + shop.example: expired on 2027-01-01\n      (A customer / A project)\n\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert folded(line, hang=6) == line


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\x7f", "\x9b", "\u202e", "\u2066", "\u200f", "\u2028", "\r"])
def test_control_characters_are_shown_as_text(character: str) -> None:
    assert for_terminal(f"a{character}b") == f"a\\u{ord(character):04x}b"


def test_characters_beyond_16_bits_are_escaped_as_in_json() -> None:
    shown = for_terminal('{"a": "x\U000e0041y"}')
    assert shown == r'{"a": "x\udb40\udc41y"}'
    assert json.loads(shown) == {"a": "x\U000e0041y"}


def test_csv_line_ends_are_printed_as_line_ends() -> None:
    assert for_terminal("id,name\r\n1,ä\r\n2,a\rb\r\n") == "id,name\n1,ä\n2,a\\u000db\n"


@given(st.text())
def test_other_text_is_unchanged(text: str) -> None:
    shown = for_terminal(text)
    assert not [one for one in shown if unicodedata.category(one) == "Cc" and one not in "\n\t"]
    kept = [one for one in text if unicodedata.category(one)[0] in "LMNPSZ" and one not in "\u2028\u2029"]
    assert not set(kept) - set(shown)


EVIL = "x\x9b31m\u202egnp.exe"


def test_responses_are_escaped_on_terminals_and_unchanged_in_pipes(
    server: str, command: Command, tmp_path: Path
) -> None:
    body = json.dumps({"id": "p-1", "description": EVIL}, ensure_ascii=False)
    with faults(server, {"operation": "project-get-project", "status": 200, "body": body}):
        for form in ("json", "table", "yaml", "csv"):
            arguments = ("call", "project-get-project", "projectId=p-1", "--output", form)
            _, shown = on_a_terminal(server, tmp_path, *arguments, TERM="xterm")
            assert "\x9b" not in shown.decode()
            assert "\u202e" not in shown.decode()
            assert "\\u009b31m" in shown.decode()
        assert json.loads(command("call", "project-get-project", "projectId=p-1")[1])["description"] == EVIL


def test_no_color_and_dumb_terminals_get_plain_text(server: str, tmp_path: Path) -> None:
    for variables in ({"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}):
        _, shown = on_a_terminal(server, tmp_path, "operations", "mysql", "user", **variables)
        assert b"\x1b[3" not in shown
        assert b"database-list-mysql-users" in shown


def failure(resource: str, owner: str, error: str) -> Failure:
    return Failure(
        resource=resource,
        operation="x",
        owner=owner,
        customer_id=None,
        project_id=owner,
        status=403,
        error=error,
        at=datetime(2027, 1, 1, tzinfo=UTC),
    )


def test_failures_are_grouped_by_resource_and_reason() -> None:
    many = [
        failure("backup", f"p-aaaa{n:02}", f"403: p-aaaa{n:02} may not be read (trace {n:032x})") for n in range(20)
    ]
    lines = list(
        grouped([failure("domain", "p-bbbb", "500: broken"), *many, failure("backup", "p-cccc", "500: broken")])
    )
    assert lines == [
        f"backup: 20 lists, such as that of p-aaaa00: {many[0].error}",
        "domain of p-bbbb: 500: broken",
        "backup of p-cccc: 500: broken",
    ]


def test_what_a_diff_cannot_know_is_grouped_like_failures() -> None:
    """A refused resource of a thousand projects was a thousand lines."""

    def unknown(reason: str, **what: Any) -> Undecided:
        return Undecided(resource="cronjob", account="agency", sweep=3, reason=reason, **what)

    lists = [unknown(f"403 at p-{n:04}", owner=f"p-{n:04}") for n in range(1_200)]
    items = [unknown("sweep 3 did not see it", id=f"c-{n}", key=f"c-{n}", maybe="gone") for n in range(2)]
    alone = unknown("sweep 3 did not see it", id="c-9", key="c-9", maybe="added")
    found = list(grouped_unknown([*lists, *items, alone, unknown("was not asked for")], several=False))
    assert found == [
        "cronjob: 1,200 lists, such as that of p-0000: 403 at p-0000 (sweep 3)",
        "cronjob: 2 items, maybe gone, such as c-0: sweep 3 did not see it",
        "cronjob c-9, maybe added: sweep 3 did not see it",
        "cronjob: was not asked for (sweep 3)",
    ]
    assert next(grouped_unknown(lists[:1], several=True)) == "agency: cronjob of p-0000: 403 at p-0000 (sweep 3)"


def test_a_sweep_reports_a_refused_resource_once(command: Command, server: str) -> None:
    with faults(server, {"operation": "backup-list-project-backups", "status": 403}):
        code, out, err = command("sweep", "-r", "project", "-r", "backup")
        assert code == 3
        assert (
            [line for line in err.splitlines() if line.startswith("failed:")]
            == [line for line in err.splitlines() if line.startswith("failed: backup: 12 lists, such as that of ")]
            != []
        )
        assert "12 lists failed" in out
        code, out, _ = command("sweep", "-r", "project", "-r", "backup", "--json")
        assert len(json.loads(out.splitlines()[-1])["failures"]) == 12


def test_quiet_prints_nothing_on_success(command: Command, server: str, tmp_path: Path) -> None:
    for further in ((), ("--resume-or-new",)):
        assert command("sweep", "-r", "project", "-r", "domain", "--quiet", *further) == (0, "", "")
    assert (tmp_path / "inventory.sqlite").exists()
    with faults(server, {"operation": "backup-list-project-backups", "status": 403}):
        code, _, err = command("sweep", "-r", "project", "-r", "backup", "--quiet")
    assert code == 3
    assert "failed: backup: 12 lists" in err


def test_rows_can_go_to_standard_output(command: Command, tmp_path: Path) -> None:
    code, out, err = command("sweep", "-r", "domain", "-o", "-")
    assert code == 0
    assert {json.loads(line)["resource"] for line in out.splitlines()} == {"domain"}
    assert err.endswith("→ standard output\n")
    code, out, _ = command("sweep", "-r", "domain", "-o", "/dev/stdout", "--format", "csv-raw")
    assert code == 0
    assert len(out.splitlines()) > 1
    for arguments, complaint in (
        (("--resume",), "nothing is kept"),
        (("--format", "sqlite"), "is not text"),
        (("--format", "csv"), "is one table"),
        (("--json",), "leave --json out"),
    ):
        code, out, err = command("sweep", "-r", "domain", "-r", "project", "-o", "-", *arguments)
        assert (code, out) == (2, "")
        assert complaint in err
    assert [path.name for path in tmp_path.iterdir()] == []


def test_an_unwritable_or_missing_home_does_not_matter(server: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    for path in (str(home), "/nonexistent", ""):
        code, shown = on_a_terminal(server, tmp_path, "limits", HOME=path, XDG_CONFIG_HOME=path, XDG_CACHE_HOME=path)
        assert code == 0, shown
    assert list(home.iterdir()) == []


PRINTING = (
    "--version",
    "--help",
    "sweep --help",
    "sweep -r project",
    "sweep -r project -o -",
    "sweep -r project --json",
    "sweep --explain",
    "sweep --demo -r project -o demo.sqlite",
    "plan",
    "plan --list",
    "operations mysql",
    "operations project-list-projects",
    "operations --json",
    "tables",
    "tables project",
    "tables --json",
    "limits",
    "limits --json",
    "call project-list-projects",
    "call project-list-projects --output table",
    "check made.sqlite",
    "check made.sqlite --format sarif",
    "check --list",
    "diff made.sqlite",
    "diff made.sqlite --json",
    "export made.sqlite -o - --view project --format jsonl",
    "prune made.sqlite --keep 1d",
    "dns list example.org",
)


INTO_FILES = frozenset({"sweep -r project", "sweep --demo -r project -o demo.sqlite"})
"""Commands that produce a file. Their messages may go unread, as in a service."""


@pytest.fixture
def made(command: Command, tmp_path: Path) -> Path:
    """An inventory of two sweeps."""
    for _ in range(2):
        assert command("sweep", "-r", "project", "-o", "made.sqlite")[0] == 0
    return tmp_path / "made.sqlite"


@contextmanager
def closed() -> Generator[None]:
    """Standard output closed, as by a shell's `>&-`."""
    before, sys.stdout = sys.stdout, cast("TextIO", None)
    try:
        make_writable()
        yield
    finally:
        sys.stdout = before


@contextmanager
def full() -> Generator[None]:
    """Standard output on a full disk."""
    out, before = open("/dev/full", "w", encoding="utf-8"), sys.stdout  # noqa: SIM115
    sys.stdout = out
    try:
        yield
    finally:
        sys.stdout = before
        with suppress(OSError):
            out.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_lost_output_is_never_a_success(made: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that prints reports an unwritable output, in its message and its exit code."""
    for line in PRINTING:
        code, out, _ = command(*line.split())
        assert out or code, line
        if not out:
            continue
        for place, reason in ((closed, "standard output is closed"), (full, "No space left on device")):
            if place is closed and line in INTO_FILES:
                continue
            with place():
                code = run(line.split())
            err = capsys.readouterr().err
            assert (code, f"mittwald-async: the output: {reason}\n" in err) == (2, True), (line, err)
            assert "Traceback" not in err


def test_a_command_that_prints_nothing_needs_no_output(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with closed():
        assert run(["sweep", "-r", "project", "--quiet"]) == 0
        assert capsys.readouterr().err == ""
        assert run(["sweep", "-r", "project"]) == 0
    assert "12 rows" in capsys.readouterr().err


def test_a_process_with_closed_output_fails_with_a_message(server: str, tmp_path: Path) -> None:
    """As seen from a shell, where the interpreter has no standard output at all."""
    for line in ("call project-list-projects", "sweep -r project -o -"):
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, *line.split()],
            env=environment(server),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith("mittwald-async: the output: standard output is closed\n")


def test_a_character_split_between_chunks_is_printed_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "aäöü€🙂\u202eb\n"
    pieces = [bytes([byte]) for byte in text.encode()]
    emit_pieces(pieces)
    assert capsys.readouterr().out == text
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    emit_pieces([*pieces, b"\xe2\x82"])
    assert capsys.readouterr().out == for_terminal(text) + "\ufffd"


def test_json_is_written_whatever_bytes_a_file_is_named_with() -> None:
    name = os.fsdecode(b"K\xe4se.sqlite")
    assert json.loads(json_bytes({"path": [name], name: 1})) == {"path": ["K\ufffdse.sqlite"], "K\ufffdse.sqlite": 1}
