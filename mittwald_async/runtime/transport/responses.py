"""Reading responses without a loop: errors with all they say, event ids, URLs that may be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

from multidict import CIMultiDict

from ..errors import (
    AuthenticationError,
    ConsistencyError,
    RefusedError,
    StatusError,
    body_excerpt,
    error_class,
)
from .decompression import can_undo, codings

if TYPE_CHECKING:
    from ..credentials import Secret
    from ..profile import EventIds, Profile

_TELLING = "token|secret|password|passwd|code|key|signature|sig|auth"
_SECRET_NAME = re.compile(_TELLING, re.I)
_SECRET_PAIR = re.compile(rf"(?:{_TELLING})[^=&;#]*=", re.I)
_PAIR = re.compile("(?<=[?&])[^&]+")
_REAL_TOKEN = 12
"""Characters from which on a token is looked for in errors."""


def is_secret(name: str) -> bool:
    """Does a query parameter of this name hold something that is not to be shown?"""
    return _SECRET_NAME.search(name) is not None


def masked(url: str) -> str:
    """The URL without user info and fragment, and with the values of secret-sounding query parameters replaced."""
    if "@" in url:
        url = re.sub(r"^([a-z+.-]+://)[^/?#]*@", r"\1", url, flags=re.I)
    url = url.partition("#")[0]
    return _PAIR.sub(_masked_pair, url) if "?" in url else url


def _masked_pair(pair: re.Match[str]) -> str:
    # As the server reads it: a name may be percent-encoded, and a value may be a URL with a query of its own.
    if not _SECRET_PAIR.search(unquote_plus(pair[0])):
        return pair[0]
    name, separator, _ = pair[0].partition("=")
    return f"{name}=***" if separator else "***"


def sealed(text: str, secret: Secret | None) -> str:
    """Text of the server's without the token, should it repeat it. What is short is a stand-in for tests, and may be a
    word of the message."""
    if secret is None or len(secret.reveal()) < _REAL_TOKEN:
        return text
    return text.replace(secret.reveal(), "***").replace(quote(secret.reveal(), safe=""), "***")


def sealed_response(headers: Mapping[str, str], body: bytes, secret: Secret | None) -> tuple[Mapping[str, str], bytes]:
    """Headers and body of an error without the token."""
    if any(value != sealed(value, secret) for value in headers.values()):
        headers = CIMultiDict([(name, sealed(value, secret)) for name, value in headers.items()])
    text = body.decode("latin-1")
    return headers, body if text == sealed(text, secret) else sealed(text, secret).encode("latin-1")


def event_id(method: str, status: int, headers: Mapping[str, str], ids: EventIds | None) -> str | None:
    """The event a write produced. What a read carries in that header is something else, and so is what does not look
    like an event id."""
    if ids is None or method in ("GET", "HEAD", "OPTIONS") or not 200 <= status < 300:
        return None
    value = headers.get(ids.response_header)
    return value if value and ids.is_event_id(value) else None


def packed(headers: Mapping[str, str]) -> str:
    """Why a body cannot be read, where it is packed in a way that cannot be unpacked here; mostly nothing.

    Codings that can be undone are, where the body is read; the header stays in place."""
    if can_undo(codings(headers)):
        return ""
    named = headers.get("Content-Encoding", "")
    return (
        f"the body is packed as Content-Encoding {named[:100]!r}, which cannot be unpacked here and was not asked for"
    )


def status_error(
    status: int, headers: Mapping[str, str], body: bytes, profile: Profile, *, awaits_event: bool = True
) -> StatusError:
    """The error a response means. Bodies that are not JSON, or other JSON than documented, never hide the status.

    Args:
        status, headers, body: of the response.
        profile: says where errors have what.
        awaits_event: the request named an event to wait for. Otherwise a 412 cannot mean that it was not reached.
    """
    kind, message, trace_id, issues = profile.errors.read(body)
    if not message and not issues:
        message = (packed(headers) if body else "") or body_excerpt(body)
    cls = error_class(status)
    if status == 412:
        # Without a type (a proxy ate the body) nothing says that waiting helps.
        cls = ConsistencyError if awaits_event and _not_reached(profile.events, kind, message) else RefusedError
    error = cls(message, status=status, type=kind, trace_id=trace_id or None, headers=headers, body=body, issues=issues)
    if isinstance(error, AuthenticationError) and not error.message:
        error.message = "the credentials were not accepted"
    return error


def _not_reached(ids: EventIds | None, kind: str, message: str) -> bool:
    """Whether a 412 says that the awaited event was not reached in time."""
    return ids is not None and (
        kind in ids.not_reached_types or any(text in message for text in ids.not_reached_messages)
    )
