"""Waiting for anything: `until` a state of your own poll, and until something is `gone`."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from mittwald_async.errors import (
    InvalidArgumentError,
    OperationFailed,
    WaitTimeout,
)
from tests.support.clock import virtual

from ..support.account_in_motion import Account, states


def others() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


class TestAnythingElse:
    @virtual
    async def test_a_custom_condition(self) -> None:
        account = Account()
        account.things["x"] = states((0, "queued"), (10, "running"), (20, "done"))
        reported: list[str] = []

        async def poll() -> Any:
            return account.things["x"](account.now)

        result = await account.waiters().until(
            poll, done=lambda run: run.status == "done", on_change=lambda state, run: reported.append(state)
        )
        assert result.status == "done"
        assert reported == ["queued", "running", "done"]
        with pytest.raises(OperationFailed) as caught:
            await account.waiters().until(poll, done=lambda run: False, failed=lambda run: run.status == "done")
        assert caught.value.state == "done"

    @virtual
    async def test_its_errors_and_its_timeout(self) -> None:
        account = Account()

        async def poll() -> int:
            return 7

        async def verdict(value: int) -> bool:
            return value > 7

        def hidden(value: int) -> Any:
            return verdict(value)

        class Awaited:
            async def __call__(self, state: str, value: int) -> None:
                """An async callable, which would never be awaited."""

        with pytest.raises(WaitTimeout, match="'7'"):
            await account.waiters().until(poll, done=lambda value: value > 7, timeout=3)
        with pytest.raises(ZeroDivisionError):
            await account.waiters().until(poll, done=lambda value: value / 0 > 1)
        with pytest.raises(InvalidArgumentError):
            await account.waiters().until(poll, done=lambda value: True, timeout=-1)
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("timeout", {"timeout": "x"}),
            ("timeout", {"timeout": float("nan")}),
            ("timeout", {"timeout": 10**400}),
            ("timeout", {"timeout": True}),
            ("on_change: is async", {"on_change": poll}),
            ("on_change: is async", {"on_change": Awaited()}),
            ("on_change", {"on_change": 5}),
        ]
        for name, options in wrong:
            with pytest.raises(InvalidArgumentError, match=name):
                await account.waiters().until(poll, done=lambda value: True, **options)
            with pytest.raises(InvalidArgumentError, match=name):
                await account.waiters().project_ready("p-1", **options)
        wrong_functions: list[tuple[str, dict[str, Any]]] = [
            ("done: is async", {"poll": poll, "done": verdict}),
            ("done: is async", {"poll": poll, "done": hidden}),
            ("failed: is async", {"poll": poll, "done": bool, "failed": verdict}),
            ("poll: has to return an awaitable, not int", {"poll": lambda: 5, "done": bool}),
        ]
        for problem, functions in wrong_functions:
            with pytest.raises(InvalidArgumentError, match=problem):
                await account.waiters().until(**functions)
        for options in ({"poll": 5, "done": bool}, {"poll": poll, "done": 5}):
            with pytest.raises(InvalidArgumentError, match="must be callable"):
                await account.waiters().until(**cast("dict[str, Any]", options))
        missing_ids: list[Any] = ["", None, 5]
        for missing in missing_ids:
            with pytest.raises(InvalidArgumentError, match="id: must be text and not empty"):
                await account.waiters().project_ready(missing)
        assert others() == []


def _of_the_state(state: str) -> None:
    """Accepts fewer arguments than it receives."""


def _of_more(state: str, thing: object, more: object) -> None:
    """Requires more arguments than it receives."""


def _with_a_default(state: str, thing: object, more: int = 0) -> None:
    """Accepts exactly what it receives."""


@pytest.mark.parametrize("callback", [list[str]().append, _of_the_state, _of_more])
async def test_a_callback_with_the_wrong_signature_is_refused_before_the_wait(callback: Any) -> None:
    account = Account()
    polls = 0

    async def poll() -> int:
        nonlocal polls
        polls += 1
        return polls

    with pytest.raises(
        InvalidArgumentError, match="on_change: must take two arguments: the state as text, and the obj"
    ):
        await account.waiters().until(poll, done=lambda seen: seen > 1, on_change=callback)
    assert polls == 0
    for fitting in (print, _with_a_default):
        await account.waiters().until(poll, done=lambda seen: True, on_change=fitting)
