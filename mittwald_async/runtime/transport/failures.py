"""What failures of the HTTP client mean to a caller.

Every failure becomes a `TransportError` that is raised outside of the `except` block that saw the HTTP client's own:
neither its frames (whose locals hold headers) nor its messages (which may hold whole URLs) travel with ours.
"""

from __future__ import annotations

import re

import aiohttp

from ..errors import (
    CallTimeoutError,
    ConnectTimeoutError,
    MaybeSentError,
    NotSentError,
    ReadTimeoutError,
    TransportError,
)

LATE = "the call took longer than timeout"

_NEVER_WRITTEN = "closing transport"
"""aiohttp's writer says this when it finds the connection closed before handing it the first byte."""


def classify(error: Exception) -> TransportError:
    """What a failure of the transport means to a caller: was the request provably not sent, or maybe sent?"""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return ConnectTimeoutError("no connection within connect_timeout")
    if isinstance(error, aiohttp.SocketTimeoutError):
        return ReadTimeoutError("nothing arrived within read_timeout")
    if isinstance(error, aiohttp.ClientConnectorError):
        return NotSentError(f"cannot connect to {error.host}:{error.port}: {error.strerror or error.os_error}")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return NotSentError(f"the proxy refused the connection: {error.status} {error.message}")
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return NotSentError("the server's certificate has another fingerprint")
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return NotSentError("the URL cannot be used")
    if isinstance(error, aiohttp.ClientResponseError):
        # What is quoted is the server's, and might be our own request.
        said = re.split(r"\s(?:b?['\"]|\n)|\n", error.message, maxsplit=1)[0].rstrip(" :")
        return MaybeSentError(f"the answer is not HTTP: {said or 'garbage'}")
    if isinstance(error, aiohttp.ClientPayloadError):
        return MaybeSentError("the body of the answer broke off")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return MaybeSentError("the server closed the connection without an answer")
    if isinstance(error, TimeoutError):
        return CallTimeoutError(LATE)
    if isinstance(error, ValueError):
        return NotSentError(f"cannot be sent: {error}")
    if _never_written(error):
        return NotSentError("the connection was closed before anything was written")
    name = type(error).__name__
    return MaybeSentError(f"the connection broke: {getattr(error, 'strerror', None) or name}")


def _never_written(error: BaseException) -> bool:
    """Headers and a body of bytes go out in one write, so a refused write means that nothing went out.

    A streamed body is not covered: it fails with the same words in the middle, and is told apart by the pipeline."""
    cause = error if isinstance(error, aiohttp.ClientConnectionResetError) else error.__cause__
    return isinstance(cause, aiohttp.ClientConnectionResetError) and _NEVER_WRITTEN in str(cause)
