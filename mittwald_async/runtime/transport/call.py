"""One call on its way, and what all calls of a client share."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec
from yarl import URL

from .. import events
from ..attempt import Attempt
from ..clock import SYSTEM_CLOCK, Clock
from ..credentials import StaticToken
from ..errors import ClientStateError
from ..lists import ListContext
from .changes import ChangeLog
from .compiled_operation import CompiledOperation
from .consistency import EventLog
from .decompression import accepted
from .encoding import Content, segment
from .event_probes import EventProbes
from .responses import masked, sealed
from .retry import Quota

if TYPE_CHECKING:
    from ..credentials import Credentials, Secret
    from ..options import Observer
    from ..profile import Profile
    from ..ratelimit import Limiter, RateLimitWait
    from .session import Session

_numbers = count(1)
_ID = re.compile(r"(?!.*\bv\d+\b)(?=.*\d).{3,}")
"""A segment of an undocumented path that looks like an id: it has a digit but is not a version."""


class Call(msgspec.Struct, eq=False):
    """One call: what is sent, and what has become of it so far. Most fields stay at their defaults."""

    compiled: CompiledOperation
    method: str
    encoded_url: str
    """As the call began."""
    url: URL
    """Where the running attempt goes."""
    path: Sequence[object]
    query: Mapping[str, object] | None
    started: float
    begun: float
    """When the running attempt began."""
    number: int = 0
    """Attempts made, the running one included."""
    retries: int = 0
    """Repetitions that count against `max_retries`."""
    slept: float = 0.0
    """Seconds slept from the jitter budget."""
    budget_wait: float = 0.0
    """Seconds waited for the request budget."""
    lag_tries: int = 0
    redirects: int = 0
    ident: int = 0
    """Number of a call that is observed."""
    off_origin: bool = False
    """The request goes to another origin than the API's: no credentials, no headers of the caller's, no budget."""
    renewed: bool = False
    """A refused token was already renewed once."""
    waited: bool = False
    """Time has passed before the running attempt."""
    cost: int = 0
    """What the last retry took from the quota."""
    maybe_done: bool = False
    """An earlier attempt may have done what the call is to do."""
    unreached: int = 0
    """Responses in a row that say that the event was not reached."""
    probing: str | None = None
    """The event this call asks for on behalf of all that wait for it."""
    partial: bytes = b""
    """What arrived of a body in the attempt that came furthest."""
    sent: bool = True
    """The running attempt has reached the HTTP client."""
    observers: Sequence[Observer] | None = None
    """Who hears of this call; `None`: no observer, and not the log."""
    event: str | None = None
    further: Sequence[str] = ()
    """Further events to wait for, in turn."""
    extra: dict[str, str] | None = None
    content: Content | None = None
    secret: Secret | None = None
    attempts: tuple[Attempt, ...] = ()

    def __repr__(self) -> str:
        return f"<Call {self.compiled.route}, attempt {self.number}>"

    @property
    def operation_id(self) -> str | None:
        return self.compiled.operation.operation_id or None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids in path and query: what the call is about."""
        found = [value if isinstance(value, str) else str(value) for value in self.path]
        if self.compiled.loose:
            found = [piece for piece in found if _ID.fullmatch(piece)]
        if self.query:
            found += [value for name, value in self.query.items() if name.endswith("Id") and isinstance(value, str)]
        return tuple(found)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that `ids` came under."""
        return (*self.compiled.scopes, *(name for name in self.query or () if name.endswith("Id")))

    @property
    def shown_url(self) -> str:
        """The URL as it may be shown."""
        if not (self.redirects or self.compiled.masks):
            return self.encoded_url
        text = sealed(masked(str(self.url) if self.redirects else self.encoded_url), self.secret)
        for place in self.compiled.secret_parts:
            part = segment(self.path[place], "path")
            text = text.replace(f"/{part}", "/***")
        return text

    def watch(self, observers: Sequence[Observer]) -> None:
        """Tell these observers, and the log, from now on."""
        self.observers = observers
        self.ident = next(_numbers)
        self.emit(events.CallStarted)

    def emit(self, kind: Callable[..., events.Event], **facts: Any) -> None:
        """Hand an event to the observers and the log, if there are any."""
        if self.observers is not None:
            what = kind(
                call=self.ident, operation_id=self.operation_id, method=self.method, url=self.shown_url, **facts
            )
            events.tell(self.observers, what)

    def waits_for_budget(self, wait: RateLimitWait) -> None:
        """The limiter holds the next attempt back."""
        self.emit(events.WaitingForBudget, reason=wait.reason, expected=wait.expected)

    def unsent(self) -> None:
        """The running attempt ended before it had a connection."""
        self.sent = False

    def note(self, status: int | None, reason: str, now: float, waited: float = 0.0) -> None:
        """Keep what the running attempt ended in."""
        attempt = Attempt(number=self.number, status=status, reason=reason, seconds=now - self.begun, waited=waited)
        self.attempts = (*self.attempts, attempt)


class Shared:
    """What a client and its clones have in common."""

    def __init__(
        self,
        base_url: URL,
        credentials: Credentials | None,
        profile: Profile,
        *,
        client_name: str = "Client",
        clock: Clock = SYSTEM_CLOCK,
        chance: Callable[[], float] = random.random,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.base_url: URL = base_url
        self.base: str = str(base_url).rstrip("/")
        self.origin: URL = base_url.origin()
        self.credentials: Credentials | None = credentials
        self.fixed_token: Secret | None = credentials.current() if type(credentials) is StaticToken else None
        """The token, where it is always the same."""
        self.profile: Profile = profile
        self.client_name: str = client_name
        """The client's class, for messages."""
        self.lists: ListContext = ListContext(profile.paging)
        self.accept_encoding: str = accepted()
        """What compression responses may have."""
        self.allow_http: bool = False
        """Secrets may be sent unencrypted to other machines."""
        self.clock: Clock = clock
        self.chance: Callable[[], float] = chance
        self.wall: Callable[[], datetime] = wall
        self.event_log: EventLog = EventLog(profile.scope_parameters)
        self.changes: ChangeLog = ChangeLog()
        self.probes: EventProbes = EventProbes()
        self.quota: Quota = Quota()
        self.session: Session | None = None
        self.limiter: Limiter | None = None
        self.closed: bool = False
        self.waiting: set[WhileOpen] = set()
        """Calls that wait for the budget or before they are repeated; to be ended when the client is closed."""

    def unusable(self) -> ClientStateError:
        """Why no call can be made here, and what to do about it."""
        if self.closed:
            return ClientStateError(
                f"the client is closed: make a new one, `async with {self.client_name}(…) as client:`"
            )
        if self.session is None:
            return ClientStateError(
                f"the client is not open: use it inside `async with {self.client_name}(…) as client:`"
            )
        return ClientStateError(
            "the client was opened on another event loop: open one per loop, inside the coroutine that uses it"
        )

    def own(self, url: URL) -> bool:
        """Does the URL lead to the API's own scheme, host and port?"""
        return url.origin() == self.origin


class WhileOpen:
    """Wait, but not for a client that is closed meanwhile: a wait within ends when the client is closed.

    Many calls wait at once, so that this is a small object and no coroutine.

    Raises:
        ClientStateError: the client is closed, or was while waiting.
    """

    __slots__ = ("_cancelling", "_ended", "_shared", "_task")

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._ended = False

    def __enter__(self) -> object:
        if self._shared.closed:
            raise self._shared.unusable()
        self._task = asyncio.current_task()
        self._cancelling = 0 if self._task is None else self._task.cancelling()
        self._shared.waiting.add(self)
        return self

    def end(self) -> None:
        """The client is closed."""
        if self._task is not None and not self._ended:
            self._ended = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._shared.waiting.discard(self)
        task, self._task = self._task, None
        if not self._ended or task is None or task.uncancel() > self._cancelling:
            return
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            raise self._shared.unusable() from None
