"""One exchange over the pool: a request goes out, its response comes in, a failure is sorted. Beside `_accel.fast_path`,
`failures` and `proxies` the only place that knows the HTTP client.
"""

from __future__ import annotations

import asyncio
import platform
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple, TypeAlias, cast

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from .._accel.fast_path import BODIED, Direct
from ..errors import (
    CallTimeoutError,
    ClientStateError,
    ConfigurationError,
    MaybeSentError,
    NotSentError,
    TransportError,
)
from ..operation import RateLimit, Response
from ..options import Pool
from .deadlines import COARSE, Deadline, Deadlines
from .encoding import Content
from .failures import LATE, classify
from .middleware import RawResponse
from .proxies import Proxies

ERROR_BODY_LIMIT = 1 << 20
"""Bytes of an error's body that are read; the rest is left on the wire and the connection is closed."""

MACHINERY = f"python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
"""What a user agent ends with."""

_CHUNK = 1 << 16
_LONGEST_FIELD = 1 << 15
"""Bytes of one header of an answer."""
_NO_TYPE = ("Content-Type",)


class WireRequest(msgspec.Struct, frozen=True, gc=False):
    """What goes out."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    content: Content | None = None


Answered: TypeAlias = "Callable[[int, Mapping[str, str]], RateLimit | None]"
"""Hears status and headers of a response before its body is read; gives what they say of the budget."""


class Limits(NamedTuple):
    """How long an exchange may take: by aiohttp's timers, and by the session's watch."""

    timers: aiohttp.ClientTimeout
    within: float | None
    """Seconds for the whole exchange, where the watch sees to that."""
    silence: float | None
    """Seconds between bytes, where the watch can see to that."""
    unread: aiohttp.ClientTimeout
    """The timers where it does."""


def limits(total: float | None, connect: float | None, read: float | None) -> Limits:
    """Seconds for the whole exchange, for making a connection, and between bytes; `None`: no bound."""
    watched = total is not None and total >= COARSE
    timers = aiohttp.ClientTimeout(total=None if watched else total, sock_connect=connect, sock_read=read)
    if not watched or read is None or read < COARSE:
        return Limits(timers, total if watched else None, None, timers)
    return Limits(timers, total, read, aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=None))


class StreamedResponse(RawResponse, kw_only=True, eq=False):
    """A response whose body is still on the wire."""

    source: aiohttp.ClientResponse
    """What the body is read from."""
    url: str = ""
    response: Response[None] | None = None
    """All there is but the body."""

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece. Raises the `TransportError` family where it breaks off."""
        problem: TransportError | None = None
        try:
            async for chunk in self.source.content.iter_chunked(_CHUNK):
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            problem = classify(error)
        if problem is not None:
            rest = _left_in(self.source)
            self.close()
            if rest:
                yield rest
            if self.response is not None:
                problem.operation_id, problem.method = self.response.operation_id, self.response.method
                problem.url = self.url
            raise problem

    def close(self) -> None:
        """Give the connection back if the body was read whole, else close it."""
        self.source.close()


@cache
def default_tls() -> ssl.SSLContext:
    """A verifying context for HTTP/1.1, shared by all clients: reading the trust store takes tens of milliseconds (so it is
    called in a thread) and most of a megabyte."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def check_session(session: object) -> None:
    """Refuse what is not an aiohttp session; `None` stands for a pool of our own."""
    if session is not None and not isinstance(session, aiohttp.ClientSession):
        raise ConfigurationError(f"session must be an aiohttp.ClientSession, got {type(session).__name__}")


class Connections(aiohttp.TCPConnector):
    """A pool that gives out no connection on which an answer has come to no request of ours.

    aiohttp would take it for the answer of the next request, which is another call's, and so on for all that follow.
    """

    async def connect(self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout) -> Any:
        while True:
            connection = await super().connect(req, traces, timeout)
            if not len(connection.protocol or ()):  # answers that wait to be taken
                return connection
            connection.close()


class Session:
    """A pool of connections on one event loop: our own, or one handed in, which is used and never closed."""

    __slots__ = ("_deadlines", "_direct", "_owned", "_proxies", "loop", "session")

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        owned: bool,
        proxies: Proxies,
        direct: Direct | None = None,
    ) -> None:
        self.session: aiohttp.ClientSession = session
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._owned = owned
        self._proxies = proxies
        self._direct = direct
        self._deadlines = Deadlines(self.loop)

    @classmethod
    async def open(cls, pool: Pool, external: aiohttp.ClientSession | None, secure: bool) -> Session:
        """Make the pool (TLS is set up in a thread), or take the one handed in."""
        if external is not None:
            if external.closed:
                raise ConfigurationError("the aiohttp session handed in is closed")
            loop = asyncio.get_running_loop()
            if getattr(external, "_loop", loop) is not loop:
                raise ConfigurationError(
                    "the aiohttp session handed in belongs to another event loop: make it on this one"
                )
            return cls(external, owned=False, proxies=Proxies(False))
        tls = pool.tls
        if tls is None and secure:
            tls = await asyncio.to_thread(default_tls)
        connector = Connections(
            limit=pool.connections,
            limit_per_host=0,
            keepalive_timeout=pool.keepalive,
            ttl_dns_cache=pool.dns_ttl,
            ssl=True if tls is None else tls,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            max_field_size=_LONGEST_FIELD,
        )
        if not pool.compressed:
            session.headers["Accept-Encoding"] = "identity"
        proxies = Proxies(pool.trust_env)
        direct = None if proxies else Direct.over(session, connector, _LONGEST_FIELD)
        return cls(session, owned=True, proxies=proxies, direct=direct)

    async def close(self) -> None:
        """Close the pool if it is ours."""
        if not self._owned:
            return
        # aiohttp forgets a body that is being read when it closes the connection below: its reader would wait for ever.
        for connection in tuple(getattr(self.session.connector, "_acquired", ())):
            body = getattr(connection, "_payload", None)
            if body is not None:
                body.set_exception(aiohttp.ClientConnectionError("the client was closed"))
        await self.session.close()

    async def exchange(
        self,
        request: WireRequest,
        limits: Limits,
        answered: Answered | None = None,
        *,
        stream: bool = False,
        unsent: Callable[[], None] | None = None,
    ) -> RawResponse:
        """Send once and read the response: redirects are not followed, an error's body is read up to a limit.

        Args:
            request: what goes out.
            limits: how long that may take.
            answered: called with status and headers before the body is read.
            stream: leave the body of a success on the wire.
            unsent: called when the exchange ended, was cancelled or ran out of time before it had a connection.

        Raises:
            TransportError: no response came, or none in time.
            ClientStateError: the session was closed meanwhile.
        """
        content = request.content
        response: aiohttp.ClientResponse | None = None
        arrived: list[bytes] = []
        watched, timeout = self._watch_over(limits, content)
        try:
            response = await self._send(request, timeout, watched)
            budget = None if answered is None else answered(response.status, response.headers)
            received = await _read(response, stream, arrived)
            received.rate_limit = budget
            return received
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = _failed(error, content)
            if response is not None and arrived:
                problem.partial = b"".join((*arrived, _left_in(response)))
        except asyncio.CancelledError:
            _drop(response)
            if unsent is not None and watched.never_sent:
                unsent()
            if not self._deadlines.end(watched):
                raise
            problem, unsent = CallTimeoutError(LATE), None
        except RuntimeError:
            if not self.session.closed:
                raise
            raise ClientStateError("the aiohttp session in use is closed: open a new client") from None
        except BaseException:
            _drop(response)
            raise
        finally:
            self._deadlines.end(watched)
        _drop(response)
        if unsent is not None and watched.never_sent:
            unsent()
        if content is not None and content.failure is not None:
            raise content.failure
        raise problem

    def _watch_over(self, limits: Limits, content: Content | None) -> tuple[Deadline, aiohttp.ClientTimeout]:
        """The exchange's deadline, and what is left to aiohttp's own timers."""
        timers, within, silence, unread = limits
        if within is None:
            return Deadline(None), timers
        task = asyncio.current_task(self.loop)
        assert task is not None
        if content is None:
            return self._deadlines.begin(task, within, silence), unread
        # With a body aiohttp bounds silence: it knows when the body was sent, until when nothing can be heard.
        return self._deadlines.begin(task, within, None), timers

    async def _send(
        self, request: WireRequest, timeout: aiohttp.ClientTimeout, watched: Deadline
    ) -> aiohttp.ClientResponse:
        """Send, and wait for the head of the response."""
        direct = self._direct
        if direct is not None and request.content is None and direct.takes(request.method, request.url, timeout):
            return await direct.request(request.method, request.url, request.headers, timeout, watched)
        return await self.session.request(
            request.method,
            request.url,
            allow_redirects=False,
            timeout=timeout,
            **self._arguments(request.method, request.url, request.headers, request.content, watched),
        )

    def _arguments(
        self, method: str, url: URL, headers: CIMultiDict[str], content: Content | None, watched: Deadline
    ) -> dict[str, Any]:
        """What aiohttp's request takes beyond the usual."""
        arguments: dict[str, Any] = {
            "headers": headers,
            "middlewares": (_NoResend(watched), *getattr(self.session, "_middlewares", ())),
        }
        if self._proxies:
            arguments.update(self._proxies.arguments(url))
        if content is not None:
            arguments["data"] = content.payload()
        elif method in BODIED:
            # Without this aiohttp says of no body at all that it is application/octet-stream.
            arguments["skip_auto_headers"] = _NO_TYPE
        if url.scheme == "http" and "proxy_headers" in arguments:
            # Without TLS there is no CONNECT that could carry them: they go with the request.
            arguments["headers"] = CIMultiDict([*headers.items(), *arguments.pop("proxy_headers").items()])
        if not self._owned:
            arguments["raise_for_status"] = False  # a session of the caller's may raise, and would hide the answer
        return arguments


async def _read(response: aiohttp.ClientResponse, stream: bool, arrived: list[bytes]) -> RawResponse:
    """The body, as much of it as is wanted. What there is of it is in `arrived`, should it break off."""
    status = response.status
    if not 200 <= status < 300:
        return await _bounded(response)
    if stream:
        return StreamedResponse(status, response.headers, source=response)
    body = response.content
    # Mostly the body came with the head: then there is nothing to wait for.
    if body.is_eof():
        return RawResponse(status, response.headers, body.read_nowait())
    while piece := await body.readany():
        arrived.append(piece)
    return RawResponse(status, response.headers, b"".join(arrived))


def _failed(error: Exception, content: Content | None) -> TransportError:
    """What a failure means where a body may have been on its way."""
    problem = classify(error)
    if isinstance(problem, NotSentError) and content is not None and content.started:
        return MaybeSentError(problem.message)
    return problem


def _drop(response: aiohttp.ClientResponse | None) -> None:
    """Close the connection of an answer that was not read to its end."""
    if response is not None:
        response.close()


def _left_in(response: aiohttp.ClientResponse) -> bytes:
    """What arrived of a body before it broke off and was not read yet. aiohttp has it, but answers every question with
    the error, for as long as it knows of one."""
    with suppress(aiohttp.ClientError, OSError):
        response.content.set_exception(cast("Any", None))
        return response.content.read_nowait()
    return b""


async def _bounded(response: aiohttp.ClientResponse) -> RawResponse:
    """An error's body, up to the limit. What broke off is kept as far as it came: it must not hide the status."""
    body = bytearray()
    cut = False
    try:
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > ERROR_BODY_LIMIT:
                cut = True
                break
    except (aiohttp.ClientError, OSError):
        cut = True
    if cut:
        response.close()
    return RawResponse(response.status, response.headers, bytes(body[:ERROR_BODY_LIMIT]), cut)


class _NoResend:
    """aiohttp middleware around a request: sees what goes out, and that it goes out once.

    aiohttp sends an idempotent request a second time, unasked and untold, when a kept connection turns out to be closed.
    Retries are counted and reported by the attempt loop, so that one is refused with the error of the first.
    """

    __slots__ = ("_failure", "_watched")

    def __init__(self, watched: Deadline) -> None:
        self._failure: BaseException | None = None
        self._watched = watched

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self._failure is not None:
            raise self._failure
        self._watched.request = request
        try:
            return await handler(request)
        except BaseException as error:
            self._failure = error
            raise
