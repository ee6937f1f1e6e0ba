"""Accounts whose API is emulated inside the worker itself: neither a network nor a server's processor time limits
it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from multidict import CIMultiDict

from mittwald_async.emulator import Emulator
from mittwald_async.emulator.core import Core
from mittwald_async.emulator.http_messages import EmulatedRequest
from mittwald_async.fleet import Account, AccountResult, AccountTask, DaskExecutor, TaskFunction
from mittwald_async.fleet.account_sweep import Surroundings, sweep_account
from mittwald_async.runtime.middleware import RawResponse
from mittwald_async.runtime.transport.session import Answered, Limits, Session, WireRequest

TOKEN = "benchmark-cpu"
_PROJECTS = "BENCHMARK_PROJECTS"


class _Core(Session):
    """Answers at once, from an emulator of this process."""

    def __init__(self, core: Core) -> None:
        self.loop = asyncio.get_running_loop()
        self._core = core

    def lent(self) -> Session:
        return self

    async def close(self) -> None:
        """Nothing is open."""

    async def exchange(
        self,
        request: WireRequest,
        limits: Limits,
        answered: Answered | None = None,
        *,
        stream: bool = False,
        unsent: Callable[[], None] | None = None,
        largest: int | None = None,
    ) -> RawResponse:
        await asyncio.sleep(0)
        path, query = request.url.raw_path, request.url.raw_query_string
        answer = await self._core.answer(EmulatedRequest(request.method, path, query, request.headers))
        headers = CIMultiDict(answer.headers)
        budget = None if answered is None else answered(answer.status, headers)
        return RawResponse(answer.status, headers, answer.body, rate_limit=budget)


def accounts(number: int, projects: int) -> list[Account]:
    """Accounts of so many projects each. Workers that are started afterwards know them."""
    os.environ[TOKEN.upper().replace("-", "_")] = TOKEN
    os.environ[_PROJECTS] = str(projects)
    variable = TOKEN.upper().replace("-", "_")
    return [Account(name=f"a{n}", token_env=variable, base_url="http://127.0.0.1:1") for n in range(number)]


def run_emulated(task: AccountTask) -> AccountResult:
    """Sweep an account of an emulator that is made for it."""
    return asyncio.run(_sweep(task))


async def _sweep(task: AccountTask) -> AccountResult:
    emulator = Emulator(
        int(task.account.name[1:]),
        token=TOKEN,
        projects=int(os.environ[_PROJECTS]),
        customers=1,
        rate_limit=None,
        lag=0.0,
        drift=0.0,
        log_size=0,
        foreign=0,
    )
    return await sweep_account(task, Surroundings(_Core(emulator.core)))


class EmulatingExecutor(DaskExecutor):
    """Workers that emulate what they sweep."""

    async def submit(self, function: TaskFunction, task: AccountTask) -> object:
        return await super().submit(run_emulated, task)
