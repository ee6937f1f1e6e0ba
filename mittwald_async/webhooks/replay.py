"""Which calls were received before. A sender repeats a call until it receives a 2xx, and an eavesdropper may do so
later."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol


class ReplayStore(Protocol):
    """Remembers ids of calls: in memory for one process, in a database where there are several."""

    async def add(self, request_id: str) -> bool:
        """Remember an id; False: it was there already. Of two at once, one hears True."""
        ...

    async def discard(self, request_id: str) -> None:
        """Forget an id: the call was not worked off, and may come again."""
        ...


class MemoryStore:
    """Remembers the last ids in memory.

    Args:
        size: how many, 1 or more.
    """

    def __init__(self, size: int = 100_000) -> None:
        self._size = size
        self._ids: OrderedDict[str, None] = OrderedDict()

    async def add(self, request_id: str) -> bool:
        if request_id in self._ids:
            return False
        self._ids[request_id] = None
        while len(self._ids) > self._size:
            self._ids.popitem(last=False)
        return True

    async def discard(self, request_id: str) -> None:
        self._ids.pop(request_id, None)
