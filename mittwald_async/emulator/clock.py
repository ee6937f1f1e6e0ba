"""The emulator's time: the machine's, which can be advanced, or a virtual one that stands still until advanced."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, date, datetime


def midnight(day: date | None = None) -> float:
    """Unix seconds at which a day begins in UTC; `None`: today."""
    day = day or datetime.now(UTC).date()
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


class EmulatorClock:
    """Unix seconds that never go back while a world lasts. `advance` moves them forward and wakes the sleepers that are
    due.

    Args:
        virtual: time stands still until it is advanced.
        start: Unix seconds at which a virtual clock starts; `None`: the beginning of today in UTC.
    """

    def __init__(self, *, virtual: bool = False, start: float | None = None) -> None:
        self.virtual = virtual
        self._start = midnight() if start is None else start
        self._offset = self._start if virtual else time.time() - time.monotonic()
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        """Unix seconds."""
        return self._offset if self.virtual else time.monotonic() + self._offset

    def iso(self, at: float | None = None) -> str:
        """Now, or the given Unix seconds, as the API writes it: UTC with milliseconds."""
        moment = datetime.fromtimestamp(self.now() if at is None else at, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

    def advance(self, seconds: float) -> None:
        """Move forward. Raises ValueError for negative or endless amounts."""
        if not 0 <= seconds < 1e10:
            raise ValueError("seconds must be 0 or more")
        self._offset += seconds
        now = self.now()
        for until, sleeper in self._sleepers:
            if until <= now and not sleeper.done():
                sleeper.set_result(None)

    def restart(self, start: float | None = None) -> None:
        """A virtual clock goes back to its start, or to another one; a real one goes on. Only for a world that begins
        anew."""
        if self.virtual:
            self._start = self._start if start is None else start
            self._offset = self._start

    async def sleep(self, seconds: float) -> None:
        """Until so many seconds have passed or were skipped."""
        until = self.now() + seconds
        loop = asyncio.get_running_loop()
        while (left := until - self.now()) > 0:
            sleeper = loop.create_future()
            entry = (until, sleeper)
            self._sleepers.append(entry)
            timer = None if self.virtual else loop.call_later(left, _wake, sleeper)
            try:
                await sleeper
            finally:
                self._sleepers.remove(entry)
                if timer is not None:
                    timer.cancel()

    @property
    def sleepers(self) -> int:
        """How many wait, for tests that must know when to advance."""
        return len(self._sleepers)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
