"""The overview, made by another interpreter: that takes a core of its own, which threads of one interpreter mostly do
not."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ...errors import ConfigurationError
from .mutes import Mute
from .overview import CheckOverview, overview

LARGE = 100_000_000
"""Bytes of an inventory file, about 10⁵ rows, from which on this is quicker: the interpreter's start takes a third of a
second."""


class _Asked(msgspec.Struct, frozen=True, array_like=True):
    path: bytes
    listed: int
    mutes: tuple[Mute, ...]


def overview_apart(path: Path, *, listed: int, mutes: Sequence[Mute] = ()) -> CheckOverview:
    """As `overview`. Where this interpreter cannot be started once more, the overview is made here.

    Args:
        path: a SQLite inventory.
        listed: how many findings are wanted, worst first.
        mutes: findings to hide.

    Raises:
        ConfigurationError: the file is not an inventory or has no complete sweep; or the other interpreter was killed.
    """
    asked = msgspec.msgpack.encode(_Asked(os.fsencode(path.absolute()), listed, tuple(mutes)))
    # -P: nothing is imported from the folder that the command happens to be run in.
    command = [sys.executable, "-P", "-m", __name__]
    try:
        done = subprocess.run(  # noqa: S603
            command, input=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
        if done.returncode < 0:
            raise ConfigurationError(f"{path}: the checks were stopped by signal {-done.returncode}; try again")
        if done.returncode == 0:
            return msgspec.msgpack.decode(done.stdout, type=CheckOverview)
    except (OSError, msgspec.MsgspecError):
        pass
    # This also says what is wrong with the file, if that was why.
    return overview(path, listed=listed, mutes=mutes)


def _answer(question: bytes) -> bytes:
    asked = msgspec.msgpack.decode(question, type=_Asked)
    return msgspec.msgpack.encode(
        overview(Path(os.fsdecode(asked.path)), listed=asked.listed, mutes=asked.mutes, threads=1)
    )


if __name__ == "__main__":
    # Nothing that is made here refers to itself, and all of it ends with the process.
    gc.disable()
    # Ctrl-C reaches this process as well: it ends at once, not after the query.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.stdout.buffer.write(_answer(sys.stdin.buffer.read()))
