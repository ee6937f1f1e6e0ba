"""The guarantees of a journal, item by item."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest

from mittwald_async import Mittwald, bulk
from mittwald_async.bulk import ItemState
from mittwald_async.emulator import Emulator, Fault
from mittwald_async.errors import (
    AuthenticationError,
    BadRequestError,
    ClientStateError,
    InvalidArgumentError,
    MaybeSentError,
    NotFoundError,
    RateLimitError,
    ServerError,
    TransportError,
)
from tests.support.clock import VirtualClock, virtual

from ..support.write_log import writes


def states(path: Path) -> dict[str, str]:
    """Item states by key, read independently of the journal's writer."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as file:
        return dict(file.execute("SELECT key, state FROM items").fetchall())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.journal"


async def keys_of(run: AsyncGenerator[Any], into: list[str] | None = None) -> list[str]:
    """Consume a run to its end, and return its keys even if it raises."""
    keys = [] if into is None else into
    async for done in run:
        keys.append(done.key)
    return keys


async def double(item: int) -> int:
    return item * 2


async def test_an_item_is_on_disk_before_and_after_its_work(path: Path) -> None:
    seen: list[str] = []

    async def work(item: str) -> str:
        seen.append(states(path)[item])
        return item.upper()

    async with bulk.Journal(path) as journal:
        async for done in journal.run(["a", "b"], work):
            assert states(path)[done.key] == "done"
            assert (done.result, done.state, done.ok) == (done.item.upper(), ItemState.DONE, True)
        assert {entry.key: entry.results for entry in journal.entries()} == {"a": ("A",), "b": ("B",)}
    assert seen == ["started", "started"]


async def test_finished_items_are_skipped_and_failed_ones_are_retried(path: Path) -> None:
    calls: list[int] = []
    bad = {2}

    async def work(item: int) -> int:
        calls.append(item)
        if item in bad:
            raise BadRequestError("no", status=400)
        return item

    async with bulk.Journal(path) as journal:
        first = {done.item: done async for done in journal.run(range(4), work)}
        assert first[2].state is ItemState.FAILED
        assert isinstance(first[2].error, BadRequestError)
        assert [done async for done in journal.run(range(4), work, retry_failed=False)] == []
    assert sorted(calls) == [0, 1, 2, 3]
    bad.clear()
    async with bulk.Journal(path) as journal:
        again = [done async for done in journal.run(range(5), work)]
        assert journal.counts()[ItemState.DONE] == 5
    assert sorted(done.item for done in again) == [2, 4]
    assert sorted(calls) == [0, 1, 2, 2, 3, 4]


@pytest.mark.parametrize("error", [MaybeSentError("lost", method="POST"), ServerError("x", status=502, method="POST")])
async def test_a_lost_response_without_a_verifier_is_reported_in_every_run_and_never_retried(
    path: Path, error: Exception
) -> None:
    calls: list[str] = []

    async def work(item: str) -> None:
        calls.append(item)
        raise error

    for _ in range(3):
        async with bulk.Journal(path) as journal:
            (done,) = [done async for done in journal.run(["a"], work)]
        assert done.state is ItemState.UNKNOWN
        assert done.error is not None
    assert calls == ["a"]


async def test_any_refusal_counts_as_a_failure(path: Path) -> None:
    errors = [NotFoundError("x", status=404), RateLimitError("x", status=429), ValueError("bad row")]
    reading = [TransportError("x", method="GET"), ServerError("x", status=500, method="GET")]

    async def work(item: int) -> None:
        raise [*errors, *reading][item]

    async with bulk.Journal(path) as journal:
        found = {done.state async for done in journal.run(range(5), work)}
    assert found == {ItemState.FAILED}


@virtual
async def test_after_a_lost_response_an_item_is_retried_only_if_verified_as_not_done(path: Path) -> None:
    carried_out: list[str] = []
    lost = {"kept", "dropped"}

    async def work(item: str) -> str:
        if item in lost:
            lost.remove(item)
            if item == "kept":
                carried_out.append(item)
            raise MaybeSentError("lost")
        carried_out.append(item)
        return "answer"

    async def verify(item: str) -> Any:
        return (bulk.DONE, "read") if item in carried_out else bulk.NOT_DONE

    async with bulk.Journal(path, clock=VirtualClock()) as journal:
        found = {done.key: done async for done in journal.run(["kept", "dropped"], work, verify=verify)}
    assert sorted(carried_out) == ["dropped", "kept"]
    assert (found["kept"].result, found["kept"].verified) == ("read", True)
    assert (found["dropped"].result, found["dropped"].verified) == ("answer", False)


@virtual
async def test_not_done_counts_only_once_a_read_would_show_the_write(path: Path) -> None:
    """A read right after a lost response may not show the write yet. Trusting it would repeat the write."""
    clock = VirtualClock()
    carried_out: list[float] = []

    async def work(item: str) -> None:
        carried_out.append(clock.now())
        raise MaybeSentError("lost")

    async def verify(item: str) -> bulk.Verdict:
        return bulk.DONE if clock.now() - carried_out[0] > 1.5 else bulk.NOT_DONE

    async with bulk.Journal(path, clock=clock) as journal:
        (done,) = [done async for done in journal.run(["a"], work, verify=verify, settle=2.0)]
    assert done.state is ItemState.DONE
    assert len(carried_out) == 1


@virtual
async def test_an_item_that_cannot_be_verified_stays_unknown_with_a_reason(path: Path) -> None:
    async def work(item: str) -> None:
        raise MaybeSentError("lost")

    async def verify(item: str) -> bulk.Verdict:
        if item == "unreadable":
            raise NotFoundError("gone", status=404)
        return bulk.CANNOT_TELL

    async with bulk.Journal(path, clock=VirtualClock()) as journal:
        async for done in journal.run(["open", "unreadable"], work, verify=verify):
            assert done.state is ItemState.UNKNOWN
        texts = {entry.key: entry.error for entry in journal.entries(ItemState.UNKNOWN)}
        await journal.resolve("open", bulk.NOT_DONE)
        await journal.resolve("unreadable", bulk.DONE, result=7)
        with pytest.raises(bulk.JournalError, match="no unknown item 'open'"):
            await journal.resolve("open", bulk.DONE)
        counts = journal.counts()
    assert "lost" in texts["open"]
    assert "reading back failed: NotFoundError" in texts["unreadable"]
    assert (counts[ItemState.PLANNED], counts[ItemState.DONE]) == (1, 1)


async def test_an_item_whose_process_was_killed_is_unknown(path: Path) -> None:
    program = f"""
import asyncio, os
from mittwald_async import bulk
async def work(item):
    os._exit(9)
async def main():
    async with bulk.Journal({str(path)!r}) as journal:
        async for done in journal.run(["a", "b"], work, limit=1):
            pass
asyncio.run(main())
"""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=Path(__file__).parents[2])
    assert await child.wait() == 9
    assert states(path) == {"a": "started"}
    async with bulk.Journal(path) as journal:
        assert journal.interrupted == 1
        found = {done.key: done async for done in journal.run(["a", "b"], _nothing)}
    assert found["a"].state is ItemState.UNKNOWN
    assert "ended before the answer" in str(found["a"].error)
    assert found["b"].state is ItemState.DONE


async def _nothing(item: object) -> None:
    pass


async def test_a_duplicate_key_names_both_rows_after_running_items_finish(path: Path) -> None:
    done: list[str] = []
    async with bulk.Journal(path) as journal:
        with pytest.raises(bulk.DuplicateKeyError, match="rows 1 and 3 both have the key 'a'"):
            await keys_of(journal.run(["a", "b", "a", "c"], _nothing, limit=1), done)
        assert journal.counts()[ItemState.STARTED] == 0
    assert done == ["a", "b"]


@pytest.mark.parametrize("key", [None, "", 1.5, True])
async def test_an_invalid_key_names_its_row(path: Path, key: Any) -> None:
    async with bulk.Journal(path) as journal:
        with pytest.raises(InvalidArgumentError, match="the key of row 2"):
            async for _ in journal.run([1, key], _nothing, key=lambda item: item):
                pass


async def test_changed_input_of_a_finished_item_is_noticed(path: Path) -> None:
    sent: list[str] = []

    async def work(row: dict[str, str]) -> None:
        sent.append(row["name"])

    async with bulk.Journal(path) as journal:
        rows = [{"id": "1", "name": "old"}]
        assert [done.ok async for done in journal.run(rows, work, key=lambda row: row["id"])] == [True]
        rows = [{"id": "1", "name": "new"}]
        (done,) = [done async for done in journal.run(rows, work, key=lambda row: row["id"])]
        assert (done.state, done.ok, type(done.error)) == (ItemState.DONE, False, bulk.ChangedInputError)
        assert sent == ["old"]
        (done,) = [done async for done in journal.run(rows, work, key=lambda row: row["id"], redo_changed=True)]
        assert done.ok
        assert [one async for one in journal.run(rows, work, key=lambda row: row["id"])] == []
    assert sent == ["old", "new"]


async def test_the_file_holds_inputs_only_as_salted_digests(path: Path) -> None:
    other = path.with_name("other.journal")
    digests: list[bytes] = []
    for file in (path, other):
        async with bulk.Journal(file) as journal:
            async for _ in journal.run([{"password": "sEcret-1234567"}], _nothing, key=lambda _: "x"):
                pass
        assert b"sEcret" not in file.read_bytes()
        with closing(sqlite3.connect(file)) as connection:
            digests.append(connection.execute("SELECT input FROM items").fetchone()[0])
    assert digests[0] != digests[1]


async def test_only_the_owner_may_read_the_journal_and_its_side_files(path: Path) -> None:
    before = os.umask(0)
    modes: dict[str, int] = {}
    try:
        async with bulk.Journal(path) as journal:
            async for _ in journal.run(["a"], _nothing):
                modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert len(modes) >= 3
    assert set(modes.values()) == {0o600}
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_journal_has_one_writer_and_any_number_of_readers(path: Path) -> None:
    async with bulk.Journal(path) as journal:
        async for _ in journal.run(["a"], _nothing):
            pass
        with pytest.raises(bulk.JournalError, match=f"process {os.getpid()} is writing to it"):
            async with bulk.Journal(path):
                pass
        with closing(bulk.read_journal(path)) as reader:
            assert reader.counts()[ItemState.DONE] == 1
    async with bulk.Journal(path):
        pass


async def test_a_foreign_file_is_refused(path: Path) -> None:
    path.write_bytes(b"name,id\n" * 100)
    with pytest.raises(bulk.JournalError, match="not a journal"):
        async with bulk.Journal(path):
            pass
    assert path.read_bytes().startswith(b"name,id")
    database = path.with_name("inventory.sqlite")
    with closing(sqlite3.connect(database)) as file:
        file.execute("CREATE TABLE project (id)")
    with pytest.raises(bulk.JournalError, match="not a journal"):
        async with bulk.Journal(database):
            pass
    with pytest.raises(bulk.JournalError, match="the journal does not exist"):
        bulk.read_journal(path.with_name("none"))


async def test_stages_resume_where_they_stopped(path: Path) -> None:
    log: list[str] = []
    crash = True

    async def create(item: str) -> dict[str, str]:
        log.append(f"create {item}")
        return {"id": f"p-{item}"}

    async def ready(item: str, results: tuple[Any, ...]) -> None:
        log.append(f"ready {results[0]}")
        if crash:
            raise TimeoutError("not yet")

    async def install(item: str, results: tuple[Any, ...]) -> str:
        log.append(f"install {results}")
        return "app"

    async def run() -> list[Any]:
        async with bulk.Journal(path) as journal:
            stages = journal.run(["a"], create, keep=lambda result: result["id"], then=[ready, install])
            return [done async for done in stages]

    (failed,) = await run()
    assert (failed.state, failed.stage) == (ItemState.FAILED, 1)
    crash = False
    (done,) = await run()
    assert (done.state, done.stage, done.result) == (ItemState.DONE, 3, "app")
    assert await run() == []
    assert log == ["create a", "ready p-a", "ready p-a", "install ('p-a', None)"]


async def test_a_cancelled_run_awaits_running_items_and_starts_no_others(path: Path) -> None:
    slow = Fault(operation="project-update-project", delay=0.3)
    async with (
        Emulator(projects=8, rate_limit=(4, 600.0), faults=[slow], lag=0.0) as api,
        Mittwald("token", base_url=api.url) as mw,
    ):
        ids = [project.id for project in await mw.project.list_projects().collect()]
        async with bulk.Journal(path, client=mw) as journal:

            async def run() -> None:
                async for _ in journal.run(ids, lambda id: mw.project.update_project(id, description="x"), limit=8):
                    pass

            task = asyncio.create_task(run())
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            counts = journal.counts()
    # A call that waited for the budget was never sent; a call that was sent has received its response.
    assert counts[ItemState.UNKNOWN] == counts[ItemState.STARTED] == counts[ItemState.FAILED] == 0
    assert counts[ItemState.DONE] == sum(writes(api, "project-update-project").values()) >= 1
    assert counts[ItemState.PLANNED] == len(ids) - counts[ItemState.DONE]


async def test_leaving_the_loop_ends_the_run_cleanly(path: Path) -> None:
    async def work(item: int) -> int:
        await asyncio.sleep(0.01 * item)
        return item

    async with bulk.Journal(path) as journal:
        async for _ in journal.run(range(50), work, limit=4):
            break
    counts = states(path)
    assert "started" not in counts.values()


async def test_an_account_cannot_resume_a_journal_of_another(path: Path) -> None:
    async with Emulator(projects=3, rate_limit=None, auth=False) as api:
        async with Mittwald("first-token-of-all", base_url=api.url) as mw:
            ids = [project.id for project in await mw.project.list_projects().collect()]
            async with bulk.Journal(path) as journal:
                async for _ in journal.run(ids[:2], lambda id: mw.project.update_project(id, description="x")):
                    pass
        async with Mittwald("second-token-of-all", base_url=api.url) as mw:
            async with bulk.Journal(path) as journal:
                with pytest.raises(bulk.JournalError, match="another account or token"):
                    async for _ in journal.run(ids, lambda id: mw.project.update_project(id, description="x")):
                        pass
            with pytest.raises(bulk.JournalError, match="another account or token"):
                async with bulk.Journal(path, client=mw):
                    pass
        assert writes(api, "project-update-project").total() == 2
    assert list(states(path).values()).count("done") == 2
    assert "started" not in states(path).values()
    assert b"token-of-all" not in path.read_bytes()


async def test_a_partly_done_item_is_unknown_rather_than_failed(path: Path) -> None:
    async with (
        Emulator(projects=3, rate_limit=None, lag=0.0) as api,
        Mittwald("token", base_url=api.url) as mw,
        bulk.Journal(path) as journal,
    ):
        ids = [project.id for project in await mw.project.list_projects().collect()]

        async def twice(id: str) -> None:
            await mw.project.update_project(id, description="x")
            await mw.project.update_project("p-nowhere", description="x")

        (done,) = [done async for done in journal.run(ids[:1], twice)]
    assert done.state is ItemState.UNKNOWN


async def test_a_run_ends_after_max_failures(path: Path) -> None:
    async def work(item: int) -> None:
        raise ValueError("no")

    async with bulk.Journal(path) as journal:
        found = [done async for done in journal.run(range(1000), work, limit=1, stop_after_failures=3)]
        assert len(found) == 3
        assert journal.counts()[ItemState.STARTED] == 0


async def test_a_rejected_token_stops_the_run(path: Path) -> None:
    async def work(item: int) -> None:
        raise AuthenticationError("the credentials were not accepted", status=401)

    async with bulk.Journal(path) as journal:
        found = [done async for done in journal.run(range(1000), work, limit=1)]
        assert [done.state for done in found] == [ItemState.FAILED]
        assert journal.counts()[ItemState.FAILED] == 1


async def test_an_error_of_the_source_is_raised_after_its_items(path: Path) -> None:
    async def source() -> AsyncGenerator[str]:
        yield "a"
        yield "b"
        raise OSError("torn")

    found: list[str] = []
    async with bulk.Journal(path) as journal:
        with pytest.raises(OSError, match="torn"):
            await keys_of(journal.run(source(), _nothing), found)
    assert sorted(found) == ["a", "b"]


async def test_misuse_raises_immediately(path: Path) -> None:
    journal = bulk.Journal(path)
    wrong: dict[str, Any]
    for wrong in ({"limit": 0}, {"settle": -1}, {"verify": 5}, {"then": [3]}, {"stop_after_failures": 0}):
        with pytest.raises(InvalidArgumentError):
            journal.run([1], double, **wrong)
    with pytest.raises(InvalidArgumentError, match="items: must be an iterable"):
        journal.run(5, double)  # type: ignore[arg-type]
    with pytest.raises(ClientStateError, match="not open"):
        async for _ in journal.run([1], double):
            pass
    async with journal, aclosing(journal.run([1, 2], double)) as one:
        await anext(one)
        with pytest.raises(ClientStateError, match="in progress"):
            await anext(journal.run([1], double))


async def test_an_item_with_an_unserialisable_result_is_still_done(path: Path) -> None:
    async def work(item: str) -> object:
        return object()

    async with bulk.Journal(path) as journal:
        (done,) = [done async for done in journal.run(["a"], work)]
        assert done.state is ItemState.DONE
        assert "keep=" in str(done.error)
        assert [one async for one in journal.run(["a"], work)] == []


async def test_jobs_in_one_file_are_independent(path: Path) -> None:
    async with bulk.Journal(path) as journal:
        for name in ("one", "two"):
            assert [done.ok async for done in journal.run(["a"], _nothing, name=name)] == [True]
        assert journal.counts("one")[ItemState.DONE] == 1
        assert journal.counts()[ItemState.DONE] == 2


async def test_a_call_waiting_for_the_budget_when_killed_is_not_unknown(path: Path) -> None:
    """Where every write goes through a client, only calls that were really sent are unknown after a kill."""
    program = """
import asyncio, sys
from mittwald_async import Mittwald, bulk
async def main(url, path, ids):
    async with Mittwald("token", base_url=url) as mw, bulk.Journal(path) as journal:
        work = lambda id: mw.project.update_project(id, description="x")
        async for done in journal.run(ids, work, writes_through_client=True):
            print(done.key, flush=True)
asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
"""
    async with Emulator(projects=8, rate_limit=None, lag=0.0) as api:
        async with Mittwald("token", base_url=api.url) as mw:
            ids = [project.id for project in await mw.project.list_projects().collect()]
        api.configure(rate_limit=(3, 600.0))
        command = [sys.executable, "-c", program, api.url, str(path), *ids]
        child = await asyncio.create_subprocess_exec(
            *command, cwd=Path(__file__).parents[2], stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        await child.stdout.readline()
        await asyncio.sleep(0.3)
        child.kill()
        await child.wait()
        carried_out = sum(writes(api, "project-update-project").values())
    async with bulk.Journal(path) as journal:
        counts = journal.counts()
    assert counts[ItemState.UNKNOWN] == 0
    assert counts[ItemState.DONE] == carried_out >= 1
    assert counts[ItemState.PLANNED] == len(ids) - carried_out


@virtual
async def test_not_done_is_also_delayed_in_a_second_run(path: Path) -> None:
    clock = VirtualClock()
    carried_out: list[float] = []

    async def work(item: str) -> None:
        carried_out.append(clock.now())
        raise MaybeSentError("lost")

    async def verify(item: str) -> bulk.Verdict:
        return bulk.DONE if clock.now() - carried_out[0] > 1.5 else bulk.NOT_DONE

    async with bulk.Journal(path, clock=clock) as journal:
        await clock.sleep(60)
        assert [done.state async for done in journal.run(["a"], work)] == [ItemState.UNKNOWN]
        assert [done.state async for done in journal.run(["a"], work, verify=verify)] == [ItemState.DONE]
    assert len(carried_out) == 1


async def test_closing_the_client_ends_the_run_without_failures(path: Path) -> None:
    async with Emulator(projects=3, rate_limit=None) as api:
        mw = Mittwald("token", base_url=api.url)
        async with bulk.Journal(path) as journal:
            run = journal.run(["p-4x8k2q"], lambda id: mw.project.update_project(id, description="x"))
            with pytest.raises(ClientStateError):
                await keys_of(run)
            assert journal.counts()[ItemState.PLANNED] == 1


async def test_a_named_account_resumes_with_a_new_token(path: Path) -> None:
    async with Emulator(projects=3, rate_limit=None, auth=False) as api:
        for token, key in (("first-token-of-all", "a"), ("second-token-of-all", "b")):
            async with (
                Mittwald(token, base_url=api.url) as mw,
                bulk.Journal(path, client=mw, account="agency") as journal,
            ):
                project = await mw.project.list_projects().first()
                assert project is not None
                id = project.id
                run = journal.run([key], lambda _: mw.project.update_project(id, description="x"))  # noqa: B023
                assert await keys_of(run) == [key]
        async with Mittwald("first-token-of-all", base_url=api.url) as mw:
            with pytest.raises(bulk.JournalError, match="another account"):
                async with bulk.Journal(path, client=mw, account="customer"):
                    pass


async def test_a_synchronous_function_is_refused_and_its_item_is_unknown(path: Path) -> None:
    def work(item: int) -> Any:
        return item

    async with bulk.Journal(path) as journal:
        with pytest.raises(TypeError, match="awaitable, got int"):
            await keys_of(journal.run(range(100), work, limit=1))
        assert {state for state, number in journal.counts().items() if number} == {ItemState.UNKNOWN}
        assert journal.counts()[ItemState.UNKNOWN] == 1
