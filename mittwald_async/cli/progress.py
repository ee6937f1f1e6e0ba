"""What people see while a sweep runs: a live table on a terminal, plain lines elsewhere, JSON lines for machines."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TextIO

import msgspec
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..client import Mittwald
from ..inventory import Job, Sweep, seconds_for
from ..inventory.frontier import progress
from ..transport.ratelimit import RateLimitStatus
from .shared import duration, err

_LINE_SECONDS = 5.0
"""Plain lines and JSON come at least so far apart."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep at one moment."""

    rows: dict[str, int]
    lists: dict[str, tuple[int, int, bool]]
    """By resource: lists ended, lists found, whether more may be found."""
    requests: int
    failures: int
    left: int | None
    """Requests left in the window."""
    limit: int | None
    resets_in: float | None
    waiting: bool
    """Everything under way waits for the budget."""
    eta: float | None
    """Seconds until the lists known so far are done, at the speed so far and within the budget."""


def observe(mw: Mittwald, sweep: Sweep, seconds: float) -> State:
    """Read off how a sweep stands after `seconds`."""
    budget = mw.rate_limit
    lists = {name: (ended, found, more) for name, ended, found, more in progress(sweep.frontier.lanes)}
    ended = sum(done for done, _, _ in lists.values())
    due = sum(found - done for done, found, _ in lists.values())
    return State(
        rows=dict(sweep.rows),
        lists=lists,
        requests=sweep.requests,
        failures=len(sweep.failures),
        left=budget.remaining,
        limit=budget.limit,
        resets_in=budget.resets_in,
        waiting=budget.waiting > 0 and budget.in_flight == 0,
        eta=_eta(due, ended / seconds if seconds > 0 else 0.0, budget),
    )


def _eta(due: int, rate: float, budget: RateLimitStatus) -> float | None:
    """Time at the speed so far, and the windows that have to be waited for."""
    if rate <= 0:
        return None
    working = due / rate
    if budget.limit is None or budget.remaining is None or budget.resets_in is None:
        return working
    over = due - budget.remaining
    if over <= 0:
        return working
    # The first wait ends with this window; how long a window is, is not told: the documented 600 s are assumed.
    return max(working, budget.resets_in + seconds_for(over, (budget.limit, 600.0)))


@asynccontextmanager
async def display(mw: Mittwald, job: Job, *, as_json: bool) -> AsyncGenerator[Callable[[Sweep], None]]:
    """Show progress until the block ends; gives the function to call with the sweep after every step."""
    begin = time.monotonic()
    if as_json or not err.is_terminal:
        lines = _Lines(mw, begin, *((_json_line, sys.stdout) if as_json else (_plain_line, sys.stderr)))
        # By the clock as well as by steps: waiting for the budget takes minutes in which there is no step.
        clock = asyncio.create_task(lines.by_the_clock(job))
        try:
            yield lines
        finally:
            clock.cancel()
            await asyncio.wait([clock])
    else:
        with Live(console=err, refresh_per_second=4, transient=True) as live:
            screen = _Screen(mw, begin, live)
            live.get_renderable = screen.render  # type: ignore[method-assign]
            yield screen


class _Lines:
    """A line every few seconds."""

    def __init__(self, mw: Mittwald, begin: float, line: Callable[[State, float], str], stream: TextIO) -> None:
        self._mw, self._begin, self._line, self._stream = mw, begin, line, stream
        self._last = begin

    def __call__(self, sweep: Sweep) -> None:
        now = time.monotonic()
        if now - self._last >= _LINE_SECONDS:
            self._last = now
            self._stream.write(self._line(observe(self._mw, sweep, now - self._begin), now - self._begin) + "\n")
            # Whoever follows the output through a pipe wants to see it now.
            self._stream.flush()

    async def by_the_clock(self, job: Job) -> None:
        """Lines also while nothing comes in. Ends without a word when nobody reads them any more."""
        with suppress(OSError):
            while True:
                await asyncio.sleep(_LINE_SECONDS / 5)
                if job.sweep is not None:
                    self(job.sweep)


def _json_line(state: State, seconds: float) -> str:
    return msgspec.json.encode(
        {"event": "progress", "seconds": round(seconds, 1), **msgspec.to_builtins(state)}
    ).decode()


def _plain_line(state: State, seconds: float) -> str:
    rows = sum(state.rows.values())
    ended = sum(done for done, _, _ in state.lists.values())
    found = sum(found for _, found, _ in state.lists.values())
    return f"{duration(seconds)} {rows:,} rows, {ended:,} of {found:,} lists, {_budget(state)}{_eta_text(state)}"


def _budget(state: State) -> str:
    text = f"{state.requests:,} requests"
    if state.left is not None and state.limit is not None:
        text += f" ({state.left:,} of {state.limit:,} left)"
    if state.waiting and state.resets_in is not None:
        until = time.strftime("%H:%M:%S", time.localtime(time.time() + state.resets_in))
        text += f", waiting for the budget until {until}"
    return text


def _eta_text(state: State) -> str:
    return "" if state.eta is None else f", about {duration(state.eta)} to go"


class _Screen:
    """A table of resources with the budget below, drawn anew by the live display."""

    def __init__(self, mw: Mittwald, begin: float, live: Live) -> None:
        self._mw, self._begin, self._live = mw, begin, live
        self._sweep: Sweep | None = None

    def __call__(self, sweep: Sweep) -> None:
        self._sweep = sweep

    def render(self) -> RenderableType:
        if self._sweep is None:
            return Text("starting …")
        seconds = time.monotonic() - self._begin
        state = observe(self._mw, self._sweep, seconds)
        table = Table(box=None, pad_edge=False)
        for head in ("resource", "rows", "lists"):
            table.add_column(head, justify="left" if head == "resource" else "right")
        for name, (ended, found, more) in state.lists.items():
            if not found and not more:
                continue
            style = "dim" if ended == found and not more else ""
            table.add_row(
                name, f"{state.rows.get(name, 0):,}", f"{ended:,}/{found:,}{'+' if more else ''}", style=style
            )
        failures = f", {state.failures} failed" if state.failures else ""
        return Group(table, Text(f"{duration(seconds)} {_budget(state)}{failures}{_eta_text(state)}"))
