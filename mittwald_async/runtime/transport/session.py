"""The only room that knows aiohttp's client (`direct` is a corner of it): one exchange over the pool, and what its
failures mean.

Every failure leaves here as a `TransportError` raised outside of the `except` block that saw aiohttp's own: neither
aiohttp's frames (whose locals hold headers) nor its messages (which may hold whole URLs) travel with ours.
"""

from __future__ import annotations

import asyncio
import base64
import platform
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple, cast
from urllib.request import getproxies, proxy_bypass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from .._accel.fast_path import BODIED, Direct
from ..errors import (
    CallTimeoutError,
    ClientStateError,
    ConfigurationError,
    ConnectTimeoutError,
    MaybeSentError,
    NotSentError,
    ReadTimeoutError,
    TransportError,
)
from ..headers import RedactedStr
from ..operation import RateLimit, Response
from ..options import Pool
from ..urls import http_url
from .deadlines import COARSE, Deadline, Deadlines
from .encoding import Content
from .middleware import RawResponse

ERROR_BODY_LIMIT = 1 << 20
"""Bytes of an error's body that are read; the rest is left on the wire and the connection is closed."""

MACHINERY = f"python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
"""What a user agent ends with."""

_CHUNK = 1 << 16
_LONGEST_FIELD = 1 << 15
"""Bytes of one header of an answer."""
_NO_TYPE = ("Content-Type",)
_NEVER_WRITTEN = "closing transport"
"""aiohttp's writer says this when it finds the connection closed before handing it the first byte."""

LATE = "the call took longer than timeout"


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


class StreamedResponse(RawResponse):
    """An answer whose body is still on the wire."""

    __slots__ = ("_response", "response", "url")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        super().__init__(response.status, response.headers)
        self.url: str = ""
        self.response: Response[None] | None = None
        """All there is but the body."""
        self._response = response

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece. Raises the `TransportError` family where it breaks off."""
        problem: TransportError | None = None
        try:
            async for chunk in self._response.content.iter_chunked(_CHUNK):
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            problem = classify(error)
        if problem is not None:
            rest = _left_in(self._response)
            self.close()
            if rest:
                yield rest
            if self.response is not None:
                problem.operation_id, problem.method = self.response.operation_id, self.response.method
                problem.url = self.url
            raise problem

    def close(self) -> None:
        """Give the connection back if the body was read whole, else close it."""
        self._response.close()


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


class Proxies:
    """Proxies of the environment, looked up once per origin: aiohttp's own `trust_env` asks a thread on every call
    and would send credentials it finds in `.netrc`."""

    __slots__ = ("_found", "_known")

    def __init__(self, trust_env: bool) -> None:
        self._known: dict[str, str] = getproxies() if trust_env else {}
        self._found: dict[tuple[str, str | None, int | None], dict[str, Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def arguments(self, url: URL) -> dict[str, Any]:
        """The keyword arguments for aiohttp's request."""
        key = (url.scheme, url.host, url.port)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._look_up(url)
        return found

    def _look_up(self, url: URL) -> dict[str, Any]:
        proxy = self._known.get(url.scheme) or self._known.get("all")
        if not proxy or proxy_bypass(f"{url.host}:{url.port}"):
            return {}
        address = http_url(proxy if "://" in proxy else f"http://{proxy}")
        if address is None:
            raise ValueError(
                f"the environment's proxy for {url.scheme} is no http proxy; Pool(trust_env=False) does without"
            )
        arguments: dict[str, Any] = {"proxy": address.with_user(None)}
        if address.user is not None:
            pair = base64.b64encode(f"{address.user}:{address.password or ''}".encode()).decode()
            arguments["proxy_headers"] = {"Proxy-Authorization": RedactedStr(f"Basic {pair}")}
        return arguments


@cache
def default_tls() -> ssl.SSLContext:
    """A verifying context for HTTP/1.1, shared by all clients: reading the trust store takes tens of milliseconds (so it is
    called in a thread) and most of a megabyte."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def check_session(session: object) -> None:
    """Refuse what is no aiohttp session; `None` stands for a pool of our own."""
    if session is not None and not isinstance(session, aiohttp.ClientSession):
        raise ConfigurationError(f"session: must be an aiohttp.ClientSession, not {type(session).__name__}")


class Connections(aiohttp.TCPConnector):
    """A pool that gives out no connection on which an answer has come that nobody asked for.

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

    __slots__ = ("_direct", "_owned", "_proxies", "_watch", "loop", "session")

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
        self._watch = Deadlines(self.loop)

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
        method: str,
        url: URL,
        headers: CIMultiDict[str],
        content: Content | None,
        limits: Limits,
        answered: Callable[[int, Mapping[str, str]], RateLimit | None] | None,
        stream: bool = False,
        unsent: Callable[[], None] | None = None,
    ) -> RawResponse:
        """Send once and read the answer: redirects are not followed, an error's body is read up to a limit.

        `answered` hears status and headers before the body is read; `unsent`, that the exchange ended, was cancelled or
        ran out of time before it had a connection."""
        problem: TransportError
        response: aiohttp.ClientResponse | None = None
        timeout, within, silence, unread = limits
        direct = self._direct
        if direct is not None and (content is not None or not direct.takes(method, url, timeout)):
            direct = None
        watching = within is not None
        if within is None:
            watched = Deadline(None)
        else:
            task = asyncio.current_task(self.loop)
            assert task is not None
            if content is None:
                timeout = unread
            else:
                silence = None  # aiohttp sees to that: it knows when a body was sent, until when nothing can be heard
            watched = self._watch.begin(task, within, silence)
        try:
            arrived: aiohttp.ClientResponse
            if direct is not None:
                arrived = await direct.request(method, url, headers, timeout, watched)
            else:
                arrived = await self.session.request(
                    method,
                    url,
                    allow_redirects=False,
                    timeout=timeout,
                    **self._arguments(method, url, headers, content, watched),
                )
            response = arrived
            status = arrived.status
            told = None if answered is None else answered(status, arrived.headers)
            if not 200 <= status < 300:
                answer = await _bounded(arrived)
            elif stream:
                answer = StreamedResponse(arrived)
            else:
                body = arrived.content
                # Mostly the body came with the head: then there is nothing to wait for.
                answer = RawResponse(
                    status, arrived.headers, body.read_nowait() if body.is_eof() else await arrived.read()
                )
            answer.rate_limit = told
            return answer
        except (aiohttp.ClientError, OSError, ValueError) as error:
            _drop(response)
            problem = classify(error)
            if isinstance(problem, NotSentError) and content is not None and content.started:
                problem = MaybeSentError(problem.message)
        except asyncio.CancelledError:
            _drop(response)
            if unsent is not None and watched.never_sent:
                unsent()
            late, watching = watching and self._watch.end(watched), False
            if not late:
                raise
            problem = CallTimeoutError(LATE)
        except RuntimeError:
            if not self.session.closed:
                raise
            raise ClientStateError("the aiohttp session in use is closed: open a new client") from None
        except BaseException:
            _drop(response)
            raise
        finally:
            if watching:
                self._watch.end(watched)
        if unsent is not None and watched.never_sent:
            unsent()
        if content is not None and content.failure is not None:
            raise content.failure
        raise problem

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
    Retries are counted and told in the pipeline, so that one is refused with the error of the first.
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
