"""An attempt that is not sent straight away: middleware is around it, or its body stays on the wire."""

from __future__ import annotations

from collections.abc import Mapping

from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import CallTimeoutError, ClientStateError, InvalidArgumentError, MaybeSentError, TransportError
from ..middleware import RawResponse, Request, around
from ..options import Options
from .bodies import StreamedResponse
from .call import Call, Shared
from .encoding import JSON, Content, check_method, usable
from .header_builder import HeaderBuilder
from .retry import maybe_carried_out
from .session import Answered, Session, WireRequest
from .time_limits import TimeLimits


class GuardedAttempt:
    """Makes such attempts with one set of options. The deadline is held from outside."""

    __slots__ = ("_headers", "_largest", "_limits", "_middleware", "_shared")

    def __init__(self, shared: Shared, options: Options, headers: HeaderBuilder, limits: TimeLimits) -> None:
        self._shared = shared
        self._middleware = options.middleware
        self._largest = options.max_response_size
        self._headers = headers
        self._limits = limits

    @property
    def needed(self) -> bool:
        """Whether there is middleware."""
        return bool(self._middleware)

    async def __call__(self, session: Session, call: Call, answered: Answered | None, stream: bool) -> RawResponse:
        """Run the middleware around one exchange."""
        limits = self._limits.stream() if stream else self._limits.rest(call)
        call.sent = False
        streams: list[StreamedResponse] = []

        async def send(request: Request) -> RawResponse:
            if request is given:
                wire = WireRequest(call.method, self._headers.url_of(call), self._headers.for_call(call), call.content)
                hears = answered
            else:
                wire = self._changed(call, given, request)
                hears = answered if self._shared.own(wire.url) else None
            call.sent, safe = True, wire.safe
            try:
                response = await session.exchange(
                    wire, limits, hears, stream=stream, unsent=call.unsent, largest=self._largest
                )
            except TransportError as error:
                # Middleware may send again, as a caller of its own.
                call.maybe_done = call.maybe_done or isinstance(error, MaybeSentError | CallTimeoutError)
                raise
            finally:
                del wire  # a traceback shows what variables hold, and a URL may hold the token
            call.maybe_done = call.maybe_done or (not safe and maybe_carried_out(response.status))
            if isinstance(response, StreamedResponse):
                streams.append(response)
            return response

        given = _request(call)
        taken: object = None
        try:
            async with self._limits.hold(call):
                response = await around(self._middleware, send)(given)
            taken = _checked(response)
            return response
        finally:
            for opened in streams:
                if opened is not taken:  # the middleware failed, or gave another response: this body is never read
                    opened.close()

    def _changed(self, call: Call, given: Request, request: Request) -> WireRequest:
        """What goes out where middleware has changed the request."""
        _check_changed(request)
        url, content = usable(request.url, "url"), call.content
        if request.body is not given.body:
            kind = _content_type(call, request.headers)
            content = None if request.body is None else Content(kind, request.body)
        off_origin = call.off_origin or not self._shared.own(url)
        headers = self._headers.for_changed(call, request.headers, content, off_origin)
        return WireRequest(
            request.method, url if off_origin else self._headers.signed_url(url, call.secret), headers, content
        )


def _request(call: Call) -> Request:
    """The attempt as middleware sees it."""
    content = call.content
    return Request(
        operation_id=call.operation_id,
        method=call.method,
        url=str(call.url),
        headers=dict(call.extra or {}),
        body=None if content is None or content.open is not None else content.data,
        attempt=call.number,
    )


def _checked(response: RawResponse) -> RawResponse:
    """Refuse what is not a response; bring headers of the middleware's own into the usual form."""
    if not isinstance(response, RawResponse):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise ClientStateError(
            f"a middleware returned {type(response).__name__} instead of a response: return what call_next gave"
        )
    if not isinstance(response.headers, CIMultiDict | CIMultiDictProxy):
        response.headers = CIMultiDict(response.headers)
    return response


def _content_type(call: Call, headers: Mapping[str, str]) -> str:
    """The content type of a body that middleware put in place of another."""
    for name, value in headers.items():
        if name.lower() == "content-type":
            return value
    return JSON if call.content is None else call.content.content_type


def _check_changed(request: object) -> None:
    """Refuse what cannot be made into a request."""
    if not isinstance(request, Request):
        raise ClientStateError(
            f"a middleware gave {type(request).__name__} to call_next instead of a request: use msgspec.structs.replace"
        )
    check_method(request.method)
    if request.body is not None and not isinstance(request.body, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - middleware may be untyped
        raise InvalidArgumentError("body", f"must be bytes or None, not {type(request.body).__name__}")
    if not isinstance(request.headers, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - middleware may be untyped
        raise InvalidArgumentError(
            "headers", f"must be a mapping of names to values, not {type(request.headers).__name__}"
        )
