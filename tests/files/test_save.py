"""Saving: complete and verified under its name, or not at all; resumed only where that is safe."""

from __future__ import annotations

import asyncio
import errno
import gc
import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import anyio.to_thread
import pytest

from mittwald_async import Download
from mittwald_async.errors import (
    ApiClientError,
    DownloadError,
    FileAccessError,
    InvalidArgumentError,
    MaybeSentError,
    NotFoundError,
)
from mittwald_async.runtime.files import saving
from mittwald_async.runtime.files.transfer import Transfer

from ..support.file_sender import FileHost

CONTENT = bytes(range(256)) * 40
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()
HOPELESS = [{"cut": 4000}, *({"cut": 0} for _ in range(5))]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backup.tar"


def names(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


async def broken_off(host: FileHost, target: Path) -> None:
    host.plan = [dict(turn) for turn in HOPELESS]
    with pytest.raises(MaybeSentError):
        await host.download().save(target)
    host.requests.clear()


async def test_the_file_appears_under_its_name_and_nothing_else_does(target: Path) -> None:
    host = FileHost(CONTENT)
    assert await host.download().save(str(target), sha256=CHECKSUM) == target
    assert target.read_bytes() == CONTENT
    assert names(target) == ["backup.tar"]
    assert host.open == 0


async def test_a_stream_can_be_saved_after_inspecting_it(target: Path) -> None:
    host = FileHost(CONTENT, Content_Disposition='attachment; filename="x.tar"')
    async with host.download(sha256=CHECKSUM) as stream:
        await stream.save(target.with_name(stream.filename or ""))
    assert names(target) == ["x.tar"]
    assert len(host.requests) == 1


async def test_breaks_are_resumed(target: Path) -> None:
    host = FileHost(CONTENT)
    host.plan = [{"cut": 4000}, {"ranges": False, "cut": 3000}, {"cut": 1}]
    await host.download(sha256=CHECKSUM).save(target)
    assert target.read_bytes() == CONTENT
    host.plan = [{"cut": 4000}, {"content": b"other", "base": {"ETag": '"v2"'}}]
    await host.download(sha256=hashlib.sha256(b"other").hexdigest()).save(target)
    assert target.read_bytes() == b"other"


async def test_an_interrupted_download_resumes_later(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    assert names(target) == ["backup.tar.part", "backup.tar.part.json"]
    assert (target.parent / "backup.tar.part").read_bytes() == CONTENT[:4000]
    await host.download().save(target, sha256=CHECKSUM)
    assert host.ranges == ["bytes=4000-"]
    assert target.read_bytes() == CONTENT
    assert names(target) == ["backup.tar"]


async def test_an_open_stream_also_resumes_from_the_part_file(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    async with host.download() as stream:
        await stream.save(target, sha256=CHECKSUM)
    assert host.ranges == [None, "bytes=4000-"]
    assert target.read_bytes() == CONTENT
    assert host.open == 0


async def test_an_open_stream_of_a_changed_file_starts_over(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    host.base["ETag"] = '"v2"'
    async with host.download() as stream:
        await stream.save(target)
    assert host.ranges == [None]
    assert target.read_bytes() == CONTENT


async def test_resume_can_be_disabled(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    await host.download().save(target, resume=False)
    assert host.ranges == [None]
    assert target.read_bytes() == CONTENT


async def test_a_file_that_changed_between_attempts_starts_over(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    host.content, host.base["ETag"] = CONTENT[::-1], '"v2"'
    await host.download(sha256=hashlib.sha256(CONTENT[::-1]).hexdigest()).save(target)
    assert host.ranges == ["bytes=4000-"]
    assert target.read_bytes() == CONTENT[::-1]


async def test_a_part_of_another_file_is_not_resumed(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    other = FileHost(CONTENT[::-1])  # same tag by chance, another file
    download = other.download(url="https://elsewhere.example/x")
    await download.save(target)
    assert other.ranges == [None]
    assert target.read_bytes() == CONTENT[::-1]


async def test_a_complete_part_is_confirmed_with_one_byte(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    (target.parent / "backup.tar.part").write_bytes(CONTENT)
    await host.download(sha256=CHECKSUM).save(target)
    assert host.ranges == [f"bytes={len(CONTENT) - 1}-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("size", [0, len(CONTENT) + 5])
async def test_a_part_of_impossible_size_is_discarded(target: Path, size: int) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    (target.parent / "backup.tar.part").write_bytes(bytes(size))
    await host.download(sha256=CHECKSUM).save(target)
    assert host.ranges == [None]


@pytest.mark.parametrize("facts", [b"", b"{}", b"[]", b'{"source": 1}'])
async def test_a_part_with_unreadable_metadata_is_discarded(target: Path, facts: bytes) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    (target.parent / "backup.tar.part.json").write_bytes(facts)
    await host.download().save(target)
    assert host.ranges == [None]
    assert target.read_bytes() == CONTENT


async def test_the_range_of_a_shrunken_file(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    host.content = b"short"
    await host.download().save(target)
    assert host.ranges == ["bytes=4000-", None]
    assert target.read_bytes() == b"short"


async def test_the_metadata_holds_no_url(target: Path) -> None:
    host = FileHost(CONTENT)
    host.plan = [dict(turn) for turn in HOPELESS]
    with pytest.raises(MaybeSentError):
        await host.download(url="https://x.example/?signature=hidden").save(target)
    facts = json.loads((target.parent / "backup.tar.part.json").read_text())
    assert "hidden" not in json.dumps(facts)
    assert (facts["validator"], facts["size"]) == ('"v1"', len(CONTENT))


async def test_a_part_that_could_not_be_resumed_is_removed(target: Path) -> None:
    host = FileHost(CONTENT, ETag='W/"weak"')
    host.plan = [dict(turn) for turn in HOPELESS]
    with pytest.raises(MaybeSentError):
        await host.download().save(target)
    assert names(target) == []


async def test_a_wrong_checksum_keeps_the_old_file_and_leaves_no_part(target: Path) -> None:
    target.write_bytes(b"yesterday")
    host = FileHost(CONTENT)
    with pytest.raises(DownloadError, match="checksum differs"):
        await host.download().save(target, sha256="0" * 64)
    assert target.read_bytes() == b"yesterday"
    assert names(target) == ["backup.tar"]
    await host.download().save(target, sha256=CHECKSUM)
    assert target.read_bytes() == CONTENT


async def test_a_corrupt_part_is_detected_by_the_checksum(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    (target.parent / "backup.tar.part").write_bytes(b"x" * 4000)
    with pytest.raises(DownloadError, match="checksum differs"):
        await host.download().save(target, sha256=CHECKSUM)
    assert names(target) == []


async def test_a_file_of_the_wrong_length_is_an_error(target: Path) -> None:
    host = FileHost(CONTENT)
    host.plan = [{"headers": {"Content-Length": "100"}}]
    with pytest.raises(DownloadError, match="announced"):
        await host.download().save(target)
    assert names(target) == []


async def test_an_existing_file_can_be_protected(target: Path) -> None:
    target.write_bytes(b"mine")
    host = FileHost(CONTENT)
    with pytest.raises(InvalidArgumentError, match="pass overwrite=True"):
        await host.download().save(target, overwrite=False)
    assert host.requests == []
    target.unlink()
    await host.download().save(target, overwrite=False)
    assert target.read_bytes() == CONTENT


async def test_a_file_created_in_between_is_protected_too(target: Path) -> None:
    host = FileHost(CONTENT)
    async with host.download() as stream:
        saving_task = asyncio.create_task(stream.save(target, overwrite=False))
        while not (target.parent / "backup.tar.part").exists():
            await asyncio.sleep(0)
        target.write_bytes(b"mine")
        with pytest.raises(InvalidArgumentError, match="created meanwhile"):
            await saving_task
    assert target.read_bytes() == b"mine"


@pytest.mark.parametrize(("path", "said"), [(".", "is a directory"), ("no/such/place", "is not a directory")])
async def test_an_unwritable_target(tmp_path: Path, path: str, said: str) -> None:
    host = FileHost(CONTENT)
    with pytest.raises(InvalidArgumentError, match=said):
        await host.download().save(tmp_path / path)
    assert host.requests == []
    wrong: list[Any] = ["1", "", 5, b"0" * 64]
    for value in wrong:
        with pytest.raises(InvalidArgumentError, match="sha256: must be 64 hexadecimal"):
            await host.download().save(tmp_path / "x", sha256=value)
        with pytest.raises(InvalidArgumentError, match=r"path: must be text or a path object|is a directory"):
            await host.download().save(value if value != "1" else cast("Any", 5))
        with pytest.raises(InvalidArgumentError, match="url: must be absolute"):
            Download.of_url(host, value)
    assert host.requests == []


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes in the file system")
async def test_a_target_that_is_not_a_regular_file_is_not_replaced(tmp_path: Path) -> None:
    host = FileHost(CONTENT)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InvalidArgumentError, match="not a regular file"):
        await host.download().save(pipe)
    with pytest.raises(InvalidArgumentError, match="name the file"):
        await host.download().save("")
    assert pipe.is_fifo()
    assert host.requests == []


async def test_two_downloads_into_one_file(target: Path) -> None:
    host = FileHost(CONTENT)
    ended = await asyncio.gather(*(host.download().save(target) for _ in range(2)), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ended) == ["InvalidArgumentError", type(target).__name__]
    assert target.read_bytes() == CONTENT


async def test_a_refusal_keeps_the_part_for_later(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    host.plan = [{"refuse": NotFoundError("gone", status=404)}]
    with pytest.raises(NotFoundError):
        await host.download().save(target)
    assert names(target) == ["backup.tar.part", "backup.tar.part.json"]


async def test_a_cancelled_download_resumes_later(target: Path) -> None:
    content = os.urandom(5 << 20)
    host = FileHost(content, chunk=64 << 10)
    task = asyncio.create_task(host.download().save(target))
    part = target.parent / "backup.tar.part"
    while not (part.exists() and part.stat().st_size >= 2 << 20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = part.read_bytes()
    assert content.startswith(kept)
    assert len(kept) >= 2 << 20
    assert host.open == 0
    await host.download(sha256=hashlib.sha256(content).hexdigest()).save(target)
    assert host.ranges == [None, f"bytes={len(kept)}-"]


async def test_a_full_disk_leaves_a_valid_part(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = os.urandom(4 << 20)
    host = FileHost(content, chunk=100_000)
    room = 2_500_000
    written = 0
    write_all: Any = saving.write_all

    def small_disk(file: Any, piece: bytes) -> None:
        nonlocal written
        if written + len(piece) > room:
            write_all(file, piece[: room - written])
            written = room
            raise OSError(errno.ENOSPC, "No space left on device")
        write_all(file, piece)
        written += len(piece)

    monkeypatch.setattr(saving, "write_all", small_disk)
    with pytest.raises(OSError, match="No space left"):
        await host.download().save(target)
    monkeypatch.undo()
    assert content.startswith((target.parent / "backup.tar.part").read_bytes())
    await host.download(sha256=hashlib.sha256(content).hexdigest()).save(target)
    assert target.read_bytes() == content


def test_a_write_that_outlives_its_task_does_no_harm(target: Path) -> None:
    """A cancelled task closes the part file while a worker thread may still be about to use it."""
    part = saving.Part(target, "source", None)
    part.begin(0, '"v1"', None)
    pieces = [b"abc"]
    part.write(pieces)
    assert pieces == []
    part.close([b"def"], keep=True)
    part.write([b"late"])
    part.begin(0, '"v1"', None)
    part.finish()
    assert part.path.read_bytes() == b"abcdef"


async def test_a_closed_transfer_yields_nothing(target: Path) -> None:
    transfer = Transfer(lambda extra: FileHost(b"").stream(None), {}, "source", FileHost(b"").clock)
    assert [piece async for piece in transfer.pieces(None)] == []


async def test_an_impossible_file_name_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    host = FileHost(CONTENT)
    (tmp_path / "x.part").mkdir()
    for place, problem in (("n" * 254, "too long"), ("a\0b", "null"), ("x", "x.part is a directory")):
        with pytest.raises(InvalidArgumentError, match=problem):
            await host.download().save(tmp_path / place)
    assert host.requests == []


@pytest.mark.parametrize("validator", ['"v1"', None])
async def test_a_cancellation_at_the_very_end_leaves_no_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validator: str | None
) -> None:
    """A task cancelled while its last job waits for a thread, so that the job never starts."""
    host = FileHost(CONTENT)
    host.plan = [{"headers": {"ETag": validator}}]
    run_sync = anyio.to_thread.run_sync

    async def cancelled(work: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if work.__name__ == "close":
            raise asyncio.CancelledError
        return await run_sync(work, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(anyio.to_thread, "run_sync", cancelled)
        with pytest.raises(asyncio.CancelledError):
            await host.download().save(tmp_path / "x")
    gc.collect()  # an open file would raise a warning
    left = {"x.part", "x.part.json"} if validator else set[str]()
    assert {path.name for path in tmp_path.iterdir()} == left
    await host.download().save(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT


@pytest.mark.parametrize("planted", ["backup.tar.part", "backup.tar.part.json"])
async def test_a_planted_link_is_replaced_and_never_followed(target: Path, planted: str) -> None:
    victim = target.with_name("victim")
    victim.write_text("precious", encoding="utf-8")
    target.with_name(planted).symlink_to(victim)
    await FileHost(CONTENT).download().save(target)
    assert victim.read_text(encoding="utf-8") == "precious"
    assert target.read_bytes() == CONTENT
    assert names(target) == ["backup.tar", "victim"]


async def test_a_link_in_place_of_a_part_is_not_followed(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    victim = target.with_name("victim")
    victim.write_bytes(b"v" * 5000)
    part = target.with_name("backup.tar.part")
    part.unlink()
    part.symlink_to(victim)
    await host.download().save(target)
    assert host.ranges == [None]
    assert victim.read_bytes() == b"v" * 5000
    assert target.read_bytes() == CONTENT


async def test_a_pipe_in_place_of_a_part_does_not_block(target: Path) -> None:
    os.mkfifo(target.with_name("backup.tar.part.json"))
    await FileHost(CONTENT).download().save(target)
    assert target.read_bytes() == CONTENT


async def test_progress_is_reported_from_zero_to_the_total(target: Path) -> None:
    content = bytes(saving.PIECE * 3 + 17)
    seen: list[tuple[int, int | None]] = []
    await FileHost(content).download().save(target, progress=lambda received, size: seen.append((received, size)))
    assert seen[0] == (0, len(content))
    assert seen[-1] == (len(content), len(content))
    assert len(seen) >= 4
    assert seen == sorted(seen)


async def test_progress_includes_an_earlier_part(target: Path) -> None:
    host = FileHost(CONTENT)
    await broken_off(host, target)
    seen: list[int] = []
    await host.download().save(target, progress=lambda received, _: seen.append(received))
    assert seen[0] > 0
    assert seen[-1] == len(CONTENT)


async def test_an_error_in_the_progress_callback_ends_the_download(target: Path) -> None:
    def stop(received: int, size: int | None) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        await FileHost(CONTENT).download().save(target, progress=stop)
    assert not target.exists()


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="there is no file system that takes no files")
async def test_a_target_that_cannot_hold_files_is_a_package_error() -> None:
    host = FileHost(CONTENT)
    with pytest.raises(FileAccessError, match=r"/proc/x\.part cannot be written: ") as caught:
        await host.download().save("/proc/x")
    assert caught.value.filename == "/proc/x.part"
    assert caught.value.errno in (errno.ENOENT, errno.EACCES, errno.EPERM)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, ApiClientError)
    assert host.open == 0


@pytest.mark.parametrize("step", ["begin", "write", "finish", "publish", "mark", "check"])
async def test_any_disk_error_becomes_a_package_error(target: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    host = FileHost(CONTENT)
    monkeypatch.setattr(saving.Part, step, refuse)
    with pytest.raises(FileAccessError, match=r"backup\.tar\.part cannot be written: Operation not permitted"):
        await host.download().save(target)
    assert host.open == 0


async def test_a_full_disk_error_names_the_file_and_the_error_number(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, piece: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saving, "write_all", full)
    with pytest.raises(FileAccessError) as caught:
        await FileHost(CONTENT).download().save(target)
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert str(error) == f"{target}.part cannot be written: No space left on device"
        assert (error.errno, error.strerror) == (errno.ENOSPC, "No space left on device")
        assert error.filename == f"{target}.part"


async def test_an_unwritable_directory_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_allowed(path: Any, mode: int) -> bool:  # root may write anywhere
        return Path(path) != tmp_path

    monkeypatch.setattr(os, "access", not_allowed)
    host = FileHost(CONTENT)
    with pytest.raises(InvalidArgumentError, match="cannot be written to: permission denied"):
        await host.download().save(tmp_path / "x")
    assert host.requests == []


class _BytesPath:
    def __fspath__(self) -> Any:
        return b"x"


async def test_a_path_of_bytes_is_refused() -> None:
    host = FileHost(CONTENT)
    with pytest.raises(InvalidArgumentError, match="path: must name the file as text, not as bytes"):
        await host.download().save(_BytesPath())
    assert host.requests == []
