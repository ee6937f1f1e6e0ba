"""`sweep`: the inventory from the command line."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from ..errors import ConfigurationError, MittwaldError
from ..inventory import Bounds, Summary, SweepJob, chosen, make_plan, sink_for
from ..inventory import target as make_target
from ..runtime.options import BASE_URL_VARIABLE
from .common import (
    LISTS_FAILED,
    OK,
    SPENT,
    BaseUrl,
    Json,
    StoppedError,
    TokenFile,
    client,
    run,
)
from .demo import demo_client
from .output import count, duration, emit, message, put_json, put_table
from .plan import Customers, Projects, Resources, known_from, price, show_plan
from .progress import display

if TYPE_CHECKING:
    from ..client import Mittwald

_NAMED = 20
"""Failures that are named one by one."""

Out = Annotated[
    Path,
    typer.Option(
        "--out", "-o", help=".sqlite, .jsonl (.gz, .zst), .csv, .parquet, or a folder with --format.", metavar="PATH"
    ),
]
Format = Annotated[str | None, typer.Option("--format", help="sqlite, jsonl, csv (for spreadsheets), csv-raw or parquet.", metavar="FORM")]


def sweep(
    out_path: Out = Path("inventory.sqlite"),
    format: Format = None,
    resource: Resources = None,
    customer: Customers = None,
    project: Projects = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the interrupted or failed sweep of the file.", metavar="")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print the plan; send nothing.", metavar="")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first list that fails.", metavar="")] = False,
    max_requests: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many requests; --resume goes on.", metavar="N")
    ] = None,
    reserve: Annotated[
        float, typer.Option(min=0, max=0.95, help="Share of the budget left for others.", metavar="SHARE")
    ] = 0.0,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1000, help="Lists under way at once.", metavar="N")
    ] = Bounds().concurrency,
    demo: Annotated[
        bool, typer.Option("--demo", help="Sweep a built-in, generated account: no token, no network.", metavar="")
    ] = False,
    token_file: TokenFile = None,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> int:
    """Make an inventory of everything the token can see.

    [bold]Examples[/bold]

      mittwald-async sweep --demo

      mittwald-async sweep --out inventory.sqlite --reserve 0.2

      mittwald-async sweep -r project -r domain -o domains.jsonl.gz

      mittwald-async sweep --resume
    """
    asked = chosen(resource)
    part = make_target(customer or None, project or None)
    # What an interrupted sweep was of is known by its file alone.
    sink = sink_for(out_path, format, [] if resume and not resource else [one.name for one in asked])
    if explain:
        if resume:
            raise ConfigurationError("--explain shows what a new sweep would ask for; leave --resume out")
        return show_plan(make_plan(asked, part, known_from(sink.store_path)), as_json)
    bounds = Bounds(concurrency=concurrency, max_requests=max_requests, strict=strict)
    # An address in the environment stays there, one that was typed has to be typed again.
    typed_url = base_url if base_url != os.environ.get(BASE_URL_VARIABLE) else None
    if demo and typed_url is not None:
        raise ConfigurationError("--demo has a server of its own; leave --base-url out")
    again = _again(
        {
            "--demo": demo,
            "--format": format,
            "--strict": strict,
            "--reserve": reserve or None,
            "--concurrency": concurrency if concurrency != Bounds().concurrency else None,
            "--token-file": token_file,
            "--base-url": typed_url,
            "--json": as_json,
            "--out": out_path,
        }
    )
    source = demo_client(reserve, token_file) if demo else client(token_file, base_url, reserve=reserve)
    job = SweepJob(sink, asked, part, resume=resume, bounds=bounds, source="demo" if demo else None)
    try:
        if resume:
            job.check(asked if resource else None, part if customer or project else None)
        return run(_sweep, job, source, again, as_json)
    except StoppedError as stop:
        begun = job.store.unfinished() is not None
        raise StoppedError(stop.code, f"go on with: {again}" if begun else "nothing had been asked for yet") from None
    except MittwaldError as error:
        if job.sweep is not None:
            error.add_note(f"stopped; once that is settled, go on with: {again}")
        raise
    finally:
        job.close()


async def _sweep(job: SweepJob, source: AbstractAsyncContextManager[Mittwald], again: str, as_json: bool) -> int:
    async with source as mw, display(mw, job, as_json=as_json) as watch:
        summary = await job.run(mw, watch)
    if as_json:
        put_json({"event": "summary", **msgspec.to_builtins(summary)})
    else:
        _print_summary(summary, job, again)
    if summary.failures:
        return LISTS_FAILED
    return SPENT if summary.resumable else OK


def _compared(job: SweepJob, requests: int) -> str:
    """How the requests sent compare with what was planned; nothing where an earlier run had a part in it."""
    if job.resumed:
        return ""
    exact = not job.plan.open and job.plan.requests == requests
    return " (as planned)" if exact else f" (planned: {price(job.plan)})"


def _print_summary(summary: Summary, job: SweepJob, again: str) -> None:
    rows = [(name, f"{number:,}") for name, number in summary.rows.items()]
    put_table(("resource", "rows"), rows, right=("rows",))
    total = count(sum(summary.rows.values()), "row")
    sent = f"{count(summary.requests, 'request')}{_compared(job, summary.requests)}"
    emit(f"{total}, {sent}, {duration(summary.seconds)} → {summary.path}\n")
    if summary.drifted:
        emit(f"{count(summary.drifted, 'row deviates', 'rows deviate')} from the document, kept as they came\n")
    for failure in summary.failures[:_NAMED]:
        message(f"failed: {failure}")
    if len(summary.failures) > _NAMED:
        message(f"… and {len(summary.failures) - _NAMED:,} more; {job.sink.store_path} has all in its table `failures`")
    for own in summary.nothing_of:
        message(f"nothing at all was found of {own}; is the id right?")
    if summary.resumable:
        message(f"not complete; go on with: {again}")


def _again(options: dict[str, object]) -> str:
    """The command that goes on, to be typed as it is."""
    words = [*_program(), "sweep", "--resume"]
    for name, value in options.items():
        if value is True:
            words.append(name)
        elif value is not None and value is not False:
            # A path may begin with a dash.
            words += [f"{name}={value}"] if str(value).startswith("-") else [name, str(value)]
    return shlex.join(words)


def _program() -> list[str]:
    """How this program was called, or its name where that finds it."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return [sys.executable, "-m", "mittwald_async.cli"]
    if called.stem != "mittwald-async":
        return ["mittwald-async"]
    found = shutil.which(called.stem)
    return [called.stem] if found is not None and Path(found).samefile(called) else [str(called)]
