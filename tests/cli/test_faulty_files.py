"""Every command describes an unusable file in the same words."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mittwald_async.bulk.journal_file import APPLICATION_ID, JournalFile
from mittwald_async.cli.check import check
from mittwald_async.cli.diff import diff
from mittwald_async.cli.export import export
from mittwald_async.cli.journal import journal
from mittwald_async.cli.prune import prune
from mittwald_async.cli.report import report
from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory.existing import require_inventory

from ..support.inventory_file import InventoryFile

COMMANDS: dict[str, Callable[[Path], object]] = {
    "check": check,
    "diff": diff,
    "report": lambda path: report(path, out=path.with_name("report.html")),
    "export": lambda path: export(path, out=path.with_name("out.csv"), view=["project"]),
    "prune": lambda path: prune(path, keep="90d"),
    "journal": journal,
}


def absent(path: Path, whole: Path) -> None:
    pass


def empty(path: Path, whole: Path) -> None:
    path.touch()


def text(path: Path, whole: Path) -> None:
    path.write_text("an address book, long enough to be a database " * 40, encoding="utf-8")


def cut(path: Path, whole: Path) -> None:
    path.write_bytes(whole.read_bytes()[:-5000])


def foreign(path: Path, whole: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE songs (name TEXT)")


def newer(path: Path, whole: Path) -> None:
    shutil.copy(whole, path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


FAULTS: dict[Callable[[Path, Path], None], str] = {
    absent: "no such file",
    empty: "is empty, and not {kind}",
    text: "is not an SQLite database, and not {kind}",
    cut: "is damaged (database disk image is malformed); take a copy of it that is whole",
    foreign: "is a database of something else, and not {kind}",
    newer: "was written by a newer version of this package; update it",
}


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, Path]:
    """A readable inventory and a readable journal."""
    inventory = InventoryFile(tmp_path / "whole.sqlite")
    inventory.sweep({"project": [{"id": "p1", "shortId": "p-one"}]})
    JournalFile(tmp_path / "whole.journal").close()
    with closing(sqlite3.connect(tmp_path / "whole.journal")) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    return {"journal": tmp_path / "whole.journal", "inventory": inventory.path}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.__name__))
@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_fault_gives_the_same_message(
    name: str, fault: Callable[[Path, Path], None], tmp_path: Path, whole: dict[str, Path]
) -> None:
    path = tmp_path / "given"
    fault(path, whole["journal" if name == "journal" else "inventory"])
    with pytest.raises(ConfigurationError) as caught:
        COMMANDS[name](path)
    kind = "a journal" if name == "journal" else "an inventory"
    assert str(caught.value) == f"{path}: {FAULTS[fault].format(kind=kind)}"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_device_is_not_a_file(name: str) -> None:
    kind = "a journal" if name == "journal" else "an inventory"
    with pytest.raises(ConfigurationError, match=f"/dev/null: is not a file, and not {kind}"):
        COMMANDS[name](Path("/dev/null"))


@pytest.mark.parametrize("name", ["export", "journal"])
def test_a_folder_is_named_where_no_data_set_can_be_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r": is a folder, not an? (inventory|journal)"):
        COMMANDS[name](tmp_path)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_of_another_user_is_reported_as_unreadable(
    name: str, whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    path = whole["journal" if name == "journal" else "inventory"]
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ConfigurationError) as caught:
        COMMANDS[name](path)
    assert str(caught.value) == f"{path}: cannot be read (Permission denied)"


def test_what_was_left_open_on_a_disk_that_cannot_be_written_is_not_called_damaged(
    whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite needs files beside one that was not closed, and cannot make them there."""

    def refused(*_: object, **__: object) -> object:
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    monkeypatch.setattr(sqlite3, "connect", refused)
    with pytest.raises(ConfigurationError, match=r"was left open .*copy it to one, together with whole.sqlite-wal if"):
        require_inventory(whole["inventory"])


def test_damage_inside_the_file_is_not_reported_as_a_check_that_cannot_run(whole: dict[str, Path]) -> None:
    path = whole["inventory"]
    content = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'project'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    content[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is damaged"):
        check(path)


def test_a_journal_is_distinguished_from_an_inventory(whole: dict[str, Path]) -> None:
    assert APPLICATION_ID
    with pytest.raises(ConfigurationError, match="a database of something else, and not an inventory"):
        check(whole["journal"])
    with pytest.raises(ConfigurationError, match="a database of something else, and not a journal"):
        journal(whole["inventory"])
