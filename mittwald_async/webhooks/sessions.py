"""Session tokens: what mStudio hands to an extension's pages, so that it knows who is looking."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

import msgspec

from .errors import SessionTokenError

LIFETIME = 60.0
"""Seconds a token is valid for, as documented."""
LEEWAY = 5.0
"""Seconds by which clocks may differ."""
_LONGEST = 16_384
"""Characters; real ones have well under two thousand."""


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who is looking, and where. What the token does not say is `None`; `claims` has all of it."""

    user_id: str | None
    session_id: str | None
    extension_id: str | None
    extension_instance_id: str | None
    context_id: str | None
    expires_at: datetime
    claims: dict[str, Any]


class Jwt(msgspec.Struct, frozen=True):
    """A token taken apart; nothing of it is to be believed before its signature is checked."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def take_apart(token: object) -> Jwt:
    """The parts of a token.

    Raises:
        SessionTokenError: it is not a JWT, or has an algorithm other than EdDSA.
    """
    if not isinstance(token, str) or len(token) > _LONGEST or token.count(".") != 2:
        raise SessionTokenError("the session token is not a JWT")
    head, body, signature = token.split(".")
    try:
        header = msgspec.json.decode(_unpadded(head), type=dict[str, Any])
        claims = msgspec.json.decode(_unpadded(body), type=dict[str, Any])
        octets = _unpadded(signature)
    except (binascii.Error, msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        raise SessionTokenError("the session token is not a JWT") from None
    if header.get("alg") != "EdDSA" or "crit" in header:
        raise SessionTokenError(f"the session token is of the algorithm {header.get('alg')!r}, not EdDSA")
    return Jwt(header, claims, f"{head}.{body}".encode(), octets)


def _unpadded(text: str) -> bytes:
    octets = text.encode("ascii")
    return base64.b64decode(octets + b"=" * (-len(octets) % 4), altchars=b"-_", validate=True)


def session_of(claims: dict[str, Any], now: datetime) -> SessionInfo:
    """What a genuine token says.

    Raises:
        SessionTokenError: it is too old, not valid yet, or does not say until when it is.
    """
    issued, expires = _number(claims, "iat"), _number(claims, "exp")
    if issued is not None:
        expires = min(issued + LIFETIME, issued + LIFETIME if expires is None else expires)
    if expires is None:
        raise SessionTokenError("the session token does not say until when it is valid")
    moment = now.timestamp()
    begins = max(_number(claims, "nbf") or 0.0, issued or 0.0)
    if moment >= expires + LEEWAY:
        raise SessionTokenError(f"the session token expired {moment - expires:.0f} s ago")
    if moment < begins - LEEWAY:
        raise SessionTokenError("the session token is not valid yet")
    return SessionInfo(
        user_id=_text(claims, "sub", "userId"),
        session_id=_text(claims, "sessionId"),
        extension_id=_text(claims, "extensionId"),
        extension_instance_id=_text(claims, "extensionInstanceId"),
        context_id=_text(claims, "contextId"),
        expires_at=datetime.fromtimestamp(expires, UTC),
        claims=claims,
    )


def _number(claims: dict[str, Any], name: str) -> float | None:
    value: object = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e11:
        return None
    return float(value)


def _text(claims: dict[str, Any], *names: str) -> str | None:
    return next((value for name in names if isinstance(value := claims.get(name), str)), None)
