"""Unusual keys, errors, results and files: each gives a message, and no other item is affected."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from mittwald_async import bulk
from mittwald_async.bulk import ItemState
from mittwald_async.bulk.records import JournalError, Verified
from mittwald_async.bulk.row_job import private
from mittwald_async.errors import ConfigurationError, InvalidArgumentError, MaybeSentError

from .test_journal import keys_of

HALF_A_CHARACTER = "\udcff"
"""Python's representation of a byte that is not UTF-8, for example in a file name."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.journal"


async def test_an_unencodable_error_does_not_affect_other_items(path: Path) -> None:
    async def work(item: str) -> None:
        if item == "odd":
            raise FileNotFoundError(f"no file {HALF_A_CHARACTER}")

    async with bulk.Journal(path) as journal:
        ended = {done.key: done.state async for done in journal.run(["a", "odd", "b"], work)}
        assert ended == {"a": ItemState.DONE, "odd": ItemState.FAILED, "b": ItemState.DONE}
        (failed,) = journal.entries(ItemState.FAILED)
        assert failed.error == "FileNotFoundError: no file \\udcff"


async def test_an_unencodable_key_names_its_row_and_does_not_affect_other_items(path: Path) -> None:
    async def work(item: str) -> None: ...

    async with bulk.Journal(path) as journal:
        with pytest.raises(InvalidArgumentError, match="row 2"):
            await keys_of(journal.run(["a", HALF_A_CHARACTER, "b"], work))
        assert journal.counts()[ItemState.DONE] == 1


class TestALostResult:
    """Later stages need the results of earlier ones; they must not run without them."""

    @staticmethod
    def stages(given: list[Any]) -> tuple[Any, Any]:
        async def create(item: str) -> object:
            return object()

        async def install(item: str, results: tuple[Any, ...]) -> None:
            given.append(results)

        return create, install

    async def test_the_item_is_unknown_and_the_next_stage_does_not_run_with_none(self, path: Path) -> None:
        given: list[Any] = []
        create, install = self.stages(given)
        async with bulk.Journal(path) as journal:
            for _ in range(2):
                (done,) = [done async for done in journal.run(["a"], create, then=install)]
                assert (done.state, done.stage) == (ItemState.UNKNOWN, 0)
                assert "pick a part of it with keep=" in str(done.error)
            assert given == []

    async def test_verification_restores_the_result(self, path: Path) -> None:
        given: list[Any] = []
        create, install = self.stages(given)

        async def found(item: str) -> Verified:
            return bulk.DONE, "id-of-a"

        async with bulk.Journal(path) as journal:
            async for done in journal.run(["a"], create, then=install):
                assert not done.ok
            (done,) = [done async for done in journal.run(["a"], create, then=install, verify=found)]
            assert done.ok
        assert given == [("id-of-a",)]


async def test_the_reason_of_an_unknown_item_is_kept_between_runs(path: Path) -> None:
    async def lost(item: str) -> None:
        raise MaybeSentError("the connection broke")

    async def verify(item: str) -> Verified:
        raise ValueError("no list")

    for _ in range(3):
        async with bulk.Journal(path) as journal:
            (done,) = [done async for done in journal.run(["a"], lost, verify=verify)]
            assert "the connection broke" in str(done.error)
            (entry,) = journal.entries(ItemState.UNKNOWN)
            assert entry.error == "MaybeSentError: the connection broke; reading back failed: ValueError: no list"


@pytest.mark.skipif(sys.platform == "win32", reason="devices and symbolic links of POSIX")
class TestPlaces:
    """A journal is a file of its own: foreign files are refused, and devices keep their permissions."""

    @staticmethod
    async def said(path: Path) -> str:
        with pytest.raises(JournalError) as caught:
            async with bulk.Journal(path):
                pass
        return str(caught.value)

    async def test_a_device_keeps_its_mode(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        changed: list[int] = []

        def fchmod(descriptor: int, mode: int) -> None:
            changed.append(mode)

        monkeypatch.setattr(os, "fchmod", fchmod)
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe, 0o644)
        assert "not a regular file" in await self.said(pipe)
        with private(Path("/dev/null")) as file:
            file.write("row")
        assert changed == []

    async def test_a_symbolic_link_is_named(self, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(tmp_path / "other")
        assert "a symbolic link" in await self.said(link)
        with pytest.raises(ConfigurationError, match="a symbolic link"):
            private(link)

    async def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        assert f"the folder {tmp_path / 'no'} does not exist" in await self.said(tmp_path / "no" / "some.journal")
        assert "a folder; name a file in it" in await self.said(tmp_path)

    def test_other_users_lose_read_permission(self, tmp_path: Path) -> None:
        path = tmp_path / "failed.csv"
        path.touch(0o644)
        private(path).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
