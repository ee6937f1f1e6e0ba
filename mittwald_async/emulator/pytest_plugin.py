"""Fixtures for tests of programs that talk to the mittwald API.

    # conftest.py
    pytest_plugins = ["mittwald_async.emulator.pytest_plugin"]

    # test_mine.py; pytest-asyncio, for one, runs async tests
    async def test_of_mine(mittwald_emulator):
        async with Mittwald(mittwald_emulator.token, base_url=mittwald_emulator.url) as mw:
            ...

`mittwald_emulator` is fresh for every test. Nothing lags, nothing fails by chance, and things are ready at once.
Override `mittwald_emulator_options` for anything else; see `Options` for what there is:

    @pytest.fixture
    def mittwald_emulator_options():
        return {"customers": 1, "projects": 3, "rate_limit": (30, 1.0)}

They work with any asynchronous pytest plugin, and with synchronous tests: the emulator runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from . import Emulator, Transitions

_QUIET: dict[str, Any] = {
    "lag": 0.0,
    "drift": 0.0,
    "broken_log_ends": False,
    "transitions": Transitions(length=0.0, failing=0.0),
}


@pytest.fixture
def mittwald_emulator_options() -> dict[str, Any]:
    """Options of the emulator that differ from those of a quiet one: none."""
    return {}


@pytest.fixture
def mittwald_emulator(mittwald_emulator_options: dict[str, Any]) -> Iterator[Emulator]:
    """A running emulator with `.url` and `.token`."""
    with running(Emulator(**{**_QUIET, **mittwald_emulator_options})) as emulator:
        yield emulator


class running:
    """`with running(Emulator(...)) as emulator`: an emulator in a thread with an event loop of its own."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mittwald-emulator", daemon=True)

    def __enter__(self) -> Emulator:
        self._thread.start()
        try:
            return asyncio.run_coroutine_threadsafe(self._emulator.__aenter__(), self._loop).result()
        except BaseException:
            self._end()
            raise

    def __exit__(self, *error: object) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self._emulator.__aexit__(None, None, None), self._loop).result()
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
