"""The fast path through aiohttp, for requests without a body.

`ClientSession.request` considers cookies, redirects, proxies, netrc, credentials in URLs, traces, middleware and a
hidden second sending with every call. None of that is in use in a pool of our own, and mostly not in a session handed
in either; considering it costs a tenth of a call's CPU. What is left of it then are four steps: make the request, get a
connection, send, read the head of the response. They are methods of aiohttp's exported classes, but no document
promises that they stay as they are. So the fast path is taken on the releases it was written for, only over sessions
that would add nothing, and only while no other tool has put something of its own around a session's requests, as
aioresponses, recorders and tracing tools do. Everybody else's requests go through `ClientSession.request`, at that
higher price.

Of the four steps, making the request is the dearest in Python: aiohttp puts the headers together and writes them out
anew each time. The client hands over the same headers again and again, so what aiohttp made of them is kept, and the
next GET to the same origin takes those bytes behind a first line of its own. That saves 5 to 10 %, and all of it
together 21 % (`python -m benchmarks accel`: a GET of 20 projects by 16 tasks, two runs on a busy machine).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, MutableMapping, Sequence
from functools import cache, cached_property
from types import FunctionType
from typing import Any, Protocol, cast

import aiohttp
import msgspec
from multidict import CIMultiDict, CIMultiDictProxy, getversion, istr
from yarl import URL

from . import PURE

BODIED = frozenset(("POST", "PUT", "PATCH"))
"""Methods of which aiohttp says without a body, too, of what type it is."""
_RELEASES = "3.14."
"""`ClientRequest(…)`, `connector.connect`, `protocol.set_response_params`, `ClientRequest.send` and
`ClientResponse.start` were read in 3.14.2 to 3.14.5, where they are the same, and so were the names of a session's
settings."""
_REQUEST = "_request"
_PLAIN: Any = getattr(aiohttp.ClientSession, _REQUEST, None)
_PUBLIC: Any = aiohttp.ClientSession.request
_SETTINGS = {
    "base_url": "_base_url",
    "proxy": "_default_proxy",
    "auth": "_default_auth",
    "trust_env": "_trust_env",
    "request_class": "_request_class",
    "response_class": "_response_class",
    "version": "_version",
    "read_bufsize": "_read_bufsize",
    "max_line_size": "_max_line_size",
    "max_headers": "_max_headers",
}
"""What changes how a session sends: argument of its constructor, and the attribute that keeps it."""
_JARS = (aiohttp.CookieJar, aiohttp.DummyCookieJar)
_version: Callable[[Any], int] = getversion
"""A number that another follows whenever headers are changed."""
_SET_COOKIE = istr("Set-Cookie")
_MISSING = object()
_REPEATED = "GET"
"""The method of requests whose bytes are kept."""
_MOST_KEPT = 32
"""Sets of headers whose bytes are kept. A client has one, and so has each clone with headers of its own."""
MOST_DEAD = 128
"""Connections in a row that may turn out to be unusable before one is taken as it is. (A server that speaks first makes
every connection of a foreign pool look like that.)"""


def is_aiohttps(function: object) -> bool:
    """Is this aiohttp's own function, and not a replacement made before we were imported?"""
    return type(function) is FunctionType and function.__globals__.get("__name__") == aiohttp.ClientSession.__module__


def _adds_nothing(session: aiohttp.ClientSession) -> bool:
    """Whether a session sends and receives as one that was made without arguments; cookies, headers and limits
    aside."""
    if type(session) is not aiohttp.ClientSession or type(session.cookie_jar) not in _JARS:
        return False
    if session.trace_configs or getattr(session, "_middlewares", None) or session.skip_auto_headers:
        return False
    return all(getattr(session, attribute, _MISSING) == usual for attribute, usual in _usual_settings().items())


@cache
def _usual_settings() -> dict[str, object]:
    """By attribute, what a session has that was made without arguments."""
    usual = inspect.signature(aiohttp.ClientSession.__init__).parameters
    return {attribute: usual[name].default for name, attribute in _SETTINGS.items() if name in usual}


class Watched(Protocol):
    """Who bounds an exchange in time, and wants to know what went out."""

    request: object


class Kept(Protocol):
    """Who knows which kept connections must not be used."""

    @property
    def looks(self) -> MutableMapping[object, Callable[[int], Sequence[object]]]:
        """How to look at a connection that is known; what is seen makes it unusable."""
        ...

    def usable(self, wire: object) -> bool:
        """Whether any connection may carry a request."""
        ...


class Direct:
    """The fast path over the connections of one session."""

    __slots__ = ("_connector", "_cookies", "_headers", "_kept", "_known", "_limits", "_loop", "_replaced", "_session")

    def __init__(
        self, session: aiohttp.ClientSession, connector: aiohttp.BaseConnector, kept: Kept, max_field_size: int
    ) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._connector = connector
        self._kept = kept
        jar = session.cookie_jar
        self._cookies = None if isinstance(jar, aiohttp.DummyCookieJar) else jar
        self._headers = session.headers
        self._limits = max_field_size
        self._known: dict[int, Repeated] = {}
        """Requests like those to come, by the identity of the headers that were given."""
        self._replaced = vars(session)
        """What was put in place of methods of this one session is in there."""

    @classmethod
    def over(cls, session: aiohttp.ClientSession, kept: Kept) -> Direct | None:
        """The fast path, or `None` where it cannot be used."""
        if PURE or not aiohttp.__version__.startswith(_RELEASES) or not is_aiohttps(_PLAIN):
            return None
        connector, longest = session.connector, getattr(session, "_max_field_size", None)
        if connector is None or longest is None or not _adds_nothing(session):
            return None
        return cls(session, connector, kept, longest)

    def takes(self, method: str, url: URL) -> bool:
        """Can a request without a body go over it? (Mocks come and go, and cookies come, while a session is open.)"""
        return (
            getattr(aiohttp.ClientSession, _REQUEST) is _PLAIN
            and aiohttp.ClientSession.request is _PUBLIC
            and method not in BODIED
            and url.raw_user is None
            and not self._session.closed
            and not (self._cookies is not None and len(self._cookies))
            and _REQUEST not in self._replaced
            and "request" not in self._replaced
        )

    async def request(
        self, method: str, url: URL, headers: CIMultiDict[str], timeout: aiohttp.ClientTimeout, watched: Watched
    ) -> aiohttp.ClientResponse:
        """Send, and give the response as soon as its head is in."""
        repeated = self.like(method, url, headers)
        request = self._request(method, url, headers) if repeated is None else repeated
        sent = Sent()
        watched.request = request if repeated is None else sent
        looks, dead = self._kept.looks, 0
        while True:
            try:
                connection = await self._connector.connect(request, traces=[], timeout=timeout)
            except TimeoutError as error:
                raise aiohttp.ConnectionTimeoutError from error
            protocol = connection.protocol
            assert protocol is not None
            look = looks.get(protocol)
            if self._kept.usable(protocol) if look is None else not (len(protocol) or look(0)):
                break
            dead += 1
            if dead > MOST_DEAD:
                break
            connection.close()
        protocol.set_response_params(
            skip_payload=method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            read_timeout=timeout.sock_read,
            max_field_size=self._limits,
        )
        try:
            if repeated is not None:
                response = repeated.start(url, protocol, sent)
            else:
                response = await request.send(connection)
            try:
                await response.start(connection)
            except BaseException:
                response.close()
                raise
        except BaseException:
            connection.close()
            raise
        if self._cookies is not None and _SET_COOKIE in response.headers:
            self._cookies.update_cookies_from_headers(response.headers.getall(_SET_COOKIE), response.url)
        return response

    def like(self, method: str, url: URL, headers: CIMultiDict[str]) -> Repeated | None:
        """A request that is as this one in all but its path; `None` where this one has to be made by itself.

        Raises:
            ValueError: what aiohttp raises where no request can be made of this.
        """
        path = url.raw_path_qs
        if method != _REPEATED or not (path.isascii() and path.isprintable()):
            return None
        known = self._known.get(id(headers))
        versions = _version(headers), _version(self._headers)
        origin = url.scheme, url.raw_authority
        if known is None or known.versions != versions or known.origin != origin:
            known = Repeated(
                method, url, headers=joined(self._headers, headers), loop=self._loop, session=self._session
            )
            known.keep(headers, versions, origin)
            if self._connector.force_close:  # which aiohttp says in a header as it sends
                known.rest = b""
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[id(headers)] = known
        return known if known.rest else None

    def _request(self, method: str, url: URL, headers: CIMultiDict[str]) -> aiohttp.ClientRequest:
        headers = joined(self._headers, headers)
        return aiohttp.ClientRequest(method, url, headers=headers, loop=self._loop, session=self._session, traces=[])


class Sent(msgspec.Struct, eq=False):
    """What is known of a request that goes out without an object of aiohttp's for it."""

    output_size: int = 0
    """Bytes written."""
    response: aiohttp.ClientResponse | None = None
    """As soon as it was written."""


class Repeated(aiohttp.ClientRequest):
    """A request as aiohttp makes it, for others that differ from it in their path."""

    given: CIMultiDict[str]
    """The headers it was made with; kept, so that no others get their identity."""
    versions: tuple[int, int]
    """Of those and of the session's headers, which may be changed."""
    origin: tuple[str, str]
    """Scheme and authority."""
    shown: CIMultiDictProxy[str]
    """The headers that are sent."""
    rest: bytes
    """What follows the path. It is in no variable of a function, for the token is in it."""

    @cached_property
    def connection_key(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - a property that is asked once
        return super().connection_key

    def keep(self, given: CIMultiDict[str], versions: tuple[int, int], origin: tuple[str, str]) -> None:
        """Note what it was made of, and the bytes that others need. None where aiohttp would refuse to write them."""
        self.given, self.versions, self.origin = given, versions, origin
        self.shown = CIMultiDictProxy(self.headers)
        written = all(name.isprintable() and value.isprintable() for name, value in self.headers.items())
        self.rest = _written(self.headers) if written else b""

    def start(self, url: URL, protocol: Any, sent: Sent) -> aiohttp.ClientResponse:
        """Write a request like this one to a connection, and give the response, which has not come in yet.

        Raises:
            aiohttp.ClientConnectionResetError: the connection is closed.
        """
        transport = protocol.transport
        if transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
        line = f"{_REPEATED} {url.raw_path_qs}".encode()
        sent.output_size = len(line) + len(self.rest)
        protocol.start_timeout()
        transport.write(line + self.rest)
        sent.response = response = aiohttp.ClientResponse(
            _REPEATED,
            url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=aiohttp.RequestInfo(url, _REPEATED, self.shown, url),
            traces=[],
            loop=self.loop,
            session=self.session,
            stream_writer=cast("Any", sent),  # nothing but its size is read
        )
        return response


def joined(common: CIMultiDict[str], given: CIMultiDict[str]) -> CIMultiDict[str]:
    """The headers of a session and of a request."""
    if not common:
        return given
    headers = CIMultiDict(common)
    headers.update(given)
    return headers


def _written(headers: CIMultiDict[str]) -> bytes:
    """From behind the path to the body."""
    return "".join((" HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in headers.items()), "\r\n")).encode()
