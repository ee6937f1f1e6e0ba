"""From options to a running emulator: facts are loaded, a state file is read, the process serves until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .options import OptionError, Options

if TYPE_CHECKING:
    from . import Emulator
    from .core import Core, Facts

_shared: Facts | None = None


def build(options: Options) -> Core:
    """A core over all documented operations, continued from the state file if there is one. Raises OptionError."""
    from .core import Core

    core = Core(options, _facts(options.redirects))
    if options.state is not None:
        dumped = _read(Path(options.state))
        try:
            core.load(dumped)
        except (ValueError, LookupError, TypeError) as error:
            raise OptionError(f"cannot use state file {options.state}: {error or type(error).__name__}") from None
    return core


def _facts(locations: dict[str, str]) -> Facts:
    """Loaded once per process, unless somebody has locations of their own."""
    from ..operations import OPERATIONS, REDIRECTS
    from .core import Facts

    global _shared
    if locations:
        return Facts(OPERATIONS.values(), REDIRECTS, locations)
    if _shared is None:
        _shared = Facts(OPERATIONS.values(), REDIRECTS)
    return _shared


def _read(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise OptionError(f"cannot read state file {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise OptionError(f"cannot use state file {path}: not JSON") from None


async def serve(options: Options, ready: Callable[[Emulator], None]) -> None:
    """Run until SIGINT or SIGTERM; `ready` is called once the port is open. Raises OptionError."""
    from . import Emulator

    async with Emulator.of(options) as emulator:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(number, stop.set)
        ready(emulator)
        await stop.wait()
