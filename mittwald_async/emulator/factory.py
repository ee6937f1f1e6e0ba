"""From options to a core: the documented routes are loaded, a state file is read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from ..operations import OPERATIONS, REDIRECTS
from .core import Core
from .handlers import UNDOCUMENTED
from .options import EmulatorOptions, OptionError
from .resources import load_all
from .routes import Routes
from .shapes import Shapes
from .tenant import Specification
from .validate import Checker


def build(options: EmulatorOptions) -> Core:
    """A core over all documented operations, continued from the state file if there is one. Raises OptionError."""
    load_all()
    core = Core(options, _with_locations(options.redirects) if options.redirects else _documented())
    if options.state is not None:
        dumped = _read(Path(options.state))
        try:
            core.load(dumped)
        except (ValueError, LookupError, TypeError) as error:
            raise OptionError(f"cannot use state file {options.state}: {error or type(error).__name__}") from None
    return core


def _with_locations(locations: dict[str, str]) -> Specification:
    """The specification, with redirect stubs that lead to the given places."""
    shapes = Shapes()
    return Specification(Routes([*OPERATIONS.values(), *UNDOCUMENTED], REDIRECTS, locations), shapes, Checker(shapes))


@cache
def _documented() -> Specification:
    """Loaded once per process."""
    return _with_locations({})


def _read(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise OptionError(f"cannot read state file {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise OptionError(f"cannot use state file {path}: not JSON") from None
