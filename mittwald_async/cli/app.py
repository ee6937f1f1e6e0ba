"""The commands put together, and what an error turns into."""

from __future__ import annotations

import sqlite3
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from .._version import __version__
from ..errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidArgumentError,
    MittwaldError,
    PermissionDeniedError,
    RateLimitError,
    TransportError,
)
from ..inventory import StoreError
from .call import call, limits, operations
from .emulate import emulate
from .shared import FAILED, INTERRUPTED, USAGE
from .sweep import plan, sweep

app: typer.Typer = typer.Typer(
    name="mittwald-async",
    help="Bulk work on the mittwald API: inventories, single calls, the request budget, a local emulator.",
    epilog="--debug shows the traceback of an error. Exit codes: 0 done, 1 API error, 2 usage or configuration, 3 lists failed, 4 --max-requests used up, "
    "130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command()(sweep)
app.command()(plan)
app.command(context_settings={"allow_interspersed_args": True})(call)
app.command()(operations)
app.command()(limits)
app.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})(emulate)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"mittwald-async {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


_WAYS_OUT: tuple[tuple[type[MittwaldError], str], ...] = (
    (AuthenticationError, "check MITTWALD_API_TOKEN or --token-file"),
    (PermissionDeniedError, "the token's user may not do this"),
    (RateLimitError, "the request budget is used up; `mittwald-async limits` shows when it is back"),
    (TransportError, "check the network, proxies and --base-url"),
)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and give its exit code. Errors are one line; `--debug` shows the traceback."""
    debug = "--debug" in arguments
    rest = [argument for argument in arguments if argument != "--debug"]
    try:
        result = app(args=rest, prog_name="mittwald-async", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        return _say("interrupted", INTERRUPTED)
    except Exception as error:
        # Usage errors show themselves. They are click's, of which newer typers bring their own copy.
        show = getattr(error, "show", None)
        if callable(show):
            show()
            return USAGE
        if debug:
            traceback.print_exc()
        return _explain(error)
    return result if isinstance(result, int) else 0


def _explain(error: Exception) -> int:
    if isinstance(error, (ConfigurationError, InvalidArgumentError, StoreError)):
        return _say(str(error), USAGE)
    if isinstance(error, sqlite3.Error):
        return _say(f"the inventory's file: {error}; if it is damaged, choose another name", USAGE)
    if isinstance(error, MittwaldError):
        way = next((way for kind, way in _WAYS_OUT if isinstance(error, kind)), None)
        return _say(f"{error} ({way})" if way else str(error), FAILED)
    return _say(f"unexpected {type(error).__name__}: {error} (run again with --debug, and please report it)", FAILED)


def _say(line: str, code: int) -> int:
    sys.stderr.write("mittwald-async: " + " ".join(line.split()) + "\n")
    return code
