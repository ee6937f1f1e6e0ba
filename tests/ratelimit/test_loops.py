"""One limiter for all clients of a token on a loop, which never outlives its loop."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from mittwald_async.errors import ClientStateError
from mittwald_async.runtime.ratelimit import Limiter, Limiters, Policy
from tests.support.clock import run_virtual, virtual

from ..support.limited_calls import call, headers


@virtual
async def test_clients_of_one_token_share_a_limiter_while_one_of_them_holds_it() -> None:
    one, two = Limiters.shared(("origin", "me")), Limiters.shared(("origin", "me"))
    assert one is two
    assert Limiters.shared(("origin", "you")) is not one
    await call(one, told=headers(7))
    del one, two
    gc.collect()
    assert Limiters.shared(("origin", "me")).status.limit is None


def test_another_loop_gets_another_limiter_and_a_closed_loop_is_forgotten() -> None:
    limiter = Limiter()

    async def use() -> Limiter:
        await limiter.acquire("r")
        return Limiters.shared("key")

    first = run_virtual(use())
    assert run_virtual(use()) is not first
    assert limiter.in_flight == 1


def test_use_by_two_loops_at_once_is_refused() -> None:
    limiter = Limiter()
    with asyncio.Runner() as one, asyncio.Runner() as two:
        one.run(call(limiter))
        with pytest.raises(ClientStateError, match="another event loop"):
            two.run(call(limiter))


def test_a_loop_that_ends_leaves_nothing_behind() -> None:
    limiter = Limiter()

    async def main() -> None:
        await limiter.acquire("r")
        for _ in range(3):
            asyncio.get_running_loop().create_task(limiter.acquire("r", Policy(max_rate=(1, 100))))
        await asyncio.sleep(0.1)

    asyncio.run(main())
    assert limiter.busy == set()


def test_two_loops_in_two_threads_each_have_a_budget() -> None:
    async def use(number: int) -> tuple[int, int | None]:
        limiter = Limiters.shared(("origin", "me"))
        await call(limiter, told=headers(number))
        met.wait(5)  # Both are in use at the same time.
        return id(limiter), limiter.status.remaining

    def thread(number: int) -> tuple[int, int | None]:
        return asyncio.run(use(number))

    met = Barrier(2)
    with ThreadPoolExecutor(2) as threads:
        one, two = threads.map(thread, (7, 9))
    assert one[0] != two[0]
    assert (one[1], two[1]) == (7, 9)
