"""Sweeps of many accounts on a custom executor: here a pool of processes, in twenty lines.

Anything that can call a function elsewhere can take its place: Ray, Prefect, Celery, your own queue. Tasks hold names
and the places of tokens; workers read the tokens there.

    python examples/fleet_queue.py accounts.toml --out lake
    python examples/fleet_queue.py --demo
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
from collections.abc import Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from demo import options, run

from mittwald_async.emulator import EmulatedAccount, Emulator
from mittwald_async.fleet import Account, AccountTask, TaskFunction, TaskResult, accounts_from, sweep_fleet

Handle = asyncio.Future[TaskResult]


class ProcessExecutor:
    """Runs tasks in processes. With Ray, `submit` is `remote(function).remote(task)`, and `gather` is `ray.wait`."""

    def __init__(self, processes: int) -> None:
        self._pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))

    async def submit(self, function: TaskFunction, task: AccountTask) -> Handle:
        """Schedule a call of `function(task)`."""
        return asyncio.wrap_future(self._pool.submit(function, task))

    async def gather(self, handles: Collection[Handle]) -> Mapping[Handle, TaskResult | BaseException]:
        """Wait for the first task to end; return all that have ended, with their results or errors."""
        ended, _ = await asyncio.wait(handles, return_when=asyncio.FIRST_COMPLETED)
        return {handle: handle.exception() or handle.result() for handle in ended}

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


async def sweep(accounts: list[Account], out: Path) -> None:
    executor = ProcessExecutor(2)
    try:
        summary = await sweep_fleet(accounts, out, executor=executor, resources=["project", "domain"])
    finally:
        executor.close()
    for one in summary.accounts:
        print(f"{one.account}: {one.error or sum(one.rows.values())}")
    print(f"{sum(summary.rows.values())} rows of {len(summary.accounts)} accounts → {summary.path}")


async def main(arguments: argparse.Namespace) -> None:
    if not arguments.demo:
        await sweep(list(accounts_from(arguments.accounts).values()), arguments.out)
        return
    emulated = [EmulatedAccount(name=name, token=f"{name}-token", projects=4) for name in ("agency", "shop", "blog")]
    async with Emulator(seed=7, accounts=emulated, lag=0.0) as api:
        found: list[Account] = []
        for each in emulated:
            os.environ[f"{each.name}_TOKEN"] = str(each.token)
            found.append(Account(name=str(each.name), token_env=f"{each.name}_TOKEN", base_url=api.url))
        await sweep(found, arguments.out)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("accounts", nargs="?", default="accounts.toml", help="file that says where to find tokens")
    parser.add_argument("--out", type=Path, default=Path("lake"), metavar="FOLDER")
    run(main, parser)
