"""Text from where a command line says: standard input, a file, a prompt. Always UTF-8, whatever the terminal speaks."""

from __future__ import annotations

import shutil
import sys
from getpass import getpass
from pathlib import Path
from typing import IO, Any

from ..runtime.errors import ConfigurationError


def stdin_bytes(name: str) -> bytes:
    """All of standard input.

    Args:
        name: the argument that is read, for errors.

    Raises:
        ConfigurationError: it is closed, or cannot be read.
    """
    source = _stdin(name)
    try:
        content = source.read()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{name}: standard input cannot be read: {error}") from None
    return content.encode() if isinstance(content, str) else content


def copy_stdin(target: IO[bytes], name: str) -> None:
    """Copy all of standard input, however long it is.

    Raises:
        ConfigurationError: it is closed, or cannot be read.
    """
    source = _stdin(name)
    try:
        shutil.copyfileobj(source, target)
        target.flush()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{name}: standard input cannot be read: {error}") from None


def _stdin(name: str) -> Any:
    if sys.stdin is None:
        raise ConfigurationError(f"{name}: standard input is closed")
    return getattr(sys.stdin, "buffer", sys.stdin)


def stdin_text(name: str) -> str:
    """All of standard input as text; see `stdin_bytes`.

    Raises:
        ConfigurationError: it cannot be read, or is not UTF-8.
    """
    return _decoded(stdin_bytes(name), f"{name}: standard input")


def file_text(path: str, name: str) -> str:
    """A file as text.

    Raises:
        ConfigurationError: it cannot be read, or is not UTF-8.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{name}: {path}: {getattr(error, 'strerror', None) or error}") from None
    return _decoded(content, f"{name}: {path}")


def asked(name: str) -> str:
    """A secret, from the person at the terminal; what is typed is not shown.

    Raises:
        ConfigurationError: no terminal is available.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigurationError(f"{name}: no terminal to ask on; {name}=- reads standard input")
    return getpass(f"{name}: ")


def one_line_less(text: str) -> str:
    """Text without the end of its last line, which editors and `echo` put there."""
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")


def _decoded(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where} is not UTF-8 text (byte {error.start})") from None
