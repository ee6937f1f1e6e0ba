"""Signing in as a person does."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias, final

import anyio.to_thread

from ..runtime.callbacks import is_async
from ..runtime.credentials.secret import Secret, as_secret, check_text, digest
from ..runtime.credentials.token_exchange import (
    Exchange,
    Grant,
    LoginStep,
    TokenResponse,
    grant_in,
    refusal,
    sealed_json,
)
from ..runtime.errors import AuthenticationError, ConfigurationError
from .session_login import SessionLogin

_SIGN_IN = LoginStep("user-authenticate", "POST", "/v2/authenticate", "signing in with e-mail and password")
_SECOND_FACTOR = LoginStep("user-authenticate-mfa", "POST", "/v2/authenticate-mfa", "the second factor")

SecondFactor: TypeAlias = Callable[[], str | Awaitable[str]]
"""A function that gives the one-time or recovery code, at once or when awaited."""


@final
class PasswordLogin(SessionLogin):
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
        check_text("email: the e-mail address", email)
        check_text("the password", secret)
        if second_factor is not None and not callable(second_factor):
            raise ConfigurationError(f"second_factor: must be a function, got {type(second_factor).__name__}")
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

    async def _sign_in(self, exchange: Exchange) -> tuple[LoginStep, TokenResponse]:
        answer = await _SIGN_IN.ask(exchange, sealed_json(email=self._email, password=self._password))
        if answer.status != 202:
            return _SIGN_IN, answer
        code = await self._code()
        body = sealed_json(email=self._email, password=self._password, multiFactorCode=code)
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
