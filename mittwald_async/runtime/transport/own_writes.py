"""Reading one's own writes: which events a call waits for, and what its response adds to what is known."""

from __future__ import annotations

from ..errors import ConfigurationError
from ..middleware import RawResponse
from ..options import Options
from .call import Call, Shared
from .responses import event_id


class OwnWrites:
    """Keeps the event log of a client for one set of options."""

    __slots__ = ("_log", "_shared", "active", "after")

    def __init__(self, shared: Shared, options: Options) -> None:
        if options.after is not None and shared.profile.events is None:
            raise ConfigurationError(f"after: {shared.profile.name} has no event ids to wait for")
        self._shared = shared
        self._log = shared.event_log
        self.after: str | None = options.after
        """An event id that every call waits for."""
        self.active: bool = options.consistency == "session" and shared.profile.events is not None
        """Whether writes are remembered."""

    def attach(self, call: Call) -> None:
        """Name the events that a call waits for."""
        call.event = self.after
        if not (self._log.scopes and self.active):
            return
        operation = call.compiled.operation
        found = self._log.events(call.ids, operation.group, operation.paging is not None, self._shared.clock.now())
        if not found:
            return
        if self.after is not None:
            found.insert(0, self.after)
        if call.compiled.safe:
            call.event, *call.further = found
        else:
            call.event = found[-1]

    def learn(self, call: Call, response: RawResponse) -> None:
        """A successful write left an event, or an awaited event was reached."""
        operation = call.compiled.operation
        if call.event is not None:
            self._log.reached(call.ids, operation.group, call.event)
        if call.method == operation.method and not call.compiled.safe:  # not where a redirect turned it into a read
            self._log.wrote(
                event_id(call.method, response.status, response.headers, self._shared.profile.events),
                method=call.method,
                group=operation.group,
                names=call.names,
                ids=call.ids,
                body=response.body,
                started=call.started,
                now=self._shared.clock.now(),
            )
