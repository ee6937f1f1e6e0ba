"""What turns into an access token: a token, a user name, a client's secret, or a callable of yours; and the parts from
which an API's own logins are made.

Whatever the kind, a token is fetched and renewed **once**, however many calls wait for it (`renewal`), and secrets are
shown only where asked for by name (`Secret`). How to add a kind: `Renewable`, one file, one line here.
"""

from __future__ import annotations

from ..schemes import BASIC, BEARER, CookieToken, HeaderToken, OAuth2, QueryToken, Scheme
from .basic_login import BasicLogin
from .choice import resolve
from .client_credentials import ClientCredentials
from .renewal import Credentials, Renewable
from .secret import Secret
from .static_token import StaticToken
from .token_exchange import Exchange, TokenResponse
from .token_source import TokenCallable, TokenSource

__all__ = [
    "BASIC",
    "BEARER",
    "BasicLogin",
    "ClientCredentials",
    "CookieToken",
    "Credentials",
    "Exchange",
    "HeaderToken",
    "OAuth2",
    "QueryToken",
    "Renewable",
    "Scheme",
    "Secret",
    "StaticToken",
    "TokenCallable",
    "TokenResponse",
    "TokenSource",
    "resolve",
]
