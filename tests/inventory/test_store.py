"""The file a sweep writes to: rows, progress and failures in one transaction, and several sweeps in one file."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from mittwald_async.inventory import Known, Store, StoreError, Target, chosen
from mittwald_async.inventory.schema import APPLICATION_ID, swept_views
from mittwald_async.inventory.store import DEMO, SweepProgress
from mittwald_async.inventory.tables import views

from ..support.sample_rows import DOMAINS, FAILED, PROJECTS, row

ALL = Target()
TABLES = chosen(["customer", "project", "domain", "dns_zone"])


def begun(path: Path, known: Known | None = None) -> Store:
    store = Store(path)
    store.begin(TABLES, ["project", "domain"], ALL, known or Known(), "https://api.example", "me")
    return store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inventory.sqlite"


def test_rows_round_trip(path: Path) -> None:
    with begun(path) as store:
        store.write([*PROJECTS, *DOMAINS], [SweepProgress("project", "project-list-projects", None, 3, True)], [FAILED])
        store.finish("incomplete", 7)
        assert list(store.rows("project")) == PROJECTS
        assert list(store.rows("domain")) == DOMAINS
        assert store.counts() == {"customer": 0, "dns_zone": 0, "domain": 2, "project": 3}
        assert list(store.progress()) == [SweepProgress("project", "project-list-projects", None, 3, True)]


def test_plain_properties_are_columns_and_views_can_be_joined(path: Path) -> None:
    with begun(path) as store:
        store.write([*PROJECTS, *DOMAINS], [])
        store.finish("done", 2)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT domain, connected FROM domain WHERE connected").fetchall() == [("müller.example", 1)]
        found = db.execute("SELECT domain, project, project_short_id FROM v_domain ORDER BY id").fetchall()
        assert found == [("müller.example", "Shop „0“", "p-0"), ('a,b\n"c".example', None, None)]
        assert db.execute("SELECT json_extract(data, '$.extra.kept') FROM domain").fetchone() == (1,)
        indices = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        assert {"domain_id", "domain_customer_id", "domain_project_id"} <= indices


def test_views_show_the_last_finished_sweep_even_if_it_found_nothing(path: Path) -> None:
    with begun(path) as store, closing(sqlite3.connect(path)) as db:
        store.write([*PROJECTS, *DOMAINS], [])
        store.finish("done", 2)
        store.begin(TABLES, ["project", "domain"], ALL, Known(), "https://api.example", "me")
        store.write(PROJECTS[:1], [])
        assert db.execute("SELECT count(*) FROM v_project").fetchone() == (3,)
        assert db.execute("SELECT count(*) FROM v_domain").fetchone() == (2,)
        store.finish("done", 2)
        assert db.execute("SELECT count(*) FROM v_project").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM v_domain").fetchone() == (0,)
        # A sweep of other resources keeps these, though it may list projects for their ids.
        store.begin(TABLES, ["dns_zone"], ALL, Known(), "https://api.example", "me")
        store.finish("done", 2)
        assert db.execute("SELECT count(*) FROM v_project").fetchone() == (1,)


def test_views_exist_and_are_empty_during_the_first_sweep(path: Path) -> None:
    with begun(path) as store, closing(sqlite3.connect(path)) as db:
        store.write([*PROJECTS, *DOMAINS], [])
        assert db.execute("SELECT count(*) FROM v_project").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM v_domain").fetchone() == (0,)


def test_what_was_never_swept_has_views_without_rows_until_it_is(path: Path) -> None:
    """Queries written for a whole inventory also run on a part of one."""
    with begun(path) as store:
        store.write(DOMAINS, [])
        store.finish("done", 1, ["domain"])
    with closing(sqlite3.connect(path)) as db:
        for view in views():
            columns = [row[1] for row in db.execute(f'PRAGMA table_xinfo("{view.name}")')]
            assert columns == [column.name for column in view.columns], view.name
            db.execute(view.query).fetchall()
        assert db.execute("SELECT count(*) FROM v_mailbox").fetchone() == (0,)
        assert {"v_domain", "v_domain_history"} <= set(swept_views(db))
        assert not {"v_mailbox", "v_mail_address", "v_mail_address_history"} & set(swept_views(db))
    with Store(path) as store:
        store.begin(chosen(["mail_address"]), ["mail_address"], ALL, Known(), "https://api.example", "me")
        mailbox = {"storageInBytes": {"limit": 10}}
        store.write([row("mail_address", "m-0", id="m-0", address="a@b.example", mailbox=mailbox)], [])
        store.finish("done", 1, ["mail_address"])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT address, limit_bytes FROM v_mailbox").fetchall() == [("a@b.example", 10)]
        assert {"v_mailbox", "v_mail_address", "v_mail_address_history"} <= set(swept_views(db))


def test_a_view_of_the_user_stays_where_its_resource_was_never_swept(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("CREATE VIEW V_lead AS SELECT 'mine' AS who")
    with begun(path) as store:
        store.finish("done", 1, [])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT * FROM v_lead").fetchall() == [("mine",)]
        assert db.execute("SELECT * FROM v_unlocked_lead").fetchall() == []


def test_carried_rows_are_counted_for_requested_resources(path: Path) -> None:
    with begun(path) as store:
        store.write([*PROJECTS, *DOMAINS], [])
        store.finish("done", 2)
        store.begin(TABLES, ["project", "domain"], ALL, Known(), "https://api.example", "me")
        store.write(PROJECTS[:1], [])
        assert store.counts()["project"] == 1
        assert store.counts(carried=True)["project"] == 3


def test_owners_are_the_rows_of_this_sweep_with_their_customer_and_project(path: Path) -> None:
    with begun(path) as store:
        store.write([*PROJECTS[:1], *DOMAINS], [])
        assert list(store.owners("domain")) == [("d-0", "c-1", "p-0"), ("d-1", "c-1", "p-9")]
        assert list(store.owners("volume")) == []


def test_a_file_that_is_briefly_unreadable_does_not_count_as_replaced(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(path) as store:
        with monkeypatch.context() as broken:
            broken.setattr(Path, "stat", denied)
            store.write(PROJECTS, [])
        assert store.counts()["project"] == 3


def denied(_: Path, **__: object) -> os.stat_result:
    raise PermissionError("not now")


def test_requested_ids_without_rows_are_reported(path: Path) -> None:
    with begun(path) as store:
        store.write([*PROJECTS, *DOMAINS], [])
        assert store.nothing_of(ALL) == []
        assert store.nothing_of(Target(customers=("c-1", "c-2"))) == ["c-2"]
        assert store.nothing_of(Target(projects=("p-9", "p-8", "p-0"))) == ["p-8"]


def test_a_duplicate_item_is_one_row(path: Path) -> None:
    with begun(path) as store:
        store.write(DOMAINS, [])
        store.write([row("domain", "d-0", domainId="d-0", domain="newer.example")], [])
        assert store.counts()["domain"] == 2


def test_a_failed_write_leaves_nothing_in_the_file(path: Path) -> None:
    with begun(path) as store:

        def broken() -> object:
            yield PROJECTS[0]
            raise RuntimeError("power cut")

        with pytest.raises(RuntimeError):
            store.write(broken(), [])  # type: ignore[arg-type]
        assert store.counts()["project"] == 0
        store.write(PROJECTS, [])
        assert store.counts()["project"] == 3


def test_an_interrupted_sweep_is_found_again_with_its_plan(path: Path) -> None:
    known = Known(items={"project": 3}, owners={"stack": 1})
    with begun(path, known) as store:
        store.write(PROJECTS, [SweepProgress("project", "project-list-projects", None, 3, False)], [FAILED])
    with Store(path) as store:
        found = store.unfinished()
        assert found is not None
        assert (found.state, found.resources, found.target, found.known) == (
            "running",
            ("project", "domain"),
            ALL,
            known,
        )
        store.reopen(found, TABLES)
        assert [owner for owner, _, _ in store.owners("project")] == ["p-0", "p-1", "p-2"]
        assert list(store.owners("cronjob")) == []
        store.finish("done", 1)
        assert store.unfinished() is None
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM failures").fetchone() == (0,)


def test_a_finished_sweep_informs_the_next_plan(path: Path) -> None:
    with begun(path) as store:
        done = [
            SweepProgress("project", "project-list-projects", None, 3, True),
            SweepProgress("domain", "x", None, 1, False),
        ]
        store.write([*PROJECTS, *DOMAINS], done)
        store.finish("done", 2)
        assert store.known() == Known(items={"project": 3}, owners={"project": 3})
        store.begin(TABLES, ["project"], Target(customers=("c-1",)), Known(), "https://api.example", "me")
        assert store.known() == Known()


def test_one_file_holds_several_sweeps_and_views_show_the_last(path: Path) -> None:
    for count in (3, 2):
        with begun(path) as store:
            store.write(PROJECTS[:count], [])
            store.finish("done", 1)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT from_sweep, to_sweep FROM project ORDER BY key").fetchall() == [
            *[(1, None)] * 2,
            (1, 2),
        ]
        assert db.execute("SELECT count(*) FROM v_project").fetchone() == (2,)


def test_a_column_of_a_newer_model_is_added_to_an_old_table(path: Path) -> None:
    with begun(path) as store:
        store.finish("done", 0)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP VIEW v_domain")
        db.execute("DROP VIEW v_domain_history")
        db.execute("ALTER TABLE domain DROP COLUMN connected")
    with begun(path) as store:
        store.write(DOMAINS, [])
        store.finish("done", 0)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT sum(connected) FROM v_domain").fetchone() == (1,)


def test_a_foreign_database_is_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE accounts (id)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="a database of something else"):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "complaint"), [(b"no database " * 100, "is not an SQLite database"), (None, "no such folder")]
)
def test_a_file_that_cannot_be_opened_gives_one_clear_error(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "x.sqlite" if content else tmp_path / "missing" / "x.sqlite"
    if content:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=complaint):
        Store(path)


def test_a_full_disk_is_reported_and_written_rows_stay(path: Path) -> None:
    with begun(path) as store:
        store.write(PROJECTS, [])
        store._db.execute("PRAGMA max_page_count = 60")  # pyright: ignore[reportPrivateUsage]
        big = [row("domain", f"d-{n}", domainId=f"d-{n}", domain="x" * 5000) for n in range(200)]
        with pytest.raises(StoreError, match=r"disk is full.*--resume"):
            store.write(big, [])
        assert store.counts() == {"customer": 0, "dns_zone": 0, "domain": 0, "project": 3}


def test_a_damaged_file_gives_one_clear_error_when_read(path: Path) -> None:
    with begun(path) as store:
        store.write([row("project", f"p-{n}", id=f"p-{n}", description="x" * 500) for n in range(1_500)], [])
    content = bytearray(path.read_bytes())
    for page in range(len(content) // 2 // 4096 * 4096, len(content), 4096):
        content[page : page + 100] = b"\xff" * 100
    path.write_bytes(content)
    with Store(path) as store:
        store.sweep_id = 1
        with pytest.raises(StoreError, match=r"is damaged .*choose another name"):
            list(store.rows("project"))
        with pytest.raises(StoreError, match=r"is damaged .*choose another name"):
            store.nothing_of(Target(customers=("c-9",)))


def test_reading_needs_no_write_permission_and_works_during_a_write(path: Path) -> None:
    with begun(path) as store:
        store.write(PROJECTS, [SweepProgress("project", "project-list-projects", None, 3, True)])
        with Store(path, writable=False) as reader:
            assert reader.known() == Known(items={"project": 3}, owners={"project": 3})
            with pytest.raises(StoreError, match="cannot be written"):
                reader.finish("done", 1)
    before = path.read_bytes()
    with Store(path, writable=False) as reader:
        assert reader.last() is not None
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_file_knows_nothing(path: Path) -> None:
    path.touch()
    with Store(path, writable=False) as reader:
        assert reader.known() == Known()
    assert path.read_bytes() == b""
    path.unlink()
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(path, writable=False)


def test_whether_an_account_had_rows_after_a_sweep(path: Path) -> None:
    with begun(path) as store:
        store.write(PROJECTS[:1], [SweepProgress("project", "project-list-projects", None, 1, True)])
        store.finish("done", 1)
        begin = (TABLES, ["project", "domain"], ALL, Known(), "https://api.example", "me")
        assert store.begin(*begin) == 2
        store.write([], [SweepProgress("project", "project-list-projects", None, 0, True)])
        store.finish("done", 1)
        assert [store.has_any("project", "me", sweep) for sweep in (0, 1, 2)] == [False, True, False]
        assert store.has_any("domain", "me", 1) is False
        assert store.has_any("project", "other", 1) is False


def test_a_resource_without_a_requested_list_is_not_covered(path: Path) -> None:
    with begun(path) as store:
        store.write(PROJECTS, [SweepProgress("project", "project-list-projects", None, 3, True, scope="account")])
        store.finish("done", 1, ["project"])
        assert store.covered("domain", [1]) is True
        assert store.covered("domain", [2, 3]) is False
        assert store.covered("domain", [2, 1]) is True
        assert store.covered("cronjob", [1]) is False
    with closing(sqlite3.connect(path)) as db:
        found = db.execute(
            "SELECT resource, scope, complete, lists, done, items FROM coverage WHERE sweep = 1 ORDER BY resource"
        ).fetchall()
    assert found == [("domain", "", 0, 0, 0, 0), ("project", "account", 1, 1, 1, 3)]


def test_an_empty_account_is_fully_covered_without_any_list(path: Path) -> None:
    with begun(path) as store:
        store.write([], [SweepProgress("project", "project-list-projects", None, 0, True)])
        store.finish("done", 1)
        assert store.known() == Known(items={"domain": 0, "project": 0}, owners={"domain": 0, "project": 0})


def test_a_list_that_changed_while_being_read_covers_nothing_for_certain(path: Path) -> None:
    with begun(path) as store:
        still = SweepProgress("project", "project-list-projects", "c-1", 1, True)
        moved = SweepProgress("project", "project-list-projects", "c-2", 1, True, moved=True)
        store.write(PROJECTS, [still, moved])
        store.finish("done", 2)
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT complete, lists, done FROM coverage WHERE resource = 'project'").fetchone()
    assert found == (0, 2, 2)


def test_a_failed_resource_is_incomplete_even_if_its_lists_were_read(path: Path) -> None:
    with begun(path) as store:
        done = SweepProgress("project", "project-list-projects", None, 3, True)
        failed = msgspec.structs.replace(FAILED, resource="project")
        store.write(PROJECTS, [done], [failed])
        store.finish("incomplete", 1, ["project", "domain"])
        assert store.known() == Known(items={"domain": 0}, owners={"domain": 0})


def test_each_account_has_its_own_last_sweep_and_counts(path: Path) -> None:
    with Store(path) as store:
        for account, rows in (("me", PROJECTS), ("you", PROJECTS[:2])):
            store.begin(TABLES, ["project"], ALL, Known(), "https://api.example", account)
            store.write(rows, [SweepProgress("project", "project-list-projects", None, len(rows), True)])
            store.finish("done", 1, ["project"])
        assert store.known("me") == Known(items={"project": 3}, owners={"project": 3})
        assert store.known("you") == store.known() == Known(items={"project": 2}, owners={"project": 2})
        assert store.known("them") == Known()


def test_plans_use_the_demo_only_on_request(path: Path) -> None:
    with Store(path) as store:
        for source, account, rows in (("https://api.example", "me", PROJECTS), (DEMO, "demo", PROJECTS[:1])):
            store.begin(TABLES, ["project"], ALL, Known(), source, account)
            store.write(rows, [SweepProgress("project", "project-list-projects", None, len(rows), True)])
            store.finish("done", 1, ["project"])
        assert store.known() == Known(items={"project": 3}, owners={"project": 3})
        assert store.known("demo") == Known(items={"project": 1}, owners={"project": 1})


def test_an_interrupted_sweep_reports_the_lists_it_had_read(path: Path) -> None:
    with begun(path) as store:
        done = SweepProgress("project", "project-list-projects", None, 3, True)
        half = SweepProgress("domain", "domain-list-domains", None, 1, False)
        store.write([*PROJECTS, *DOMAINS], [done, half])
    with Store(path) as store:
        assert store.known() == Known(items={"project": 3}, owners={"project": 3})


def test_the_previous_parents_of_a_project_include_its_customer(path: Path) -> None:
    with begun(path) as store:
        homeless = msgspec.structs.replace(DOMAINS[0], id="d-7", key="d-7", project_id=None)
        store.write([homeless, *DOMAINS[1:], *PROJECTS], [])
        assert store.owners_before(["domain", "project", "cronjob", "customer"]) == {
            "domain": ("p-9", "c-1"),
            "project": ("p-0", "c-1"),
        }


@pytest.mark.parametrize("name", [":memory:", "file:rows.sqlite", "file:rows?mode=memory"])
def test_a_name_with_a_meaning_to_sqlite_is_a_file_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    begun(Path(name)).close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with Store(name, writable=False) as store:
        assert len(store.sweeps()) == 1


def test_an_empty_file_becomes_private_before_anything_is_in_it(path: Path) -> None:
    path.touch(0o644)
    begun(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)  # What its owner decides later stays.
    begun(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
