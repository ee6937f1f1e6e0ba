"""A ceiling of the caller's own: aiolimiter's bucket, asked without waiting in it.

Waiting happens in our queue, where priority, cancellation and the budget are known; so at most one task waits in the
bucket, for whoever is first when a drop has drained.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiolimiter import AsyncLimiter

_SHARE_AT_ONCE = 20
"""A bucket starts empty and would let all of it go in one burst; only this part of `calls` may go at once."""


class RateCap:
    """`calls` per `seconds`, evenly, with bursts of at most a twentieth. Belongs to one event loop."""

    __slots__ = ("_bucket", "_kept", "_task", "_wake")

    def __init__(self, calls: float, seconds: float, wake: Callable[[], None]) -> None:
        at_once = max(1.0, calls / _SHARE_AT_ONCE)
        self._bucket = AsyncLimiter(at_once, seconds * at_once / calls)
        self._kept = False
        self._task: asyncio.Task[None] | None = None
        self._wake = wake

    def ready(self) -> bool:
        """Whether a call may go now. If not, `wake` is called when one may."""
        if self._kept or self._bucket.has_capacity():
            return True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._fetch(), name="rate ceiling")
        return False

    def take(self) -> None:
        """Take what `ready` just promised."""
        if self._kept:
            self._kept = False
            return
        step = self._bucket.acquire()
        try:
            step.send(None)  # With room in the bucket it runs through without suspending.
        except StopIteration:
            return
        step.close()

    async def _fetch(self) -> None:
        try:
            await self._bucket.acquire()
        finally:
            self._task = None
        self._kept = True
        self._wake()
