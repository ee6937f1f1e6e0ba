"""`report`: an inventory as one page to look at."""

from __future__ import annotations

import locale as system_locale
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..inventory.checks import all_checks, mutes_from
from ..inventory.report.page import Locale
from ..runtime.errors import ConfigurationError
from .common import OK, is_stdout, keep_apart
from .lake import inventory_file
from .output import emit, message

_RUNS = 8
"""Runs of a data set that a report looks back on."""


def report(
    file: Annotated[Path, typer.Argument(help="SQLite inventory, or a data set of a fleet.", metavar="FILE")],
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file; - is standard output.", metavar="FILE")] = Path(
        "report.html"
    ),
    locale: Annotated[
        str | None, typer.Option("--locale", help="How dates and numbers are written: de or en.", metavar="NAME")
    ] = None,
    mute: Annotated[
        Path | None, typer.Option("--mute", help="TOML file of accepted findings to hide.", metavar="FILE")
    ] = None,
) -> int:
    """Write an inventory as one HTML page: findings, expiry, versions, storage, access, changes. The page loads
    nothing.

    [bold]Examples[/bold]

      mittwald-async report inventory.sqlite

      mittwald-async report inventory.sqlite -o monday.html --locale de
    """
    from ..fleet.history import url_of
    from ..inventory.report import report_html, write_report

    keep_apart({"--out": out}, {"FILE": file, "--mute": mute})
    mutes = () if mute is None else mutes_from(mute, (one.id for one in all_checks()))
    chosen = _locale(locale)
    # A frozen program cannot be started as an interpreter.
    apart = not getattr(sys, "frozen", False)
    with inventory_file(file, runs=_RUNS) as inventory:
        if is_stdout(out):
            emit(report_html(inventory, locale=chosen, mutes=mutes, apart=apart))
            return OK
        written = write_report(inventory, out, locale=chosen, mutes=mutes, apart=apart)
        message(f"{url_of(file)} → {written}")
    return OK


def _locale(given: str | None) -> Locale:
    if given is None:
        # As other programs do: the first of these that is set counts. Where none is, the system's own way is asked.
        named = next((os.environ[name] for name in ("LC_ALL", "LC_TIME", "LANG") if os.environ.get(name)), None)
        return "de" if (named or system_locale.getlocale()[0] or "").lower().startswith(("de", "german")) else "en"
    locales: tuple[Locale, ...] = ("de", "en")
    for locale in locales:
        if given == locale:
            return locale
    raise ConfigurationError(f"--locale {given!r} is unknown; use de or en")
