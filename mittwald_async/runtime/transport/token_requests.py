"""Requests for a token, as credentials make them."""

from __future__ import annotations

import asyncio

from yarl import URL

from ..credentials import Secret, TokenResponse
from ..errors import InvalidArgumentError, NotSentError, TransportError
from ..headers import retry_after
from ..middleware import RawResponse
from ..urls import http_url, is_exposed, is_whole_url
from .bodies import ERROR_BODY_LIMIT
from .call import Shared
from .encoding import JSON, Content
from .header_builder import HeaderBuilder
from .retry import jitter
from .session import WireRequest
from .time_limits import TimeLimits


class TokenRequests:
    """The `Exchange` of a client: requests without a token, repeated only where they were provably not executed."""

    __slots__ = ("_headers", "_limits", "_max_retries", "_max_retry_wait", "_shared")

    def __init__(
        self, shared: Shared, headers: HeaderBuilder, limits: TimeLimits, max_retries: int, max_retry_wait: float
    ) -> None:
        self._shared = shared
        self._headers = headers
        self._limits = limits
        self._max_retries = max_retries
        self._max_retry_wait = max_retry_wait

    async def __call__(
        self, operation_id: str, method: str, path: str, body: Secret, content_type: str = JSON
    ) -> TokenResponse:
        """Send and give the response, whatever its status; see `Exchange`."""
        shared = self._shared
        session = shared.session
        if session is None or session.loop is not asyncio.get_running_loop():
            raise shared.unusable()
        url = self._url(path)
        headers = self._headers.for_login(content_type, off_origin=not shared.own(url))
        tries = 0
        while True:
            try:
                content = Content(content_type, body.reveal().encode())
                response = await session.exchange(
                    WireRequest(method, url, headers, content), self._limits.login, largest=ERROR_BODY_LIMIT
                )
                wait = self._wait_after(response, tries)
                if wait is None:
                    break
            except TransportError as error:
                if shared.session is not session:
                    raise shared.unusable() from None
                error.operation_id, error.method, error.url = operation_id or None, method, str(url)
                if tries >= self._max_retries or not isinstance(error, NotSentError):
                    raise
                wait = jitter(tries, shared.chance())
            await shared.clock.sleep(wait)
            tries += 1
        return TokenResponse(
            status=response.status,
            headers=response.headers,
            body=Secret(response.body.decode("utf-8", "replace")),
            error_body=shared.profile.errors,
        )

    def _url(self, path: str) -> URL:
        # Without its /, a path would become a part of the host's name, and the secret would go to that host.
        whole = path if is_whole_url(path) else self._shared.base + path if path.startswith("/") else None
        url = http_url(whole)
        if url is not None and not self._shared.allow_http and is_exposed(url):
            raise InvalidArgumentError(
                "token_url",
                f"{path!r} would send secrets in the clear; use https://, or allow_http=True for this client",
            )
        if url is None:
            raise InvalidArgumentError("token_url", f"{path!r} is neither a path that begins with / nor a whole URL")
        return url

    def _wait_after(self, response: RawResponse, tries: int) -> float | None:
        """Seconds until the next try; `None`: the response counts."""
        if response.status != 429 or tries >= self._max_retries:
            return None
        asked = retry_after(response.headers, self._shared.wall())
        wait = 2.0**tries if asked is None else asked
        return None if wait > self._max_retry_wait else wait
