"""One sweep at a time works on a file: a lock that the system takes back when its process ends, however that ends."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from .errors import StoreError


class FileLock:
    """A lock beside a file, held until `release`.

    Not on the file itself: closing a second handle of it would drop the database's own locks.

    Args:
        path: the file; its name with `.lock` is what is locked, the same for every link that leads to it.
    """

    def __init__(self, path: Path) -> None:
        self._file = path
        target = path.resolve()
        self._path = target.with_name(f".{target.name}.lock")
        self._handle: int | None = None

    def hold(self) -> None:
        """Take the lock.

        Raises:
            StoreError: another sweep has it, or the folder cannot be written to.
        """
        try:
            free = self.acquire()
        except OSError as error:
            raise StoreError(f"{self._file}: cannot be locked ({error.strerror or error})") from error
        if not free:
            raise StoreError(
                f"{self._file}: another sweep is writing to it; wait until it has ended, or choose another file"
            )

    def acquire(self) -> bool:
        """Take the lock if it is free; false where another process, or another sweep of this one, has it.

        Raises:
            OSError: the folder cannot be written to.
        """
        while True:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            if not _locked(handle):
                os.close(handle)
                return False
            if self._is_current(handle):
                self._handle = handle
                return True
            os.close(handle)  # The holder before has just removed it.

    def _is_current(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), os.stat(self._path))
        except OSError:
            return False

    def release(self) -> None:
        """Give the lock back."""
        if self._handle is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._handle)
            self._handle = None


if sys.platform == "win32":
    import msvcrt

    def _locked(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _locked(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
