"""Signing in with a key that works once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import final

from ..runtime.credentials.secret import Secret, as_secret, check_text, digest
from ..runtime.credentials.token_exchange import Exchange, Grant, LoginStep, grant_in, refusal, sealed_json
from ..runtime.errors import AuthenticationError
from .session_login import SessionLogin

_RETRIEVE = LoginStep(
    "user-authenticate-with-access-token-retrieval-key",
    "POST",
    "/v2/authenticate-token-retrieval-key",
    "signing in with an access token retrieval key",
)


@final
class AccessTokenRetrievalKey(SessionLogin):
    """A key that is exchanged for a session, once and soon. Afterwards the session lives on by being refreshed."""

    __slots__ = ("_key", "_user_id")

    def __init__(self, user_id: str, key: str | Secret, *, wall: Callable[[], float] = time.time) -> None:
        """
        Args:
            user_id: the user whose key it is.
            key: the key.
            wall: seconds since 1970.

        Raises:
            ConfigurationError: user id or key is empty.
        """
        secret = as_secret(key)
        del key
        check_text("user_id: the user id that an access token retrieval key needs", user_id)
        check_text("the access token retrieval key", secret)
        super().__init__(digest("user-id", user_id.strip()), wall)
        self._user_id = user_id.strip()
        self._key: Secret | None = secret

    async def _begin(self, exchange: Exchange) -> Grant:
        if self._key is None:
            raise AuthenticationError(
                f"{_RETRIEVE.what} failed: the key is used up and the session cannot be refreshed; create a new key",
                operation_id=_RETRIEVE.operation_id,
            )
        answer = await _RETRIEVE.ask(exchange, sealed_json(userId=self._user_id, accessTokenRetrievalKey=self._key))
        grant = grant_in(answer, self._wall())
        if grant is None:
            raise refusal(_RETRIEVE, answer, self._key)
        self._key = None
        return grant
