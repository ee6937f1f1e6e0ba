"""How each aiohttp failure is mapped, and the timer shared by many deadlines."""

from __future__ import annotations

import asyncio
from unittest import mock

import aiohttp
import pytest

from mittwald_async.errors import (
    CallTimeoutError,
    CertificateError,
    ConnectTimeoutError,
    MaybeSentError,
    NotSentError,
    TransportError,
    WriteTimeoutError,
)
from mittwald_async.runtime.middleware import RawResponse
from mittwald_async.runtime.transport.deadlines import Deadlines
from mittwald_async.runtime.transport.failures import classify
from tests.support.clock import virtual

KEY = mock.Mock(host="h", port=443, ssl=True)
INFO = mock.Mock(real_url="https://h/?token=hush-hush")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (aiohttp.ConnectionTimeoutError("https://h/?token=hush-hush"), ConnectTimeoutError),
        (aiohttp.SocketTimeoutError("x"), WriteTimeoutError),
        (aiohttp.ClientConnectorError(KEY, OSError(111, "refused")), NotSentError),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "unknown")), NotSentError),
        (aiohttp.ClientProxyConnectionError(KEY, OSError(111, "refused")), NotSentError),
        (aiohttp.ClientHttpProxyError(INFO, (), status=407, message="Auth"), NotSentError),
        (aiohttp.ServerFingerprintMismatch(b"", b"", "h", 1), CertificateError),
        (aiohttp.InvalidURL("https://h/?token=hush-hush"), NotSentError),
        (ValueError("newline in a header"), NotSentError),
        (aiohttp.ClientResponseError(INFO, (), status=400, message="Bad\nline hush-hush"), MaybeSentError),
        (aiohttp.ClientPayloadError("x"), MaybeSentError),
        (aiohttp.ServerDisconnectedError(), MaybeSentError),
        (aiohttp.ClientOSError(104, "reset by peer"), MaybeSentError),
        (aiohttp.ClientConnectionResetError("Connection lost"), MaybeSentError),
        (aiohttp.ClientConnectionResetError("Cannot write to closing transport"), NotSentError),
        (
            caused(
                aiohttp.ClientOSError(None, "x"),
                aiohttp.ClientConnectionResetError("Cannot write to closing transport"),
            ),
            NotSentError,
        ),
        (ConnectionResetError(104, "reset by peer"), MaybeSentError),
        (TimeoutError(), CallTimeoutError),
    ],
)
def test_each_failure_is_mapped_to_its_meaning(error: Exception, kind: type[TransportError]) -> None:
    reported = classify(error)
    assert type(reported) is kind
    assert "hush-hush" not in str(reported)


def test_a_response_repr_shows_its_size_and_nothing_else() -> None:
    assert repr(RawResponse(200, {}, b"secret")) == "<RawResponse 200, 6 bytes>"
    assert repr(RawResponse(500, {}, b"secret", cut=True)) == "<RawResponse 500, 6 bytes of more>"


@virtual
async def test_the_shared_timer_ends_only_overdue_calls() -> None:
    loop = asyncio.get_running_loop()
    watch = Deadlines(loop)
    late: list[str] = []

    async def exchange(name: str, takes: float) -> None:
        watched = watch.begin(10)
        try:
            await asyncio.sleep(takes)
        except asyncio.CancelledError:
            if not watch.end(watched):
                raise
            late.append(name)
        else:
            assert not watch.end(watched)

    begun = loop.time()
    await asyncio.gather(exchange("short", 5), exchange("long", 100), exchange("medium", 9.9))
    assert late == ["long"]
    assert 10 <= loop.time() - begun <= 10.5
    assert len(watch) == 0
    task = asyncio.ensure_future(exchange("cancelled", 100))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert late == ["long"]
