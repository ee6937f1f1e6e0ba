"""The limiter's hard cases, each with the figure to reach beside it; all in virtual time, so every run is the same.
Where demand has no end, each case runs five times, with other latencies and beginnings.

"× alone" compares a short job with the same job against a server that states no budget. "used" is the share of what the
judge allowed that went through, "429" the share of our calls that were refused, "slowest" the slowest client's share of
the mean. Latency is 20 ms unless said otherwise, resets are in whole seconds, each client has 64 tasks.

What no client can know, and what it costs:

- Nothing before the first answer. So of 90 calls in a window of 100 the first goes alone, which makes the job at least
  1.47 times as long as without a limiter (mean of 2,000 drawn from the same latencies, 64 tasks). With 2, 4, 8 or 16
  calls sent blindly it would be 1.44, 1.41, 1.39 or 1.35; only 26 save a round trip (1.08), and each of them is a 429
  where nothing is left.
- That others have just emptied the window. Each client learns it by one refused call of its own: four clients and two
  such bursts in eight windows of 600 are 8 refusals, 0.17 %. Beside a client without a limiter that calls as fast as it
  can, every window ends like that: three refusals in each, 0.5 %.
- How many of a few calls are others'. Of 50 calls in a second, each of eight clients makes six, and sees what remains
  at those six instants only. What is left over in a window varies by 1.4 calls from one to the next, so with 1.8
  left over on average 0.2 % are refused; with 1.6 it is twice as many.
- When a window ends that states its reset in whole seconds. A client that comes in the last fifth of a window of one
  second is told that a second is left and spreads its first calls over it: of 42 left of 100 it uses four. It happens
  once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .frame import Settings, Table
from .ratelimit_judge import Judge, Kind, Verdict
from .ratelimit_rivals import LITERATURE, LIVE, NO_LIMITER, OURS
from .ratelimit_simulated import Case, Client, Latency, Outcome, Simulator, judged, simulating

_USER = (3000, 600.0)
_SECOND, _FEW, _SHORT = (50, 1.0), (10, 1.0), (200, 2.0)


def run(settings: Settings) -> Iterator[Table]:
    with simulating() as simulator:
        yield short_jobs(settings, simulator)
        yield small_window(settings, simulator)
        yield whole_windows(settings, simulator)
        yield in_the_middle(settings, simulator)
        yield shares(settings, simulator)
        yield live(settings, simulator)
        if not settings.quick:
            yield many_processes(simulator)
        yield literature(settings, simulator)


def short_jobs(settings: Settings, simulator: Simulator) -> Table:
    """A job that begins in the middle of a window which others have used and left."""
    table = Table(
        "A short job in the middle of a window (3000/600 s, 50 ms)",
        ("calls", "left", "seconds", "× alone", "to reach", "429s"),
    )
    rows = [(calls, left) for calls in ((10, 50, 200, 600) if not settings.quick else (10,)) for left in (900, 2600)]
    latency, cases = Latency(0.05, 0.05), list[Case]()
    for calls, left in rows:
        job = [Client(calls=calls, tasks=min(calls, 128))]
        middle = Judge(*_USER, epoch=-300.0, spent=_USER[0] - left)
        cases += [Case(middle, job, 600.0, latency), Case(Judge(*_USER, mute=True), job, 600.0, latency)]
    found = simulator.outcomes(cases)
    for (calls, left), ours, bare in zip(rows, found[::2], found[1::2], strict=True):
        table.add(calls, left, ours.took, ours.took / bare.took, 1.1 if calls == 10 else 1.3, ours.refused)
    return table


def small_window(settings: Settings, simulator: Simulator) -> Table:
    """Ninety calls where a hundred are allowed."""
    table = Table(
        "90 calls in a window of 100 (100/10 s, 30 to 50 ms)", ("beside", "seconds", "× ideal", "to reach", "429s")
    )
    table.notes.append(
        "ideal: the same job without limiter; beside others: so much of the window is left that it just fits"
    )
    table.notes.append("with a first call that goes alone, 1.47 is the least: see the docstring")
    beside: dict[str, list[Client]] = {
        "no other client": [],
        "a call every second": [Client(burst_every=1.0, tasks=1, begin=0.02)],
    }
    cases = [
        Case(Judge(100, 10.0, kind="first"), [Client(name, calls=90), *others], 60.0, Latency(0.03, 0.05))
        for others in beside.values()
        for name in (OURS, NO_LIMITER)
    ]
    found = simulator.outcomes(cases)
    for name, ours, ideal in zip(beside, found[::2], found[1::2], strict=True):
        table.add(
            name, ours.took, ours.took / ideal.took, 1.3, sum(who == "0" and code == 429 for _, who, code in ours.log)
        )
    return table


def whole_windows(settings: Settings, simulator: Simulator) -> Table:
    """Jobs whose last call is the last of a window."""
    table = Table(
        "Jobs of exactly one or three windows (64 tasks, 30 to 50 ms)",
        ("calls", "window", "seconds", "× ideal", "429s"),
    )
    table.notes.append("ideal: all windows but the last in full, then one window's calls without a limiter")
    table.notes.append(
        "beyond it: a round trip for the call that opens each window, and one before the last eight calls go, as only the"
        " answers before them show that the job ends there"
    )
    rows = [(100, 10.0), (600, 60.0), _USER] if not settings.quick else [(100, 10.0)]
    cases = list[Case]()
    for limit, period in rows:
        judge, latency = Judge(limit, period, kind="first"), Latency(0.03, 0.05)
        for name, calls in ((OURS, limit), (OURS, 3 * limit), (NO_LIMITER, limit)):
            cases.append(Case(judge, [Client(name, calls=calls)], 5 * period, latency))
    found = simulator.outcomes(cases)
    for number, (limit, period) in enumerate(rows):
        one, three, bare = found[3 * number : 3 * number + 3]
        for windows, outcome in ((1, one), (3, three)):
            ideal = (windows - 1) * period + bare.took
            shown = f"{limit}/{period:g} s"
            table.add(windows * limit, shown, outcome.took, outcome.took / ideal, outcome.refused)
    return table


def in_the_middle(settings: Settings, simulator: Simulator) -> Table:
    """Clients that come in the middle of a window in which others have been and gone."""
    table = Table(
        "Coming in the middle of a window (20 to 35 ms, five runs)",
        ("left", "window", "clients", "used of these %", "429s"),
    )
    table.notes.append("two that come at the same moment, each of which must find out that it is not alone")
    windows = ((42, (100, 10.0)), (250, (600, 60.0)), (1000, _USER)) if not settings.quick else ((42, (100, 10.0)),)
    rows, cases = [(left, window, count) for left, window in windows for count in (1, 2)], list[Case]()
    runs = settings.pick(5, 1)
    for left, (limit, period), count in rows:
        middle = Judge(limit, period, epoch=-period / 2, spent=limit - left)
        for seed in range(runs):
            cases.append(Case(middle, _several(count, seed), period / 2, Latency(0.02, 0.035), seed=seed))
    found = simulator.outcomes(cases)
    for number, (left, (limit, period), count) in enumerate(rows):
        of_row = found[number * runs : (number + 1) * runs]
        passed = sum(status != 429 and at < period / 2 for one in of_row for at, _, status in one.log)
        refused = sum(one.refused for one in of_row) / runs
        table.add(left, f"{limit}/{period:g} s", count, passed / runs / left * 100, refused)
    return table


def _several(count: int, seed: int) -> list[Client]:
    """Clients that begin within 20 ms."""
    dice = random.Random(count + 1000 * seed)
    return [Client(begin=dice.uniform(0, 0.02)) for _ in range(count)]


def _shared_cases(seed: int) -> list[tuple[str, str, Case, float, float, float | None]]:
    """Name, window, case; to reach: used, 429s in per cent, slowest."""

    def several(count: int) -> list[Client]:
        return _several(count, seed)

    def bursts(limit: int, period: float) -> list[Client]:
        return [Client(burst_every=0.37 * period, tasks=limit // 20, begin=0.1 * period)]

    spread = Latency(0.02, 0.035)
    rude = Client(burst_every=0.7 * 60, tasks=120)
    rows: list[tuple[str, str, Case, float, float, float | None]] = [
        ("8 clients", "50/1 s", Case(Judge(*_SECOND), several(8), 90.0, spread), 97, 0.5, 0.7),
        ("8 clients", "10/1 s", Case(Judge(*_FEW), several(8), 240.0, spread), 0, 3.0, None),
        (
            "answers 0 to 1 s late",
            "50/1 s",
            Case(Judge(*_SECOND), [Client(tasks=128)], 90.0, Latency(late=1.0)),
            90,
            1,
            None,
        ),
    ]
    continuous: tuple[Kind, ...] = ("sliding", "gcra")
    windows: tuple[Kind, ...] = ("fixed", "first")
    for kind in continuous:
        for count in (1, 3):
            case = Case(Judge(*_SHORT, kind=kind), several(count), 120.0, spread)
            rows.append((f"{kind}, {count} clients", "200/2 s", case, 97, 0.3, None))
    for kind in windows:
        for count in (1, 4):
            case = Case(Judge(*_SHORT, kind=kind, rounding="nearest"), several(count), 40.0, spread)
            rows.append((f"{kind}, rounded to nearest, {count} clients", "200/2 s", case, 96, 0.5, None))
    rows += [
        ("4 clients, rude company", "600/60 s", Case(Judge(600, 60.0), [*several(4), rude], 480.0), 96, 0.2, 0.7),
        (
            "4 clients, one without limiter",
            "600/60 s",
            Case(Judge(600, 60.0), [*several(4), Client(NO_LIMITER, tasks=4, think=1.0, stranger=True)], 480.0),
            96,
            0.2,
            0.7,
        ),
        (
            "4 clients, foreign bursts",
            "200/2 s",
            Case(Judge(*_SHORT), [*several(4), *bursts(*_SHORT)], 40.0, spread),
            96,
            0.3,
            0.7,
        ),
        (
            "4 clients, foreign bursts",
            "600/60 s",
            Case(Judge(600, 60.0), [*several(4), *bursts(600, 60.0)], 480.0, spread),
            96,
            0.3,
            0.7,
        ),
        (
            "headers missing on a tenth",
            "200/2 s",
            Case(Judge(*_SHORT, forgets=0.1), several(1), 40.0, spread),
            98,
            0.1,
            None,
        ),
        ("clock off by 20 ms", "200/2 s", Case(Judge(*_SHORT), several(1), 40.0, spread, jitter=0.02), 98, 0.1, None),
    ]
    return rows


def shares(settings: Settings, simulator: Simulator) -> Table:
    """Demand without end where headers say little or others are rude."""
    runs = settings.pick(5, 1)
    table = Table(
        f"Demand without end ({runs} runs)",
        ("case", "window", "used %", "to reach", "429 %", "at most", "most 429 %", "least slowest", "at least"),
    )
    every = [_shared_cases(seed)[: None if not settings.quick else 1] for seed in range(runs)]
    cases = [replace(row[2], seed=seed) for seed, rows in enumerate(every) for row in rows]
    found = simulator.judged(cases)
    for number, (name, window, _, used, refused, slowest) in enumerate(every[0]):
        of_row = found[number :: len(every[0])]
        throttled = [one.throttled * 100 for one in of_row]
        mean = sum(one.used for one in of_row) / runs * 100, sum(throttled) / runs
        least = min(one.slowest for one in of_row)
        table.add(name, window, mean[0], used or None, mean[1], refused, max(throttled), least, slowest)
    return table


def live(settings: Settings, simulator: Simulator) -> Table:
    """Somebody waits for one process while another does bulk work."""
    table = Table(
        "A call every second with high priority, bulk in another process",
        ("window", "p50 s", "p99 s", "to reach", "used %", "429 %"),
    )
    for window, seconds in (
        (((3000, 600.0), 1800.0), ((200, 2.0), 60.0)) if not settings.quick else (((200, 2.0), 10.0),)
    ):
        case = Case(Judge(*window), [Client(), Client(LIVE, tasks=1, think=1.0, watched=True)], seconds)
        (outcome,) = simulator.outcomes([case])
        found, waits = judged(case, outcome), sorted(outcome.waits)
        table.add(
            f"{window[0]}/{window[1]:g} s",
            waits[len(waits) // 2],
            waits[int(len(waits) * 0.99)],
            1.0,
            found.used * 100,
            found.throttled * 100,
        )
    return table


def many_processes(simulator: Simulator) -> Table:
    """A hundred processes on one token; every ten seconds one joins or leaves."""
    table = Table(
        "100 processes, one joining or leaving every 10 s (3000/600 s)",
        ("used %", "to reach", "429 %", "at most", "Jain's index", "at least"),
    )
    dice = random.Random(3)
    seconds = 6 * 600.0
    clients = [Client(tasks=2, begin=dice.uniform(0, 5.0)) for _ in range(50)]
    clients += [Client(tasks=2, begin=10.0 * n + 5) for n in range(50)]
    clients += [Client(tasks=2, begin=600.0 + 20.0 * n) for n in range(100)]
    clients = [
        Client(tasks=2, begin=one.begin, end=(610.0 + 20.0 * n if n < 100 else 1e9)) for n, one in enumerate(clients)
    ]
    case = Case(Judge(*_USER), clients, seconds, Latency(0.02, 0.035))
    (outcome,) = simulator.outcomes([case])
    found = judged(case, outcome)
    table.add(
        found.used * 100, 99, found.throttled * 100, 0.05, jain(outcome, 2700.0, 3600.0, len(clients) - 100), 0.98
    )
    return table


def jain(outcome: Outcome, begin: float, end: float, clients: int) -> float:
    """Jain's index of the calls that passed: 1 if all have the same."""
    counts: dict[str, int] = {}
    for at, caller, status in outcome.log:
        if begin <= at < end and status != 429:
            counts[caller] = counts.get(caller, 0) + 1
    return sum(counts.values()) ** 2 / (clients * sum(count**2 for count in counts.values()))


def literature(settings: Settings, simulator: Simulator) -> Table:
    """What the literature and practice have, each in a few lines."""
    table = Table("Beside the literature (200/2 s, 4 clients)", ("limiter", "server", "used %", "429 %", "slowest"))
    names = [OURS, *LITERATURE]
    kinds: Sequence[Judge] = (
        [Judge(*_SHORT), Judge(*_SHORT, kind="sliding")] if not settings.quick else [Judge(*_SHORT)]
    )
    cases = [
        Case(judge, [Client(name)] * 4, 40.0 if not settings.quick else 6.0, Latency(0.02, 0.035))
        for judge in kinds
        for name in names
    ]
    found: list[Verdict] = simulator.judged(cases)
    for case, one in zip(cases, found, strict=True):
        table.add(case.clients[0].contender, case.judge.kind, one.used * 100, one.throttled * 100, one.slowest)
    return table
