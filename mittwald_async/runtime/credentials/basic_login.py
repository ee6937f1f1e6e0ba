"""User name and password of the `basic` scheme."""

from __future__ import annotations

import base64
from typing import final

from ..errors import ConfigurationError
from .secret import Secret, as_secret, check_text, digest
from .token_exchange import Exchange


@final
class BasicLogin:
    """User name and password, sent with every call. Nothing is renewed; a 401 is final."""

    __slots__ = ("_token", "identity")

    def __init__(self, user: str, password: str | Secret) -> None:
        """
        Args:
            user: the name; it holds no colon, which is what separates it from the password.
            password: the password.

        Raises:
            ConfigurationError: one of them is empty or cannot be sent.
        """
        secret = as_secret(password)
        del password
        check_text("user: the user name", user)
        check_text("the password", secret)
        if ":" in user:
            raise ConfigurationError("user: the user name holds a colon, which would end it")
        self.identity: str = digest("basic", user)
        self._token = Secret(base64.b64encode(f"{user}:{secret.reveal()}".encode()).decode())

    def __repr__(self) -> str:
        return f"BasicLogin(identity={self.identity!r})"

    def current(self) -> Secret:
        """What the header carries after the name of the scheme."""
        return self._token

    async def token(self, exchange: Exchange) -> Secret:
        """The same."""
        return self._token

    async def refused(self, token: Secret, exchange: Exchange) -> bool:
        """No alternative exists."""
        return False
