"""What commands share: exit codes, the client made from options, output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import anyio
import typer
from rich.console import Console

from ..client import Mittwald
from ..errors import ConfigurationError

OK, FAILED, USAGE, LISTS_FAILED, SPENT, INTERRUPTED = 0, 1, 2, 3, 4, 130

T = TypeVar("T")

BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url", envvar="MITTWALD_API_BASE_URL", help="Another server, such as an emulator.", metavar="URL"
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file", help="File that holds the token; without it MITTWALD_API_TOKEN is used.", metavar="FILE"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON for machines instead of text for people.")]

# Off a terminal there is no width to keep to: whoever reads the output wants whole ids.
_WIDE = 1000
out: Console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)
err: Console = Console(stderr=True, highlight=False, soft_wrap=True)


def client(token_file: Path | None, base_url: str | None, **options: Any) -> Mittwald:
    """A client, not yet opened. The token comes from a file or the environment, never from an argument.

    Raises:
        ConfigurationError: no token, or its file cannot be read.
    """
    if token_file is not None:
        try:
            # Editors of some systems begin a text file with a byte order mark.
            token = token_file.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise ConfigurationError(f"--token-file {token_file}: {reason}") from None
        if not token:
            raise ConfigurationError(f"--token-file {token_file}: the file is empty")
    else:
        token = os.environ.get("MITTWALD_API_TOKEN", "")
        if not token:
            raise ConfigurationError(
                "no token: set MITTWALD_API_TOKEN or name a file with --token-file (or try --demo)"
            )
    return Mittwald(token, base_url=base_url, user_agent="mittwald-async-cli", **options)


def run(main: Callable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> T:
    """Run a coroutine function to its end on an event loop of its own."""
    return anyio.run(partial(main, *args, **kwargs))


def duration(seconds: float) -> str:
    """`75` as `1:15`, `4000` as `1:06:40`."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
