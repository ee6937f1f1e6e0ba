"""Which account owns a journal, and when ownership begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from mittwald_async import Mittwald, bulk
from mittwald_async.bulk import ItemState
from mittwald_async.emulator import Emulator, Fault
from mittwald_async.errors import AuthenticationError

RIGHT, WRONG = "right-token-of-all", "wrong-token-of-all"


async def describe(url: str, token: str, path: Path, ids: list[str]) -> list[bulk.ItemOutcome[str]]:
    async with Mittwald(token, base_url=url, max_retries=0) as mw, bulk.Journal(path, client=mw) as journal:
        run = journal.run(ids, lambda id: mw.project.update_project(id, description="x"), writes_through_client=True)
        return [done async for done in run]


async def ids_of(api: Emulator) -> list[str]:
    async with Mittwald(RIGHT, base_url=api.url) as mw:
        return [project.id for project in await mw.project.list_projects().collect()]


async def test_a_wrong_token_does_not_lock_out_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    async with Emulator(projects=3, rate_limit=None, token=RIGHT) as api:
        ids = await ids_of(api)
        refused = await describe(api.url, WRONG, path, ids)
        assert {type(done.error) for done in refused} == {AuthenticationError}
        done = await describe(api.url, RIGHT, path, ids)
        assert [one.state for one in done] == [ItemState.DONE] * 3
        with pytest.raises(bulk.JournalError, match="another account or token"):
            await describe(api.url, WRONG, path, ids)


async def test_an_item_that_may_be_done_ties_the_journal_to_its_account(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    lost = Fault(operation="project-update-project", executed=True, status=502, html=True)
    async with Emulator(projects=1, rate_limit=None, token=RIGHT, faults=(lost,)) as api:
        ids = await ids_of(api)
        (done,) = await describe(api.url, RIGHT, path, ids)
        assert done.state is ItemState.UNKNOWN
        with pytest.raises(bulk.JournalError, match="another account or token"):
            await describe(api.url, WRONG, path, ids)


async def test_an_item_settled_as_not_done_frees_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    lost = Fault(operation="project-update-project", status=502, html=True, count=1)
    async with Emulator(projects=1, rate_limit=None, token=RIGHT, faults=(lost,)) as api:
        ids = await ids_of(api)
        await describe(api.url, RIGHT, path, ids)
        async with bulk.Journal(path) as journal:
            await journal.resolve(ids[0], bulk.NOT_DONE)
        (refused,) = await describe(api.url, WRONG, path, ids)
        assert isinstance(refused.error, AuthenticationError)
        (done,) = await describe(api.url, RIGHT, path, ids)
        assert done.state is ItemState.DONE
