"""Worlds of the emulator to inspect, without a core around them."""

from __future__ import annotations

from datetime import date
from typing import Any

from mittwald_async.emulator.clock import EmulatorClock, midnight
from mittwald_async.emulator.options import EmulatorOptions, Transitions
from mittwald_async.emulator.resources import load_all
from mittwald_async.emulator.state import World

from .emulator_requests import EmulatorClient, ReceivedResponse

load_all()
DAY = date(2026, 1, 1)
"""The date of the accounts in scenarios."""
LENGTH = 10.0
"""Seconds per phase in scenarios about things that take time."""


def world(**options: Any) -> World:
    """A world on a clock that stands still."""
    sizes: dict[str, Any] = {"seed": 7, "customers": 6, "projects": 60, "on": DAY, **options}
    return World(EmulatorOptions(**sizes), EmulatorClock(virtual=True, start=midnight(DAY)))


class Scenario(EmulatorClient):
    """An emulator whose transitions take `LENGTH` seconds per phase, on a clock that only the test moves."""

    def __init__(self, **options: Any) -> None:
        transitions = options.pop("transitions", Transitions(length=LENGTH, failing=options.pop("failing", 0.0)))
        sizes: dict[str, Any] = {"seed": 7, "customers": 4, "projects": 30, "on": DAY}
        super().__init__(**{**sizes, "clock": "virtual", "transitions": transitions, **options})

    def advance(self, phases: int = 1) -> None:
        for _ in range(phases):
            self.core.clock.advance(LENGTH)

    @property
    def world(self) -> World:
        return self.core.world

    def read(self, kind: str, index: int = 0) -> dict[str, Any]:
        """A stored object of the account."""
        return self.world.read(kind, self.world.keys(kind)[index : index + 1][0])

    def find(self, kind: str, **properties: Any) -> dict[str, Any]:
        """The first of the account's objects with these properties."""
        for key in self.world.keys(kind):
            value = self.world.read(kind, key)
            if all(value.get(name) == wanted for name, wanted in properties.items()):
                return value
        raise AssertionError(f"no {kind} with {properties}")

    async def create(self, url: str, body: Any, name: str = "id") -> str:
        """Create something and return its id."""
        response = await self.post(url, body)
        assert response.status in (200, 201), response
        id: str = response.json[name]
        return id

    async def fetch(self, url: str) -> Any:
        """The JSON that a GET returns."""
        response = await self.get(url)
        assert response.status == 200, response
        return response.json

    async def perform(self, method: str, url: str, body: Any = None) -> ReceivedResponse:
        """Send a request that must succeed."""
        response = await self.send(method, url, body)
        assert response.status < 300, response
        return response

    async def status(self, url: str) -> int:
        return (await self.get(url)).status
