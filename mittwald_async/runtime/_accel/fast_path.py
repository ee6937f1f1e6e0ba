"""The fast path through aiohttp, for requests without a body.

`ClientSession.request` considers cookies, redirects, proxies, netrc, credentials in URLs, traces, middleware and a hidden
second sending with every call. None of that is in use here, and considering it costs 15 % of a call's CPU (`python -m
benchmarks accel`: a GET of 20 projects by 16 tasks). What is left of it then are four steps: make the request, get a
connection, send, read the head of the response. They are methods of aiohttp's exported classes, but no document promises that they stay as they are. So the fast path is taken on the releases
it was written for, and only while no other tool has put something of its own around a session's requests, as aioresponses,
recorders and tracing tools do. Everybody else's requests go through `ClientSession.request`, at that higher price.
"""

from __future__ import annotations

import asyncio
from types import FunctionType
from typing import Any, Protocol

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from . import PURE

BODIED = frozenset(("POST", "PUT", "PATCH"))
"""Methods of which aiohttp says without a body, too, of what type it is."""
_RELEASES = "3.14."
"""`ClientRequest(…)`, `connector.connect`, `protocol.set_response_params`, `ClientRequest.send` and `ClientResponse.start`
were read in 3.14.2 to 3.14.5, where they are the same."""
_REQUEST = "_request"
_PLAIN: Any = getattr(aiohttp.ClientSession, _REQUEST, None)


def is_aiohttps(function: object) -> bool:
    """Is this aiohttp's own function, and not what somebody put in its place before we were imported?"""
    return type(function) is FunctionType and function.__globals__.get("__name__") == aiohttp.ClientSession.__module__


class Watched(Protocol):
    """Who bounds an exchange in time, and wants to know what went out."""

    request: object


class Direct:
    """The fast path over the pool of one session of our own."""

    __slots__ = ("_connector", "_headers", "_limits", "_loop", "_session")

    def __init__(self, session: aiohttp.ClientSession, connector: aiohttp.BaseConnector, max_field_size: int) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._connector = connector
        self._headers = session.headers
        self._limits = max_field_size

    @classmethod
    def over(
        cls, session: aiohttp.ClientSession, connector: aiohttp.BaseConnector, max_field_size: int
    ) -> Direct | None:
        """The fast path, or `None` where it cannot be used."""
        if PURE or not aiohttp.__version__.startswith(_RELEASES) or not is_aiohttps(_PLAIN):
            return None
        if session.trace_configs or getattr(session, "_middlewares", None):
            return None
        return cls(session, connector, max_field_size)

    def takes(self, method: str, url: URL) -> bool:
        """Can a request without a body go over it? (Mocks of a session's requests come and go while it is open.)"""
        return (
            getattr(aiohttp.ClientSession, _REQUEST) is _PLAIN
            and method not in BODIED
            and url.raw_user is None
            and not self._connector.closed
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
        try:
            connection = await self._connector.connect(request, traces=[], timeout=timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error
        protocol = connection.protocol
        assert protocol is not None
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
                return await response.start(connection)
            except BaseException:
                response.close()
                raise
        except BaseException:
            connection.close()
            raise
