"""A file that is made of an inventory: put in place whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import IO

from ..errors import ConfigurationError


@contextmanager
def result_file(path: Path, mode: int = 0o600) -> Generator[IO[bytes]]:
    """A file to write to, which a reader sees whole or not at all. A link stays, and the file that it leads to is
    replaced; a device or pipe is written to as it is.

    Args:
        path: where the result goes.
        mode: who may read and write it; by default its owner only.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as file:
                yield file
            return
        target = path.resolve()
        # A name of its own: two commands that write the same result do not mix their halves.
        handle, name = mkstemp(prefix=f".{target.name[:100]}.", suffix=".partial", dir=target.parent)
        working = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            working.chmod(mode)
            working.replace(target)
        finally:
            with suppress(OSError):
                working.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}") from None
