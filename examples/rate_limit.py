"""Watch the use of the request budget: calls wait for the next window instead of being refused.

It deliberately makes more calls than a window allows. Each line shows the finished calls, the waiting calls, and the
rest.

    python examples/rate_limit.py --demo
    python examples/rate_limit.py --calls 3100        # real: uses up to ten minutes of the shared budget
"""

from __future__ import annotations

import argparse
import asyncio
import time

from demo import connected, options, positive, run

from mittwald_async import AttemptEnded, Event, Mittwald, fan_out

WIDTH = 40


class Watch:
    """Counts responses by status, as an observer of every call."""

    def __init__(self) -> None:
        self.answered = 0
        self.refused = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, AttemptEnded):
            self.answered += 1
            self.refused += event.status == 429


async def draw(mw: Mittwald, watch: Watch, every: float) -> None:
    begin, before = time.monotonic(), 0
    while True:
        await asyncio.sleep(every)
        budget = mw.rate_limit
        new, before = watch.answered - before, watch.answered
        left = "?" if budget.remaining is None else str(budget.remaining)
        until = "" if budget.resets_in is None else f", next window in {budget.resets_in:.1f} s"
        bar = "#" * min(WIDTH, new)
        print(
            f"{time.monotonic() - begin:6.1f} s |{bar:<{WIDTH}}| {new:>3} calls, {budget.waiting} wait, {left} left{until}"
        )


async def main(arguments: argparse.Namespace) -> None:
    watch = Watch()
    calls = arguments.calls or (50 if arguments.demo else 100)
    async with connected(
        arguments.demo, rate_limit=(20, 1.0), observers=[watch], pace=arguments.pace, timeout=None
    ) as mw:
        drawing = asyncio.create_task(draw(mw, watch, 0.1 if arguments.demo else 2.0))
        begin = time.monotonic()
        async for done in fan_out(range(calls), lambda _: mw.project.list_projects(limit=1), limit=100):
            done.value()
        seconds = time.monotonic() - begin
        drawing.cancel()
        print(f"{calls} calls in {seconds:.1f} s, {watch.refused} refused with 429")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--calls", type=positive, help="how many (default: 100, or 50 with --demo)")
    parser.add_argument("--pace", choices=("burst", "smooth"), default="burst", help="(default: burst)")
    run(main, parser)
