"""User name and password of the `basic` scheme."""

from __future__ import annotations

import base64
from typing import final

from ..errors import ConfigurationError
from .secret import Secret, as_secret, check_text, digest
from .static_token import FixedToken


@final
class BasicLogin(FixedToken):
    """User name and password, sent with every call. Nothing is renewed; a 401 is final."""

    __slots__ = ()

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
        token = Secret(base64.b64encode(f"{user}:{secret.reveal()}".encode()).decode())
        super().__init__(token, digest("basic", user))
