"""Changing a record set that others change at the same time, through an API that replaces sets whole.

A change reads the set, changes it, writes it, and reads again. If another program wrote in between, with what it had
read before, the change may be gone, and is made again. One that had read before our write and writes after our check
is noticed by a second look a moment later. Within this process, changes of one set wait for each other and are made
together.
"""

from __future__ import annotations

import asyncio
import random
import weakref
from collections.abc import Callable

from ..api.groups import Groups
from ..runtime.clock import Clock
from ..runtime.errors import ConflictError, StatusError
from .changes import AnyChange, conflict
from .record_sets import record_set, wire

_SETTLE = 1.0
"""Seconds from the check after a write to the second look. Others read and write within less than that."""
_SLOW = 3
"""Times the duration of our own reading and writing, where that is more: the others are as slow."""
_TRIES = 40
"""Writes after which a set counts as fought over."""


class _Batch:
    """Changes of one set that wait to be made."""

    def __init__(self) -> None:
        self.lock: asyncio.Lock = asyncio.Lock()
        self.waiting: list[tuple[AnyChange, asyncio.Future[bool]]] = []

    def take(self) -> list[tuple[AnyChange, asyncio.Future[bool]]]:
        """The next ones, in their order, that can be made together."""
        taken = [self.waiting.pop(0)]
        while self.waiting and not any(conflict(one, self.waiting[0][0]) for one, _ in taken):
            taken.append(self.waiting.pop(0))
        return taken


_batches: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.WeakValueDictionary[tuple[str, str], _Batch]] = (
    weakref.WeakKeyDictionary()
)
"""By event loop and set: clients of one loop wait for each other. Those of other loops are others."""


class Editor:
    """Makes changes of record sets.

    Args:
        groups: the client's groups.
        clock, chance: time, and a source of numbers from 0 to 1.
    """

    def __init__(self, groups: Groups, clock: Clock, chance: Callable[[], float] = random.random) -> None:
        self._groups = groups
        self._clock = clock
        self._chance = chance

    async def make(self, zone_id: str, set_name: str, change: AnyChange) -> bool:
        """Make one change; False: there was nothing to do.

        Raises:
            InvalidArgumentError: the change does not fit what is there.
            ConflictError: others undo the change again and again.
            StatusError: the server refuses.
        """
        loop = asyncio.get_running_loop()
        batch = _batches.setdefault(loop, weakref.WeakValueDictionary()).setdefault((zone_id, set_name), _Batch())
        result: asyncio.Future[bool] = loop.create_future()
        batch.waiting.append((change, result))
        try:
            async with batch.lock:
                while not result.done():
                    taken = batch.take()
                    try:
                        await self._make_all(zone_id, set_name, taken)
                    finally:
                        # Where this task was cancelled, the next in line takes over what is left.
                        batch.waiting[:0] = [one for one in taken if not one[1].done() and one[1] is not result]
            return result.result()
        finally:
            result.cancel()
            batch.waiting = [one for one in batch.waiting if one[1] is not result]

    async def _make_all(self, zone_id: str, set_name: str, batch: list[tuple[AnyChange, asyncio.Future[bool]]]) -> None:
        """Make changes together; where that is refused, one by one, so that each hears of its own mistake only."""
        try:
            changed = await self._write(zone_id, set_name, [change for change, _ in batch])
        except Exception as error:
            if len(batch) == 1 or not isinstance(error, StatusError | ValueError):
                for _, result in batch:
                    _settle(result, error)
                return
            for one in batch:
                await self._make_all(zone_id, set_name, [one])
        else:
            for _, result in batch:
                _settle(result, changed)

    async def _write(self, zone_id: str, set_name: str, changes: list[AnyChange]) -> bool:
        """Read, change, write, check, and look again; repeat what others undid."""
        tries = 0
        slowest = 0.0
        settled = False
        while True:
            began = self._clock.now()
            current = record_set(await self._groups.domain.dns_get_dns_zone(zone_id), set_name)
            open_changes = [change for change in changes if not change.holds(current)]
            if not open_changes:
                if not tries or settled:
                    return bool(tries)
                settled = True
                await self._clock.sleep(max(_SETTLE, _SLOW * slowest) * (1 + self._chance()))
                continue
            if tries >= _TRIES:
                raise ConflictError(
                    f"the {set_name.upper()} records were changed {tries} times, and undone by others each time; "
                    "find out which other program writes them"
                )
            wanted = current
            for change in open_changes:
                wanted = change.made(wanted)
            tries += 1
            settled = False
            await self._groups.domain.dns_update_record_set(zone_id, set_name, wire(wanted, set_name))
            slowest = max(slowest, self._clock.now() - began)


def _settle(result: asyncio.Future[bool], outcome: bool | Exception) -> None:
    if result.done():
        return
    if isinstance(outcome, Exception):
        result.set_exception(outcome)
        result.exception()  # its waiter may have been cancelled
    else:
        result.set_result(outcome)
