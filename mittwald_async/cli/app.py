"""The commands put together, and what an error turns into."""

from __future__ import annotations

import os
import sqlite3
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Annotated, TextIO

import typer

from .._version import __version__
from ..errors import (
    AuthenticationError,
    ConfigurationError,
    DriftWarning,
    InvalidArgumentError,
    MittwaldError,
    PermissionDeniedError,
    RateLimitError,
    TransportError,
)
from ..inventory import StoreError
from ..profile import TOKEN_VARIABLE
from . import output
from .bulk import bulk
from .call import call
from .check import check
from .common import EPILOG, FAILED, INTERRUPTED, UNREAD, USAGE, StoppedError
from .diff import diff
from .dns import dns
from .emulate import emulate
from .export import export
from .fleet import fleet
from .journal import journal
from .limits import limits
from .operations import operations
from .output import emit, forget_output, message
from .plan import plan
from .prune import prune
from .report import report
from .sweep import sweep
from .tables import tables

_HELP = """Bulk work on the mittwald API: inventories, single calls, the request budget, a local emulator.

[bold]Examples[/bold]

  mittwald-async sweep --demo

  mittwald-async operations mysql user

  mittwald-async call project-list-projects --all
"""

app: typer.Typer = typer.Typer(
    name="mittwald-async",
    help=_HELP,
    epilog=EPILOG,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _subcommand in (
    sweep,
    fleet,
    plan,
    diff,
    tables,
    prune,
    check,
    report,
    export,
    call,
    bulk,
    journal,
    operations,
    limits,
    emulate,
):
    app.command(epilog=EPILOG)(_subcommand)
app.add_typer(dns, name="dns")


def _version(show: bool) -> None:
    if show:
        emit(f"mittwald-async {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.", metavar="")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error comes from; with any command.", metavar="")
    ] = False,
) -> None:
    """`--debug` is removed from the arguments before this, wherever it is."""


_WAYS_OUT: tuple[tuple[type[MittwaldError], str], ...] = (
    (AuthenticationError, f"check {TOKEN_VARIABLE} or --token-file"),
    (PermissionDeniedError, "the token's user may not do this"),
    (RateLimitError, "the request budget is used up; `mittwald-async limits` shows when it is back"),
    (TransportError, "check the network, proxies and --base-url"),
)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and give its exit code. Errors are one line; `--debug` shows the traceback."""
    rest = [argument for argument in arguments if argument != "--debug"]
    if len(rest) == 2 and rest[0] == "--show-completion":
        # The option alone detects the calling shell; this sets the script of a named one.
        os.environ["_MITTWALD_ASYNC_COMPLETE"] = f"source_{rest[1]}"
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _put_warning
            result = app(args=rest or ["--help"], prog_name="mittwald-async", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as end:
        # What click and rich make of it when the reader of a pipe goes away.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        forget_output()
        return UNREAD
    except (typer.Abort, KeyboardInterrupt):
        message("interrupted")
        return INTERRUPTED
    except StoppedError as stop:
        message(str(stop))
        return stop.code
    except Exception as error:
        if len(rest) < len(arguments):
            traceback.print_exc()
        return _explain(error)
    if result == INTERRUPTED:  # typer's replacement for Ctrl-C outside an event loop
        message("interrupted")
    if not rest:
        return USAGE
    return result if isinstance(result, int) else 0


_show_warning = warnings.showwarning


def _put_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A deviating response is one line like any other message; a place in the source says nothing to users."""
    if issubclass(category, DriftWarning):
        output.message(str(message))
    else:
        _show_warning(message, category, filename, lineno, file, line)


def _explain(error: Exception) -> int:
    line, code = _line(error)
    message(line, error=True)
    for note in getattr(error, "__notes__", ()):
        message(note)
    return code


def _line(error: Exception) -> tuple[str, int]:
    """What went wrong, with the way out, and the exit code."""
    # Usage errors are click's, of which newer typers bring their own copy.
    usage = getattr(error, "format_message", None)
    if callable(usage):
        return f"{str(usage()).rstrip('.')}; see `{_command(error)} --help`", USAGE
    if isinstance(error, (ConfigurationError, InvalidArgumentError, StoreError)):
        return str(error), USAGE
    if isinstance(error, sqlite3.Error):
        return f"the inventory's file: {error}; if it is damaged, choose another name", USAGE
    if isinstance(error, MittwaldError):
        way = next((way for kind, way in _WAYS_OUT if isinstance(error, kind)), None)
        return (f"{error} ({way})" if way else str(error)), FAILED
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else "the output: "
        return f"{where}{error.strerror or error}", USAGE
    return f"unexpected {type(error).__name__}: {error} (run again with --debug, and please report it)", FAILED


def _command(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return getattr(context, "command_path", None) or "mittwald-async"
