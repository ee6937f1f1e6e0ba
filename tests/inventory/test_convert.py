"""Files of version 1 are converted in place without losing anything."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from mittwald_async.inventory import History, Known, Store, StoreError, Target, chosen

from ..support import version_1_file as version_1

ROOT = Path(__file__).parents[2]
ONE = {"project": {"p-1": {"description": "Shop"}, "p-2": {"description": "Blog"}}}
TWO = {"project": {"p-1": {"description": "Bigger shop"}}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inventory.sqlite"


def test_every_sweep_of_version_1_is_in_the_history(path: Path) -> None:
    version_1.write(path, [ONE, ONE, TWO])
    with History(path) as history:
        assert [(one.id, one.state, one.requests) for one in history.sweeps()] == [(n, "done", 7) for n in (1, 2, 3)]
        assert [row.id for row in history.at(2).rows("project")] == ["p-1", "p-2"]
        assert history.diff(1, 2).empty
        diff = history.diff(2, 3)
        assert [one.id for one in diff.gone] == ["p-2"]
        assert diff.changed[0].fields == {"description": ("Shop", "Bigger shop")}
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM project").fetchone() == (3,)
        assert db.execute("SELECT description FROM v_project").fetchall() == [("Bigger shop",)]
        assert [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'version_1%'")] == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_an_incomplete_sweep_of_version_1_lacks_is_not_gone(path: Path) -> None:
    version_1.write(path, [ONE, TWO], state="incomplete")
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE lists SET done = 0 WHERE sweep = 2")
        db.commit()
    with History(path) as history:
        assert history.diff().gone == []
        assert "was not read to its end" in {one.reason for one in history.diff().unknown}


def test_the_users_tables_and_views_survive_the_conversion(path: Path) -> None:
    version_1.write(path, [ONE], user_view="CREATE VIEW mine AS SELECT description FROM project")
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE notes (text)")
        db.execute("INSERT INTO notes VALUES ('call them')")
        db.commit()
    Store(path).close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT text FROM notes").fetchall() == [("call them",)]
        assert db.execute("SELECT count(*) FROM mine").fetchone() == (2,)


@pytest.mark.parametrize("name", ["Accounts", "coverage", "project_now", "version_1_project"])
def test_a_name_of_the_user_that_is_needed_now_is_named_and_left_alone(path: Path, name: str) -> None:
    version_1.write(path, [ONE])
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE {name} (a)")
    with pytest.raises(
        StoreError, match=f"contains a table or view {name} that does not belong to this package; rename it"
    ):
        History(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"ALTER TABLE {name} RENAME TO mine")
    with History(path) as history:
        assert [row.id for row in history.at(1).rows("project")] == ["p-1", "p-2"]


def test_a_conversion_killed_midway_loses_nothing(path: Path) -> None:
    many = {"project": {f"p-{n}": {"description": "x" * 300} for n in range(6_000)}}
    version_1.write(path, [many, many])
    original = path.read_bytes()
    killed = 0
    for delay in (0.05, 0.15, 0.3, 0.5):
        copy = path.with_name(f"copy{delay}.sqlite")
        copy.write_bytes(original)
        command = [sys.executable, "-m", "tests.support.convert_process", str(copy)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.kill()
            killed += "end" not in process.stdout.read()
        with History(copy) as history:
            assert [one.id for one in history.sweeps()] == [1, 2]
            assert sum(1 for _ in history.at(1).rows("project")) == 6_000
            assert history.diff(1, 2).empty
        shutil.rmtree(copy, ignore_errors=True)
    assert killed >= 1


def test_the_first_sweep_of_a_member_continues_what_version_1_recorded(path: Path) -> None:
    members = {"customer_membership": {"m-1": {"userId": "u-1"}}}
    version_1.write(path, [{**ONE, **members}])
    with Store(path) as store:
        assert store.account_for("https://api.example", None, "u-2") == "u-2"
        assert store.account_for("https://other.example", None, "u-1") == "u-1"
        assert store.account_for("https://api.example", "agency", "u-1") == "agency"
        store.begin(chosen(["project"]), ["project"], Target(), Known(), "https://api.example", "agency")
        store.finish("done", 1)
    with History(path) as history:
        assert [one.id for one in history.diff().gone] == ["p-1", "p-2"]
