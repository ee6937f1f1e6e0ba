"""Tokens from an async function of the caller's."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias, cast, final

from ..errors import AuthenticationError, ConfigurationError
from .renewal import Renewable
from .secret import Secret, as_secret, digest, flaw_of
from .token_exchange import Exchange, Expiry, Grant, expiry_in, granted

TokenCallable: TypeAlias = Callable[[], Awaitable["str | Secret | tuple[str | Secret, Expiry]"]]
"""An async function that gives a token, or a token and when it expires."""


@final
class TokenSource(Renewable):
    """An async function of yours that gives a token, for tokens that live in a vault or with another service."""

    __slots__ = ("_source",)

    def __init__(
        self, source: TokenCallable, *, identity: str | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        """
        Args:
            source: asked for the first token, ahead of expiry if it tells one, and after a 401. Its errors reach the
                caller unchanged.
            identity: equal for sources whose tokens belong to one user, so that their clients share one request budget.
            wall: seconds since 1970.
        """
        if not callable(source):
            raise ConfigurationError(f"source: must be an async function, got {type(source).__name__}")
        super().__init__(digest("source", identity if identity is not None else f"{id(source):x}"), wall)
        self._source = source

    async def _obtain(self, exchange: Exchange) -> Grant:
        asked: object = self._source()
        if not inspect.isawaitable(asked):
            del asked
            raise ConfigurationError("the token callable has to be async: it would stop the event loop")
        said = _unpacked(await asked)
        del asked
        if isinstance(said, str):
            raise AuthenticationError(f"the token callable failed: what it gave {said}")
        token, expires = said
        moment = expiry_in({"expiry": expires}, self._wall())
        return granted(token, None, moment, self._wall())


def _unpacked(given: object) -> tuple[Secret, object] | str:
    """Token and expiry out of what a callable gave, or what is wrong with it. Raises nothing: its frame sees the
    token."""
    parts = cast("tuple[object, ...]", given) if isinstance(given, tuple) else (given, None)
    if len(parts) != 2:
        return "is not a pair of token and expiry"
    token, expires = parts
    flaw = flaw_of(token.reveal() if isinstance(token, Secret) else token)
    if flaw:
        return flaw
    return as_secret(cast("str | Secret", token)), expires
