"""A download on disk: grows as `<name>.part`, appears under its name whole and verified, is continued after a break.

All file work happens in worker threads, in pieces of about a megabyte, together with the checksum.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Generator
from io import FileIO
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
import msgspec

from ..errors import ApiClientError, DownloadError, FileAccessError, InvalidArgumentError
from .checksum import verify
from .transfer import Mark, Progressed, Transfer

PIECE = 1 << 20
"""Bytes collected before a worker thread is bothered with them."""

T = TypeVar("T")

_being_written: set[Path] = set()
"""Part files of downloads in progress in this process."""


async def save(
    transfer: Transfer,
    target: Path,
    sha256: str | None,
    *,
    resume: bool,
    overwrite: bool,
    progress: Progressed | None = None,
) -> Path:
    """Bring a transfer to disk; see `Download.save`."""
    if not target.name:
        raise InvalidArgumentError("path", f"{target} is a directory: name the file")
    part = Part(target, transfer.source, sha256)
    with _alone(part.path):
        await _on_disk(part.path, part.check, overwrite)
        mark = await _on_disk(part.path, part.mark) if resume else None
        if mark is not None:
            await transfer.resume(mark)
        elif not transfer.is_open:
            await transfer.open(0)
        await _receive(transfer, part, progress)
        await _on_disk(part.path, part.publish, overwrite)
    return target


async def _on_disk(path: Path, work: Callable[..., T], *args: object) -> T:
    """Do file work in a worker thread.

    Raises:
        FileAccessError: the operating system refused it.
    """
    try:
        return await anyio.to_thread.run_sync(work, *args)
    except ApiClientError:
        raise
    except OSError as problem:
        raise FileAccessError(str(problem.filename or path), problem) from problem


async def _receive(transfer: Transfer, part: Part, progress: Progressed | None) -> None:
    """Fill the part file; leaves it only if it can be continued."""
    pending: list[bytes] = []
    waiting = 0

    async def begin() -> None:
        nonlocal waiting
        pending.clear()
        waiting = 0
        await _on_disk(part.path, part.begin, transfer.position, transfer.validator, transfer.size)

    def report() -> None:
        if progress is not None:
            progress(transfer.position, transfer.size)

    keep = False
    try:
        await begin()
        report()
        async for chunk in transfer.pieces(begin):
            pending.append(chunk)
            waiting += len(chunk)
            if waiting >= PIECE:
                await _on_disk(part.path, part.write, pending)
                waiting = 0
                report()
        await _on_disk(part.path, part.write, pending)
        report()
        await _on_disk(part.path, part.finish)
        keep = True
    except DownloadError:
        raise
    except BaseException:
        keep = transfer.validator is not None
        raise
    finally:
        try:
            with anyio.CancelScope(shield=True):
                await _on_disk(part.path, part.close, pending, keep)
        except asyncio.CancelledError:  # the shield holds only anyio's off, and a thread not begun does not begin
            part.close(pending, keep and transfer.validator is not None)
            raise


@contextlib.contextmanager
def _alone(path: Path) -> Generator[None]:
    """Two downloads into one part file would mix."""
    path = path.absolute()
    if path in _being_written:
        raise InvalidArgumentError("path", f"another download is writing {path}")
    _being_written.add(path)
    try:
        yield
    finally:
        _being_written.discard(path)


class _Facts(msgspec.Struct):
    """What a part file is part of. The source is a digest: URLs may carry secrets."""

    source: str
    validator: str
    size: int | None = None


class Part:
    """The part file and its facts. Synchronous, for worker threads.

    A task that is cancelled goes on to `close` while its last `write` may still run in its thread: hence the lock, and
    hence `write` itself takes the pieces out of the list.
    """

    def __init__(self, target: Path, source: str, sha256: str | None) -> None:
        self.target: Path = target
        self.path: Path = target.with_name(target.name + ".part")
        self._facts_path = target.with_name(target.name + ".part.json")
        self._source = source
        self._sha256 = sha256
        self._digest = hashlib.sha256()
        self._digested = 0
        self._file: FileIO | None = None
        self._length = 0
        """Bytes of the file that are certainly right."""
        self._closed = False
        self._lock = threading.Lock()

    def check(self, overwrite: bool) -> None:
        """Refuse a target that cannot be written, or must not; raises InvalidArgumentError."""
        try:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.stat(self._facts_path)  # the longest name of all
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise InvalidArgumentError("path", f"{str(self.target)!r} cannot be written to: {reason}") from None
        if self.path.is_dir():
            raise InvalidArgumentError("path", f"{self.path} is a directory")
        if not self.target.parent.is_dir():
            raise InvalidArgumentError("path", f"{self.target.parent} is not a directory")
        if not os.access(self.target.parent, os.W_OK | os.X_OK):
            raise InvalidArgumentError("path", f"{self.target.parent} cannot be written to: permission denied")
        if self.target.is_dir():
            raise InvalidArgumentError("path", f"{self.target} is a directory: name the file")
        if not self.target.exists():
            return
        if not self.target.is_file():  # the rename at the end would replace a device like /dev/null itself
            raise InvalidArgumentError("path", f"{self.target} is not a regular file")
        if not overwrite:
            raise InvalidArgumentError("path", f"{self.target} exists: pass overwrite=True to replace it")

    def mark(self) -> Mark | None:
        """How far an earlier try got, if what it left is of the same source and can be asked for again."""
        try:
            with _existing(self._facts_path) as described:
                facts = msgspec.json.decode(described.readall(), type=_Facts)
            with _existing(self.path) as kept:
                position = os.fstat(kept.fileno()).st_size
        except (OSError, msgspec.DecodeError):
            return None
        if facts.source != self._source or (facts.size is not None and position > facts.size):
            return None
        if position == facts.size:
            # Servers reject an empty range; the last byte also shows that the file is the same.
            position -= 1
        if position <= 0:
            return None
        if self._sha256 is not None:
            self._digest_prefix(position)
        return Mark(position, facts.validator, facts.size)

    def _digest_prefix(self, length: int) -> None:
        with _existing(self.path) as file:
            while length > self._digested and (piece := file.read(min(PIECE, length - self._digested))):
                self._digest.update(piece)
                self._digested += len(piece)

    def begin(self, position: int, validator: str | None, size: int | None) -> None:
        """Open for writing at `position`; what lies beyond is dropped."""
        with self._lock:
            if self._closed:
                return
            again = self._file is not None
            file = self._file = self._file or (_existing(self.path) if position else _created(self.path))
            file.seek(position)
            file.truncate()
            self._length = position
            if again or position != self._digested:
                self._digest = hashlib.sha256()
            if validator is None:
                self._facts_path.unlink(missing_ok=True)
            else:
                with _created(self._facts_path) as facts:
                    write_all(facts, msgspec.json.encode(_Facts(self._source, validator, size)))

    def write(self, pieces: list[bytes]) -> None:
        """Append; takes out of the list what it has written."""
        with self._lock:
            if self._file is None:
                return
            for piece in pieces:
                write_all(self._file, piece)
                if self._sha256 is not None:
                    self._digest.update(piece)
            self._length = self._file.tell()
            pieces.clear()

    def finish(self) -> None:
        """Everything is on disk and is what it should be; raises DownloadError if it is not."""
        with self._lock:
            if self._file is not None:
                os.fsync(self._file.fileno())
        if self._sha256 is not None:
            verify(self._sha256, self._digest.hexdigest())

    def close(self, pending: list[bytes], keep: bool) -> None:
        """Let go of the file; what is not to be kept is removed."""
        with self._lock:
            self._closed = True
            file, self._file = self._file, None
            if file is not None:
                with file, contextlib.suppress(OSError):
                    file.seek(self._length)
                    file.truncate()
                    for piece in pending if keep else ():
                        write_all(file, piece)
            if not keep:
                self._facts_path.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)

    def publish(self, overwrite: bool) -> None:
        """The one moment at which the target changes."""
        if not overwrite and self.target.exists():
            raise InvalidArgumentError(
                "path", f"{self.target} was created meanwhile: the download stays in {self.path}"
            )
        with contextlib.suppress(OSError):  # a target that is replaced keeps its mode
            os.chmod(self.path, stat.S_IMODE(os.stat(self.target).st_mode))
        os.replace(self.path, self.target)
        self._facts_path.unlink(missing_ok=True)
        if os.name == "posix":  # so that the new name survives a power failure
            directory = os.open(self.target.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)


_BINARY = getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def _created(path: Path) -> FileIO:
    """A new file. What has the name is removed first and never written through: it might be a planted link."""
    path.unlink(missing_ok=True)
    return FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK | _BINARY, 0o600), "r+b")


def _existing(path: Path) -> FileIO:
    """A regular file that is there already. Links are not followed.

    Raises:
        OSError: it is missing, a link, or not a regular file.
    """
    file = FileIO(os.open(path, os.O_RDWR | _NO_LINK | _BINARY | getattr(os, "O_NONBLOCK", 0)), "r+b")
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and not (os.name == "nt" and path.is_symlink()):
        return file
    file.close()
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def write_all(file: FileIO, piece: bytes) -> None:
    """Write until nothing is left: an unbuffered file may take less at a time."""
    left = memoryview(piece)
    while left:
        left = left[file.write(left) :]
