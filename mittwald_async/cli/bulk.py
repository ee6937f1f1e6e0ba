"""`bulk`: one operation for every row of a table, journalled."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from ..inventory import seconds_for
from ..runtime.errors import ConfigurationError, InvalidArgumentError
from .common import LISTS_FAILED, OK, USAGE, BaseUrl, Json, StoppedError, TokenFile, client, keep_apart, run
from .operations import find, operation_ids
from .output import count, duration, emit, err, message, put_json
from .reading import copy_stdin

if TYPE_CHECKING:
    from ..bulk.row_job import Checked, RowJob
    from ..bulk.source_rows import SourceRow
    from ..client import Mittwald

_NAMED = 20
"""Failures, and rows that have changed, that are named one by one. What is unknown is always named."""
_LINE_SECONDS = 5.0


class Settings(msgspec.Struct, frozen=True):
    """What the command line says of a run."""

    journal: Path
    account: str | None
    limit: int | None
    concurrency: int
    stop_after_failures: int | None
    retry_failed: bool
    redo_changed: bool
    failed: Path | None
    secrets: Path | None
    as_json: bool
    quiet: bool
    """Only what went wrong is printed."""


class Tally(msgspec.Struct):
    """What a run has come to."""

    done: int = 0
    read_back: int = 0
    failed: int = 0
    unknown: int = 0
    changed: int = 0
    seconds: float = 0.0

    @property
    def all_well(self) -> bool:
        return not (self.failed or self.unknown or self.changed)


def bulk(
    operation_id: Annotated[
        str,
        typer.Argument(help="As `operations` lists them.", metavar="OPERATION", autocompletion=operation_ids),
    ],
    rows: Annotated[
        Path | None,
        typer.Argument(help=".csv, .jsonl or .xlsx, or - for standard input (CSV, or --format).", metavar="ROWS"),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", "-j", help="File that records what is done; the same one resumes.", metavar="FILE"),
    ] = None,
    format: Annotated[str | None, typer.Option("--format", help="csv, jsonl or xlsx.", metavar="FORM")] = None,
    inventory: Annotated[
        Path | None, typer.Option("--from", help="SQLite file, such as an inventory, instead of ROWS.", metavar="FILE")
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", help="SELECT whose columns are the arguments.", metavar="SQL")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", help="Column that identifies a row in later runs (repeatable).", metavar="COLUMN"),
    ] = None,
    marker: Annotated[
        str | None,
        typer.Option("--marker", help="Column by which a created object can be found.", metavar="COLUMN"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all rows and show what would be sent.", metavar="")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Process at most N rows; the next run continues.", metavar="N")
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=1000, help="Calls in flight at once.", metavar="N")
    ] = 64,
    stop_after_failures: Annotated[
        int | None,
        typer.Option("--stop-after-failures", min=1, help="Start no further row after N failures.", metavar="N"),
    ] = None,
    no_retry_failed: Annotated[
        bool, typer.Option("--no-retry-failed", help="Skip rows that failed before.", metavar="")
    ] = False,
    redo_changed: Annotated[
        bool, typer.Option("--redo-changed", help="Repeat finished rows that have changed since.", metavar="")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.", metavar="")] = False,
    failed: Annotated[
        Path | None, typer.Option("--failed", help="Write failed rows here (.csv), to correct.", metavar="FILE")
    ] = None,
    secrets: Annotated[
        Path | None,
        typer.Option("--secrets", help="File for generated passwords (@random), readable by you only.", metavar="FILE"),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only failures: nothing on success.", metavar="")
    ] = False,
    account: Annotated[
        str | None,
        typer.Option("--account", help="Owner of the journal, if the token may change.", metavar="NAME"),
    ] = None,
    reserve: Annotated[
        float, typer.Option(min=0, max=0.95, help="Share of the budget left for others.", metavar="SHARE")
    ] = 0.0,
    token_file: TokenFile = None,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> int:
    """Call one operation for every row of a table. After an interruption, the same command resumes.

    Columns are arguments, with dots for nested properties: projectId, mailbox.password. Lists are separated by `;`.
    A cell may say @random (a new password), @null or @empty; an empty one is not sent. Columns with # are ignored.

    [bold]Examples[/bold]

      mittwald-async bulk mail-create-mail-address rows.csv --journal mailboxes.journal --secrets passwords.csv

      mittwald-async bulk project-update-project rows.xlsx --journal rename.journal --dry-run

      mittwald-async bulk project-update-project --from inventory.sqlite --query "SELECT …" --journal tags.journal

      mittwald-async journal mailboxes.journal
    """
    from ..bulk.row_job import RowJob

    operation = find(operation_id)
    keep_apart({"--journal": journal, "--failed": failed, "--secrets": secrets}, {"ROWS": rows, "--from": inventory})
    with ExitStack() as stack:
        source = stack.enter_context(_source(rows, format, inventory, query))
        if journal is None and not dry_run:
            raise InvalidArgumentError("--journal", "is required: the file that knows what is done")
        job = RowJob(operation, source, key=key or (), marker=marker)
        checked = _checked(job, journal)
        if checked is None:
            return USAGE
        if checked.made_up and secrets is None and not dry_run:
            raise InvalidArgumentError(
                "--secrets", f"{count(checked.made_up, 'row')} with @random: name a file for them"
            )
        if dry_run:
            _preview(job, checked, as_json)
            return OK
        assert journal is not None
        due = checked.due + (checked.changed if redo_changed else 0)
        if not quiet:
            _show_counts(job, checked, due if limit is None else min(limit, due))
        if secrets is not None and checked.begun_made_up and not secrets.exists():
            message(f"{secrets} is not there any more: it had the passwords of {count(checked.begun_made_up, 'row')}")
        if not due and not checked.changed:
            if as_json:
                put_json(_summed(Tally(), checked.known))
            return OK
        if not yes:
            _ask(rows)
        settings = Settings(
            journal,
            account,
            limit,
            concurrency,
            stop_after_failures,
            not no_retry_failed,
            redo_changed,
            failed,
            secrets,
            as_json,
            quiet,
        )
        mw = client(token_file, base_url, reserve=reserve)
        try:
            return run(_run, job, mw, checked, due, settings)
        except StoppedError as stop:
            raise StoppedError(stop.code, "run the same command to resume") from None
        except sqlite3.Error as error:
            raise ConfigurationError(f"{journal}: {error}") from None


# -- rows --------------------------------------------------------------------------------------------------------------


@contextmanager
def _source(
    rows: Path | None, format: str | None, inventory: Path | None, query: str | None
) -> Generator[Callable[[], Iterable[SourceRow]]]:
    """Where rows come from, as something that can be read twice."""
    from ..bulk.sources import FORMATS, numbered_query, numbered_rows

    if (inventory is None) != (query is None):
        raise InvalidArgumentError("--from", "and --query belong together: a SQLite file, and a SELECT on it")
    if (rows is None) == (inventory is None):
        raise InvalidArgumentError("ROWS", "name one source: a file, - for standard input, or --from with --query")
    if format is not None and format not in FORMATS:
        raise InvalidArgumentError("--format", f"must be one of {', '.join(FORMATS)}, not {format!r}")
    if inventory is not None:
        assert query is not None
        yield lambda: numbered_query(inventory, query)
    elif str(rows) == "-":
        # Rows are read twice, and may hold secrets: they wait in a file that only its owner can read.
        with tempfile.NamedTemporaryFile(suffix=f".{format or 'csv'}") as copy:
            copy_stdin(copy, "ROWS")
            yield lambda: _named_stdin(numbered_rows(Path(copy.name)), copy.name)
    else:
        assert rows is not None
        yield lambda: numbered_rows(rows, format)


def _named_stdin(rows: Iterable[SourceRow], copy: str) -> Iterator[SourceRow]:
    """Rows whose errors name where they came from, not the file in which they wait."""
    from ..bulk.source_rows import SourceError

    try:
        yield from rows
    except SourceError as error:
        raise SourceError(str(error).replace(copy, "standard input", 1)) from None


def _checked(job: RowJob, journal: Path | None) -> Checked | None:
    """Look at every row, and name every mistake. `None`: there are some."""
    from ..bulk import read_journal
    from ..bulk.records import BlankJournalError

    with ExitStack() as stack:
        known = None
        # A first run that was killed at once leaves a file with nothing in it.
        with suppress(BlankJournalError):
            if journal is not None and journal.is_file():
                known = stack.enter_context(closing(read_journal(journal)))
        checked = job.check(lambda mistake: message(str(mistake)), known)
    if checked.mistakes:
        what = f"{count(checked.mistakes, 'mistake')} in {count(checked.rows, 'row')}"
        message(f"{what}; nothing was sent", error=True)
        return None
    if not checked.rows:
        message("the input has no rows", error=True)
        return None
    return checked


def _counts(checked: Checked) -> str:
    states = {state.value if state is not None else "new": number for state, number in checked.states.items()}
    counts = [f"{number:,} {name}" for name, number in states.items()]
    return ", ".join(counts + ([f"{checked.changed:,} of them changed since"] if checked.changed else []))


def _show_counts(job: RowJob, checked: Checked, due: int) -> None:
    message(f"{job.operation.operation_id}: {count(checked.rows, 'row')} ({_counts(checked)}); {due:,} to do")
    if job.how_verified is None:
        message("if an answer is lost, nothing can tell whether the row was done: it will be reported as unknown")


def _preview(job: RowJob, checked: Checked, as_json: bool) -> None:
    """What would be sent, what it costs, how long it takes."""
    requests = [job.request(arguments) for arguments in checked.first]
    least = seconds_for(checked.due)
    if as_json:
        put_json(
            {
                "operation": job.operation.operation_id,
                "rows": checked.rows,
                "due": checked.due,
                "states": {state or "new": number for state, number in checked.states.items()},
                "requests": checked.due,
                "seconds_for_budget": least,
                "key": job.key_columns,
                "verified": job.how_verified,
                "first": requests,
            }
        )
        return
    for request in requests:
        emit(request + "\n")
    if checked.rows > len(requests):
        emit(f"… and {checked.rows - len(requests):,} more\n")
    wait = f"at least {duration(least)} at 3000 requests per 10 minutes" if least else "within one window of the budget"
    emit(f"{count(checked.rows, 'row')} ({_counts(checked)}): {count(checked.due, 'request')}, {wait}\n")
    emit(f"key: {', '.join(job.key_columns) or 'the whole row'}\n")
    emit(f"lost answers: {job.how_verified or 'nothing can tell; such rows will be reported as unknown'}\n")


def _ask(rows: Path | None) -> None:
    if sys.stdin is None or not sys.stdin.isatty() or not err.is_terminal:
        raise ConfigurationError("nothing was sent: without a terminal to ask on, pass --yes")
    typer.confirm("Go on?", abort=True, err=True)


# -- doing it ----------------------------------------------------------------------------------------------------------


async def _run(job: RowJob, mw: Mittwald, checked: Checked, due: int, settings: Settings) -> int:
    from ..bulk import Journal
    from ..bulk.row_job import FailedFile, SecretsFile

    tally = Tally()
    began = time.monotonic()
    with ExitStack() as files:
        secrets = None
        if settings.secrets is not None and checked.made_up:
            secrets = files.enter_context(closing(SecretsFile(settings.secrets)))
        async with mw, Journal(settings.journal, client=mw, account=settings.account) as journal:
            failed = None
            if settings.failed is not None:  # begun anew only when it is certain that there will be something to write
                failed = files.enter_context(closing(FailedFile(settings.failed, checked.columns)))
            outcomes = job.run(
                mw,
                journal,
                secrets,
                limit=settings.concurrency,
                at_most=settings.limit,
                stop_after_failures=settings.stop_after_failures,
                retry_failed=settings.retry_failed,
                redo_changed=settings.redo_changed,
            )
            show = None
            if err.is_terminal and not settings.quiet:
                show = _Progress(mw, due if settings.limit is None else min(settings.limit, due))
            try:
                async for outcome in outcomes:
                    _count(tally, outcome)
                    if failed is not None and outcome.state in ("failed", "unknown"):
                        failed.add(outcome)
                    if show is not None:
                        show(tally)
            finally:
                tally.seconds = round(time.monotonic() - began, 2)
                _summary(tally, settings, {state.value: number for state, number in journal.counts().items()})
    return OK if tally.all_well else LISTS_FAILED


def _count(tally: Tally, outcome: Any) -> None:
    from ..bulk import ChangedInputError, ItemState

    row = f"row {outcome.item.number} ({outcome.key})"
    if isinstance(outcome.error, ChangedInputError):
        tally.changed += 1
        if tally.changed <= _NAMED:
            message(
                f"changed: {row}: has changed since it was {outcome.state}; it was not done again (--redo-changed does)"
            )
        elif tally.changed == _NAMED + 1:
            message("… further ones that have changed are not named")
        return
    if outcome.state is ItemState.DONE:
        tally.done += 1
        tally.read_back += outcome.verified
    elif outcome.state is ItemState.UNKNOWN:
        tally.unknown += 1
        message(f"unknown: {row}: {outcome.error}")
    else:
        tally.failed += 1
        if tally.failed <= _NAMED:
            message(f"failed: {row}: {outcome.error}")
        elif tally.failed == _NAMED + 1:
            message("… further ones are not named; `mittwald-async journal FILE` has them all")


def _summary(tally: Tally, settings: Settings, states: dict[str, int]) -> None:
    if settings.as_json:
        put_json(_summed(tally, states))
        return
    if settings.quiet and tally.all_well:
        return
    parts = [f"{tally.done:,} done"]
    parts += [f"{tally.read_back:,} of them read back after a lost answer"] if tally.read_back else []
    parts += [f"{number:,} {name}" for name, number in _others(tally) if number]
    inside = ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()) if number)
    emit(f"{', '.join(parts)}, {duration(tally.seconds)} → {settings.journal} (journal: {inside})\n")
    if tally.failed and settings.failed is not None:
        message(f"failed rows are in {settings.failed}: correct them, and run that file with the same journal")
    if tally.unknown:
        message(
            f"look at what is unknown, and decide: mittwald-async journal {settings.journal} --resolve KEY=done|not-done"
        )


def _summed(tally: Tally, states: dict[str, int]) -> dict[str, Any]:
    return {"event": "summary", **msgspec.to_builtins(tally), "journal": states}


def _others(tally: Tally) -> tuple[tuple[str, int], ...]:
    return (("failed", tally.failed), ("unknown", tally.unknown), ("changed", tally.changed))


class _Progress:
    """A line every few seconds, for people at a terminal."""

    def __init__(self, mw: Mittwald, due: int) -> None:
        self._mw = mw
        self._due = due
        self._began = self._last = time.monotonic()

    def __call__(self, tally: Tally) -> None:
        now = time.monotonic()
        if now - self._last < _LINE_SECONDS:
            return
        self._last = now
        ended = tally.done + tally.failed + tally.unknown
        budget = self._mw.rate_limit
        left = "" if budget.remaining is None else f", {budget.remaining:,} requests left"
        to_go = (now - self._began) / max(1, ended) * max(0, self._due - ended)
        line = f"{ended:,} of {count(self._due, 'row')}{left}, about {duration(to_go)} to go"
        if tally.failed:
            line += f", {tally.failed:,} failed"
        message(f"{duration(now - self._began)} {line}")
