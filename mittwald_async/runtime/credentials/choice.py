"""Which credentials a client uses."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ..errors import ConfigurationError
from ..schemes import BASIC, BEARER, OAuth2, Scheme
from .client_credentials import ClientCredentials
from .renewal import Credentials
from .secret import Secret, as_secret
from .static_token import StaticToken
from .token_source import TokenCallable, TokenSource


def resolve(
    token: str | Secret | None,
    credentials: Credentials | TokenCallable | None,
    variables: Sequence[str] = (),
    scheme: Scheme = BEARER,
    *,
    environ: Mapping[str, str] = os.environ,
) -> Credentials:
    """The credentials a client is to use: what it was given, else the token in the environment.

    Args:
        token, credentials: at most one of them.
        variables: environment variables that may hold a token.
        scheme: what credentials may have to know of the API.

    Raises:
        ConfigurationError: both are given, neither is and the environment holds none, or a token cannot be used.
    """
    if token is not None:
        secret = as_secret(token)
        del token
        if credentials is not None:
            raise ConfigurationError("token and credentials are both given: pass one of them")
        return _not_a_login(StaticToken(secret), scheme)
    if credentials is None:
        return _not_a_login(StaticToken.from_environment(*variables, environ=environ), scheme)
    if isinstance(credentials, Credentials):
        if isinstance(credentials, ClientCredentials) and isinstance(scheme, OAuth2):
            credentials.use_defaults(scheme.token_url, scheme.scopes)
        return credentials
    if callable(credentials):
        return TokenSource(credentials)
    raise ConfigurationError(
        f"credentials must be a Credentials object or an async callable, got {type(credentials).__name__}"
    )


def _not_a_login(token: StaticToken, scheme: Scheme) -> StaticToken:
    """An impossible token: `user:password` instead of its encoded form for the header."""
    if scheme == BASIC and ":" in token.current().reveal():
        raise ConfigurationError(
            "token: this API takes a user name and a password: pass credentials=BasicLogin(user, password)"
        )
    return token
