"""Many calls at once: bounded, in any order or in source order, and leaving no task behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mittwald_async.errors import InvalidArgumentError, NotFoundError, PagingError
from mittwald_async.runtime.concurrency import Outcome, Progress, fan_out, fan_out_items, gather_bounded
from tests.support.clock import close_to, run_virtual, virtual

from ..support.list_server import ListServer, pages_of


def others() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def settled() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


class Worker:
    """Doubles numbers slowly and counts its running jobs. `fails` decides which of them fail."""

    def __init__(
        self, seconds: Callable[[int], float] = lambda item: 1.0, fails: Callable[[int], bool] = lambda item: False
    ):
        self.seconds = seconds
        self.fails = fails
        self.running = self.most_running = self.cancelled = 0
        self.started: list[int] = []

    async def __call__(self, item: int) -> int:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.started.append(item)
        try:
            await asyncio.sleep(self.seconds(item))
            if self.fails(item):
                raise NotFoundError(f"no {item}", status=404)
            return item * 2
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1


@virtual
async def test_outcomes_come_as_they_finish() -> None:
    worker = Worker(seconds=lambda item: 10.0 - item)
    done = [outcome async for outcome in fan_out(range(5), worker, limit=5)]
    assert [outcome.item for outcome in done] == [4, 3, 2, 1, 0]
    assert [outcome.result for outcome in done] == [8, 6, 4, 2, 0]
    assert all(outcome.ok and close_to(outcome.seconds, 10.0 - outcome.item) for outcome in done)
    assert done[0].value() == 8


@virtual
async def test_ordered_outcomes_follow_the_source() -> None:
    worker = Worker(seconds=lambda item: 10.0 - item % 10)
    done = [outcome.item async for outcome in fan_out(range(50), worker, limit=7, ordered=True)]
    assert done == list(range(50))
    assert worker.most_running == 7


@virtual
async def test_at_most_limit_calls_run_and_free_slots_are_refilled() -> None:
    worker = Worker(seconds=lambda item: 1.0 + item % 3)
    began = asyncio.get_running_loop().time()
    results = [outcome.value() async for outcome in fan_out(range(300), worker, limit=30)]
    assert sorted(results) == [item * 2 for item in range(300)]
    assert worker.most_running == 30
    assert asyncio.get_running_loop().time() - began < 24


@virtual
@pytest.mark.parametrize("ordered", [False, True])
async def test_the_source_is_read_only_as_fast_as_results_are_consumed(ordered: bool) -> None:
    taken = 0

    def source() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    used = 0
    async for _ in fan_out(source(), Worker(), limit=5, ordered=ordered):
        used += 1
        await asyncio.sleep(10)
        assert taken <= used + 10
    assert used == taken == 1000


@virtual
async def test_an_async_source_works_and_is_closed_at_the_end() -> None:
    closed = 0

    async def source() -> AsyncIterator[int]:
        nonlocal closed
        try:
            for number in range(20):
                await asyncio.sleep(0.1)
                yield number
        finally:
            closed += 1

    assert len([outcome async for outcome in fan_out(source(), Worker())]) == 20
    assert closed == 1
    async with aclosing(fan_out(source(), Worker())) as fan:
        await anext(fan)
    assert closed == 2


async def test_pages_can_be_a_source() -> None:
    server = ListServer(range(95))
    done = [outcome.item async for outcome in fan_out(pages_of(server, limit=10), Worker(seconds=lambda item: 0))]
    assert sorted(done) == list(range(95))


@virtual
async def test_one_failure_does_not_affect_other_items() -> None:
    worker = Worker(fails=lambda item: item == 3)
    done = {outcome.item: outcome async for outcome in fan_out(range(10), worker, limit=4)}
    assert len(done) == 10
    failed = done.pop(3)
    assert isinstance(failed.error, NotFoundError)
    assert not failed.ok
    assert failed.result is None
    with pytest.raises(NotFoundError):
        failed.value()
    assert all(outcome.ok for outcome in done.values())


@virtual
async def test_the_first_failure_can_stop_everything() -> None:
    worker = Worker(seconds=lambda item: 1.0 + item, fails=lambda item: item == 3)
    seen: list[int] = []
    with pytest.raises(NotFoundError):
        seen += [outcome.item async for outcome in fan_out(range(100), worker, limit=10, on_error="raise")]
    assert others() == []
    assert worker.running == 0
    assert worker.cancelled == 9


@virtual
async def test_an_exception_group_of_one_is_unwrapped() -> None:
    async def in_a_group(item: int) -> None:
        async with anyio.create_task_group() as group, anyio.create_task_group() as inner:
            inner.start_soon(Worker(fails=lambda item: True), item)
            group.start_soon(anyio.sleep, 0)

    (outcome,) = [outcome async for outcome in fan_out([1], in_a_group)]
    assert isinstance(outcome.error, NotFoundError)
    with pytest.raises(NotFoundError):
        await gather_bounded([1], in_a_group)

    async def several(item: int) -> None:
        raise ExceptionGroup("both", [ValueError("a"), ValueError("b")])

    (outcome,) = [outcome async for outcome in fan_out([1], several)]
    assert isinstance(outcome.error, ExceptionGroup)


@virtual
async def test_an_error_of_the_source_is_raised_after_its_items() -> None:
    def source() -> Iterator[int]:
        yield from range(5)
        raise PagingError("page 2", resume="x")

    seen: list[int] = []

    async def use(on_error: Any) -> None:
        nonlocal seen
        async for outcome in fan_out(source(), Worker(), on_error=on_error):
            seen += [outcome.item]

    with pytest.raises(PagingError):
        await use("collect")
    assert sorted(seen) == [0, 1, 2, 3, 4]
    seen.clear()
    with pytest.raises(PagingError):
        await use("raise")
    assert seen == []
    assert others() == []


@virtual
async def test_breaking_out_leaves_no_task() -> None:
    worker = Worker()
    async for _ in fan_out(range(100), worker, limit=10):
        break
    await settled()
    assert others() == []
    assert worker.running == 0
    async with aclosing(fan_out(range(100), worker, limit=10)) as fan:
        await anext(fan)
        await settled()
        assert worker.running > 0
    assert others() == []
    assert worker.running == 0
    with pytest.raises(StopAsyncIteration):
        await anext(fan)


async def test_an_unused_fan_out_does_nothing() -> None:
    fan = fan_out(range(3), Worker())
    del fan
    assert others() == []


def test_a_fan_out_that_outlives_its_loop_is_dropped_silently() -> None:
    kept: list[Any] = []

    async def use() -> None:
        kept.append(fan_out(range(10), Worker(seconds=lambda item: 0.001 if item < 3 else 60), limit=5))
        await anext(kept[0])

    asyncio.run(use())
    kept.clear()
    gc.collect()


@virtual
async def test_cancelling_the_consumer_cancels_the_calls() -> None:
    worker = Worker()

    async def use() -> None:
        async for _ in fan_out(range(1000), worker, limit=10):
            pass

    task = asyncio.create_task(use())
    await asyncio.sleep(3.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert others() == []
    assert worker.running == 0
    with anyio.move_on_after(2.5) as scope:
        await use()
    assert scope.cancelled_caught
    assert others() == []


@virtual
async def test_a_foreign_cancellation_is_never_swallowed() -> None:
    async def cancelled_inside(item: int) -> None:
        inner = asyncio.ensure_future(asyncio.sleep(10))
        inner.cancel()
        await inner

    async def cancelling_source() -> AsyncIterator[int]:
        yield 1
        raise asyncio.CancelledError

    async def fine(item: int) -> None: ...

    with pytest.raises(asyncio.CancelledError):
        [outcome async for outcome in fan_out([1, 2], cancelled_inside)]
    with pytest.raises(asyncio.CancelledError):
        [outcome async for outcome in fan_out(cancelling_source(), fine)]
    assert others() == []


@virtual
async def test_progress_is_reported_and_may_raise_to_stop() -> None:
    reported: list[Progress] = []
    worker = Worker(seconds=lambda item: 1.0 + item, fails=lambda item: item % 2 == 1)
    done = [outcome async for outcome in fan_out(range(6), worker, limit=3, progress=reported.append)]
    assert len(done) == 6
    assert [(step.done, step.failed) for step in reported] == [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3)]
    assert reported[-1].running == 0
    assert max(step.running for step in reported) <= 3

    def stop(step: Progress) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        [outcome async for outcome in fan_out(range(6), worker, progress=stop)]
    assert others() == []


async def test_of_simultaneous_errors_the_first_is_raised() -> None:
    async def fail(item: int) -> int:
        raise NotFoundError(f"no {item}", status=404)

    with pytest.raises(NotFoundError, match="no 0"):
        [outcome async for outcome in fan_out(range(5), fail, on_error="raise")]
    assert others() == []


class _Awaited:
    async def __call__(self, step: Progress) -> None:
        """An async callable, which would never be awaited."""


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"source": 5}, "source"),
        ({"func": None}, "func"),
        ({"limit": 0}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"on_error": "ignore"}, "on_error"),
        ({"progress": 5}, "progress: must be callable"),
        ({"progress": asyncio.sleep}, "progress: is async"),
        ({"progress": _Awaited()}, "progress: is async"),
    ],
)
def test_invalid_arguments_are_refused_when_called(arguments: dict[str, Any], name: str) -> None:
    call: Callable[..., object] = fan_out
    given: dict[str, Any] = {"source": [], "func": print, **arguments}
    with pytest.raises(InvalidArgumentError, match=name):
        call(given.pop("source"), given.pop("func"), **given)


async def test_a_function_that_returns_the_wrong_type_is_reported_immediately() -> None:
    wrong: Callable[[int], Awaitable[int]] = abs  # type: ignore[assignment]
    with pytest.raises(TypeError, match="awaitable, not int"):
        [outcome async for outcome in fan_out([1, 2, 3], wrong)]
    wrong_list: Callable[[int], AsyncIterator[int]] = abs  # type: ignore[assignment]
    with pytest.raises(TypeError, match="async iterable, not int"):
        [pair async for pair in fan_out_items([1, 2, 3], wrong_list)]


async def test_a_function_that_raises_before_awaiting_fails_its_item() -> None:
    def early(item: int) -> Awaitable[int]:
        raise ValueError(item)

    def early_list(item: int) -> AsyncIterator[int]:
        raise ValueError(item)

    assert [type(outcome.error) async for outcome in fan_out([1, 2], early)] == [ValueError, ValueError]
    with pytest.raises(ValueError, match="1"):
        [pair async for pair in fan_out_items([1], early_list)]


class TestManyLists:
    @virtual
    async def test_elements_of_many_lists_are_merged_with_their_items(self) -> None:
        server = ListServer(range(35), latency=0.1)
        began = asyncio.get_running_loop().time()
        pairs = [pair async for pair in fan_out_items(range(20), lambda item: pages_of(server, limit=10), limit=10)]
        assert len(pairs) == 700
        for item in range(20):
            assert [element for owner, element in pairs if owner == item] == list(range(35))
        assert asyncio.get_running_loop().time() - began < 0.6

    @virtual
    async def test_lists_wait_for_a_slow_consumer(self) -> None:
        server = ListServer(range(10_000))
        async with aclosing(fan_out_items(range(50), lambda item: pages_of(server, limit=100), limit=5)) as fan:
            await anext(fan)
            await asyncio.sleep(100)
            asked = len(server.sent)
            await asyncio.sleep(100)
            assert len(server.sent) == asked < 60
        assert others() == []

    @virtual
    async def test_a_failing_list_stops_everything_or_is_kept(self) -> None:
        async def elements(item: int) -> AsyncIterator[str]:
            for number in range(3):
                await asyncio.sleep(1)
                if item == 1 and number == 2:
                    raise NotFoundError("gone", status=404)
                yield f"{item}.{number}"

        with pytest.raises(NotFoundError):
            [pair async for pair in fan_out_items(range(3), elements)]
        assert others() == []
        reported: list[Progress] = []
        fan = fan_out_items(range(3), elements, on_error="collect", progress=reported.append)
        assert len([pair async for pair in fan]) == 8
        (failure,) = fan.failures
        assert (failure.item, failure.result, type(failure.error)) == (1, 2, NotFoundError)
        assert reported[-1] == Progress(3, 1, 0)

    @virtual
    async def test_breaking_out_closes_the_lists(self) -> None:
        closed: list[int] = []

        async def elements(item: int) -> AsyncIterator[int]:
            try:
                while True:
                    await asyncio.sleep(1)
                    yield item
            finally:
                closed.append(item)

        async for _ in fan_out_items(range(3), elements):
            break
        await settled()
        assert sorted(closed) == [0, 1, 2]
        assert others() == []


class TestGather:
    @virtual
    async def test_results_are_a_list_in_source_order(self) -> None:
        worker = Worker(seconds=lambda item: 100.0 if item == 0 else 1.0)
        assert await gather_bounded(range(200), worker, limit=8) == [item * 2 for item in range(200)]
        assert worker.most_running == 8
        assert worker.started[-1] == 199

    @virtual
    async def test_a_slow_first_call_does_not_block_the_others(self) -> None:
        began = asyncio.get_running_loop().time()
        await gather_bounded(range(200), Worker(seconds=lambda item: 28.0 if item == 0 else 1.0), limit=8)
        assert asyncio.get_running_loop().time() - began < 30

    @virtual
    async def test_the_first_error_is_raised_and_no_task_remains(self) -> None:
        with pytest.raises(NotFoundError):
            await gather_bounded(range(20), Worker(fails=lambda item: item == 7), limit=5)
        assert others() == []

    async def test_invalid_arguments_are_refused(self) -> None:
        with pytest.raises(InvalidArgumentError, match="limit"):
            await gather_bounded([1], Worker(), limit=-1)


class Numbers:
    """An async iterator without `aclose`."""

    def __init__(self, count: int) -> None:
        self.left = count

    def __aiter__(self) -> Numbers:
        return self

    async def __anext__(self) -> int:
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return self.left


async def test_a_source_without_aclose_works() -> None:
    assert len([outcome async for outcome in fan_out(Numbers(5), Worker(seconds=lambda item: 0))]) == 5


@settings(max_examples=100, deadline=None)
@given(
    jobs=st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=40),
    limit=st.integers(1, 12),
    ordered=st.booleans(),
    pause=st.integers(0, 3),
    stop=st.none() | st.integers(0, 40),
)
def test_any_sequence_of_delays_and_failures(
    jobs: list[tuple[int, bool]], limit: int, ordered: bool, pause: int, stop: int | None
) -> None:
    """Every item yields one outcome, at most `limit` run, and leaving early leaves no task."""

    async def check() -> None:
        worker = Worker(seconds=lambda item: jobs[item][0], fails=lambda item: jobs[item][1])
        done: list[Outcome[int, int]] = []
        async with aclosing(fan_out(range(len(jobs)), worker, limit=limit, ordered=ordered)) as fan:
            async for outcome in fan:
                done.append(outcome)
                await asyncio.sleep(pause)
                if len(done) == stop:
                    break
        assert others() == []
        assert worker.running == 0
        assert worker.most_running <= limit
        items = [outcome.item for outcome in done]
        assert len(items) == (len(jobs) if not stop else min(stop, len(jobs)))
        assert len(set(items)) == len(items)
        if ordered:
            assert items == list(range(len(items)))
        assert all(outcome.ok != jobs[outcome.item][1] for outcome in done)

    run_virtual(check())


class Counted(Exception):
    """A result or an error that counts its living instances."""

    alive = 0

    def __init__(self) -> None:
        Counted.alive += 1

    def __del__(self) -> None:
        Counted.alive -= 1


def test_memory_does_not_grow_with_the_source() -> None:
    """A hundred thousand items, a tenth of them failing: used ones are freed at once, without the garbage collector."""
    most = 0

    async def job(item: int) -> Counted:
        if item % 10 == 0:
            raise Counted
        return Counted()

    async def run() -> int:
        nonlocal most
        used = 0
        async for _ in fan_out(iter(range(100_000)), job, limit=50):
            used += 1
            most = max(most, Counted.alive)
        return used

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(run()) == 100_000
    finally:
        gc.enable()
    assert most <= 101
    assert Counted.alive == 0


def test_outcomes_compare_by_value() -> None:
    assert Outcome(1, 2) == Outcome(1, 2)
    assert repr(Outcome("a", 2, None, 0.5)) == "Outcome(item='a', result=2, error=None, seconds=0.5)"
