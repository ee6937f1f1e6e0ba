"""What one stage of one item has sent: decides what may be said of it when it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..runtime.errors import CallTimeoutError, MaybeSentError, RedirectError, ResponseDecodeError, ServerError

_UNCERTAIN_STATUSES = frozenset((408,))
"""Below 500, but returned for a request that may have been executed."""
_READING = frozenset(("GET", "HEAD", "OPTIONS"))


class WriteTrace:
    """Watches the writes of one stage (see `runtime.transport.write_watch`).

    Args:
        owner: is handed the credentials' digest and the server before anything is sent; raises where they are not the
            journal's.
        before: awaited before every attempt.
        reads_back: whether a read tells what became of a lost answer. The client does not repeat such a request by
            itself then, as it does otherwise where the method allows it.
    """

    __slots__ = ("_before", "_owner", "_reads_back", "calls", "done", "ending", "pending", "uncertain")

    def __init__(
        self, owner: Callable[[str | None, str], None], before: Callable[[], Awaitable[None]], reads_back: bool
    ) -> None:
        self._owner = owner
        self._before = before
        self._reads_back = reads_back
        self.calls: int = 0
        """Writes that were begun."""
        self.pending: int = 0
        """Attempts on their way."""
        self.uncertain: int = 0
        """Attempts that may have been executed, though no success was received."""
        self.done: int = 0
        """Attempts that were executed."""
        self.ending: bool = False
        """Nothing more is to be sent."""

    def entered(self, identity: str | None, server: str) -> None:
        self.calls += 1
        self._owner(identity, server)

    async def sending(self) -> None:
        if not self.ending:
            await self._before()
        if self.ending:
            raise StoppingError
        self.pending += 1

    def answered(self, status: int | None, *, sent: bool) -> bool:
        self.pending -= 1
        if status is None:
            uncertain = sent
        elif 200 <= status < 300:
            uncertain = False
            self.done += 1
        else:
            uncertain = not 400 <= status < 500 or status in _UNCERTAIN_STATUSES
        self.uncertain += uncertain
        return uncertain and self._reads_back

    @property
    def touched(self) -> bool:
        """Whether something may have changed."""
        return bool(self.pending or self.uncertain or self.done)

    def leaves_unknown(self, error: BaseException) -> bool:
        """Whether a stage that ended in this error may have changed something."""
        if self.calls:
            return self.touched
        # Not sent through a client of this package: the error alone has to tell.
        if isinstance(error, MaybeSentError | CallTimeoutError | ServerError | RedirectError):
            return error.method not in _READING
        return isinstance(error, ResponseDecodeError)


class StoppingError(Exception):
    """A write was not sent because the run is ending."""
