"""What failures of the HTTP client mean to a caller.

Every failure becomes a `TransportError` that is raised outside of the `except` block that saw the HTTP client's own:
neither its frames (whose locals hold headers) nor its messages (which may hold whole URLs) travel with ours.
"""

from __future__ import annotations

import re
import ssl

import aiohttp

from ..errors import (
    CallTimeoutError,
    CertificateError,
    ConnectTimeoutError,
    MaybeSentError,
    NotSentError,
    ReadTimeoutError,
    ResponseBrokenError,
    TransportError,
    WriteTimeoutError,
)
from .decompression import CorruptBodyError

LATE = "the call took longer than timeout"

_NEVER_WRITTEN = "closing transport"
"""aiohttp's writer says this when it finds the connection closed before handing it the first byte."""


def classify(error: Exception, *, safe: bool = False) -> TransportError:
    """What a failure of the transport means to a caller: was the request provably not sent, or maybe sent?

    Args:
        error: of the HTTP client, or of what decompresses bodies.
        safe: the request changes nothing, so that it does not matter whether it was executed.
    """
    unsent = _unsent(error)
    if unsent is not None:
        return unsent
    if isinstance(error, aiohttp.SocketTimeoutError):
        return (ReadTimeoutError if safe else WriteTimeoutError)("nothing arrived within read_timeout")
    if isinstance(error, TimeoutError):
        return CallTimeoutError(LATE)
    return (ResponseBrokenError if safe else MaybeSentError)(_broken(error))


def _unsent(error: Exception) -> NotSentError | None:
    """The failures after which the server has provably seen nothing."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return ConnectTimeoutError("no connection within connect_timeout")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return CertificateError(f"the certificate of {error.host}:{error.port} was not accepted: {_reason(error)}")
    if isinstance(error, aiohttp.ClientConnectorError):
        return NotSentError(f"cannot connect to {error.host}:{error.port}: {_reason(error)}")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return NotSentError(f"the proxy refused the connection: {error.status} {error.message}")
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return CertificateError("the server's certificate has another fingerprint")
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return _unsendable("the URL cannot be used")
    if isinstance(error, ValueError) and not isinstance(error, (aiohttp.ClientError, OSError, CorruptBodyError)):
        return _unsendable(f"cannot be sent: {error}")
    if _never_written(error):
        return NotSentError("the connection was closed before anything was written")
    return None


def _unsendable(problem: str) -> NotSentError:
    error = NotSentError(problem)
    error.permanent = True
    return error


def _reason(error: aiohttp.ClientConnectorError) -> str:
    """Why no connection came about. Some failures, such as a connection cut during the TLS handshake, have no text."""
    cause: BaseException = getattr(error, "certificate_error", None) or error.os_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message or cause.reason or "verification failed"
    if isinstance(cause, ssl.SSLError):
        return f"TLS: {cause.reason or cause.strerror or type(cause).__name__}"
    if isinstance(cause, ConnectionResetError) and not cause.strerror:
        return "the server closed the connection before it was set up"
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _broken(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientResponseError):
        # What is quoted is the server's, and might be our own request.
        said = re.split(r"\s(?:b?['\"]|\n)|\n", error.message, maxsplit=1)[0].rstrip(" :")
        return f"the response is not HTTP: {said or 'garbage'}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the body of the response broke off"
    if isinstance(error, CorruptBodyError):
        return f"the body of the response is not whole: {error}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without a response"
    return f"the connection broke: {getattr(error, 'strerror', None) or type(error).__name__}"


def _never_written(error: BaseException) -> bool:
    """Headers and a body of bytes go out in one write, so a refused write means that nothing went out.

    A streamed body is not covered: it fails with the same words in the middle, and is recognised by the pipeline."""
    cause = error if isinstance(error, aiohttp.ClientConnectionResetError) else error.__cause__
    return isinstance(cause, aiohttp.ClientConnectionResetError) and _NEVER_WRITTEN in str(cause)
