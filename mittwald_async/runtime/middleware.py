"""What middleware is handed and gives back: an attempt about to be made, and what it brought."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from .operation import RateLimit


class RawResponse(msgspec.Struct, eq=False, weakref=True):
    """What one exchange brought: status, headers and the body as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    cut: bool = False
    """The body is longer than what was read of it."""
    rate_limit: RateLimit | None = None

    def __repr__(self) -> str:
        return f"<RawResponse {self.status}, {len(self.body)} bytes{' of more' if self.cut else ''}>"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt as middleware sees it. The access token is added later and is not in here.

    To change it: `msgspec.structs.replace(request, headers={**request.headers, "X-Trace": "1"})`.
    """

    operation_id: str | None
    method: str
    url: str
    headers: Mapping[str, str]
    """Sent in addition to those of the client."""
    body: bytes | None
    """`None` where nothing is sent, and for streamed bodies."""
    attempt: int
    """Counted from 1."""


CallNext: TypeAlias = Callable[[Request], Awaitable[RawResponse]]
Middleware: TypeAlias = Callable[[Request, CallNext], Awaitable[RawResponse]]


def around(middleware: Sequence[Middleware], send: CallNext) -> CallNext:
    """What sends, with middleware around it, the first one outermost."""
    for function in reversed(middleware):
        send = _bound(function, send)
    return send


def _bound(middleware: Middleware, run: CallNext) -> CallNext:
    async def bound(request: Request) -> RawResponse:
        return await middleware(request, run)

    return bound
