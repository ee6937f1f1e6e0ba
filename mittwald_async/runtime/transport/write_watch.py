"""Who wants to know of the writes made in a task: a journal that has to be on disk before they go out.

A watch belongs to a context, not to a client: whatever client the code of one item calls, its writes are seen.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol


class WriteWatch(Protocol):
    """Hears of every call that may change something."""

    def entered(self, identity: str | None, server: str) -> None:
        """A call begins; nothing has been sent. Raising ends it.

        Args:
            identity: digest of the credentials, `None` without credentials.
            server: origin of the API.
        """
        ...

    async def sending(self) -> None:
        """An attempt is about to be sent and has its place in the budget. Raising ends the call unsent."""
        ...

    def answered(self, status: int | None, *, sent: bool) -> bool:
        """An attempt has ended. True: do not retry it, since a read will show whether it was executed.

        Args:
            status: of the response, `None` where there is none.
            sent: whether anything of it may have reached the server.
        """
        ...


WRITE_WATCH: ContextVar[WriteWatch | None] = ContextVar("write_watch", default=None)
