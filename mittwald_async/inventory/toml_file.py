"""TOML files that users write by hand: accounts, mutes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError


def read_toml(path: Path, name: str) -> dict[str, Any]:
    """The content of a file.

    Args:
        path: the file. It may begin with a byte order mark, as some editors write one.
        name: what messages call it.

    Raises:
        ConfigurationError: the file cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{name}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name}: the file is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name}: the file is not valid TOML: {error}") from None
