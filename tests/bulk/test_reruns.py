"""Repeated runs of the command: with other rows, every night, and with missing or read-only files."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mittwald_async import bulk
from mittwald_async.bulk.journal_file import JournalFile
from tests.bulk.test_command import projects, table
from tests.cli.conftest import Command, faults

__all__ = ["projects"]
UPDATE = ("bulk", "project-update-project", "rows.csv", "-j", "a.journal", "--yes")


def test_changed_rows_are_named_and_sent_again_on_request(command: Command, projects: list[str]) -> None:
    table("rows.csv", ["projectId", "description"], *([id, "first"] for id in projects[:2]))
    assert command(*UPDATE)[0] == 0
    table("rows.csv", ["projectId", "description", "#note"], [projects[0], "second", "x"], [projects[1], "first", "x"])
    code, out, err = command(*UPDATE)
    assert (code, out.partition(",")[0]) == (3, "0 done")
    assert "2 rows (2 done, 1 of them changed since); 0 to do" in err
    assert f"changed: row 2 ({projects[0]})" in err
    code, out, err = command(*UPDATE, "--redo-changed")
    assert (code, out.partition(",")[0]) == (0, "1 done")
    assert "; 1 to do" in err
    assert json.loads(command("call", "project-get-project", f"projectId={projects[0]}")[1])["description"] == "second"


def test_a_quiet_run_prints_nothing_on_success_and_one_summary_otherwise(
    command: Command, projects: list[str], server: str
) -> None:
    table("rows.csv", ["projectId", "description"], *([id, "quiet"] for id in projects[:3]))
    with faults(server, {"operation": "project-update-project", "status": 400, "count": 1}):
        code, out, err = command(*UPDATE, "--quiet", "--concurrency", "1")
    assert (code, out.count("\n"), err.count("\n")) == (3, 1, 1)
    assert out.startswith("2 done, 1 failed, ")
    assert command(*UPDATE, "--quiet") == (0, "", "")
    assert command(*UPDATE, "--quiet") == (0, "", "")


def test_json_reports_when_there_is_nothing_to_do(command: Command, projects: list[str]) -> None:
    table("rows.csv", ["projectId", "description"], [projects[0], "x"])
    command(*UPDATE)
    code, out, _ = command(*UPDATE, "--json")
    summary = json.loads(out)
    assert (code, summary["done"], summary["journal"]) == (0, 0, {"done": 1})


def test_a_misspelled_value_is_not_sent_as_text(command: Command, projects: list[str]) -> None:
    table("rows.csv", ["projectId", "description"], [projects[0], "@desc.txt"], [projects[1], "@@home"], ["x", "@"])
    code, out, err = command("bulk", "project-update-project", "rows.csv", "--dry-run")
    assert (code, out) == (2, "")
    assert err.startswith("row 2, description: '@desc.txt' is not @random, @null or @empty; write @@ for ")
    assert "1 mistake in 3 rows" in err


def test_missing_generated_passwords_are_reported(command: Command, projects: list[str], server: str) -> None:
    heads = ["projectId", "address", "isCatchAll", "mailbox.password", "mailbox.quotaInBytes"]
    heads += ["mailbox.enableSpamProtection"]
    table("rows.csv", heads, *([projects[0], f"gone-{n}@x.example", "no", "@random", "1000000", "yes"] for n in (1, 2)))
    run = ("bulk", "mail-create-mail-address", "rows.csv", "-j", "m.journal", "--yes", "--secrets", "p.csv")
    with faults(server, {"operation": "mail-create-mail-address", "status": 400, "count": 1}):
        command(*run, "--concurrency", "1")
    Path("p.csv").unlink()
    code, _, err = command(*run)
    assert (code, "p.csv is not there any more: it had the passwords of 1 row" in err) == (0, True)


def test_rows_for_correction_survive_a_run_that_never_started(command: Command, projects: list[str]) -> None:
    table("rows.csv", ["projectId", "description"], [projects[0], "x"])
    Path("failed.csv").write_text("mended by hand", encoding="utf-8")
    Path("a.journal").write_text("no journal at all, but long enough to be taken for one" * 20, encoding="utf-8")
    code, _, err = command(*UPDATE, "--failed", "failed.csv")
    assert (code, "not a journal" in err) == (2, True)
    assert Path("failed.csv").read_text(encoding="utf-8") == "mended by hand"


@pytest.mark.parametrize("pragma", [None, "journal_mode = WAL"])
def test_a_first_run_killed_at_once_can_resume(command: Command, projects: list[str], pragma: str | None) -> None:
    """The run was killed, or its disk was full, after the file was created and before anything was written."""
    table("rows.csv", ["projectId", "description"], [projects[0], "first"])
    Path("a.journal").touch()
    if pragma is not None:
        with closing(sqlite3.connect("a.journal", isolation_level=None)) as file:
            file.execute(f"PRAGMA {pragma}")
    assert command(*UPDATE, "--dry-run")[0] == 0
    code, out, _ = command(*UPDATE)
    assert (code, "1 done" in out) == (0, True)


def test_a_journal_that_cannot_be_opened_is_reported_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opens as on a read-only medium: reading still works."""
    path = tmp_path / "a.journal"
    JournalFile(path).close()
    plain: Any = sqlite3.connect

    def refusing(name: str, **options: Any) -> Any:
        if "immutable" in name:
            return plain(name, **options)
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr("mittwald_async.bulk.journal_file.sqlite3.connect", refusing)
    with pytest.raises(bulk.JournalError, match="the journal and its folder have to be writable"):
        JournalFile(path)
    looked = bulk.read_journal(path)
    assert looked.counts()[bulk.ItemState.DONE] == 0
    looked.close()
