"""What the examples share: their options, a client, and errors as one line.

With `--demo` an example talks to an emulator that it starts itself; else to the API, with `MITTWALD_API_TOKEN`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from mittwald_async import Mittwald, MittwaldError
from mittwald_async.emulator import Emulator, Transitions

QUICK = Transitions(length=0.2, failing=0.0)
"""What takes minutes in reality takes a moment in a demonstration."""


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows `--demo` and explains the example with its docstring."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", action="store_true", help="use a made-up account: no token, no network")
    return parser


def day(text: str) -> datetime:
    """A date on the command line, midnight UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def add_today(parser: argparse.ArgumentParser) -> None:
    """`--on`: another day to count from, since the made-up account does not grow older."""
    parser.add_argument(
        "--on", type=day, default=datetime.now(UTC), metavar="DATE", help="count from this day (default: today)"
    )


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
    """Run an example to its end. An error of the API is one line, exit code 1."""
    try:
        asyncio.run(main(parser.parse_args()))
    except MittwaldError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
