"""Where a request carries what the credentials give: the authentication schemes of OpenAPI documents."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TypeAlias
from urllib.parse import quote

import msgspec
from yarl import URL

from .headers import RedactedStr


class HeaderToken(msgspec.Struct, frozen=True):
    """A token in a header, such as an `apiKey` scheme with `in: header`."""

    name: str
    """The header."""
    prefix: str = ""
    """Text before the token, with its space."""


class QueryToken(msgspec.Struct, frozen=True):
    """A token as a query parameter. It is added when a request goes out, and shown nowhere."""

    name: str
    """The parameter."""


class CookieToken(msgspec.Struct, frozen=True):
    """A token in a cookie."""

    name: str
    """The cookie."""


class OAuth2(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token that the client credentials flow gives; see `ClientCredentials`."""

    token_url: str
    """Where tokens come from: a path under the base URL, or a whole URL."""
    scopes: tuple[str, ...] = ()
    """Asked for unless the credentials name others."""
    prefix: str = "Bearer "


BEARER = HeaderToken("Authorization", "Bearer ")
"""`http` scheme `bearer`."""
BASIC = HeaderToken("Authorization", "Basic ")
"""`http` scheme `basic`; the credentials are `BasicLogin`."""

Scheme: TypeAlias = HeaderToken | QueryToken | CookieToken | OAuth2


def place_token(headers: MutableMapping[str, str], scheme: Scheme, token: str) -> None:
    """Put the token into the header that the scheme names. (One in the URL is added by `url_with_token`.)
    Raises nothing: its frame sees the token."""
    match scheme:
        case HeaderToken(name, prefix):
            headers[name] = RedactedStr(prefix + token)
        case OAuth2(prefix=prefix):
            headers["Authorization"] = RedactedStr(prefix + token)
        case CookieToken(name):
            headers["Cookie"] = RedactedStr(f"{name}={quote(token, safe='')}")
        case QueryToken():
            pass


def url_with_token(url: URL, scheme: QueryToken, token: str) -> URL:
    """The URL as it goes out."""
    pair = f"{quote(scheme.name, safe='')}={quote(token, safe='')}"
    text = str(url)
    return URL(f"{text}{'&' if '?' in text else '?'}{pair}", encoded=True)
