"""The built-in account: an emulator in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.abc
from anyio.streams.text import TextReceiveStream

from ..runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from ..client import Mittwald

_START_SECONDS = 30.0
_ACCOUNT = ("--customers", "25", "--projects", "100", "--rate-limit", "none", "--drift", "0")
"""An agency's account of today, without a budget: nothing has to be waited for."""


def demo_client(reserve: float, token_file: Path | None) -> AbstractAsyncContextManager[Mittwald]:
    """A client of the built-in account, which lives as long as the client is open.

    Raises:
        ConfigurationError: a token is given: the demo has its own.
    """
    if token_file is not None:
        raise ConfigurationError("--demo has an account of its own; leave --token-file out")
    return _demo_client(reserve)


@asynccontextmanager
async def _demo_client(reserve: float) -> AsyncGenerator[Mittwald]:
    from ..client import Mittwald

    async with demo_server() as (url, token), Mittwald(token, base_url=url, reserve=reserve) as mw:
        yield mw


@asynccontextmanager
async def demo_server() -> AsyncGenerator[tuple[str, str]]:
    """Start an emulator with a generated agency account; gives its URL and token, and ends it afterwards.

    Raises:
        ConfigurationError: it did not start.
    """
    command = [sys.executable, "-m", "mittwald_async.emulator", "--port", "0", *_ACCOUNT]
    process = await anyio.open_process(command, stdin=subprocess.DEVNULL, stderr=None)
    try:
        ready = None
        with anyio.move_on_after(_START_SECONDS):
            ready = await _announced(process)
        if ready is None:
            raise ConfigurationError("the demo's emulator did not start; see above, or try `mittwald-async emulate`")
        yield ready
    finally:
        if process.returncode is None:
            process.terminate()
        with anyio.CancelScope(shield=True):
            await process.aclose()


async def _announced(process: anyio.abc.Process) -> tuple[str, str] | None:
    """URL and token, which the emulator prints as its first two lines; `None` if it ended before."""
    if process.stdout is None:
        return None
    text = ""
    async for chunk in TextReceiveStream(process.stdout):
        text += chunk
        if text.count("\n") >= 2:
            url, token, *_ = text.splitlines()
            return url.strip(), token.partition(": ")[2].strip()
    return None
