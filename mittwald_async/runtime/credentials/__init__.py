"""What turns into an access token: a token, a login, a retrieval key, an extension secret, or a callable of yours.

Whatever the kind, a token is fetched and renewed **once**, however many calls wait for it (`renewal`), and secrets show
themselves to nobody who does not ask by name (`Secret`).
"""

from __future__ import annotations

from .kinds import (
    AccessTokenRetrievalKey,
    ExtensionInstanceSecret,
    PasswordLogin,
    StaticToken,
    TokenSource,
    resolve,
)
from .renewal import Credentials
from .token_exchange import Exchange, Secret, TokenResponse

__all__ = [
    "AccessTokenRetrievalKey",
    "TokenResponse",
    "Credentials",
    "Exchange",
    "ExtensionInstanceSecret",
    "PasswordLogin",
    "Secret",
    "StaticToken",
    "TokenSource",
    "resolve",
]
