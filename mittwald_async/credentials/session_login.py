"""Logins that come with a refresh token."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from ..runtime.credentials.renewal import Renewable
from ..runtime.credentials.secret import Secret
from ..runtime.credentials.token_exchange import Exchange, Grant, LoginStep, grant_in, refusal, sealed_json
from ..runtime.errors import AuthenticationError
from ..runtime.logs import logger

_log = logger("credentials")

_REFRESH = LoginStep("user-refresh-session", "PUT", "/v2/users/self/sessions", "refreshing the session")


class SessionLogin(Renewable):
    """A login that came with a refresh token. The API takes each refresh token once; when it does not take it (any
    more), the login is repeated where the credentials permit."""

    __slots__ = ("_refresh",)

    def __init__(self, identity: str, wall: Callable[[], float]) -> None:
        super().__init__(identity, wall)
        self._refresh: Secret | None = None

    @abstractmethod
    async def _begin(self, exchange: Exchange) -> Grant:
        """Log in from scratch."""
        ...

    async def _obtain(self, exchange: Exchange) -> Grant:
        grant: Grant | None = None
        if self._refresh is not None:
            grant = await self._refreshed(exchange, self._refresh)
        if grant is None:
            grant = await self._begin(exchange)
        self._refresh = grant.refresh
        return grant

    async def _refreshed(self, exchange: Exchange, refresh: Secret) -> Grant | None:
        """The renewed session; `None` if the API takes the refresh token no more."""
        answer = await _REFRESH.ask(exchange, sealed_json(refreshToken=refresh))
        grant = grant_in(answer, self._wall())
        if grant is not None:
            return grant
        problem = refusal(_REFRESH, answer, refresh)
        if not isinstance(problem, AuthenticationError):
            raise problem
        self._refresh = None
        _log.info("the session cannot be refreshed any more (status %s)", answer.status)
        return None
