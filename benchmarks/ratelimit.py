"""The limiter against servers that enforce a budget, and against what others do.

Rows marked "simulated" run on a loop with virtual time (no sockets, every run the same); all others have real sockets,
a server process and, where there are several callers, a process for each. "used" is the share of what the server allowed
that went through, "429" the share of all calls that were refused, "slowest" the slowest caller's share of the mean.
Latency 20 ms unless said otherwise; resets are told in whole seconds, rounded up unless said otherwise.

Where the rest goes. A lone client: to the last calls of a window, which it spreads so that newcomers get in, and to the
call that opens each window alone. In company: to the calls that each leaves to the others at the end of a window, half to
one per cent of it. 429s that remain are those of the first moments, when somebody still believes to be alone.

What misses is all among the hard cases. In windows of a few seconds a reset in whole seconds says little: rounded to the
nearest second, one caller uses 80 % if windows begin with a first call, and four 90 %, because what is told depends on
when it is asked. Of sliding windows of two seconds 70 to 80 % are used; four clients in longer ones use all, but with 2 to
6 % of 429s and unequal shares. Next to somebody without limiter four of ours see up to 1 % of 429s, whenever that one
empties the window between two calls. Fewer than some ten calls per client and window cannot be shared evenly.
"""

from __future__ import annotations

import asyncio
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from mittwald_async.transport.ratelimit import Limiter, Slot
from tests.support.clock import START

from .frame import Measured, Settings, Table
from .ratelimit_judge import Judge, Kind, Rounding, Verdict, verdict
from .ratelimit_rivals import Contender, Ours, contenders
from .ratelimit_server import ask, serving
from .ratelimit_simulated import Client, Latency, judged, simulate
from .ratelimit_worker import Worker, started, work

_TASKS = 64
_START_UP, _QUICK_START_UP = 2.5, 1.2
"""Seconds for worker processes to get ready, long on a busy machine."""
OURS = "mittwald_async"


@dataclass(frozen=True)
class Presence:
    """A process calls from and until so many seconds after the start."""

    since: float = 0.0
    until: float = float("inf")


def run(settings: Settings) -> list[Table]:
    """Every row of the promise, then the hard cases."""
    return [
        _one_caller(settings),
        _jobs(settings),
        _several(settings),
        _many_times(settings),
        _changing(settings),
        _refusals(settings),
        _cost(settings),
        _hard(settings),
    ]


def _one_caller(settings: Settings) -> Table:
    table = Table("One caller, demand without end", ("window", "limiter", "used %", "429 %"))
    for limit, period in ((50, 1.0), (100, 10.0), (600, 60.0)):
        windows = settings.pick(60 if period < 10 else 20, 6)
        for name, make in contenders(limit, period).items():
            found = judged(Judge(limit, period), [Client(make)], windows)
            table.add(f"{limit}/{period:g} s simulated", name, found.used * 100, found.throttled * 100)
    windows = settings.pick(10, 1)
    with serving(200, 2.0, 0.02) as url:
        for name in contenders(200, 2.0) if not settings.quick else (OURS,):
            found = _real(url, name, [Presence()], windows)
            table.add("200/2 s", name, found.used * 100, found.throttled * 100)
    return table


def _jobs(settings: Settings) -> Table:
    table = Table("Jobs with an end", ("job", "limiter", "seconds", "× ideal", "429s"))
    table.notes.append("ideal: no limiter where it fits in the window, else three windows and the rest at full speed")
    latency = Latency(0.03, 0.05)
    fits = 2700
    ideal, _ = _job(Judge(3000, 600.0, kind="first"), contenders(3000, 600.0)["no limiter"], fits, latency)
    for name, make in contenders(3000, 600.0).items():
        took, refused = _job(Judge(3000, 600.0, kind="first"), make, fits, latency)
        table.add("2700 calls, 3000/600 s, simulated", name, took, took / ideal, refused)
    limit, period = (600, 60.0) if not settings.quick else (100, 10.0)
    rest, _ = _job(Judge(limit, period, kind="first"), contenders(limit, period)["no limiter"], limit // 2, latency)
    for name, make in contenders(limit, period).items():
        took, refused = _job(Judge(limit, period, kind="first"), make, limit * 7 // 2, latency)
        table.add(f"3.5 windows of {limit}/{period:g} s, simulated", name, took, took / (3 * period + rest), refused)
    _real_jobs_that_fit(settings, table, settings.pick(fits, 600))
    if not settings.quick:
        with serving(200, 2.0, 0.02) as url:
            ideal = 6.0 + 100 / _TASKS * 0.02
            for name in contenders(200, 2.0):
                took, refused = _real_job(url, name, 200, 2.0, 700)
                table.add("3.5 windows of 200/2 s", name, took, took / ideal, refused)
    return table


def _real_jobs_that_fit(settings: Settings, table: Table, calls: int) -> None:
    """Ours and no limiter in turn, seven times: one run of two seconds differs from the next by more than they differ."""
    turns = [OURS, "no limiter"]
    others = [] if settings.quick else [name for name in contenders(3000, 600.0) if name not in turns]
    took: dict[str, list[float]] = {}
    refused: dict[str, int] = {}
    with serving(3000, 600.0, 0.04) as url:
        for name in turns * settings.pick(7, 1) + others:
            seconds, count = _real_job(url, name, 3000, 600.0, calls)
            took.setdefault(name, []).append(seconds)
            refused[name] = refused.get(name, 0) + count
    ideal = Measured(tuple(took["no limiter"])).median
    for name, every in took.items():
        seconds = Measured(tuple(every)).median
        table.add(f"{calls} calls, 3000/600 s", name, seconds, seconds / ideal, refused[name])


def _job(judge: Judge, make: Callable[[], Contender], calls: int, latency: Latency) -> tuple[float, int]:
    took = simulate(judge, [Client(make, calls=calls, tasks=_TASKS)], 7 * judge.period, latency)
    return took, sum(status == 429 for _, _, status in judge.log)


def _real_job(url: str, name: str, limit: int, period: float, calls: int) -> tuple[float, int]:
    begin = time.monotonic() + 0.2
    ask(f"{url}/begin?{begin}")
    end = begin + 7 * min(period, 10)
    took = asyncio.run(work(Worker(url, name, limit, period, "0", _TASKS, begin, end, calls)))
    return took, sum(status == 429 for _, _, status in ask(f"{url}/log"))


def _real(
    url: str,
    name: str,
    presence: Sequence[Presence],
    windows: int,
    limit: int = 200,
    period: float = 2.0,
) -> Verdict:
    """Worker processes, each there from and until a number of seconds after the start."""
    begin = time.monotonic() + (_QUICK_START_UP if windows < 4 else _START_UP if len(presence) < 5 else 2 * _START_UP)
    end = begin + windows * period
    ask(f"{url}/begin?{begin}")
    workers = [
        Worker(url, name, limit, period, str(i), _TASKS, begin + one.since, min(begin + one.until, end))
        for i, one in enumerate(presence)
    ]
    for process in [started(worker) for worker in workers]:
        process.communicate()
    return verdict(
        ask(f"{url}/log"),
        begin=begin,
        end=end,
        rate=limit / period,
        fair_from=begin + max(one.since for one in presence) + period,
        fair_until=min(end, begin + min(one.until for one in presence)),
    )


def _sizes(settings: Settings) -> Sequence[tuple[tuple[int, float], tuple[int, ...]]]:
    """Windows, and how many share them."""
    return (((200, 2.0), (2, 4, 8)), ((500, 5.0), (8,))) if not settings.quick else (((200, 2.0), (2,)),)


def _windows(settings: Settings, period: float) -> int:
    return settings.pick(8 if period < 5 else 5, 2)


def _cases(count: int, period: float, seconds: float) -> dict[str, list[Presence]]:
    """Who is there when."""
    return {
        "together": [Presence()] * count,
        "staggered": [Presence(since=i * period * 0.35) for i in range(count)],
        "one leaves": [Presence()] * (count - 1) + [Presence(until=seconds * 0.6)],
        "one joins": [Presence()] * (count - 1) + [Presence(since=seconds * 0.4)],
    }


def _many_times(settings: Settings) -> Table:
    """The same as `_several` with virtual time, each case many times."""
    runs = settings.pick(10, 1)
    table = Table(
        f"Several clients, one token (ours, simulated, {runs} runs each)",
        ("window", "clients", "presence", "used %", "least used %", "429 %", "most 429 %", "least slowest"),
    )
    table.notes.append("each begins up to 20 ms late, latency 20 to 35 ms, both at random")
    for (limit, period), counts in _sizes(settings):
        windows, dice = _windows(settings, period), random.Random(5)
        for count in counts:
            for case, presence in _cases(count, period, windows * period).items():
                found = [
                    judged(
                        Judge(limit, period),
                        [Client(Ours, begin=one.since + dice.uniform(0, 0.02), end=one.until) for one in presence],
                        windows,
                        Latency(0.02, 0.035),
                        seed=run,
                    )
                    for run in range(runs)
                ]
                used, refused = [one.used * 100 for one in found], [one.throttled * 100 for one in found]
                table.add(
                    *(f"{limit}/{period:g} s", count, case, sum(used) / runs, min(used)),
                    *(sum(refused) / runs, max(refused), min(one.slowest for one in found)),
                )
    return table


def _several(settings: Settings) -> Table:
    table = Table(
        "Several processes, one token", ("window", "processes", "presence", "limiter", "used %", "429 %", "slowest")
    )
    table.notes.append("fairness is counted from one window after the last one came until the first one leaves")
    for (limit, period), counts in _sizes(settings):
        windows = _windows(settings, period)
        with serving(limit, period, 0.02) as url:
            for count in counts:
                cases = _cases(count, period, windows * period)
                for case, presence in cases.items() if not settings.quick else [("together", cases["together"])]:
                    found = _real(url, OURS, presence, windows, limit, period)
                    _add(table, f"{limit}/{period:g} s", count, case, OURS, found)
            if limit == 200 and not settings.quick:
                for name in contenders(limit, period):
                    if name != OURS:
                        _add(table, "200/2 s", 4, "together", name, _real(url, name, [Presence()] * 4, windows))
    return table


def _add(table: Table, window: str, count: int, case: str, name: str, found: Verdict) -> None:
    table.add(window, count, case, name, found.used * 100, found.throttled * 100, found.slowest)


def _changing(settings: Settings) -> Table:
    """The limit is cut to a third after four windows and raised again after eight."""
    table = Table(
        "Limit cut to a third and raised again (600/60 s, simulated)",
        ("limiter", "cut: used %", "cut: 429s", "most 429s in a window", "raised: used %", "raised: 429s"),
    )
    table.notes.append(
        "both from the window after the change on; the most 429s of one window include the change itself"
    )
    for name, make in contenders(600, 60.0).items():
        judge = Judge(600, 60.0, changes=((4.4 * 60, 200), (8.4 * 60, 600)))
        simulate(judge, [Client(make)], 12 * 60, Latency())
        cut = verdict(judge.log, begin=START + 300, end=START + 480, rate=200 / 60)
        raised = verdict(judge.log, begin=START + 540, end=START + 720, rate=10)
        most = max(
            verdict(judge.log, begin=START + n * 60, end=START + n * 60 + 60, rate=10).refused for n in range(4, 12)
        )
        table.add(name, cut.used * 100, cut.refused, most, raised.used * 100, raised.refused)
    return table


def _refusals(settings: Settings) -> Table:
    table = Table("429 without headers (3000/600 s, simulated)", ("server", "limiter", "calls", "429s", "seconds"))
    table.notes += [
        "only 429s for 20 s: calls and 429s within those, then the seconds until the first success afterwards",
        "1 % at random: a job of 1000 calls; each 429 stops everybody for one back-off step",
    ]
    for name, make in contenders(3000, 600.0).items():
        judge = Judge(3000, 600.0, silent=(5.0, 25.0))
        simulate(judge, [Client(partial(_Slow, make), tasks=8)], 90.0, Latency())
        within = [status for at, _, status in judge.log if START + 5 <= at < START + 25]
        after = min((at for at, _, status in judge.log if at >= START + 25 and status != 429), default=START + 90)
        table.add("only 429s for 20 s", name, len(within), sum(s == 429 for s in within), after - START - 25)
    for name, make in contenders(3000, 600.0).items():
        judge = Judge(3000, 600.0, faults=0.01)
        took = simulate(judge, [Client(make, calls=1000)], 600.0, Latency())
        table.add("1 % at random", name, len(judge.log), sum(s == 429 for _, _, s in judge.log), took)
    return table


class _Slow:
    """Eight tasks that think for half a second before each call, so that the budget lasts."""

    def __init__(self, make: Callable[[], Contender]) -> None:
        self._inner = make()

    async def before(self) -> Slot | None:
        await asyncio.sleep(0.5)
        return await self._inner.before()

    def after(self, slot: Slot | None, status: int, headers: Mapping[str, str]) -> float:
        return self._inner.after(slot, status, headers)


def _cost(settings: Settings) -> Table:
    table = Table("What it costs", ("what", "figure", "unit"))
    calls = settings.pick(20_000, 2_000)
    headers: list[Mapping[str, str]] = _answers(calls)

    spent: list[float] = []
    for _ in range(settings.pick(15, 5)):
        begin = time.process_time()
        asyncio.run(_uncontended(headers))
        spent.append((time.process_time() - begin) / calls * 1e6)
    table.add("acquire, answered, release, uncontended (processor time)", Measured(tuple(spent)).median, "µs per call")
    for count in (10_000, 100_000) if not settings.quick else (1_000, 10_000):
        script = f"import asyncio; from benchmarks import ratelimit; asyncio.run(ratelimit.crowd({count}))"
        found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        megabytes, baseline, seconds, cancel = (float(text) for text in found.stdout.split())
        table.add(f"{count:,} waiting tasks: memory, tasks included", megabytes, "MB")
        table.add(f"{count:,} tasks that wait for a bare future", baseline, "MB")
        table.add(f"{count:,} tasks: wait, go, answer, release", seconds / count * 1e6, "µs per task")
        table.add(f"{count:,} tasks: cancelled while waiting", cancel / count * 1e6, "µs per task")
    return table


def _answers(calls: int) -> list[Mapping[str, str]]:
    from multidict import CIMultiDict, CIMultiDictProxy

    usual = {
        "content-type": "application/json",
        "date": "Thu, 01 Jan 1970 00:00:00 GMT",
        "x-ratelimit-limit": "9000000",
    }
    return [
        CIMultiDictProxy(
            CIMultiDict({**usual, "x-ratelimit-remaining": str(8_000_000 - n), "x-ratelimit-reset": "599"})
        )
        for n in range(calls)
    ]


async def _uncontended(answers: list[Mapping[str, str]]) -> None:
    limiter = Limiter()
    for headers in answers:
        slot = limiter.try_acquire("r") or await limiter.acquire("r")
        slot.answered(200, headers)
        slot.release()


async def crowd(count: int) -> None:
    """So many tasks wait behind the first call: prints memory, that of bare tasks, and seconds to go and to cancel."""
    loop = asyncio.get_running_loop()
    gate: asyncio.Future[None] = loop.create_future()

    async def bare() -> None:
        await asyncio.shield(gate)

    async def caller(limiter: Limiter) -> None:
        slot = await limiter.acquire("r")
        slot.answered(200, {})
        slot.release()

    async def gather(limiter: Limiter | None) -> tuple[list[asyncio.Task[None]], float]:
        before = _resident()
        tasks = [asyncio.create_task(caller(limiter) if limiter is not None else bare()) for _ in range(count)]
        await asyncio.sleep(0)
        return tasks, _resident() - before

    limiter = Limiter()
    first = await limiter.acquire("r")
    begin = time.perf_counter()
    tasks, megabytes = await gather(limiter)
    first.answered(200, {})
    first.release()
    await asyncio.gather(*tasks)
    seconds = time.perf_counter() - begin
    limiter = Limiter()
    first = await limiter.acquire("r")
    tasks, _ = await gather(limiter)
    begin = time.perf_counter()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    cancel = time.perf_counter() - begin
    tasks, baseline = await gather(None)
    gate.set_result(None)
    await asyncio.gather(*tasks)
    print(megabytes, baseline, seconds, cancel)


def _resident() -> float:
    """Memory of this process at its highest, MB; it never falls."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _hard(settings: Settings) -> Table:
    """Ours alone, where it is difficult."""
    table = Table("Hard cases (ours, simulated)", ("case", "window", "processes", "used %", "429 %", "slowest"))
    table.notes.append(
        "rude: besides, somebody without limiter takes a fifth of the window at once; its own 429s are not ours"
    )
    sizes = ((200, 2.0), (600, 60.0), (3000, 600.0)) if not settings.quick else ((100, 10.0),)
    counts = (1, 4) if not settings.quick else (2,)
    kinds: tuple[Kind, ...] = ("fixed", "first", "sliding")
    roundings: tuple[Rounding, ...] = ("up", "down", "nearest")
    for (limit, period), count in product(sizes, counts):
        windows = settings.pick(40 if period < 10 else 12 if period < 600 else 4, 4)
        company = Client(Ours, burst_every=0.7 * period, tasks=limit // 5)
        cases: list[tuple[str, Judge, Latency, float, list[Client]]] = [
            (f"{kind}, rounded {rounding}", Judge(limit, period, kind=kind, rounding=rounding), Latency(), 0.0, [])
            for kind, rounding in product(kinds, roundings)
            if kind != "sliding" or rounding == "up"
        ]
        cases += [
            ("latency 5 ms", Judge(limit, period), Latency(0.005, 0.005), 0.0, []),
            ("latency 200 ms", Judge(limit, period), Latency(0.2, 0.2), 0.0, []),
            ("latency 5 to 200 ms", Judge(limit, period), Latency(0.005, 0.2), 0.0, []),
            ("clock off by 20 ms", Judge(limit, period), Latency(), 0.02, []),
            ("rude company", Judge(limit, period), Latency(), 0.0, [company]),
        ]
        for case, judge, latency, jitter, more in cases:
            found = judged(judge, [Client(Ours)] * count + more, windows, latency, jitter)
            window = f"{limit}/{period:g} s"
            table.add(case, window, count, found.used * 100, found.throttled * 100, found.slowest)
    return table
