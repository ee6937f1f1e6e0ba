"""The limiter against servers that enforce a budget, and against what others do.

Rows marked "simulated" run on a loop with virtual time (no sockets, every run the same); all others have real sockets,
a server process and a process for each caller. The judge is the benchmark's own server, which knows nothing but the
budget, or the package's emulator, which also wants tokens and answers real pages. "used" is the share of what the judge
allowed that went through, "429" the share of all calls that were refused, "slowest" the slowest caller's share of the
mean. Latency 20 ms unless said otherwise (the emulator has none but its own); resets are told in whole seconds, rounded
up unless said otherwise.

Where the rest goes. A lone client: to the last calls of a window, which it spreads so that newcomers get in, and to the
call that opens each window alone. In company: to the calls that each leaves to the others at the end of a window, half
to one per cent of it, and where many share a long window one or two. 429s that remain are those of the first moments,
when somebody still believes to be alone.

A newcomer does not know whether others come at the same moment, so it begins with a part of what remains in flight and
opens up with every answer. That costs nothing noticeable in a window of a few thousand calls; a job of 90 calls in a
window of 100 takes one round trip longer than the two it would take at full speed.

A 429 that contradicts the budget stops everybody for one step of back-off; the same limiter is shown waiting for the
reset each time, which is right only where the window is empty. Somebody who clicks costs a few seconds of sharing each
time, and as much as they take of a window is kept for them; who calls about once a second all the time is shared with
all the time.

What misses is all among the hard cases, which have a benchmark of their own, `ratelimit_hard`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .frame import Measured, Settings, Table
from .ratelimit_cost import cost
from .ratelimit_emulator import emulated, emulating
from .ratelimit_judge import Judge, Verdict, verdict
from .ratelimit_rivals import NO_LIMITER, OURS, compared
from .ratelimit_server import ask, serving
from .ratelimit_simulated import END, Case, Client, Latency, Simulator, simulating
from .ratelimit_virtual import changing, clicks, hard, many_times, presences, refusals, sizes
from .ratelimit_worker import CLIENT, Crew, Worker, crew

_TASKS = 64
_LEAD = 0.3
"""Seconds from the order to work until it begins."""
_REAL, _QUICK_REAL = (200, 2.0), (100, 1.0)
_USER = (3000, 600.0)
_FITS = 2700


def run(settings: Settings) -> Iterator[Table]:
    """Every row of the promise, then the hard cases."""
    with simulating() as simulator, crew(settings.pick(8, 2)) as workers:
        yield _one_caller(settings, simulator, workers)
        yield _jobs(settings, simulator, workers)
        yield _several(settings, workers)
        yield many_times(settings, simulator)
        yield _emulated(settings, workers)
        yield changing(settings, simulator)
        yield refusals(settings, simulator)
        yield clicks(settings, simulator)
        yield cost(settings)
        yield hard(settings, simulator)


def _shown(window: tuple[int, float]) -> str:
    return f"{window[0]}/{window[1]:g} s"


def _one_caller(settings: Settings, simulator: Simulator, workers: Crew) -> Table:
    table = Table("One caller, demand without end", ("window", "limiter", "used %", "429 %"))
    for limit, period in ((50, 1.0), (100, 10.0), (600, 60.0)):
        seconds = settings.pick(60 if period < 10 else 20, 3) * period
        names = compared(limit, period)
        cases = [Case(Judge(limit, period), [Client(name)], seconds) for name in names]
        for name, found in zip(names, simulator.judged(cases), strict=True):
            table.add(f"{_shown((limit, period))} simulated", name, found.used * 100, found.throttled * 100)
    window = _REAL if not settings.quick else _QUICK_REAL
    with serving(*window, 0.02) as url:
        for name in compared(*window) if not settings.quick else (OURS,):
            found = _real(url, workers, name, [(0.0, END)], settings.pick(5 if name == OURS else 3, 1), window)
            table.add(_shown(window), name, found.used * 100, found.throttled * 100)
    return table


def _jobs(settings: Settings, simulator: Simulator, workers: Crew) -> Table:
    table = Table("Jobs with an end", ("job", "limiter", "seconds", "× ideal", "429s"))
    table.notes.append("ideal: no limiter where it fits in the window, else three windows and the rest at full speed")
    for window, calls, names in ((_USER, _FITS, compared(*_USER)), ((100, 10.0), 90, (OURS, NO_LIMITER))):
        jobs = _simulated_jobs(simulator, window, calls, names)
        (ideal,) = (took for name, took, _ in jobs if name == NO_LIMITER)
        for name, took, refused in jobs:
            table.add(f"{calls} calls, {_shown(window)}, simulated", name, took, took / ideal, refused)
    limit, period = window = (600, 60.0) if not settings.quick else (100, 10.0)
    ((_, rest, _),) = _simulated_jobs(simulator, window, limit // 2, [NO_LIMITER])
    for name, took, refused in _simulated_jobs(simulator, window, limit * 7 // 2, compared(*window)):
        table.add(f"3.5 windows of {_shown(window)}, simulated", name, took, took / (3 * period + rest), refused)
    _real_jobs_that_fit(settings, table, workers, settings.pick(_FITS, 400))
    if not settings.quick:
        with serving(*_REAL, 0.02) as url:
            took, refused = _real_job(url, workers, OURS, _REAL, 700)
            table.add(f"3.5 windows of {_shown(_REAL)}", OURS, took, took / (6.0 + 100 / _TASKS * 0.02), refused)
    return table


def _simulated_jobs(
    simulator: Simulator, window: tuple[int, float], calls: int, names: Sequence[str]
) -> list[tuple[str, float, int]]:
    judge = Judge(*window, kind="first")
    cases = [
        Case(judge, [Client(name, calls=calls, tasks=_TASKS)], 7 * judge.period, Latency(0.03, 0.05)) for name in names
    ]
    return [(name, o.took, o.refused) for name, o in zip(names, simulator.outcomes(cases), strict=True)]


def _real_jobs_that_fit(settings: Settings, table: Table, workers: Crew, calls: int) -> None:
    """Ours and no limiter in turn, five times: one run of two seconds differs from the next by more than they
    differ."""
    turns = [OURS, NO_LIMITER]
    others = [] if settings.quick else [name for name in compared(*_USER) if name not in turns]
    took: dict[str, list[float]] = {}
    refused: dict[str, int] = {}
    with serving(*_USER, 0.04) as url:
        for name in turns * settings.pick(5, 1) + others:
            seconds, count = _real_job(url, workers, name, _USER, calls)
            took.setdefault(name, []).append(seconds)
            refused[name] = refused.get(name, 0) + count
    ideal = Measured(tuple(took[NO_LIMITER])).median
    for name, every in took.items():
        seconds = Measured(tuple(every)).median
        table.add(f"{calls} calls, {_shown(_USER)}", name, seconds, seconds / ideal, refused[name])


def _real_job(url: str, workers: Crew, name: str, window: tuple[int, float], calls: int) -> tuple[float, int]:
    begin = time.monotonic() + _LEAD
    ask(f"{url}/begin?{begin}")
    end = begin + 7 * min(window[1], 10)
    (took,) = workers.work([Worker(url, name, *window, 0, _TASKS, begin, end, calls)])
    return took, sum(status == 429 for _, _, status in ask(f"{url}/log"))


def _real(
    url: str,
    workers: Crew,
    name: str,
    spans: Sequence[tuple[float, float]],
    windows: int,
    window: tuple[int, float],
) -> Verdict:
    """Worker processes, each there from and until a number of seconds after the start."""
    limit, period = window
    begin = time.monotonic() + _LEAD
    end = begin + windows * period
    ask(f"{url}/begin?{begin}")
    one = Worker(url, name, limit, period, 0, _TASKS, begin, end)
    workers.work(
        [
            replace(one, name=number, begin=begin + since, end=min(begin + until, end))
            for number, (since, until) in enumerate(spans)
        ]
    )
    return verdict(
        ask(f"{url}/log"),
        begin=begin,
        end=end,
        rate=limit / period,
        fair_from=begin + max(since for since, _ in spans) + period,
        fair_until=min(end, begin + min(until for _, until in spans)),
    )


def _several(settings: Settings, workers: Crew) -> Table:
    table = Table(
        "Several processes, one token", ("window", "processes", "presence", "limiter", "used %", "429 %", "slowest")
    )
    table.notes.append("fairness is counted from one window after the last one came until the first one leaves")
    for window, counts in sizes(settings):
        limit, period = window
        with serving(limit, period, 0.02) as url:
            for count in counts:
                windows = settings.pick(6 if count == 8 and period < 5 else 5 if period < 5 else 4, 2)
                for case, spans in presences(count, period, windows * period).items():
                    if (settings.quick or period >= 5) and case != "together":
                        continue
                    _add(table, window, count, case, OURS, _real(url, workers, OURS, spans, windows, window))
            if window == _REAL and not settings.quick:
                for name in compared(*_REAL)[1:]:
                    _add(table, window, 4, "together", name, _real(url, workers, name, [(0.0, END)] * 4, 4, window))
    return table


def _add(table: Table, window: tuple[int, float], count: int, case: str, name: str, found: Verdict) -> None:
    table.add(_shown(window), count, case, name, found.used * 100, found.throttled * 100, found.slowest)


def _emulated(settings: Settings, workers: Crew) -> Table:
    window = _REAL if not settings.quick else _QUICK_REAL
    table = Table(
        f"Judged by the emulator ({_shown(window)}, windows begin with a first call)",
        ("processes", "limiter", "passed", "used %", "429s", "429 %", "slowest"),
    )
    table.notes.append("calls are typed ones, GET /v2/projects; what passed and what was refused the emulator counted")
    rows = [(1, CLIENT), (1, NO_LIMITER), (2, CLIENT), (4, CLIENT), (8, CLIENT), (4, NO_LIMITER)]
    with emulating() as url:
        for processes, name in rows if not settings.quick else rows[:1]:
            windows = settings.pick(4 if name == CLIENT else 3, 1)
            found = emulated(url, workers, name, processes, _TASKS // 2, windows, *window)
            shares = (found.used * 100, found.refused, found.throttled * 100, found.slowest)
            table.add(processes, name, found.passed, *shares)
    return table
