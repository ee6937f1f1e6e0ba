"""`fleet`: the inventories of many accounts, into one data set."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from ..errors import ConfigurationError, MittwaldError
from ..inventory import Account, chosen
from ..inventory.accounts import DEFAULT_FILE
from .common import FAILED, LISTS_FAILED, OK, Json, StoppedError, accounts_of, run, some_failed
from .output import count, duration, emit, message, put_json, put_table
from .plan import Resources

if TYPE_CHECKING:
    from ..fleet import AccountResult, FleetProgress, FleetSummary

_LINE_SECONDS = 5.0
"""Lines about progress come at least so far apart."""

_SHOWN = 40
"""Accounts that are listed one by one where all is well; those with something to say always are."""

CONCURRENCY, AT_ONCE, WORKER_SECONDS = 8, 512, 30.0
"""What is assumed; `fleet` has the same, and is imported only where it runs."""

Out = Annotated[str, typer.Option("--out", "-o", help="Folder or URL, such as s3://bucket/lake.", metavar="LAKE")]


class FleetRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line."""

    accounts: dict[str, Account]
    out: str
    scheduler: str | None
    workers: int | None
    worker_seconds: float
    as_json: bool
    options: dict[str, Any]


def fleet(
    accounts: Annotated[Path, typer.Argument(help="File that says where to find tokens.", metavar="ACCOUNTS")] = Path(
        DEFAULT_FILE
    ),
    out: Out = "lake",
    resource: Resources = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Send accounts to the workers of a Dask scheduler.", metavar="URL")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=1000, help="Worker processes on this machine.", metavar="N")
    ] = None,
    worker_seconds: Annotated[
        float,
        typer.Option(
            "--worker-seconds", min=0, help="Seconds to wait for the scheduler's first worker.", metavar="SECONDS"
        ),
    ] = WORKER_SECONDS,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume the last run: only missing or incomplete accounts.", metavar="")
    ] = False,
    delta: Annotated[bool, typer.Option("--delta", help="Keep a Delta table, too.", metavar="")] = False,
    split_over: Annotated[
        int | None,
        typer.Option("--split-over", min=1, help="Split accounts with more projects between workers.", metavar="N"),
    ] = None,
    reserve: Annotated[
        float, typer.Option(min=0, max=0.95, help="Share of each budget left for others.", metavar="SHARE")
    ] = 0.0,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1000, help="Lists of one account read at once.", metavar="N")
    ] = CONCURRENCY,
    at_once: Annotated[int, typer.Option(min=1, help="Accounts swept at once.", metavar="N")] = AT_ONCE,
    as_json: Json = False,
) -> int:
    """Make inventories of many accounts, in this process or on many machines, as one Parquet data set.

    [bold]Examples[/bold]

      mittwald-async fleet accounts.toml --out lake

      mittwald-async fleet accounts.toml --out s3://inventory/lake --scheduler tcp://scheduler:8786

      mittwald-async fleet accounts.toml --out lake --resume
    """
    if scheduler is not None and workers is not None:
        raise ConfigurationError("say --scheduler or --workers, not both")
    if not out.strip():
        raise ConfigurationError("--out must name a folder or a URL")
    if out.startswith("memory:") and (scheduler is not None or workers is not None):
        raise ConfigurationError(
            f"{out}: is the memory of this process, which workers cannot reach; name a folder or a store"
        )
    found = accounts_of(accounts)
    if workers is not None and split_over is None:
        workers = min(workers, len(found))  # Further ones would have nothing to do.
    named = [one.name for one in chosen(resource)] if resource else None
    request = FleetRequest(
        accounts=found,
        out=out,
        scheduler=scheduler,
        workers=workers,
        worker_seconds=worker_seconds,
        as_json=as_json,
        options={
            "resources": named,
            "resume": resume,
            "delta": delta,
            "split_over": split_over,
            "reserve": reserve,
            "concurrency": concurrency,
            "at_once": at_once,
        },
    )
    again = _again(accounts, request)
    try:
        summary = run(_run, request)
    except StoppedError as stop:
        raise StoppedError(stop.code, f"resume with: {again}" if _has_begun(out) else "run it again") from None
    except MittwaldError as error:
        from ..fleet import ClusterLostError

        if isinstance(error, ClusterLostError):
            error.add_note(f"stopped; once that is solved, resume with: {again}")
        raise
    if as_json:
        put_json({"event": "summary", "state": summary.state, **msgspec.to_builtins(summary)})
    else:
        _print(summary, again)
    codes = {"done": OK, "incomplete": LISTS_FAILED, "failed": FAILED}
    return some_failed([codes[one.state] for one in summary.accounts])


async def _run(request: FleetRequest) -> FleetSummary:
    from ..fleet import DaskExecutor, Executor, LocalExecutor, sweep_fleet

    async with AsyncExitStack() as stack:
        executor: Executor
        if request.scheduler is None and request.workers is None:
            executor = await stack.enter_async_context(LocalExecutor())
        else:
            dask = DaskExecutor(
                request.scheduler,
                workers=request.workers,
                worker_seconds=request.worker_seconds,
                on_wait=message,
            )
            executor = await stack.enter_async_context(dask)
        show = _progress_to_json() if request.as_json else _progress_in_words()
        return await sweep_fleet(request.accounts, request.out, executor=executor, watch=show, **request.options)


def _every_few_seconds(show: Callable[[FleetProgress], None]) -> Callable[[FleetProgress], None]:
    last = [time.monotonic()]

    def watch(progress: FleetProgress) -> None:
        if time.monotonic() - last[0] >= _LINE_SECONDS:
            last[0] = time.monotonic()
            show(progress)

    return watch


def _progress_to_json() -> Callable[[FleetProgress], None]:
    return _every_few_seconds(lambda progress: put_json({"event": "progress", **msgspec.to_builtins(progress)}))


def _progress_in_words() -> Callable[[FleetProgress], None]:
    return _every_few_seconds(lambda progress: message(_line(progress)))


def _line(progress: FleetProgress) -> str:
    ended = progress.published + progress.failed
    failed = f" ({progress.failed:,} failed)" if progress.failed else ""
    line = (
        f"{duration(progress.seconds)} {ended:,} of {count(progress.accounts, 'account')}{failed}, "
        f"{progress.under_way:,} running, {count(progress.rows, 'row')}, {count(progress.requests, 'request')}"
    )
    if progress.eta is None or progress.eta.seconds < 1:
        return line
    return f"{line}, {'at least' if progress.eta.at_least else 'about'} {duration(progress.eta.seconds)} to go"


def _print(summary: FleetSummary, again: str) -> None:
    ended = summary.accounts
    shown = ended if len(ended) <= _SHOWN else [one for one in ended if one.state != "done" or one.drifted]
    if shown:
        put_table(("account", "state", "rows", "requests", "time"), [_row(one) for one in shown], right=_NUMBERS)
    if len(shown) < len(ended):
        emit(f"{count(len(ended) - len(shown), 'more account')}: done\n")
    total = sum(summary.rows.values())
    published = sum(one.published for one in ended)
    emit(
        f"{published:,} of {count(len(ended), 'account')} published, {count(total, 'row')}, "
        f"{count(summary.requests, 'request')}, {duration(summary.seconds)} → {summary.path} (run {summary.run})\n"
    )
    for line in _errors(ended):
        message(line, error=True)
    for one in ended:
        for failure in one.failures:
            message(f"account {one.account}: failed: {failure}")
        if one.failed_lists > len(one.failures):
            message(f"account {one.account}: … and {one.failed_lists - len(one.failures):,} more")
    if summary.failed:
        message(f"not complete; resume with: {again}")
    elif summary.state == "incomplete":
        message(f"sweep the accounts whose lists failed again with: {again}")


def _errors(ended: Iterable[AccountResult]) -> Iterator[str]:
    """Why accounts failed: one line for a reason, however many have it."""
    names: dict[str, list[str]] = {}
    for one in ended:
        if one.error is not None:
            names.setdefault(one.error, []).append(one.account)
    for reason, having in names.items():
        first, more = having[0], len(having) - 1
        yield f"account {first}: {reason}" if not more else f"accounts {first} and {more:,} more: {reason}"


_NUMBERS = ("rows", "requests", "time")


def _row(one: AccountResult) -> tuple[str, ...]:
    state = "published before" if one.repeated else one.state
    return (one.account, state, f"{sum(one.rows.values()):,}", f"{one.requests:,}", duration(one.seconds))


def _has_begun(out: str) -> bool:
    """Whether a run can be resumed; assumed where looking would take network time."""
    from ..fleet import Lake

    with suppress(MittwaldError):
        lake = Lake(out)
        return lake.blocking or lake.unfinished() is not None
    return False


def _again(accounts: Path, request: FleetRequest) -> str:
    """The command that resumes the fleet, ready to paste."""
    options = request.options
    given = {
        "--scheduler": request.scheduler,
        "--workers": request.workers,
        "--worker-seconds": None if request.worker_seconds == WORKER_SECONDS else f"{request.worker_seconds:g}",
        "--delta": options["delta"],
        "--reserve": options["reserve"] or None,
        "--concurrency": None if options["concurrency"] == CONCURRENCY else options["concurrency"],
        "--at-once": None if options["at_once"] == AT_ONCE else options["at_once"],
    }
    words = ["mittwald-async", "fleet", str(accounts), "--out", request.out, "--resume"]
    if Path(sys.argv[0]).name == "__main__.py":
        words[:1] = [sys.executable, "-m", "mittwald_async.cli"]
    for name, value in given.items():
        if value is True:
            words.append(name)
        elif value is not None and value is not False:
            words += [name, str(value)]
    return shlex.join(words)
