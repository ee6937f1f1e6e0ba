"""One exchange over the pool: a request goes out, its response comes in, a failure is sorted. Beside
`_accel.fast_path`, `failures` and `proxies` the only place that knows the HTTP client.
"""

from __future__ import annotations

import asyncio
import platform
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import aiohttp
import msgspec
from multidict import CIMultiDict, istr
from yarl import URL

from .._accel.fast_path import BODIED, MOST_DEAD, Direct
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import (
    ApiClientError,
    CallTimeoutError,
    ClientStateError,
    ConfigurationError,
    MaybeSentError,
    NotSentError,
    ResponseDecodeError,
    ResponseTooLargeError,
    TransportError,
)
from ..middleware import RawResponse
from ..operation import RateLimit
from ..options import Pool
from .bodies import BROKEN, StreamedResponse, arrived, beginning, whole
from .connections import KeptConnections, Places
from .deadlines import COARSE, Deadline, Deadlines
from .encoding import SAFE, Content
from .failures import LATE, classify
from .proxies import Proxies

MACHINERY = f"python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
"""What a user agent ends with."""

_LONGEST_FIELD = 1 << 15
"""Bytes of one header of a response."""
_A_PART = "a part of the body came (status 206), though the whole was asked for"
_NO_TYPE = ("Content-Type",)
_CODINGS = istr("Content-Encoding")
"""A string whose folding is known is found in half the time."""


class WireRequest(msgspec.Struct, frozen=True, gc=False):
    """What goes out."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    content: Content | None = None

    @property
    def safe(self) -> bool:
        """The request changes nothing."""
        return self.method in SAFE


Answered: TypeAlias = "Callable[[int, Mapping[str, str]], RateLimit | None]"
"""Hears status and headers of a response before its body is read; gives what they say of the budget."""


class Limits(NamedTuple):
    """How long an exchange may take, in seconds; `None`: no bound."""

    within: float | None
    """The whole of it."""
    silence: float | None
    """Between two bytes, where the session's watch sees to that."""
    timers: aiohttp.ClientTimeout
    """What is left to aiohttp: making a connection, and silence where it has to be exact or a body is sent."""
    unread: aiohttp.ClientTimeout
    """The same without silence."""


def limits(total: float | None, connect: float | None, read: float | None) -> Limits:
    """Seconds for the whole exchange, for making a connection, and between bytes; `None`: no bound."""
    timers = aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read)
    if total is None or read is None or read < COARSE:
        return Limits(total, None, timers, timers)
    return Limits(total, read, timers, aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=None))


@cache
def default_tls() -> ssl.SSLContext:
    """A verifying context for HTTP/1.1, shared by all clients: reading the trust store takes tens of milliseconds (so
    it is called in a thread) and most of a megabyte."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def check_session(session: object) -> None:
    """Refuse what is not an aiohttp session; `None` means the client's own pool."""
    if session is not None and not isinstance(session, aiohttp.ClientSession | Session):
        raise ConfigurationError(f"session must be an aiohttp.ClientSession, got {type(session).__name__}")


class Session:
    """A pool of connections on one event loop: the client's own, or an external one, which is used and never closed."""

    __slots__ = ("_deadlines", "_direct", "_kept", "_owned", "_places", "_proxies", "loop", "session")

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        owned: bool,
        proxies: Proxies,
        kept: KeptConnections,
        direct: Direct | None = None,
        connections: int = 0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.session: aiohttp.ClientSession = session
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._owned = owned
        self._proxies = proxies
        self._kept = kept
        self._direct = direct
        self._deadlines = Deadlines(self.loop, clock)
        self._places = Places(connections) if connections else None

    @classmethod
    async def open(
        cls, pool: Pool, external: aiohttp.ClientSession | Session | None, secure: bool, clock: Clock = SYSTEM_CLOCK
    ) -> Session:
        """Create the pool (TLS is set up in a thread), or use the external one."""
        if isinstance(external, Session):
            return external.lent()
        if external is not None:
            if external.closed:
                raise ConfigurationError("the aiohttp session handed in is closed")
            loop = asyncio.get_running_loop()
            if getattr(external, "_loop", loop) is not loop:
                raise ConfigurationError(
                    "the aiohttp session handed in belongs to another event loop: make it on this one"
                )
            others = KeptConnections(all_are_ours=False)
            direct = Direct.over(external, others)
            return cls(external, owned=False, proxies=Proxies(False), kept=others, direct=direct, clock=clock)
        tls = pool.tls
        if tls is None and secure:
            tls = await asyncio.to_thread(default_tls)
        connector = aiohttp.TCPConnector(
            limit=0,  # see `Places`
            limit_per_host=0,
            keepalive_timeout=pool.keepalive,
            ttl_dns_cache=pool.dns_ttl,
            ssl=True if tls is None else tls,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_field_size=_LONGEST_FIELD,
        )
        proxies, kept = Proxies(pool.trust_env), KeptConnections(all_are_ours=True)
        direct = None if proxies.any else Direct.over(session, kept)
        return cls(
            session,
            owned=True,
            proxies=proxies,
            kept=kept,
            direct=direct,
            connections=pool.connections,
            clock=clock,
        )

    def lent(self) -> Session:
        """The same pool for one more client, which does not close it: many accounts share their connections."""
        if self.session.closed:
            raise ConfigurationError("the pool handed in is closed")
        if self.loop is not asyncio.get_running_loop():
            raise ConfigurationError("the pool handed in belongs to another event loop: open it on this one")
        other = Session(self.session, owned=False, proxies=self._proxies, kept=self._kept, direct=self._direct)
        # The bound on connections is the pool's, and so is the watch over what runs on it.
        other._places, other._deadlines = self._places, self._deadlines
        return other

    async def close(self) -> None:
        """Close the pool if it is ours."""
        if not self._owned:
            return
        # aiohttp forgets a body that is being read when it closes the connection below: its reader would never return.
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
        largest: int | None = None,
    ) -> RawResponse:
        """Send once and read the response: redirects are not followed, an error's body is read up to a limit.

        Args:
            request: what goes out.
            limits: how long that may take.
            answered: called with status and headers before the body is read.
            stream: leave the body of a success on the wire.
            unsent: called when the exchange ended, was cancelled or ran out of time before it had a connection.
            largest: bytes that the body of a success may have in memory; `None`: no bound.

        Raises:
            TransportError: no response came, or none in time, or it broke off.
            ResponseTooLargeError: the body is larger than `largest`.
            ClientStateError: the session was closed meanwhile.
        """
        upload, places = request.content, self._places
        response: aiohttp.ClientResponse | None = None
        # With a body aiohttp bounds silence: it knows when the body was sent, until when nothing can be heard.
        watched = self._deadlines.begin(limits.within, limits.silence if upload is None else None)
        timeout, placed = limits.unread if upload is None else limits.timers, True
        try:
            if places is not None:
                if places.free:
                    places.free -= 1
                else:
                    placed, turn = False, places.queue()
                    try:
                        await turn
                    finally:
                        placed = places.left(turn)
            direct = self._direct
            if direct is not None and upload is None and direct.takes(request.method, request.url):
                response = await direct.request(request.method, request.url, request.headers, timeout, watched)
            else:
                response = await self._send(request, timeout, watched)
            budget = None if answered is None else answered(response.status, response.headers)
            # Most responses are plain and came whole with their head.
            body = None if stream else _at_once(response, largest)
            if body is not None:
                received = RawResponse(response.status, response.headers, body)
            else:
                received = await self._received(response, request, stream, largest)
                if isinstance(received, StreamedResponse):
                    places = None
            received.rate_limit = budget
            return received
        except BaseException as error:
            problem = self._ended(error, request, response, watched, unsent)
        finally:
            self._deadlines.end(watched)
            if placed and places is not None:
                if places.waiting:
                    places.give_back()
                else:
                    places.free += 1
        try:
            raise problem
        finally:
            # The problem leads to this frame by its traceback, and a URL may hold the token.
            del problem, request, response, watched

    async def _received(
        self, response: aiohttp.ClientResponse, request: WireRequest, stream: bool, largest: int | None
    ) -> RawResponse:
        """What is not plain: an error, a body to be streamed, decompressed or still on its way."""
        status, places = response.status, self._places
        if status >= 300:
            return await beginning(response)
        if status < 200:
            # The connection turns into something else, which was not asked for: what follows is not HTTP.
            response.close()
            return RawResponse(status, response.headers)
        if stream:
            give_back = None if places is None else places.give_back
            return StreamedResponse(status, response.headers, source=response, safe=request.safe, give_back=give_back)
        if status == 206 and "Range" not in request.headers:
            raise ResponseDecodeError(_A_PART, operation_id=None, json_path="$", body=b"")
        return RawResponse(status, response.headers, await whole(response, largest))

    def _ended(
        self,
        error: BaseException,
        request: WireRequest,
        response: aiohttp.ClientResponse | None,
        watched: Deadline,
        unsent: Callable[[], None] | None,
    ) -> BaseException:
        """What an exchange that ended in an exception raises. The connection is closed: its response was not read."""
        if response is not None:
            response.close()
        if isinstance(error, ApiClientError) or not isinstance(error, (*BROKEN, ValueError, asyncio.CancelledError)):
            if isinstance(error, RuntimeError) and self.session.closed:
                return ClientStateError("the aiohttp session in use is closed: open a new client")
            return error
        if unsent is not None and (watched.request is None or watched.never_sent):
            unsent()
        if not isinstance(error, asyncio.CancelledError):
            problem: TransportError = _failed(error, request)
        elif self._deadlines.end(watched):
            problem = CallTimeoutError(LATE)
            problem.partial = arrived(error)
        else:
            # Frames of the HTTP client, whose locals hold the request's body, do not travel along.
            error.__suppress_context__ = True
            return error.with_traceback(None)
        content = request.content
        return problem if content is None or content.failure is None else content.failure

    async def _send(
        self, request: WireRequest, timeout: aiohttp.ClientTimeout, watched: Deadline
    ) -> aiohttp.ClientResponse:
        """Send by the session's own request, and wait for the head of the response."""
        return await self.session.request(
            request.method,
            request.url,
            allow_redirects=False,
            auto_decompress=False,
            timeout=timeout,
            **self._arguments(request.method, request.url, request.headers, request.content, watched),
        )

    def _arguments(
        self, method: str, url: URL, headers: CIMultiDict[str], content: Content | None, watched: Deadline
    ) -> dict[str, Any]:
        """What aiohttp's request takes beyond the usual."""
        arguments: dict[str, Any] = {
            "headers": headers,
            "middlewares": (_NoResend(watched, self._kept), *getattr(self.session, "_middlewares", ())),
        }
        if self._proxies.any:
            arguments.update(self._proxies.arguments(url))
        if content is not None:
            arguments["data"] = content.payload()
        elif method in BODIED:
            # Without this aiohttp says of no body at all that it is application/octet-stream.
            arguments["skip_auto_headers"] = _NO_TYPE
        if url.scheme == "http" and "proxy_headers" in arguments:
            # Without TLS there is no CONNECT that could carry them, so they are sent with the request.
            arguments["headers"] = CIMultiDict([*headers.items(), *arguments.pop("proxy_headers").items()])
        if not self._owned:
            arguments["raise_for_status"] = False  # a session of the caller's may raise, and would hide the response
        return arguments


def _at_once(response: aiohttp.ClientResponse, largest: int | None) -> bytes | None:
    """The body of a success, if it is there already and there is nothing to undo; otherwise `None`.

    Args:
        response: its head is in.
        largest: bytes the body may have; `None`: no bound.

    Raises:
        ResponseTooLargeError: it has more.
    """
    content, status = response.content, response.status
    if not 200 <= status < 300 or status == 206 or not content.is_eof() or _CODINGS in response.headers:
        return None
    body = content.read_nowait()
    if largest is not None and len(body) > largest:
        raise ResponseTooLargeError(largest)
    return body


def _failed(error: Exception, request: WireRequest) -> TransportError:
    """What a failure means where a body may have been on its way."""
    problem = classify(error, safe=request.safe)
    content = request.content
    if isinstance(problem, NotSentError) and content is not None and content.started:
        problem = MaybeSentError(problem.message)
    problem.partial = arrived(error)
    return problem


class _NoResend:
    """aiohttp middleware around a request: sees what goes out, and that it goes out once, over a connection that is
    alive.

    aiohttp sends an idempotent request a second time, unasked and unreported, when a kept connection turns out to be
    closed. Retries are counted and reported by the attempt loop, so that one is refused with the error of the first.
    """

    __slots__ = ("_failure", "_kept", "_watched")

    def __init__(self, watched: Deadline, kept: KeptConnections) -> None:
        self._failure: BaseException | None = None
        self._kept = kept
        self._watched = watched

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self._failure is not None:
            raise self._failure
        self._watched.request = request
        send, kept = request.send, self._kept

        def send_if_usable(connection: Any) -> Awaitable[aiohttp.ClientResponse]:
            if not kept.usable(connection.protocol):
                raise _DeadConnection
            return send(connection)

        request.send = send_if_usable  # type: ignore[method-assign,assignment]
        try:
            for _ in range(MOST_DEAD):
                try:
                    return await handler(request)
                except _DeadConnection:
                    continue
            request.send = send  # type: ignore[method-assign]
            return await handler(request)
        except BaseException as error:
            self._failure = error
            raise
        finally:
            del request.send  # a request that refers to itself would wait for the garbage collector


class _DeadConnection(Exception):
    """The pool gave a kept connection that must not be used. Nothing was sent."""
