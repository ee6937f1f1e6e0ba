"""The package's emulator as a second judge: its windows begin with a first call, and it counts by itself what it lets
pass.

It checks tokens and parameters, keeps accounts by user and answers real pages, so here the whole client is judged.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from .ratelimit_judge import Verdict, verdict
from .ratelimit_worker import TOKEN, Crew, Worker

_LEAD = 0.3
"""Seconds from the order to work until it begins."""


@contextmanager
def emulating() -> Generator[str]:
    """An emulator process; gives its URL."""
    options = ("--port", "0", "--customers", "2", "--projects", "20", "--drift", "0", "--token", TOKEN)
    command = [sys.executable, "-m", "mittwald_async.emulator", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def emulated(
    url: str, crew: Crew, contender: str, processes: int, tasks: int, windows: int, limit: int, period: float
) -> Verdict:
    """So many processes of this contender call together for so many windows; counted by the emulator."""
    _control(url, "POST", "reset", {"rate_limit": [limit, period], "log_size": 1_000_000})
    begin = time.monotonic() + _LEAD
    clock = _control(url, "GET", "clock")["now"] + begin - time.monotonic()
    end = begin + windows * period
    crew.work([Worker(url, contender, limit, period, name, tasks, begin, end) for name in range(processes)])
    counters = _control(url, "GET", "counters")
    log = [(entry["at"], entry["query"], entry["status"]) for entry in _control(url, "GET", "requests")]
    fair_from = clock + period if windows > 1 else clock
    found = verdict(log, begin=clock, end=clock + windows * period, rate=limit / period, fair_from=fair_from)
    _agree(counters, log)
    return found


def _agree(counters: dict[str, Any], log: Sequence[tuple[float, str, int]]) -> None:
    """The emulator keeps two accounts, the log and the counters of the budget: no row is worth anything if they
    differ."""
    refused = sum(status == 429 for _, _, status in log)
    if refused != counters["rate_limit"]["refused"] or len(log) != counters["requests"]:
        raise RuntimeError(
            f"the emulator counts {counters['rate_limit']} and {counters['requests']}, its log {refused}"
        )


def _control(url: str, method: str, name: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/__emulator/{name}", data, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())
