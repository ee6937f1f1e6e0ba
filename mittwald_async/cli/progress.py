"""What people see while a sweep runs: a live table on a terminal, plain lines elsewhere, JSON lines for machines."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TextIO

import msgspec
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..inventory import Sweep, SweepJob
from ..inventory.frontier import progress
from .eta import EtaEstimator, used_up
from .output import count, duration, err

if TYPE_CHECKING:
    from ..client import Mittwald

_LINE_SECONDS = 5.0
"""Plain lines and JSON come at least so far apart."""


class SweepState(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep at one moment."""

    rows: dict[str, int]
    lists: dict[str, tuple[int, int, bool]]
    """By resource: lists ended, lists found, whether more may be found."""
    requests: int
    failures: int
    left: int | None
    """Requests left in the window, those kept for others included."""
    limit: int | None
    resets_in: float | None
    waiting: bool
    """All lists in flight wait for the next window of the budget."""
    others: int
    """Estimate of other clients that draw on the same budget."""
    eta: float | None
    """Seconds to go, at the speed so far and within the budget."""
    eta_at_least: bool
    """It can only take longer: more lists may be found, or the length of a window has not been seen yet."""


class Watch:
    """Takes readings of a sweep's state.

    Args:
        mw: the client it runs on.
        job: the sweep.
    """

    def __init__(self, mw: Mittwald, job: SweepJob) -> None:
        self._mw, self._job = mw, job
        self._begin = time.monotonic()
        self._outlook = EtaEstimator(mw.options.reserve)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begin

    def look(self) -> SweepState | None:
        """The sweep at this moment; `None` before it has begun. The more often it is asked, the better the
        estimates."""
        budget, sweep = self._mw.rate_limit, self._job.sweep
        self._outlook.look(time.monotonic(), budget)
        if sweep is None:
            return None
        lanes = sweep.frontier.lanes
        lists = {name: (ended, found, more) for name, ended, found, more in progress(lanes)}
        foreseen = {name: lane.step.lists for name, lane in lanes.items()}
        due = sum(
            max(found, foreseen[name] or 0 if more else 0) - ended for name, (ended, found, more) in lists.items()
        )
        estimate = self._outlook.estimate(
            self.seconds,
            sum(ended for ended, _, _ in lists.values()),
            due,
            budget,
            growing=any(more and foreseen[name] is None for name, (_, _, more) in lists.items()),
        )
        return SweepState(
            rows=dict(sweep.rows),
            lists=lists,
            requests=sweep.requests,
            failures=len(sweep.failures),
            left=budget.remaining,
            limit=budget.limit,
            resets_in=budget.resets_in,
            waiting=used_up(budget, self._mw.options.reserve),
            others=budget.others,
            eta=None if estimate is None else round(estimate.seconds, 1),
            eta_at_least=estimate is not None and estimate.at_least,
        )


@asynccontextmanager
async def display(
    mw: Mittwald, job: SweepJob, *, as_json: bool, quiet: bool = False
) -> AsyncGenerator[Callable[[Sweep], None]]:
    """Show progress until the block ends; gives the function to call after every step.

    Without a terminal, or with `quiet`, there is none.
    """
    watch = Watch(mw, job)
    if quiet or not (as_json or err.is_terminal):
        yield lambda _: None
        return
    if as_json or err.is_dumb_terminal:
        lines = _LinePrinter(watch, *((_json_line, sys.stdout) if as_json else (_plain_line, sys.stderr)))
        # Driven by time as well as by steps: a wait for the budget takes minutes without a step.
        clock = asyncio.create_task(lines.by_the_clock())
        try:
            yield lines
        finally:
            clock.cancel()
            await asyncio.wait([clock])
    else:
        with Live(_Screen(watch), console=err, refresh_per_second=4, transient=True):
            yield lambda _: None


class _LinePrinter:
    """A line every few seconds."""

    def __init__(self, watch: Watch, line: Callable[[SweepState, float], str], stream: TextIO) -> None:
        self._watch, self._line, self._stream = watch, line, stream
        self._last = 0.0

    def __call__(self, _: Sweep) -> None:
        self.tick()

    def tick(self) -> None:
        """Write a line if it is time for one."""
        state, seconds = self._watch.look(), self._watch.seconds
        if state is not None and seconds - self._last >= _LINE_SECONDS:
            self._last = seconds
            self._stream.write(self._line(state, seconds) + "\n")
            # Readers behind a pipe want to see it now.
            self._stream.flush()

    async def by_the_clock(self) -> None:
        """Print lines also while nothing comes in. Ends silently when the stream is closed: the next
        step reports that."""
        with suppress(OSError):
            while True:
                await asyncio.sleep(_LINE_SECONDS / 5)
                self.tick()


def _json_line(state: SweepState, seconds: float) -> str:
    return msgspec.json.encode(
        {"event": "progress", "seconds": round(seconds, 1), **msgspec.to_builtins(state)}
    ).decode()


def _plain_line(state: SweepState, seconds: float) -> str:
    return f"{duration(seconds)} {_total(state)}, {_budget(state)}{_to_go(state)}"


def _total(state: SweepState) -> str:
    ended = sum(ended for ended, _, _ in state.lists.values())
    found = sum(found for _, found, _ in state.lists.values())
    failed = f" ({state.failures:,} failed)" if state.failures else ""
    return f"{count(sum(state.rows.values()), 'row')}, {ended:,} of {count(found, 'list')}{failed}"


def _budget(state: SweepState) -> str:
    text = count(state.requests, "request")
    if state.left is not None and state.limit is not None:
        text += f" ({state.left:,} of {state.limit:,} left)"
    if state.waiting and state.resets_in is not None:
        until = time.strftime("%H:%M:%S", time.localtime(time.time() + state.resets_in))
        text += f", waiting for the budget until {until}"
    elif state.others:
        text += ", others use the budget too"
    return text


def _to_go(state: SweepState) -> str:
    if state.eta is None:
        return ""
    return f", {'at least' if state.eta_at_least else 'about'} {duration(state.eta)} to go"


class _Screen:
    """The sweep's state and a table of its resources, redrawn by the live display and never higher than it."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        state, seconds = self._watch.look(), self._watch.seconds
        if state is None:
            yield Text("starting …")
            return
        lines = Text(_plain_line(state, seconds)).wrap(console, options.max_width)
        yield from lines
        # One line is left for the cursor, one is the table's head.
        yield from _table(state, options.size.height - len(lines) - 2)


def _table(state: SweepState, height: int) -> RenderResult:
    """The resources, as many as there is room for: what is done makes room first."""
    shown = {name: lists for name, lists in state.lists.items() if lists[1] or lists[2]}
    done = [name for name, (ended, found, more) in shown.items() if ended == found and not more]
    surplus = len(shown) - height
    if surplus > 0:
        surplus += 1  # for the line about it
    left_out = set(done[:surplus]) if surplus > 0 else set[str]()
    names = [name for name in shown if name not in left_out][: max(0, height - bool(left_out))]
    if not names:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("resource", no_wrap=True, overflow="ellipsis")
    for head in ("rows", "lists"):
        table.add_column(head, justify="right", no_wrap=True)
    if left_out:
        rows = sum(state.rows.get(name, 0) for name in left_out)
        table.add_row(f"({len(left_out)} done)", f"{rows:,}", "", style="dim")
    for name in names:
        ended, found, more = shown[name]
        style = "dim" if name in done else ""
        table.add_row(name, f"{state.rows.get(name, 0):,}", f"{ended:,}/{found:,}{'+' if more else ''}", style=style)
    yield table
