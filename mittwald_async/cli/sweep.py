"""`sweep`: the inventory from the command line."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from ..errors import ConfigurationError, MittwaldError
from ..inventory import (
    Account,
    Bounds,
    Resource,
    Rolling,
    Sink,
    StoreError,
    Summary,
    SweepJob,
    Target,
    chosen,
    make_plan,
    sink_for,
)
from ..inventory import target as make_target
from ..inventory.accounts import DEFAULT_FILE
from ..inventory.errors import AccountMismatchError
from ..inventory.store import DEMO
from ..profile import BASE_URL_VARIABLE
from .common import (
    FAILED,
    LISTS_FAILED,
    OK,
    SPENT,
    AccountName,
    AccountsFile,
    AllAccounts,
    BaseUrl,
    Json,
    StoppedError,
    TokenFile,
    account_named,
    accounts_of,
    client,
    client_of,
    is_stdout,
    keep_apart,
    of_account,
    run,
    some_failed,
)
from .demo import demo_client
from .failures import grouped
from .notify import Outlet
from .output import count, duration, emit, emit_pieces, message, output_is_closed, put_json, put_table
from .plan import Customers, Projects, Resources, known_from, price, show_plan
from .progress import display
from .times import days

if TYPE_CHECKING:
    from ..client import Mittwald

_NAMED = 20
"""Kinds of failures that are named."""

_DEFAULT, _DEMO = Path("inventory.sqlite"), Path("demo.sqlite")

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        help=".sqlite, .jsonl (.gz, .zst), .csv, .parquet, a folder with --format, or - for standard output. "
        f"By default {_DEFAULT}, with --demo {_DEMO}.",
        metavar="PATH",
    ),
]
Format = Annotated[
    str | None,
    typer.Option("--format", help="sqlite, jsonl, csv (for spreadsheets), csv-raw or parquet.", metavar="FORM"),
]


Keep = Annotated[
    str | None,
    typer.Option("--keep", help="Afterwards, delete what ended longer ago, such as 90d.", metavar="TIME"),
]


MaxAge = Annotated[
    str | None,
    typer.Option(
        "--max-age",
        help="With --rolling: no list may be older than this, such as 3d; otherwise the exit code is 4.",
        metavar="TIME",
    ),
]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line, the account apart."""

    sink: Any
    asked: tuple[Resource, ...]
    part: Target
    resume: bool | None
    """`None`: if there is something to resume."""
    named: bool
    """Resources were named."""
    bounds: Bounds
    as_json: bool
    keep: timedelta | None
    quiet: bool
    """Only what went wrong is printed."""
    outlet: Outlet
    ended: list[Summary] = []
    """Sweeps that have ended so far."""
    errors: list[str] = []
    """Why others of several accounts have not."""
    to_stdout: bool
    """The rows go to standard output, so every message goes to stderr."""
    rolling: Rolling | None
    several: bool
    """Every account of a file: what is said names the one it is about."""
    again: str
    """The command that resumes the sweep."""


def sweep(
    out_path: Out = None,
    format: Format = None,
    resource: Resources = None,
    customer: Customers = None,
    project: Projects = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume the interrupted or failed sweep of the file.", metavar="")
    ] = False,
    resume_or_new: Annotated[
        bool,
        typer.Option(
            "--resume-or-new", help="Resume an interrupted sweep if there is one; otherwise start.", metavar=""
        ),
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print the plan; send nothing.", metavar="")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first list that fails.", metavar="")] = False,
    max_requests: Annotated[
        int | None, typer.Option(min=1, help="Stop after N requests; --resume continues.", metavar="N")
    ] = None,
    reserve: Annotated[
        float, typer.Option(min=0, max=0.95, help="Share of the budget left for others.", metavar="SHARE")
    ] = 0.0,
    rolling: Annotated[
        bool,
        typer.Option(
            "--rolling",
            help="Request what has most likely changed, within --max-requests; keep the rest as known.",
            metavar="",
        ),
    ] = False,
    max_age: MaxAge = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1000, help="Lists read at once.", metavar="N")
    ] = Bounds().concurrency,
    demo: Annotated[
        bool, typer.Option("--demo", help="Sweep a built-in, generated account: no token, no network.", metavar="")
    ] = False,
    account: AccountName = None,
    all_accounts: AllAccounts = False,
    accounts: AccountsFile = None,
    keep: Keep = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only failures: nothing on success.", metavar="")
    ] = False,
    prometheus: Annotated[
        Path | None,
        typer.Option("--prometheus", help="Write metrics for the node exporter's textfile collector.", metavar="FILE"),
    ] = None,
    notify: Annotated[
        str | None,
        typer.Option(
            "--notify",
            help="Afterwards, POST the outcome as JSON to a URL, or pass it to a command on standard input.",
            metavar="URL|COMMAND",
        ),
    ] = None,
    token_file: TokenFile = None,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> int:
    """Make an inventory of everything the token can see.

    [bold]Examples[/bold]

      mittwald-async sweep --demo

      mittwald-async sweep --out inventory.sqlite --reserve 0.2

      mittwald-async sweep -r project -r domain -o domains.jsonl.gz

      mittwald-async sweep --rolling --max-requests 2000 --max-age 14d

      mittwald-async sweep --resume

      mittwald-async sweep --quiet --resume-or-new
    """
    path = out_path or (_DEMO if demo else _DEFAULT)
    if resume and resume_or_new:
        raise ConfigurationError("say --resume or --resume-or-new, not both")
    asked = chosen(resource)
    part = make_target(customer or None, project or None)
    to_stdout = is_stdout(out_path)
    keep_apart({"--prometheus": prometheus}, {"--out": None if to_stdout else path, "--accounts": accounts})
    outlet = Outlet(prometheus, notify)
    outlet.check()
    if to_stdout:
        _check_stdout(resume or resume_or_new, as_json, format, len(asked))
    form = format or ("jsonl" if to_stdout else None)
    with _copied_to_stdout(form or "") if to_stdout else nullcontext(path) as target:
        # What an interrupted sweep was of is known by its file alone.
        sink = sink_for(target, form, [] if resume and not resource else [one.name for one in asked])
        if explain:
            if resume:
                raise ConfigurationError("--explain shows what a new sweep would ask for; leave --resume out")
            return show_plan(make_plan(asked, part, known_from(sink.store_path, DEMO if demo else account)), as_json)
        # An address in the environment stays there, one that was typed has to be typed again.
        typed_url = base_url if base_url != os.environ.get(BASE_URL_VARIABLE) else None
        _check_together(demo, all_accounts, account, typed_url, keep, sink)
        wanted = Wanted(
            rolling=_rolling(rolling, max_requests, max_age, resume),
            sink=sink,
            asked=asked,
            part=part,
            resume=None if resume_or_new else resume,
            named=bool(resource),
            bounds=Bounds(concurrency=concurrency, max_requests=max_requests, strict=strict),
            as_json=as_json,
            keep=None if keep is None else days(keep),
            quiet=quiet,
            outlet=outlet,
            to_stdout=to_stdout,
            several=all_accounts,
            again=_again(
                {
                    "--demo": demo,
                    "--format": format,
                    "--strict": strict,
                    "--reserve": reserve or None,
                    "--concurrency": concurrency if concurrency != Bounds().concurrency else None,
                    "--account": account,
                    "--all-accounts": all_accounts,
                    "--accounts": accounts,
                    "--token-file": token_file,
                    "--base-url": typed_url,
                    "--keep": keep,
                    "--prometheus": prometheus,
                    "--json": as_json,
                    "--out": path,
                }
            ),
        )
        with _reporting_to_outlets(wanted):
            if all_accounts:
                file = accounts or Path(DEFAULT_FILE)
                _check_described(token_file, typed_url, file)
                return _sweep_all(wanted, list(accounts_of(file).values()), reserve)
            if demo:
                return _sweep_one(wanted, demo_client(reserve, token_file), DEMO, source=DEMO)
            described = account_named(account, accounts)
            if described is not None:
                found, siblings = described
                _check_described(token_file, typed_url, accounts or Path(DEFAULT_FILE))
                return _sweep_one(wanted, client_of(found, reserve=reserve), found.name, siblings=siblings)
            return _sweep_one(wanted, client(token_file, base_url, reserve=reserve), account)


@contextmanager
def _reporting_to_outlets(wanted: Wanted) -> Generator[None]:
    """Tell others how the sweeps of the block ended, also where an error ends them."""
    file, inventory = None if wanted.to_stdout else wanted.sink.path, not wanted.sink.is_exported
    try:
        yield
    except (MittwaldError, StoppedError, OSError) as error:
        wanted.outlet.tell(wanted.ended, file, inventory=inventory, error=str(error))
        raise
    wanted.outlet.tell(wanted.ended, file, inventory=inventory, error="; ".join(wanted.errors))


def _check_stdout(resume: bool, as_json: bool, format: str | None, resources: int) -> None:
    """Refuse what cannot go through a pipe."""
    if resume:
        raise ConfigurationError("--out -: nothing is kept of it that could be resumed; name a file")
    if as_json:
        raise ConfigurationError("--out - writes rows to standard output; leave --json out, or name a file")
    if format in ("sqlite", "parquet"):
        raise ConfigurationError(f"--out -: {format} is not text; use --format jsonl or csv, or name a file")
    if format is not None and format.startswith("csv") and resources != 1:
        raise ConfigurationError(f"--out -: {format} is one table; name one resource with -r, or use --format jsonl")


@contextmanager
def _copied_to_stdout(form: str) -> Generator[Path]:
    """A path to write to; what is there in the end goes to standard output."""
    with TemporaryDirectory(prefix="mittwald-async-") as folder:
        path = Path(folder) / f"sweep.{form.partition('-')[0]}"
        yield path
        if path.exists():
            with path.open("rb") as written:
                emit_pieces(iter(partial(written.read, 1 << 16), b""))


def _rolling(rolling: bool, max_requests: int | None, max_age: str | None, resume: bool) -> Rolling | None:
    """How a rolling sweep chooses; an interrupted one keeps its original options."""
    if not rolling and max_age is not None:
        raise ConfigurationError("--max-age is for rolling sweeps; add --rolling")
    if not rolling or resume:
        return None
    if max_requests is None and max_age is None:
        raise ConfigurationError("--rolling needs to know how much to ask for; add --max-requests N or --max-age TIME")
    return Rolling(max_requests=max_requests, max_age=None if max_age is None else days(max_age).total_seconds())


def _check_described(token_file: Path | None, typed_url: str | None, accounts: Path) -> None:
    """Refuse what the accounts file says otherwise."""
    for name, given in (("--token-file", token_file), ("--base-url", typed_url)):
        if given is not None:
            raise ConfigurationError(f"{accounts} says which token and server an account has; leave {name} out")


def _check_together(
    demo: bool, all_accounts: bool, account: str | None, typed_url: str | None, keep: str | None, sink: Sink
) -> None:
    """Refuse options that contradict each other."""
    if demo and typed_url is not None:
        raise ConfigurationError("--demo has a server of its own; leave --base-url out")
    if demo and (account is not None or all_accounts):
        raise ConfigurationError("--demo has an account of its own; leave --account and --all-accounts out")
    if all_accounts and account is not None:
        raise ConfigurationError("say --account or --all-accounts, not both")
    if keep is not None and sink.is_exported:
        raise ConfigurationError(
            f"{sink.path}: holds one sweep and no history; leave --keep out, or end the name in .sqlite"
        )
    if all_accounts and sink.is_exported:
        raise ConfigurationError(f"{sink.path}: several accounts go into one SQLite file; end the name in .sqlite")


def _sweep_all(wanted: Wanted, accounts: Sequence[Account], reserve: float) -> int:
    """One account after the other. What is wrong with one does not stop the others; the worst exit code counts."""
    codes: list[int] = []
    names = {account.name for account in accounts}
    for account in accounts:
        try:
            client = client_of(account, reserve=reserve)
            codes.append(_sweep_one(wanted, client, account.name, siblings=names - {account.name}))
        except MittwaldError as error:
            if isinstance(error, StoreError) and not isinstance(error, AccountMismatchError):
                raise  # It is the file's fault, and that of all accounts.
            line = of_account(account.name, str(error))
            message(line, error=True)
            wanted.errors.append(line)
            codes.append(FAILED)
    return some_failed(codes)


def _sweep_one(
    wanted: Wanted,
    source_client: AbstractAsyncContextManager[Mittwald],
    account: str | None,
    *,
    source: str | None = None,
    siblings: Collection[str] = (),
) -> int:
    job = SweepJob(
        wanted.sink,
        wanted.asked,
        wanted.part,
        resume=wanted.resume,
        bounds=wanted.bounds,
        source=source,
        account=account,
        siblings=siblings,
        on_wait=message,
        rolling=wanted.rolling,
    )
    try:
        if wanted.resume and not job.nothing_to_do:
            part = wanted.part
            job.check(wanted.asked if wanted.named else None, None if part.whole else part)
        return run(_sweep, job, source_client, wanted)
    except StoppedError as stop:
        begun = job.store.unfinished() is not None
        raise StoppedError(
            stop.code, f"resume with: {wanted.again}" if begun else "nothing had been requested yet"
        ) from None
    except MittwaldError as error:
        if job.sweep is not None:
            error.add_note(f"stopped; once that is solved, resume with: {wanted.again}")
        raise
    finally:
        job.close()


async def _sweep(job: SweepJob, source: AbstractAsyncContextManager[Mittwald], wanted: Wanted) -> int:
    async with source as mw, display(mw, job, as_json=wanted.as_json, quiet=wanted.quiet) as watch:
        summary = await job.run(mw, watch)
    wanted.ended.append(summary)
    if wanted.keep is not None and not job.nothing_to_do:
        job.store.prune(datetime.now(UTC) - wanted.keep)
    if wanted.as_json:
        put_json({"event": "summary", **msgspec.to_builtins(summary)})
    elif job.nothing_to_do:
        if not wanted.quiet:
            message(f"{_whose(summary, wanted)}{summary.path}: the last sweep is complete, there is nothing to resume")
    else:
        _print_summary(summary, job, wanted)
    if summary.failures:
        return LISTS_FAILED
    return SPENT if summary.resumable or _is_late(summary) else OK


def _is_late(summary: Summary) -> bool:
    """Whether a rolling sweep left lists older than they may be, or unread."""
    fresh = summary.freshness
    return fresh is not None and bool(fresh.overdue or fresh.unread)


def _compared(job: SweepJob, requests: int) -> str:
    """How the requests sent compare with what was planned; nothing where an earlier run had a part in it."""
    if job.resumed:
        return ""
    exact = not job.plan.open and job.plan.requests == requests
    return " (as planned)" if exact else f" (planned: {price(job.plan)})"


def _print_summary(summary: Summary, job: SweepJob, wanted: Wanted) -> None:
    whose = _whose(summary, wanted)
    if job.others is not None:
        message(f"the interrupted sweep is of account {job.others}; a new one was begun for {summary.account}")
    # The result is in the file, and its messages have no reader: a service may be started like that.
    aside = wanted.to_stdout or output_is_closed()

    def note(line: str) -> None:
        message(whose + line)

    def say(line: str) -> None:
        (message if aside else _say)(whose + line)

    if not (wanted.quiet or aside):
        if whose:
            _say(f"\n{summary.account}")
        rows = [(name, f"{number:,}") for name, number in summary.rows.items()]
        put_table(("resource", "rows"), rows, right=("rows",))
    if not (wanted.quiet or wanted.sink.is_exported):
        _print_nameless(job, summary, say)
    well = not (summary.failures or summary.resumable or summary.nothing_of or _is_late(summary))
    if wanted.quiet and well:
        return
    total = count(sum(summary.rows.values()), "row")
    sent = f"{count(summary.requests, 'request')}{'' if summary.freshness else _compared(job, summary.requests)}"
    where = "standard output" if wanted.to_stdout else summary.path
    failed = f", {count(len(summary.failures), 'list')} failed" if summary.failures else ""
    say(f"{total}, {sent}, {duration(summary.seconds)}{failed} → {where}")
    if summary.drifted and not wanted.quiet:
        say(f"{count(summary.drifted, 'row deviates', 'rows deviate')} from the document, kept as they came")
    lines = list(grouped(summary.failures))
    for line in lines[:_NAMED]:
        note(f"failed: {line}")
    if len(lines) > _NAMED:
        note(f"… and {len(lines) - _NAMED:,} more kinds of failures")
    if summary.failures and not wanted.to_stdout:
        note(f"each one is in the table `failures` of {job.sink.store_path}, and in the summary of --json")
    for own in summary.nothing_of:
        note(f"nothing at all was found of {own}; is the id right?")
    _print_freshness(summary, note, None if wanted.quiet or output_is_closed() else say)
    if summary.resumable and not wanted.to_stdout:
        note(f"not complete; resume with: {wanted.again}")


def _whose(summary: Summary, wanted: Wanted) -> str:
    """What a line about one of several accounts begins with."""
    return f"{summary.account}: " if wanted.several else ""


def _print_nameless(job: SweepJob, summary: Summary, say: Callable[[str], None]) -> None:
    """Say which names the views lack, since what has them was never swept."""
    nameless = [name for name in ("customer", "project") if not job.store.has_any(name, summary.account, summary.sweep)]
    if nameless:
        add = " ".join(f"-r {name}" for name in nameless)
        say(f"{' and '.join(nameless)} names are NULL in all views until you sweep them: add {add}")


def _say(line: str) -> None:
    emit(f"{line}\n")


def _print_freshness(summary: Summary, note: Callable[[str], None], say: Callable[[str], None] | None) -> None:
    fresh = summary.freshness
    if fresh is None:
        return
    more = f"; about {summary.needed:,} requests a sweep would do" if summary.needed is not None else ""
    if fresh.unread:
        unread = f"{count(fresh.unread, 'list was', 'lists were')} never read so far"
        only = "" if fresh.overdue > fresh.unread else more
        note(f"{unread}; the next rolling sweeps ask for them first{only}")
    if fresh.overdue > fresh.unread:
        note(f"{count(fresh.overdue - fresh.unread, 'list is', 'lists are')} older than --max-age allows{more}")
    if say is not None:
        say(f"{count(fresh.lists, 'list')} known, the oldest reading {duration(fresh.oldest)} ago")


def _again(options: dict[str, object]) -> str:
    """The command that resumes the sweep, ready to paste."""
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
