"""From options to a core: facts are loaded, a state file is read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from ..operations import OPERATIONS, REDIRECTS
from .core import Core, Facts
from .options import OptionError, Options


def build(options: Options) -> Core:
    """A core over all documented operations, continued from the state file if there is one. Raises OptionError."""
    core = Core(options, _facts(options.redirects))
    if options.state is not None:
        dumped = _read(Path(options.state))
        try:
            core.load(dumped)
        except (ValueError, LookupError, TypeError) as error:
            raise OptionError(f"cannot use state file {options.state}: {error or type(error).__name__}") from None
    return core


def _facts(locations: dict[str, str]) -> Facts:
    return Facts(OPERATIONS.values(), REDIRECTS, locations) if locations else _documented()


@cache
def _documented() -> Facts:
    """Loaded once per process."""
    return Facts(OPERATIONS.values(), REDIRECTS)


def _read(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise OptionError(f"cannot read state file {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise OptionError(f"cannot use state file {path}: not JSON") from None
