"""A token that is given and stays."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..errors import ConfigurationError
from .secret import Secret, as_secret, digest, flaw_of
from .token_exchange import Exchange


class FixedToken:
    """Credentials whose token never changes. It is never renewed; a 401 is final."""

    __slots__ = ("_token", "identity")

    def __init__(self, token: Secret, identity: str) -> None:
        self._token = token
        self.identity: str = identity

    def __repr__(self) -> str:
        return f"{type(self).__name__}(identity={self.identity!r})"

    def current(self) -> Secret:
        """The token."""
        return self._token

    async def token(self, exchange: Exchange) -> Secret:
        """The token."""
        return self._token

    async def refused(self, token: Secret, exchange: Exchange) -> bool:
        """No other token exists."""
        return False


class StaticToken(FixedToken):
    """An access token that is given."""

    __slots__ = ()

    def __init__(self, token: str | Secret) -> None:
        """
        Args:
            token: the token; characters a header cannot carry are refused.

        Raises:
            ConfigurationError: empty, padded with white space, or not printable ASCII.
        """
        secret = as_secret(token)
        del token
        super().__init__(secret, digest("token", secret.reveal()))
        flaw = flaw_of(secret.reveal())
        if flaw:
            raise ConfigurationError(f"the access token {flaw}")

    @classmethod
    def from_environment(cls, *variables: str, environ: Mapping[str, str] = os.environ) -> StaticToken:
        """The token in the first of these environment variables that is set.

        Raises:
            ConfigurationError: none is set, or what it holds cannot be used as a token.
        """
        found = next((Secret(environ[name]) for name in variables if name in environ), None)
        variable = next((name for name in variables if name in environ), "")
        del environ
        if found is None:
            also = f", or set the environment variable {' or '.join(variables)}" if variables else ""
            raise ConfigurationError(f"no access token: pass token=… or credentials=…{also}")
        flaw = flaw_of(found.reveal())
        if flaw:
            raise ConfigurationError(f"the access token in {variable} {flaw}")
        return cls(found)
