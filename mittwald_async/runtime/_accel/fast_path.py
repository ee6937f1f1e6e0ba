"""The fast path through aiohttp, for requests without a body.

`ClientSession.request` considers cookies, redirects, proxies, netrc, credentials in URLs, traces, middleware and a hidden
second sending with every call. None of that is in use in a pool of our own, and mostly not in a session handed in either;
considering it costs 15 % of a call's CPU (`python -m benchmarks accel`: a GET of 20 projects by 16 tasks). What is left of
it then are four steps: make the request, get a connection, send, read the head of the response. They are methods of
aiohttp's exported classes, but no document promises that they stay as they are. So the fast path is taken on the releases
it was written for, only over sessions that would add nothing, and only while no other tool has put something of its own
around a session's requests, as aioresponses, recorders and tracing tools do. Everybody else's requests go through
`ClientSession.request`, at that higher price.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, MutableMapping, Sequence
from functools import cache
from types import FunctionType
from typing import Any, Protocol

import aiohttp
from multidict import CIMultiDict, istr
from yarl import URL

from . import PURE

BODIED = frozenset(("POST", "PUT", "PATCH"))
"""Methods of which aiohttp says without a body, too, of what type it is."""
_RELEASES = "3.14."
"""`ClientRequest(…)`, `connector.connect`, `protocol.set_response_params`, `ClientRequest.send` and `ClientResponse.start`
were read in 3.14.2 to 3.14.5, where they are the same, and so were the names of a session's settings."""
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
_SET_COOKIE = istr("Set-Cookie")
_MISSING = object()
MOST_DEAD = 128
"""Connections in a row that may turn out to be unusable before one is taken as it is. (A server that speaks first makes
every connection of a foreign pool look like that.)"""


def is_aiohttps(function: object) -> bool:
    """Is this aiohttp's own function, and not a replacement made before we were imported?"""
    return type(function) is FunctionType and function.__globals__.get("__name__") == aiohttp.ClientSession.__module__


def _adds_nothing(session: aiohttp.ClientSession) -> bool:
    """Whether a session sends and receives as one that was made without arguments; cookies, headers and limits aside."""
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

    __slots__ = ("_connector", "_cookies", "_headers", "_kept", "_limits", "_loop", "_replaced", "_session")

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
        if self._headers:
            given, headers = headers, CIMultiDict(self._headers)
            headers.update(given)
        request = aiohttp.ClientRequest(method, url, headers=headers, loop=self._loop, session=self._session, traces=[])
        watched.request = request
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
