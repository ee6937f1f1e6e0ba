"""Problems that users met with comparable tools, and how a sweep handles them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from mittwald_async import Mittwald
from mittwald_async.cli.prune import prune
from mittwald_async.emulator import Emulator, Fault, Transitions
from mittwald_async.errors import ConfigurationError, DriftWarning
from mittwald_async.inventory import (
    Bounds,
    History,
    Known,
    Row,
    Store,
    StoreError,
    SweepJob,
    Target,
    catalog,
    chosen,
    sink_for,
    sweep,
    sweep_to,
    target,
)
from mittwald_async.inventory import database as database_module
from mittwald_async.inventory.frontier import Owner
from mittwald_async.inventory.list_reader import ShortListError
from mittwald_async.inventory.row_reader import Reader
from mittwald_async.inventory.sinks import export

from ..support.sample_rows import row
from .test_run import ROOT

WANTED = ["project", "domain", "cronjob"]


@asynccontextmanager
async def account(**options: Any) -> AsyncGenerator[tuple[Emulator, Mittwald]]:
    async with (
        Emulator(rate_limit=None, drift=0.0, lag=0.0, transitions=Transitions(length=0, failing=0), **options) as api,
        Mittwald(api.token, base_url=api.url, max_retries=0) as mw,
    ):
        yield api, mw


async def test_an_interrupted_sweep_is_not_resumed_with_another_accounts_token(tmp_path: Path) -> None:
    """meltano#6848: the state of one account was continued with the credentials of another."""
    path = tmp_path / "inventory.sqlite"
    async with account(seed=1, customers=2, projects=4) as (_, mw):
        first = await sweep_to(mw, path, resources=WANTED, bounds=Bounds(max_requests=3))
        assert first.resumable
    async with account(seed=9, customers=2, projects=3) as (api, other):
        job = SweepJob(sink_for(path), chosen(WANTED), target(), resume=True)
        try:
            second = await job.run(other)
            assert (second.state, job.others) == ("done", first.account)
        finally:
            job.close()
        assert second.account != first.account
        with closing(sqlite3.connect(path)) as db:
            theirs = {own for (own,) in db.execute("SELECT id FROM v_project WHERE account = ?", (second.account,))}
        assert theirs == {api.world.id("project", key) for key in api.world.keys("project")}


async def test_the_same_user_on_another_server_is_another_account(tmp_path: Path) -> None:
    """meltano#6848, with another server instead of another token."""
    path = tmp_path / "inventory.sqlite"
    accounts: set[str] = set()
    for _ in range(2):
        async with account(seed=1, customers=2, projects=4) as (_, mw):
            summary = await sweep_to(mw, path, resources=WANTED, bounds=Bounds(max_requests=3), resume=None)
            assert summary.requests == 3
            accounts.add(summary.account)
    assert len(accounts) == 2


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.csv", "rows.parquet"])
async def test_a_finished_export_knows_its_account(tmp_path: Path, name: str) -> None:
    """Resuming the export of another account would do nothing and report success."""
    path = tmp_path / name
    async with account(seed=1, customers=2, projects=4) as (_, mw):
        made = await sweep_to(mw, path, resources=["project"])
        again = await sweep_to(mw, path, resources=["project"], resume=True)
        assert (again.account, again.sweep, again.planned, again.drifted, again.requests) == (made.account, 0, 0, 0, 0)
        with pytest.raises(ConfigurationError, match=f"finished export of account {made.account}, not of agency"):
            await sweep_to(mw, path, resume=True, account="agency")
    async with account(seed=2, customers=2, projects=4) as (_, other):
        with pytest.raises(ConfigurationError, match="name another file"):
            await sweep_to(other, path, resume=True)
        named = await sweep_to(other, path, resources=["project"], account="agency")
        # Only the working file knew which id "agency" has, and it is gone.
        assert (named.account, (await sweep_to(other, path, resume=True)).account) == ("agency", "agency")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.csv", "rows.parquet"])
async def test_a_foreign_file_has_no_account(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\xff\x00 something else")
    assert sink_for(path).account() is None


async def test_resuming_a_finished_sweep_does_nothing(tmp_path: Path) -> None:
    """Similar to meltano#6848: resuming a complete run failed or repeated all of it."""
    for name in ("inventory.sqlite", "rows.jsonl"):
        path = tmp_path / name
        async with account(seed=1, customers=2, projects=4) as (api, mw):
            await sweep_to(mw, path, resources=WANTED)
            before, sent = path.stat().st_size, len(api.requests)
            job = SweepJob(sink_for(path), chosen(WANTED), target(), resume=True)
            try:
                summary = await job.run(mw)
            finally:
                job.close()
            assert (job.nothing_to_do, summary.state, summary.requests) == (True, "done", 0)
            # The only request identifies the owner of the token.
            assert len(api.requests) == sent + 1
            assert path.stat().st_size == before


def test_a_second_sweep_on_one_file_is_refused(tmp_path: Path) -> None:
    """Two sweeps wrote to one file and cost twice. The second is refused; a lock of a killed process does not count."""
    path = tmp_path / "inventory.sqlite"
    job = SweepJob(sink_for(path), chosen(WANTED), target())
    (tmp_path / "link.sqlite").symlink_to(path)
    try:
        for other in (path, tmp_path / "link.sqlite"):
            with pytest.raises(StoreError, match=f"{other.name}: another sweep is writing to it"):
                SweepJob(sink_for(other), chosen(WANTED), target())
            with pytest.raises(StoreError, match=f"{other.name}: another sweep is writing to it"):
                prune(other, keep="90d")
    finally:
        job.close()
        (tmp_path / "link.sqlite").unlink()
    hold = (
        "import sys; from pathlib import Path; from mittwald_async.inventory.lock import FileLock; "
        "print(FileLock(Path(sys.argv[1])).acquire(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        with pytest.raises(StoreError, match="another sweep is writing to it"):
            SweepJob(sink_for(path), chosen(WANTED), target())
        process.kill()
        process.wait()
    SweepJob(sink_for(path), chosen(WANTED), target()).close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["inventory.sqlite"]


def test_a_file_that_cannot_be_locked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> object:
        raise OSError(30, "Read-only file system")

    path = tmp_path / "inventory.sqlite"
    Store(path).close()
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StoreError, match=r"inventory.sqlite: cannot be locked \(Read-only file system\)"):
        prune(path, keep="90d")


async def test_requests_of_a_killed_sweep_are_counted(tmp_path: Path) -> None:
    """After kill -9 the file stated 45 requests where 5,247 had been sent."""
    path = tmp_path / "inventory.sqlite"
    async with account(seed=3, customers=4, projects=60) as (api, _):
        api.inject(Fault(operation="*", delay=0.02))
        command = [sys.executable, "-m", "tests.support.sweep_process", api.url, str(path)]
        process = await anyio.open_process(command, cwd=ROOT)
        async with process:
            with anyio.fail_after(30):
                while len(api.requests) < 120:
                    await anyio.sleep(0.02)
            process.kill()
            await process.wait()
        sent = len(api.requests)
    with Store(path, writable=False) as store:
        (one,) = store.sweeps()
    assert sent * 0.5 <= one.requests <= sent


async def test_the_users_tables_in_the_file_are_left_alone(tmp_path: Path) -> None:
    """emdash#1878: one user table made every later run fail after it had spent its requests."""
    path = tmp_path / "inventory.sqlite"
    async with account(seed=1, customers=2, projects=3) as (_, mw):
        await sweep_to(mw, path, resources=WANTED)
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE notes (project TEXT, sweep TEXT)")
            db.execute("CREATE TABLE Backup (id TEXT)")
            db.execute("CREATE TABLE Ingress_Id (id TEXT)")
            db.execute("CREATE VIEW v_mine AS SELECT * FROM notes JOIN v_project ON v_project.id = notes.project")
            db.execute("INSERT INTO notes VALUES ('p-1', 'never')")
            db.commit()
        assert (await sweep_to(mw, path, resources=WANTED)).state == "done"
        assert (await sweep_to(mw, path, resources=["ingress"])).state == "done", "an index may be missing"
        with pytest.raises(StoreError, match="contains a table or view Backup that does not belong to this package"):
            await sweep_to(mw, path, resources=["backup"])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT * FROM notes").fetchall() == [("p-1", "never")]
        assert db.execute("SELECT count(*) FROM backup").fetchone() == (0,)


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be moved there")
@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_moved_during_a_sweep_is_an_error_and_no_other_file_is_damaged(
    tmp_path: Path, replaced: bool
) -> None:
    """The sweep continued into the moved file, and reported success for a path with nothing or something else in it."""
    path, moved, other = tmp_path / "inventory.sqlite", tmp_path / "moved.sqlite", tmp_path / "other.sqlite"
    async with account(seed=1, customers=2, projects=3) as (_, mw):
        await sweep_to(mw, other, resources=["project"])
        before = other.read_bytes()

        def move(_: object) -> None:
            if not moved.exists():
                path.rename(moved)
                if replaced:
                    shutil.copy(other, path)

        with pytest.raises(StoreError, match="moved, removed or replaced while it was written to"):
            await sweep_to(mw, path, resources=WANTED, watch=move)
    left = {one.name for one in tmp_path.iterdir()} - {other.name}
    assert left == ({path.name, moved.name} if replaced else {moved.name})
    if replaced:
        assert path.read_bytes() == before
    with Store(moved, writable=False) as store:
        assert [one.state for one in store.sweeps()] == ["running"]
        assert store.database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_the_advice_after_a_full_disk_works_before_the_first_sweep(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    with Store(path) as store:
        store.database.execute("PRAGMA max_page_count = 16")
        with pytest.raises(StoreError, match=r"the disk is full.* resume with --resume-or-new"):
            store.begin(chosen(WANTED), WANTED, Target(), Known(), "https://api.example", "me")
    async with account(seed=1, customers=2, projects=3) as (_, mw):
        # As `--resume-or-new` does.
        assert (await sweep_to(mw, path, resources=WANTED, resume=None)).state == "done"


def test_a_write_lock_of_another_program_is_waited_for_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A viewer with an open transaction made the sweep fail after 5 s."""
    monkeypatch.setattr(database_module, "_BUSY_SECONDS", 0.2)
    path = tmp_path / "inventory.sqlite"
    said: list[str] = []
    with Store(path, on_wait=said.append) as store:
        store.begin(chosen(["project"]), ["project"], Target(), Known(), "https://api.example", "me")
        with closing(sqlite3.connect(path, check_same_thread=False, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            timer = threading.Timer(0.7, other.execute, ("ROLLBACK",))
            timer.start()
            begin = time.monotonic()
            store.write([row("project", "p-1", id="p-1")], [])
            assert time.monotonic() - begin > 0.5
            timer.join()
        assert said == [f"{path} is locked by another program; waiting for it"]
        assert store.counts() == {"project": 1}
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            store.wait_at_most(0.3)
            with pytest.raises(StoreError, match="in use by another process"):
                store.write([], [])


def test_an_exclusively_locked_file_is_waited_for_when_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without WAL, a writer locks readers out: the first read of the file failed after 5 s."""
    monkeypatch.setattr(database_module, "_BUSY_SECONDS", 0.1)
    path = tmp_path / "inventory.sqlite"
    Store(path).close()
    said: list[str] = []
    with closing(sqlite3.connect(path, check_same_thread=False, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(0.4, other.execute, ("ROLLBACK",))
        timer.start()
        Store(path, on_wait=said.append).close()
        timer.join()
    assert said == [f"{path} is locked by another program; waiting for it"]


@pytest.mark.parametrize("named", [True, False])
async def test_an_empty_list_of_the_account_is_verified_with_a_narrower_list(named: bool) -> None:
    """Some tokens see `[]` in the account's list of ingresses but items in a project's list (third-party reports)."""
    async with account(seed=1, customers=2, projects=5) as (api, mw):
        projects = [item.id for item in await mw.project.list_projects().collect()]
        everything = [row async for row in sweep(mw, resources=["project", "ingress"]) if row.resource == "ingress"]
        api.inject(Fault(operation="ingress-list-ingresses", status=200, body="[]", count=1))
        asked = sweep(mw, resources=["project", "ingress"], projects=projects[:2] if named else None)
        found = [one async for one in asked if one.resource == "ingress"]
        expected = {one.id for one in everything if not named or one.project_id in projects[:2]}
        assert {one.id for one in found} == expected
        assert asked.failures == []


async def test_fewer_items_than_announced_are_a_failure(tmp_path: Path) -> None:
    """TotalCount was 208 and 2 items arrived: the sweep reported success."""
    async with account(seed=1, customers=2, projects=5) as (api, mw):
        items = json.dumps([{"domainId": "d-1"}, {"domainId": "d-2"}])
        headers = {"X-Pagination-TotalCount": "208", "X-Pagination-Limit": "1000"}
        api.inject(Fault(operation="domain-list-domains", status=200, body=items, headers=headers))
        summary = await sweep_to(mw, tmp_path / "inventory.sqlite", resources=["domain"])
        assert summary.state == "incomplete"
        assert "announced 208 items and sent" in summary.failures[0].error
        with pytest.raises(ShortListError):
            await sweep_to(mw, tmp_path / "strict.sqlite", resources=["domain"], bounds=Bounds(strict=True))


@pytest.mark.parametrize(
    ("resource", "operation", "status", "body"),
    [
        ("domain", "domain-list-domains", 200, "null"),
        ("domain", "domain-list-domains", 204, ""),
        ("ssh_key", "user-list-ssh-keys", 200, "null"),
    ],
)
async def test_a_success_without_a_list_makes_nothing_disappear(
    resource: str, operation: str, status: int, body: str, tmp_path: Path
) -> None:
    path = tmp_path / "inventory.sqlite"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DriftWarning)
        async with account(seed=1, customers=2, projects=5) as (api, mw):
            before = await sweep_to(mw, path, resources=[resource], resume=False)
            assert before.rows[resource]
            api.inject(Fault(operation=operation, status=status, body=body))
            after = await sweep_to(mw, path, resources=[resource], resume=False)
    assert after.state == "incomplete"
    assert "the server sent no list" in after.failures[0].error
    with History(path) as history:
        assert history.diff().gone == []


def test_a_spreadsheet_executes_nothing_and_reads_umlauts(tmp_path: Path) -> None:
    """CSV injection: a description starting with = ran as a formula. Without a byte order mark, umlauts broke."""
    texts = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", " =x", "Müller", "1-1"]
    with Store(tmp_path / "rows.sqlite") as store:
        store.begin(chosen(["project"]), ["project"], Target(), Known(), "https://api.example", "me")
        store.write([row("project", f"p-{n}", id=f"p-{n}", description=text) for n, text in enumerate(texts)], [])
        for form in ("csv", "csv-raw"):
            export(store, sink_for(tmp_path / form, form, ["project"]), ["project"])
    safe, raw = (tmp_path / form / "project.csv" for form in ("csv", "csv-raw"))
    assert safe.read_bytes()[:3] == b"\xef\xbb\xbf"
    assert raw.read_bytes()[:3] != b"\xef\xbb\xbf"
    with safe.open(encoding="utf-8-sig", newline="") as file:
        found = [line["description"] for line in csv.DictReader(file)]
    assert found == [f"'{text}" for text in texts[:6]] + texts[6:]
    with raw.open(encoding="utf-8", newline="") as file:
        assert [line["description"] for line in csv.DictReader(file)] == texts


async def test_a_link_to_a_missing_file_creates_a_private_file(tmp_path: Path) -> None:
    """The exclusive creation did not follow the link, so SQLite created the file with mode 0644."""
    link = tmp_path / "link.sqlite"
    link.symlink_to("inventory.sqlite")
    before = os.umask(0o022)
    try:
        async with account(seed=1, customers=2, projects=3) as (_, mw):
            await sweep_to(mw, link, resources=["project"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "inventory.sqlite").stat().st_mode) == 0o600


def test_a_link_to_a_file_does_not_allow_two_sweeps_to_write_to_it(tmp_path: Path) -> None:
    (tmp_path / "link.sqlite").symlink_to("inventory.sqlite")
    job = SweepJob(sink_for(tmp_path / "inventory.sqlite"), chosen(WANTED), target())
    try:
        with pytest.raises(StoreError, match="another sweep is writing to it"):
            SweepJob(sink_for(tmp_path / "link.sqlite"), chosen(WANTED), target())
    finally:
        job.close()


def read(*bodies: bytes) -> list[Row]:
    resource = catalog()["project"]
    return Reader(resource, resource.routes[0]).rows(bodies, Owner(), {}, datetime.now(UTC))


def test_a_duplicate_property_has_the_same_value_in_every_format(tmp_path: Path) -> None:
    """SQLite uses the first of two, other readers the last; and only in SQLite does a NUL end a text."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    rows = read(
        b'{"id":"p-0","description":"first","description":"second"}',
        b'{"id":"p-1","description":"a\\u0000b"}',
        b'{"id":"p-2","description":"a\\\\u0000b"}',
        b'{"id":"p-3", "description": "x",\n"shortId":"one", "shortId":"two"}',
        b'{"id":"p-4","nested":{"a":1,"a":2},"description":"y"}',
    )
    with Store(tmp_path / "rows.sqlite") as store:
        store.begin(chosen(["project"]), ["project"], Target(), Known(), "https://api.example", "me")
        store.write(rows, [])
        for form in ("csv", "parquet"):
            export(store, sink_for(tmp_path / form, form, ["project"]), ["project"])
        export(store, sink_for(tmp_path / "rows.jsonl"), ["project"])
        in_sqlite = [name for (name,) in store.database.execute("SELECT description FROM project ORDER BY row_id")]
        nested = store.database.execute("SELECT json_extract(data, '$.nested.a') FROM project WHERE id = 'p-4'")
        assert nested.fetchone() == (2,)
    assert in_sqlite == ["second", "a\ufffdb", "a\\u0000b", "x", "y"]
    with (tmp_path / "csv" / "project.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [line["description"] for line in csv.DictReader(file)] == in_sqlite
    table = parquet.read_table(tmp_path / "parquet" / "project.parquet")
    assert table.column("description").to_pylist() == in_sqlite
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_bytes().splitlines()]
    assert [line["data"]["description"] for line in lines] == in_sqlite
    assert [one.drifted for one in read(b'{"id":"p-0","id":"p-1"}')] == [True]


def test_times_without_a_zone_are_not_shifted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """meltano/sdk#2612: a date-time without a zone was shifted by the machine's zone."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        with Store(tmp_path / "rows.sqlite") as store:
            store.begin(chosen(["project"]), ["project"], Target(), Known(), "https://api.example", "me")
            items = ["2026-07-01T12:00:00", "2026-07-01T12:00:00+02:00"]
            store.write([row("project", f"p-{n}", createdAt=at) for n, at in enumerate(items)], [])
            export(store, sink_for(tmp_path / "projects.parquet"), ["project"])
    finally:
        monkeypatch.undo()
        time.tzset()
    found = parquet.read_table(tmp_path / "projects.parquet").column("created_at").to_pylist()
    assert found == [datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 1, 10, tzinfo=UTC)]


def test_integers_with_a_decimal_point_are_integers_in_parquet(tmp_path: Path) -> None:
    """`1000.0` became null where the document says integer."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    with Store(tmp_path / "rows.sqlite") as store:
        store.begin(chosen(["project"]), ["project"], Target(), Known(), "https://api.example", "me")
        store.write([msgspec.structs.replace(row("project", "p-1"), raw=b'{"webStorageUsageInBytes":1000.0}')], [])
        export(store, sink_for(tmp_path / "projects.parquet"), ["project"])
    assert parquet.read_table(tmp_path / "projects.parquet").column("web_storage_usage_in_bytes").to_pylist() == [1000]


@pytest.mark.parametrize("name", ["inventory.sqlite", "rows.jsonl", "rows.csv", "rows.parquet"])
async def test_an_inventory_is_private_from_its_first_byte(tmp_path: Path, name: str) -> None:
    """Inventories and working files had mode 0644."""
    before = os.umask(0)
    seen: set[int] = set()

    def watch(_: object) -> None:
        seen.update(stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir())

    try:
        async with account(seed=1, customers=2, projects=3) as (_, mw):
            await sweep_to(mw, tmp_path / name, resources=["project"], watch=watch)
            watch(None)
    finally:
        os.umask(before)
    assert seen == {0o600}
