"""Keeping one token fresh: who needs it waits, one renewal happens.

A token is renewed ahead of its expiry and after the API refused it with 401. Renewal runs in a task of its own, so a
cancelled call neither loses a single-use refresh token nor fails the calls beside it.

Expiry is compared with the wall clock, since that is what the API names and what goes on while a machine sleeps. If the
two clocks disagree so much that a fresh token looks expired, its expiry counts as unknown and only a 401 renews it.
"""

from __future__ import annotations

import asyncio
import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol, TypeVar, runtime_checkable

import msgspec

from ..errors import ApiClientError, AuthenticationError, ClientStateError
from ..logs import logger
from .secret import Secret
from .token_exchange import Exchange, Grant

HOLD_OFF = 5.0
"""Seconds until renewal ahead of expiry is tried again after it failed; meanwhile the old token serves."""

_log = logger("credentials")


@runtime_checkable
class Credentials(Protocol):
    """What the client knows of credentials. Write your own class with these members, or use one of this module's."""

    @property
    def identity(self) -> str:
        """Equal for credentials that draw on one request budget. A digest, no secret."""
        ...

    def current(self) -> Secret | None:
        """The token, if one is there that needs no renewal."""
        ...

    async def token(self, exchange: Exchange) -> Secret:
        """The token, fetched or renewed if needed.

        Raises:
            AuthenticationError: the credentials were refused.
            ApiClientError: the request for a token failed for another reason (connection, 429, 5xx).
        """
        ...

    async def refused(self, token: Secret, exchange: Exchange) -> bool:
        """The API answered 401 to `token`. True: another token is there now, a second try makes sense."""
        ...


ErrorT = TypeVar("ErrorT", bound=BaseException)


def _twin(problem: ErrorT) -> ErrorT:
    """An error of its own for each of the calls that fail together: tracebacks and details must not run into each
    other."""
    if not isinstance(problem, ApiClientError):
        return problem
    try:
        twin = copy.copy(problem)
    except TypeError:
        return problem
    twin.__cause__, twin.__suppress_context__ = problem.__cause__, True
    return twin.with_traceback(problem.__traceback__)


_renewing: ContextVar[tuple[object, ...]] = ContextVar("token_renewals", default=())
"""The renewals this code runs inside of: a token callable that waits for its own token would never return."""


class Renewable(ABC):
    """Keeps one token fresh. Subclasses say how to obtain one (`_obtain`); this class says when, and lets it happen
    once.

    Nothing here is bound to a loop for longer than one renewal, so credentials work on one loop after another.
    """

    __slots__ = ("_flight", "_grant", "_stale", "_wall", "identity")

    def __init__(self, identity: str, wall: Callable[[], float]) -> None:
        self.identity: str = identity
        self._wall = wall
        self._grant: Grant | None = None
        self._stale = False
        """The API refused the token, whatever its expiry says."""
        self._flight: asyncio.Task[Grant] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(identity={getattr(self, 'identity', None)!r})"

    @abstractmethod
    async def _obtain(self, exchange: Exchange) -> Grant:
        """Ask for a token, by whatever means."""
        ...

    def current(self) -> Secret | None:
        """The token, if one is there that needs no renewal."""
        grant = self._grant
        if grant is None or self._stale or (grant.renew_at is not None and self._wall() >= grant.renew_at):
            return None
        return grant.token

    async def token(self, exchange: Exchange) -> Secret:
        """The token, fetched or renewed if needed; see `Credentials.token`."""
        return self.current() or (await self._renewed(exchange)).token

    async def refused(self, token: Secret, exchange: Exchange) -> bool:
        """Renew after a 401, unless that happened since `token` went out; see `Credentials.refused`."""
        if self._grant is not None and self._grant.token == token:
            self._stale = True
        return await self.token(exchange) != token

    async def _renewed(self, exchange: Exchange) -> Grant:
        loop = asyncio.get_running_loop()
        flight = self._flight
        if flight is None or flight.done() or flight.get_loop() is not loop:
            flight = self._flight = loop.create_task(self._renew(exchange), name="token renewal")
            flight.add_done_callback(_retrieved)
        elif flight in _renewing.get():
            raise ClientStateError(
                "the token callable calls the client that waits for its token: use a second client inside the callable, "
                "such as one made by anonymous()"
            )
        await asyncio.wait((flight,))
        if flight.cancelled():
            raise AuthenticationError("the renewal of the token was cancelled")
        problem = flight.exception()
        if problem is not None:
            raise _twin(problem)
        return flight.result()

    async def _renew(self, exchange: Exchange) -> Grant:
        _renewing.set((*_renewing.get(), asyncio.current_task()))
        await asyncio.sleep(0)  # where tasks start eagerly: not before `_flight` is this task
        try:
            fresh = await self._obtain(exchange)
        except Exception as problem:
            old = self._grant
            if old is None or self._stale or old.expires is None or self._wall() >= old.expires:
                raise
            _log.warning("renewing the token ahead of its expiry failed (%s); it serves on", type(problem).__name__)
            fresh = msgspec.structs.replace(old, renew_at=min(old.expires, self._wall() + HOLD_OFF))
        else:
            self._stale = False
        self._grant = fresh
        return fresh


def _retrieved(flight: asyncio.Task[Grant]) -> None:
    """If no caller is left, a failure is ignored."""
    if not flight.cancelled():
        flight.exception()
