"""What others do about a request budget, each in the fewest lines that do it justice, and ours behind the same face."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Protocol

from aiolimiter import AsyncLimiter

from mittwald_async.runtime.ratelimit import Limiter, Policy, Slot

OURS = "mittwald_async"
NO_LIMITER = "no limiter"
WAITING = "mittwald_async, each 429 waits for the reset"
LIVE = "mittwald_async, high priority"


class Contender(Protocol):
    """Asked before a call, told after it. Returns the seconds that the caller should sleep before trying again."""

    async def before(self) -> Slot | None: ...

    def after(self, slot: Slot | None, status: int, headers: Mapping[str, str]) -> float: ...


def backoff(tries: int) -> float:
    """Full jitter, as most clients have it."""
    return random.uniform(0, min(20.0, 0.5 * 2**tries))


class NoLimiter:
    """Sends at once; repeats a 429 after a back-off."""

    def __init__(self) -> None:
        self._tries = 0

    async def before(self) -> None:
        return None

    def after(self, slot: Slot | None, status: int, headers: Mapping[str, str]) -> float:
        self._tries = min(self._tries + 1, 6) if status == 429 else 0
        return backoff(self._tries) if status == 429 else 0.0


class Static(NoLimiter):
    """aiolimiter with the numbers of the documentation."""

    def __init__(self, limit: int, period: float) -> None:
        super().__init__()
        self._bucket = AsyncLimiter(limit, period)

    async def before(self) -> None:
        await self._bucket.acquire()


class StopAtZero(NoLimiter):
    """Sends until an answer says that nothing remains, then sleeps until the reset."""

    def __init__(self) -> None:
        super().__init__()
        self._until = 0.0

    async def before(self) -> None:
        left = self._until - asyncio.get_running_loop().time()
        if left > 0.001:
            await asyncio.sleep(left)
            await self.before()

    def after(self, slot: Slot | None, status: int, headers: Mapping[str, str]) -> float:
        if headers.get("X-RateLimit-Remaining") == "0":
            self._until = asyncio.get_running_loop().time() + float(headers["X-RateLimit-Reset"])
        return super().after(slot, status, headers)


class Cubic(NoLimiter):
    """Learns the rate from errors alone: cut to 0.7 on a 429, then back along a cubic curve (the way of AWS
    clients)."""

    def __init__(self) -> None:
        super().__init__()
        self._rate = self._most = 20.0
        self._cut_at = 0.0
        self._next = 0.0
        self._measured = 20.0
        self._seen_at = 0.0

    async def before(self) -> None:
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now) + 1 / self._rate
        await asyncio.sleep(self._next - 1 / self._rate - now)

    def after(self, slot: Slot | None, status: int, headers: Mapping[str, str]) -> float:
        now = asyncio.get_running_loop().time()
        gap, self._seen_at = max(1e-4, now - self._seen_at), now
        self._measured = 0.95 * self._measured + 0.05 / gap
        if status == 429:
            if now - self._cut_at > 0.1:
                self._most, self._cut_at = min(self._rate, self._measured), now
            self._rate = max(0.5, 0.7 * self._most)
        else:
            since = now - self._cut_at - (self._most * 0.3 / 0.4) ** (1 / 3)
            self._rate = min(max(0.5, 0.4 * since**3 + self._most), 2 * self._measured)
        return super().after(slot, status, headers)


class Aimd(NoLimiter):
    """Learns the rate from errors alone: a fifth of a call per second more for every call, half of it on a 429."""

    def __init__(self) -> None:
        super().__init__()
        self._rate = 5.0
        self._next = self._cut_at = 0.0

    async def before(self) -> None:
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now) + 1 / self._rate
        await asyncio.sleep(self._next - 1 / self._rate - now)

    def after(self, slot: Slot | None, status: int, headers: Mapping[str, str]) -> float:
        now = asyncio.get_running_loop().time()
        if status == 429 and now - self._cut_at > 0.1:
            self._rate, self._cut_at = max(0.5, self._rate / 2), now
        elif status != 429:
            self._rate += 0.2
        return super().after(slot, status, headers)


class Gradient(NoLimiter):
    """Learns how many calls at a time from latency, as Netflix' gradient limiter does; a 429 counts as slow."""

    def __init__(self) -> None:
        super().__init__()
        self._limit, self._in_flight = 20.0, 0
        self._usual = 0.02
        self._free = asyncio.Event()
        self._sent = list[float]()

    async def before(self) -> None:
        while self._in_flight >= self._limit:
            self._free.clear()
            await self._free.wait()
        self._in_flight += 1
        self._sent.append(asyncio.get_running_loop().time())

    def after(self, slot: Slot | None, status: int, headers: Mapping[str, str]) -> float:
        took = max(1e-4, asyncio.get_running_loop().time() - self._sent.pop(0))
        self._in_flight -= 1
        self._free.set()
        self._usual = 0.99 * self._usual + 0.01 * took
        gradient = 0.5 if status == 429 else max(0.5, min(1.0, 1.5 * self._usual / took))
        self._limit = 0.8 * self._limit + 0.2 * min(200.0, max(1.0, self._limit * gradient + self._limit**0.5))
        return super().after(slot, status, headers)


class HeaderBucket(NoLimiter):
    """A bucket filled from the headers, as chat libraries have it: counts down what the last answer said, sleeps at
    zero."""

    def __init__(self) -> None:
        super().__init__()
        self._left, self._reset = 1, 0.0

    async def before(self) -> None:
        loop = asyncio.get_running_loop()
        while self._left < 1:
            if loop.time() >= self._reset:
                self._left = 1
                break
            await asyncio.sleep(self._reset - loop.time())
        self._left -= 1

    def after(self, slot: Slot | None, status: int, headers: Mapping[str, str]) -> float:
        if status != 429 and headers:
            self._left = int(headers["X-RateLimit-Remaining"])
            self._reset = asyncio.get_running_loop().time() + float(headers["X-RateLimit-Reset"])
        return super().after(slot, status, headers)


class Ours:
    """The limiter of this package."""

    def __init__(self, priority: int = 0) -> None:
        self._limiter = Limiter()
        self._policy = Policy(priority=priority)

    async def before(self) -> Slot:
        return self._limiter.try_acquire("r", self._policy) or await self._limiter.acquire("r", self._policy)

    def after(self, slot: Slot | None, status: int, headers: Mapping[str, str]) -> float:
        if slot is not None:
            slot.answered(status, headers)
            slot.release()
        return 0.0


class Waiting(Ours):
    """Ours, but that after any 429 everybody waits for the reset last known, whatever is known to remain."""

    def __init__(self) -> None:
        super().__init__()
        self._reset = self._until = 0.0

    async def before(self) -> Slot:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._until - loop.time())
            slot = await super().before()
            if loop.time() >= self._until:
                return slot
            slot.release(sent=False)  # Somebody was refused meanwhile.

    def after(self, slot: Slot | None, status: int, headers: Mapping[str, str]) -> float:
        if status == 429:
            self._until = self._reset
        else:
            self._reset = asyncio.get_running_loop().time() + float(headers["X-RateLimit-Reset"])
        return super().after(slot, status, headers)


LITERATURE: dict[str, Callable[[], Contender]] = {
    "exponential back-off": NoLimiter,
    "AIMD": Aimd,
    "CUBIC": Cubic,
    "gradient": Gradient,
    "bucket from headers": HeaderBucket,
}
"""What the literature and practice have, for the table of hard cases."""


def contenders(limit: int, period: float) -> dict[str, Callable[[], Contender]]:
    """All of them, by name, for a budget whose documentation says `limit` per `period`."""
    return {OURS: Ours, LIVE: lambda: Ours(10), **rivals(limit, period), **LITERATURE, WAITING: Waiting}


def rivals(limit: int, period: float) -> dict[str, Callable[[], Contender]]:
    """What others do."""
    return {
        NO_LIMITER: NoLimiter,
        f"AsyncLimiter({limit}, {period:g})": lambda: Static(limit, period),
        "stop at zero": StopAtZero,
        "cubic": Cubic,
    }


def compared(limit: int, period: float) -> list[str]:
    """Names for a table: ours and what others do."""
    return [OURS, *rivals(limit, period)]
