"""The kinds of credentials, and which of them a client is to use."""

from __future__ import annotations

import inspect
import logging
import os
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias, cast, final
from urllib.parse import quote

import anyio.to_thread

from ..callbacks import is_async
from ..errors import AuthenticationError, ConfigurationError
from ..options import TOKEN_VARIABLE
from .renewal import Credentials, Renewable
from .token_exchange import (
    Exchange,
    Expiry,
    Grant,
    Secret,
    Step,
    TokenResponse,
    as_secret,
    digest,
    expiry_in,
    flaw_of,
    grant_in,
    granted,
    refusal,
    sealed,
    text_flaw,
)

_log = logging.getLogger("mittwald_async.runtime.credentials")

_SIGN_IN = Step("user-authenticate", "POST", "/v2/authenticate", "signing in with e-mail and password")
_SECOND_FACTOR = Step("user-authenticate-mfa", "POST", "/v2/authenticate-mfa", "the second factor")
_RETRIEVE = Step(
    "user-authenticate-with-access-token-retrieval-key",
    "POST",
    "/v2/authenticate-token-retrieval-key",
    "signing in with an access token retrieval key",
)
_REFRESH = Step("user-refresh-session", "PUT", "/v2/users/self/sessions", "refreshing the session")
_INSTANCE = Step(
    "extension-authenticate-instance",
    "POST",
    "/v2/extension-instances/{extensionInstanceId}/tokens",
    "authenticating the extension instance",
)


class StaticToken:
    """An access token as created in mStudio. It is never renewed; a 401 is final."""

    __slots__ = ("_token", "identity")

    def __init__(self, token: str | Secret) -> None:
        """
        Args:
            token: the token; characters a header cannot carry are refused.

        Raises:
            ConfigurationError: empty, padded with white space, or not printable ASCII.
        """
        secret = as_secret(token)
        del token
        self._token = secret
        self.identity: str = digest("token", secret.reveal())
        flaw = flaw_of(secret.reveal())
        if flaw:
            raise ConfigurationError(f"the access token {flaw}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> StaticToken:
        """The token in `MITTWALD_API_TOKEN`.

        Raises:
            ConfigurationError: not set, or not usable as a token.
        """
        secret = Secret(environ[TOKEN_VARIABLE]) if TOKEN_VARIABLE in environ else None
        del environ
        if secret is None:
            raise ConfigurationError(
                f"no access token: pass token=… or credentials=…, or set the environment variable {TOKEN_VARIABLE}"
            )
        flaw = flaw_of(secret.reveal())
        if flaw:
            raise ConfigurationError(f"the access token in {TOKEN_VARIABLE} {flaw}")
        return cls(secret)

    def __repr__(self) -> str:
        return f"StaticToken(identity={self.identity!r})"

    def current(self) -> Secret:
        """The token."""
        return self._token

    async def token(self, exchange: Exchange) -> Secret:
        """The token."""
        return self._token

    async def refused(self, token: Secret, exchange: Exchange) -> bool:
        """There is no other token."""
        return False


def _check(what: str, value: object) -> None:
    flaw = text_flaw(value.reveal() if isinstance(value, Secret) else value)
    if flaw:
        raise ConfigurationError(f"{what} {flaw}")


class _Session(Renewable):
    """A login that came with a refresh token. The API takes each refresh token once; when it does not take it (any more),
    the login is repeated where the credentials permit."""

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
        answer = await _REFRESH.ask(exchange, sealed(refreshToken=refresh))
        grant = grant_in(answer, self._wall())
        if grant is not None:
            return grant
        problem = refusal(_REFRESH, answer, refresh)
        if not isinstance(problem, AuthenticationError):
            raise problem
        self._refresh = None
        _log.info("the session cannot be refreshed any more (status %s)", answer.status)
        return None


SecondFactor: TypeAlias = Callable[[], str | Awaitable[str]]
"""A function that gives the one-time or recovery code, at once or when awaited."""


@final
class PasswordLogin(_Session):
    """E-mail and password, with a second factor if the account has one."""

    __slots__ = ("_email", "_password", "_second_factor")

    def __init__(
        self,
        email: str,
        password: str | Secret,
        *,
        second_factor: SecondFactor | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            email: the account's e-mail address.
            password: its password.
            second_factor: gives the one-time or recovery code, and is called only when the API asks for one. An async
                function runs on the loop; any other runs in a worker thread, so `input` is fine.
            wall: seconds since 1970.

        Raises:
            ConfigurationError: e-mail or password is empty.
        """
        secret = as_secret(password)
        del password
        _check("email: the e-mail address", email)
        _check("the password", secret)
        if second_factor is not None and not callable(second_factor):
            raise ConfigurationError(f"second_factor: must be a function, not {type(second_factor).__name__}")
        super().__init__(digest("user", email.strip().lower()), wall)
        self._email = email.strip()
        self._password = secret
        self._second_factor = second_factor

    async def _begin(self, exchange: Exchange) -> Grant:
        step, answer = await self._sign_in(exchange)
        if step is _SECOND_FACTOR and answer.status == 408:  # the code took so long that the first factor lapsed
            step, answer = await self._sign_in(exchange)
        grant = grant_in(answer, self._wall())
        if grant is None:
            raise refusal(step, answer, self._password)
        return grant

    async def _sign_in(self, exchange: Exchange) -> tuple[Step, TokenResponse]:
        answer = await _SIGN_IN.ask(exchange, sealed(email=self._email, password=self._password))
        if answer.status != 202:
            return _SIGN_IN, answer
        code = await self._code()
        body = sealed(email=self._email, password=self._password, multiFactorCode=code)
        return _SECOND_FACTOR, await _SECOND_FACTOR.ask(exchange, body)

    async def _code(self) -> Secret:
        ask = self._second_factor
        if ask is None:
            raise AuthenticationError(
                f"{_SIGN_IN.what} failed: the account asks for a second factor; pass second_factor=…, "
                "a function that gives the code",
                operation_id=_SIGN_IN.operation_id,
            )
        said = ask() if is_async(ask) else await anyio.to_thread.run_sync(ask, abandon_on_cancel=True)
        code = Secret(_text(await said if inspect.isawaitable(said) else said))
        del said
        if not code.reveal():
            raise AuthenticationError(f"{_SECOND_FACTOR.what} failed: the callback gave no code")
        return code


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


@final
class AccessTokenRetrievalKey(_Session):
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
        _check("user_id: the user id that an access token retrieval key needs", user_id)
        _check("the access token retrieval key", secret)
        super().__init__(digest("user-id", user_id.strip()), wall)
        self._user_id = user_id.strip()
        self._key: Secret | None = secret

    async def _begin(self, exchange: Exchange) -> Grant:
        if self._key is None:
            raise AuthenticationError(
                f"{_RETRIEVE.what} failed: the key is used up and the session cannot be refreshed; create a new key",
                operation_id=_RETRIEVE.operation_id,
            )
        answer = await _RETRIEVE.ask(exchange, sealed(userId=self._user_id, accessTokenRetrievalKey=self._key))
        grant = grant_in(answer, self._wall())
        if grant is None:
            raise refusal(_RETRIEVE, answer, self._key)
        self._key = None
        return grant


@final
class ExtensionInstanceSecret(Renewable):
    """The secret of an extension instance. Its tokens are short-lived and bound to the instance, not to a user:
    account-wide lists do not work with them."""

    __slots__ = ("_instance_id", "_secret")

    def __init__(
        self, extension_instance_id: str, secret: str | Secret, *, wall: Callable[[], float] = time.time
    ) -> None:
        """
        Args:
            extension_instance_id: the instance.
            secret: its latest secret, as webhooks delivered it.
            wall: seconds since 1970.

        Raises:
            ConfigurationError: id or secret is empty.
        """
        held = as_secret(secret)
        del secret
        _check("extension_instance_id: the id of the extension instance", extension_instance_id)
        _check("the secret of the extension instance", held)
        super().__init__(digest("extension-instance", extension_instance_id.strip()), wall)
        self._instance_id = extension_instance_id.strip()
        self._secret = held

    async def _obtain(self, exchange: Exchange) -> Grant:
        step = _INSTANCE._replace(path=_INSTANCE.path.format(extensionInstanceId=quote(self._instance_id, safe="")))
        answer = await step.ask(exchange, sealed(extensionInstanceSecret=self._secret))
        grant = grant_in(answer, self._wall())
        if grant is None:
            raise refusal(step, answer, self._secret)
        return grant


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
            raise ConfigurationError(f"source: must be an async function, not {type(source).__name__}")
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
    """Token and expiry out of what a callable gave, or what is wrong with it. Raises nothing: its frame sees the token."""
    parts = cast("tuple[object, ...]", given) if isinstance(given, tuple) else (given, None)
    if len(parts) != 2:
        return "is no pair of token and expiry"
    token, expires = parts
    flaw = flaw_of(token.reveal() if isinstance(token, Secret) else token)
    if flaw:
        return flaw
    return as_secret(cast("str | Secret", token)), expires


def resolve(
    token: str | Secret | None,
    credentials: Credentials | TokenCallable | None,
    environ: Mapping[str, str] = os.environ,
) -> Credentials:
    """The credentials a client is to use: what it was given, else the token in the environment.

    Raises:
        ConfigurationError: both are given, neither is and the environment holds none, or a token cannot be used.
    """
    if token is not None:
        secret = as_secret(token)
        del token
        if credentials is not None:
            raise ConfigurationError("token and credentials are both given: pass one of them")
        return StaticToken(secret)
    if credentials is None:
        return StaticToken.from_environment(environ)
    if isinstance(credentials, Credentials):
        return credentials
    if callable(credentials):
        return TokenSource(credentials)
    raise ConfigurationError(
        f"credentials: {type(credentials).__name__} is neither a Credentials object nor an async callable"
    )
