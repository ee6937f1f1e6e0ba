"""One writer at a time: a lock on a file beside the journal, which the system releases however the process ends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from .records import JournalError


class WriterLock:
    """Held from construction to `release`.

    Raises:
        JournalError: another process, or another journal of this one, holds it.
    """

    def __init__(self, journal: Path) -> None:
        self._path = journal.with_name(journal.name + ".lock")
        if not journal.parent.is_dir():
            raise JournalError(f"{journal}: the folder {journal.parent} does not exist")
        if journal.is_dir():
            raise JournalError(f"{journal}: a folder; name a file in it")
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                if not _lock(descriptor):
                    holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
                    by = f"process {holder}" if holder.isdigit() else "another process"
                    raise JournalError(
                        f"{journal}: {by} is writing to it; wait until that has ended, or use another journal"
                    )
                if self._current(descriptor):
                    break
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # the one who held it took the file away; there may be a new one by now
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor: int | None = descriptor

    def _current(self, descriptor: int) -> bool:
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return False
        mine = os.fstat(descriptor)
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)

    def release(self) -> None:
        """Let others write. Harmless when repeated."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.unlink(self._path)
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
