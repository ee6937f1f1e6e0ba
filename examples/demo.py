"""Shared by the examples: their options, a client, and one-line errors.

With `--demo` an example uses an emulator that it starts itself, otherwise the API with `MITTWALD_API_TOKEN`.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mittwald_async import Mittwald, MittwaldError
from mittwald_async.emulator import Emulator, Transitions
from mittwald_async.errors import ConfigurationError, InvalidArgumentError

QUICK = Transitions(length=0.2, failing=0.0)
"""Changes that take minutes in reality take a moment in a demonstration."""


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with `--demo` and the example's docstring as description."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", action="store_true", help="use a made-up account: no token, no network")
    return parser


def hostname(text: str) -> str:
    """A name such as `www.example.org`."""
    if not re.fullmatch(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", text, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"{text!r} is not a host name such as www.example.org")
    return text.lower()


def email(text: str) -> str:
    """An address such as `kim@example.org`."""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an email address")
    return text


def positive(text: str) -> int:
    """A positive integer."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def port(text: str) -> int:
    """A TCP port."""
    if positive(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def version(text: str) -> str:
    """A version such as `8.4`."""
    if not re.fullmatch(r"\d+(\.\d+)+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a version such as 8.4")
    return text


def an_id(text: str) -> str:
    """An id of the API: short, such as `p-xxxxxx`, or a UUID."""
    if not re.fullmatch(r"[a-z]{1,8}-[a-z0-9]{4,12}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an id such as p-xxxxxx")
    return text


def existing_file(text: str) -> Path:
    """An existing file."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"file {text!r} does not exist")
    return Path(text)


@asynccontextmanager
async def connected(
    demo: bool, *, rate_limit: tuple[int, float] = (3000, 600.0), **given: Any
) -> AsyncGenerator[Mittwald]:
    """An open client, of the emulator or of the real API.

    Args:
        demo: which of the two.
        rate_limit: requests per seconds that the emulator allows.
        given: options of `Mittwald`.
    """
    if not demo:
        async with Mittwald(**given) as mw:
            yield mw
        return
    async with (
        Emulator(seed=7, customers=5, projects=20, transitions=QUICK, rate_limit=rate_limit) as api,
        Mittwald(api.token, base_url=api.url, **given) as mw,
    ):
        yield mw


def run(main: Callable[[argparse.Namespace], Coroutine[Any, Any, None]], parser: argparse.ArgumentParser) -> None:
    """Run an example to its end. An error is one line: exit code 2 for wrong usage or configuration, and 1 for an error
    of the API.
    """
    try:
        asyncio.run(main(parser.parse_args()))
    except (ConfigurationError, InvalidArgumentError) as error:
        parser.exit(2, f"{error}\n")
    except MittwaldError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
