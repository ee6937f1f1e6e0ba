"""`sweep` and `plan`: the inventory from the command line."""

from __future__ import annotations

import shlex
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from ..client import Mittwald
from ..errors import MittwaldError
from ..inventory import (
    Bounds,
    Job,
    Known,
    Plan,
    Store,
    Summary,
    chosen,
    make_plan,
    seconds_for,
    sink_for,
)
from ..inventory import (
    target as make_target,
)
from ..inventory.catalog import catalog
from ..inventory.sinks import Sink
from .demo import demo_client
from .progress import display
from .shared import INTERRUPTED, LISTS_FAILED, OK, SPENT, BaseUrl, Json, TokenFile, client, duration, err, out, run

Resources = Annotated[
    list[str] | None,
    typer.Option(
        "--resource", "-r", help="What to list (repeatable); `all` is everything. See `plan --list`.", metavar="NAME"
    ),
]
Customers = Annotated[
    list[str] | None, typer.Option("--customer", help="Only of this customer (repeatable).", metavar="ID")
]
Projects = Annotated[
    list[str] | None, typer.Option("--project", help="Only of this project (repeatable).", metavar="ID")
]
Out = Annotated[
    Path,
    typer.Option(
        "--out", "-o", help=".sqlite, .jsonl (.gz, .zst), .csv, .parquet, or a folder with --format.", metavar="PATH"
    ),
]
Format = Annotated[str | None, typer.Option("--format", help="sqlite, jsonl, csv or parquet.", metavar="FORM")]


def sweep(
    out_path: Out = Path("inventory.sqlite"),
    format: Format = None,
    resource: Resources = None,
    customer: Customers = None,
    project: Projects = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the interrupted or failed sweep of the file.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print the plan; send nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first list that fails.")] = False,
    max_requests: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many requests; --resume goes on.")
    ] = None,
    reserve: Annotated[float, typer.Option(min=0, max=0.95, help="Share of the budget left for others.")] = 0.0,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Lists under way at once.")] = 32,
    demo: Annotated[
        bool, typer.Option("--demo", help="Sweep a built-in, generated account: no token, no network.")
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
    if explain:
        return _explain(make_plan(asked, part, _known(out_path)), as_json)
    sink = sink_for(out_path, format, [one.name for one in asked])
    bounds = Bounds(concurrency=concurrency, max_requests=max_requests, strict=strict)
    source = demo_client(reserve, token_file) if demo else client(token_file, base_url, reserve=reserve)
    job = Job(sink, asked, part, resume=resume, bounds=bounds, source="demo" if demo else None)
    try:
        return run(_sweep, job, source, as_json)
    except KeyboardInterrupt:
        err.print(f"interrupted; go on with: {_again(out_path)}")
        return INTERRUPTED
    except MittwaldError:
        if job.sweep is not None:
            err.print(f"stopped; once that is settled, go on with: {_again(out_path)}")
        raise
    finally:
        job.close()


async def _sweep(job: Job, source: AbstractAsyncContextManager[Mittwald], as_json: bool) -> int:
    async with source as mw, display(mw, job, as_json=as_json) as watch:
        summary = await job.run(mw, watch)
    if as_json:
        typer.echo(msgspec.json.encode({"event": "summary", **msgspec.to_builtins(summary)}).decode())
    else:
        _print_summary(summary, job.sink)
    if summary.failures:
        return LISTS_FAILED
    return SPENT if summary.resumable else OK


def plan(
    resource: Resources = None,
    customer: Customers = None,
    project: Projects = None,
    known_from: Annotated[
        Path, typer.Option("--from", help="Inventory whose counts the plan uses.", metavar="FILE")
    ] = Path("inventory.sqlite"),
    list_all: Annotated[
        bool, typer.Option("--list", help="List every resource there is, and where it comes from.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Show which lists a sweep would ask for, and what that costs. Nothing is sent.

    [bold]Examples[/bold]

      mittwald-async plan

      mittwald-async plan -r project -r app_installation -r domain

      mittwald-async plan --list
    """
    if list_all:
        return _list(as_json)
    part = make_target(customer or None, project or None)
    return _explain(make_plan(chosen(resource), part, _known(known_from)), as_json)


def _known(path: Path) -> Known:
    """Counts of an earlier sweep, if there is one."""
    if path.suffix not in (".sqlite", ".sqlite3", ".db") or not path.is_file():
        return Known()
    with Store(path) as store:
        return store.known()


def _explain(found: Plan, as_json: bool) -> int:
    least = seconds_for(found.requests)
    if as_json:
        steps = [
            {
                "resource": step.resource,
                "operation": step.route.operation_id,
                "per": step.owner,
                "delivered": step.delivered,
                "lists": step.lists,
                "requests": step.requests,
            }
            for step in found.steps
        ]
        total = {"requests": found.requests, "exact": not found.open, "seconds_for_budget": least}
        typer.echo(msgspec.json.encode({"steps": steps, **total}).decode())
        return OK
    table = Table(box=None, pad_edge=False)
    for head in ("resource", "list", "requests"):
        table.add_column(head, no_wrap=True, justify="right" if head == "requests" else "left")
    for step in found.steps:
        name = step.resource if step.delivered else f"({step.resource}, for its ids)"
        table.add_row(name, step.route.operation_id, step.price)
    out.print(table)
    out.print(_total(found, least))
    return OK


def _total(found: Plan, least: float) -> str:
    per: dict[str, int] = {}
    for step in found.open:
        per[step.owner] = per.get(step.owner, 0) + 1
    parts = [f"{found.requests} requests"] if found.requests else []
    parts += [
        f"{count} per {owner}" if owner != "account" else f"{count} lists by pages" for owner, count in per.items()
    ]
    text = "total: " + " + ".join(parts)
    if found.open:
        return text + "; exact once an inventory exists (--from)"
    wait = f"at least {duration(least)} at 3000 requests per 10 minutes" if least else "within one window of the budget"
    return f"{text}, {wait}"


def _list(as_json: bool) -> int:
    if as_json:
        typer.echo(msgspec.json.encode([msgspec.to_builtins(one) for one in catalog().values()]).decode())
        return OK
    table = Table(box=None, pad_edge=False)
    for head in ("resource", "default", "lists", "why"):
        table.add_column(head)
    for one in catalog().values():
        lists = ", ".join(f"{route.operation_id} (per {route.scope})" for route in one.routes)
        table.add_row(one.name, "yes" if one.default else "", lists, one.reason)
    out.print(table)
    return OK


def _print_summary(summary: Summary, sink: Sink) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("resource")
    table.add_column("rows", justify="right")
    for name, count in summary.rows.items():
        table.add_row(name, f"{count:,}")
    out.print(table)
    total = sum(summary.rows.values())
    out.print(f"{total:,} rows, {summary.requests:,} requests, {duration(summary.seconds)} → {escape(summary.path)}")
    if summary.drifted:
        out.print(f"{summary.drifted:,} rows deviate from the document and are kept as they came")
    for failure in summary.failures[:20]:
        err.print(f"failed: {escape(str(failure))}")
    if len(summary.failures) > 20:
        err.print(f"… and {len(summary.failures) - 20} more, in the table `failures`")
    for own in summary.nothing_of:
        err.print(f"nothing at all was found of {escape(own)}; is the id right?")
    if summary.resumable:
        err.print(f"not complete; go on with: {_again(sink.path)}")


def _again(path: Path) -> str:
    """The command that goes on."""
    return f"mittwald-async sweep --resume --out {escape(shlex.quote(str(path)))}"
