"""The tables of the limiter that need no sockets: many runs of each case, limits that change, 429s, company, hard
cases."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product

from .frame import Settings, Table
from .ratelimit_judge import Judge, Kind, Log, Rounding, verdict
from .ratelimit_rivals import WAITING, compared
from .ratelimit_simulated import Case, Client, Latency, Simulator

Window = tuple[int, float]
_ROUND_TRIP = 0.02
_USER: Window = (3000, 600.0)
"""What the API gives a user."""


def sizes(settings: Settings) -> Sequence[tuple[Window, tuple[int, ...]]]:
    """Windows, and how many share them."""
    return (((200, 2.0), (2, 4, 8)), ((500, 5.0), (8,))) if not settings.quick else (((100, 1.0), (2,)),)


def presences(count: int, period: float, seconds: float) -> dict[str, list[tuple[float, float]]]:
    """Who is there from and until when."""
    always = (0.0, seconds)
    return {
        "together": [always] * count,
        "staggered": [(i * period * 0.35, seconds) for i in range(count)],
        "one leaves": [*[always] * (count - 1), (0.0, seconds * 0.6)],
        "one joins": [*[always] * (count - 1), (seconds * 0.4, seconds)],
    }


def many_times(settings: Settings, simulator: Simulator) -> Table:
    """Several clients, each case many times."""
    runs = settings.pick(5, 1)
    table = Table(
        f"Several clients, one token (ours, simulated, {runs} runs each)",
        ("window", "clients", "presence", "used %", "least used %", "429 %", "most 429 %", "least slowest"),
    )
    table.notes.append("each begins up to 20 ms late, latency 20 to 35 ms, both at random")
    dice, rows, cases = random.Random(5), list[tuple[str, int, str]](), list[Case]()
    for (limit, period), counts in sizes(settings):
        seconds = settings.pick(8 if period < 5 else 5, 2) * period
        for count in counts:
            for presence, spans in presences(count, period, seconds).items():
                rows.append((f"{limit}/{period:g} s", count, presence))
                for seed in range(runs):
                    clients = [Client(begin=since + dice.uniform(0, 0.02), end=until) for since, until in spans]
                    cases.append(Case(Judge(limit, period), clients, seconds, Latency(0.02, 0.035), seed=seed))
    every = simulator.judged(cases)
    for number, row in enumerate(rows):
        found = every[number * runs : (number + 1) * runs]
        used, refused = [one.used * 100 for one in found], [one.throttled * 100 for one in found]
        means = (sum(used) / runs, min(used), sum(refused) / runs, max(refused))
        table.add(*row, *means, min(one.slowest for one in found))
    return table


def changing(settings: Settings, simulator: Simulator) -> Table:
    """The limit is cut to a third after four windows and raised again after eight."""
    limit = settings.pick(600, 60)
    table = Table(
        f"Limit cut to a third and raised again ({limit}/60 s, simulated)",
        ("limiter", "cut: used %", "cut: 429s", "most 429s in a window", "raised: used %", "raised: 429s"),
    )
    table.notes.append(
        "both from the window after the change on; the most 429s of one window include the change itself"
    )
    names, rate = compared(limit, 60.0), limit / 60
    judge = Judge(limit, 60.0, changes=((4.4 * 60, limit // 3), (8.4 * 60, limit)))
    outcomes = simulator.outcomes([Case(judge, [Client(name)], 12 * 60) for name in names])
    for name, outcome in zip(names, outcomes, strict=True):
        cut = verdict(outcome.log, begin=300, end=480, rate=rate / 3)
        raised = verdict(outcome.log, begin=540, end=720, rate=rate)
        most = max(verdict(outcome.log, begin=n * 60, end=n * 60 + 60, rate=rate).refused for n in range(4, 12))
        table.add(name, cut.used * 100, cut.refused, most, raised.used * 100, raised.refused)
    return table


def refusals(settings: Settings, simulator: Simulator) -> Table:
    """429s that say nothing, of a server in trouble and by chance."""
    table = Table(
        "429 without headers (3000/600 s, simulated)",
        ("server", "limiter", "calls", "429s", "most calls within 1 s of a 429", "seconds"),
    )
    table.notes += [
        "only 429s for 20 s, eight tasks: calls and 429s within those; seconds from their end to the first success (a step"
        " of back-off is 1, 2, 4, 8, 16 s and up to half as long again)",
        "1 % at random: a job of 1000 calls; each 429 stops everybody for one step, then one call probes",
        "within 1 s of a 429: not counted are calls that were under way when its answer came in",
    ]
    names = [*compared(*_USER), WAITING]
    silent = Judge(*_USER, silent=(5.0, 25.0))
    cases = [Case(silent, [Client(name, tasks=8, think=0.5)], 90.0 if name != WAITING else 620.0) for name in names]
    for name, outcome in zip(names, simulator.outcomes(cases), strict=True):
        within = [entry for entry in outcome.log if 5 <= entry[0] < 25]
        refused = sum(status == 429 for _, _, status in within)
        first = next((at - 25 for at, _, status in outcome.log if at >= 25 and status != 429), None)
        table.add("only 429s for 20 s", name, len(within), refused, _soon_after(within), first)
    cases = [Case(Judge(*_USER, faults=0.01), [Client(name, calls=1000)], 20_000.0) for name in names]
    for name, outcome in zip(names, simulator.outcomes(cases), strict=True):
        table.add("1 % at random", name, len(outcome.log), outcome.refused, _soon_after(outcome.log), outcome.took)
    return table


def _soon_after(log: Log) -> int:
    """The most calls in the second after a refusal had become known."""
    refused = [at + _ROUND_TRIP + 0.001 for at, _, status in log if status == 429]
    return max((sum(known < at < known + 0.98 for at, _, _ in log) for known in refused), default=0)


def clicks(settings: Settings, simulator: Simulator) -> Table:
    """Somebody uses the same account by hand beside a job that fits into the window."""
    table = Table(
        "A job of 2000 calls beside somebody who clicks (ours, 8 tasks, 3000/600 s, simulated)",
        ("beside", "seconds", "× alone", "429s", "429s of the other"),
    )
    table.notes.append("what begins, begins a second into the job, and goes on until it ends")
    beside: dict[str, Client | None] = {
        "no other client": None,
        "one call": Client(burst_every=1e6, tasks=1, begin=1.0, end=2.0),
        "a page of 30 calls": Client(burst_every=1e6, tasks=30, begin=1.0, end=2.0),
        "a page of 20 calls every 20 s": Client(burst_every=20.0, tasks=20, begin=1.0),
        "a call every 5 s": Client(burst_every=5.0, tasks=1, begin=1.0),
        "a call every second": Client(burst_every=1.0, tasks=1, begin=1.0),
    }
    job, judge = Client(calls=2000, tasks=8), Judge(*_USER, kind="first")
    cases = [Case(judge, [job] if other is None else [job, other], 3000.0) for other in beside.values()]
    alone = 0.0
    for name, outcome in zip(beside, simulator.outcomes(cases), strict=True):
        alone = alone or outcome.took
        mine = sum(caller == "0" and status == 429 for _, caller, status in outcome.log)
        table.add(name, outcome.took, outcome.took / alone, mine, outcome.refused - mine)
    return table


def hard(settings: Settings, simulator: Simulator) -> Table:
    """Ours alone, where it is difficult."""
    table = Table("Hard cases (ours, simulated)", ("case", "window", "clients", "used %", "429 %", "slowest"))
    table.notes.append(
        "rude: besides, somebody without limiter takes a fifth of the window at once; its own 429s are not ours"
    )
    windows = ((200, 2.0), (600, 60.0), _USER) if not settings.quick else ((100, 10.0),)
    counts = (1, 4) if not settings.quick else (2,)
    rows, cases = list[tuple[str, str, int]](), list[Case]()
    for window, count in product(windows, counts):
        times = settings.pick(20 if window[1] < 10 else 8 if window[1] < 600 else 4, 2)
        for name, case in _hard_cases(window, count, times * window[1]).items():
            rows.append((name, f"{window[0]}/{window[1]:g} s", count))
            cases.append(case)
    if not settings.quick:
        rows.append(("latency 20 ms", "50/1 s", 8))
        cases.append(Case(Judge(50, 1.0), [Client()] * 8, 30.0))
    for row, found in zip(rows, simulator.judged(cases), strict=True):
        table.add(*row, found.used * 100, found.throttled * 100, found.slowest)
    return table


def _hard_cases(window: Window, count: int, seconds: float) -> dict[str, Case]:
    kinds: tuple[Kind, ...] = ("fixed", "first")
    roundings: tuple[Rounding, ...] = ("up", "down", "nearest")
    clients, plain = [Client()] * count, Judge(*window)
    company = Client(burst_every=0.7 * window[1], tasks=window[0] // 5)
    cases = {
        f"{kind}, rounded {rounding}": Case(Judge(*window, kind=kind, rounding=rounding), clients, seconds)
        for kind, rounding in product(kinds, roundings)
    }
    return cases | {
        "sliding, rounded up": Case(Judge(*window, kind="sliding"), clients, seconds),
        "latency 5 ms": Case(plain, clients, seconds, Latency(0.005, 0.005)),
        "latency 200 ms": Case(plain, clients, seconds, Latency(0.2, 0.2)),
        "latency 5 to 200 ms": Case(plain, clients, seconds, Latency(0.005, 0.2)),
        "clock off by 20 ms": Case(plain, clients, seconds, jitter=0.02),
        "rude company": Case(plain, [*clients, company], seconds),
    }
