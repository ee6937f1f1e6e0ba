"""The four ways into a call: for its value, for the whole response, for any route, for a body that stays on the wire.

The attempts of a call and what follows each of them are in `attempts`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar, cast

from msgspec import UNSET
from yarl import URL

from ..attempt import Attempt
from ..clock import Clock
from ..codec.tolerant import report
from ..errors import ClientStateError, InvalidArgumentError, ResponseDecodeError, without_frames
from ..lists import ListContext
from ..middleware import RawResponse
from ..operation import Operation, Response
from ..options import Options
from .attempts import AttemptLoop
from .bodies import StreamedResponse
from .call import Call, Shared
from .compiled_operation import COMPILED, check_unpacked, compiled, decoded
from .request_builder import RequestBuilder
from .responses import event_id, packed
from .token_requests import TokenRequests

T = TypeVar("T")


class Pipeline:
    """Sends calls with one set of options. Clones of a client have pipelines of their own over the same `Shared`."""

    def __init__(self, shared: Shared, options: Options) -> None:
        self.shared: Shared = shared
        self.options: Options = options
        self._accept = shared.profile.accept
        self._requests = RequestBuilder(shared)
        self._attempts = AttemptLoop(shared, options)

    @property
    def lists(self) -> ListContext:
        """What is known of the server's lists; clones share it."""
        return self.shared.lists

    def short_list(self, operation_id: str, announced: int, arrived: int) -> None:
        """A list brought fewer items than the server announced: a warning, or with `strict` an error.

        Raises:
            ResponseDecodeError: with `strict`.
        """
        problem = f"the server announced {announced:,} items and sent {arrived:,}"
        if self.options.strict:
            raise ResponseDecodeError(problem, operation_id=operation_id, json_path="$", body=b"")
        report(operation_id, [(None, problem)])

    @property
    def clock(self) -> Clock:
        """What the client's waits follow."""
        return self.shared.clock

    @property
    def timeout(self) -> float | None:
        """Seconds a whole call may take."""
        return self.options.timeout

    @property
    def max_response_size(self) -> int | None:
        """Bytes that one response may have in memory."""
        return self.options.max_response_size

    @property
    def token_requests(self) -> TokenRequests:
        """How credentials ask for tokens."""
        return self._attempts.token_requests

    async def value(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> T:
        """Send and give the decoded result."""
        try:
            call = self._call(operation, path, query)
            if headers:
                self._requests.add_headers(call, headers)
            if body is not UNSET:
                await self._requests.add_body(call, body)
        except InvalidArgumentError as error:
            raise without_frames(error) from None
        finally:
            del path, query, headers, body  # a traceback shows what variables hold, and this may be secret
        response = await self._attempts.perform(call)
        value = decoded(call.compiled, response, self.options.strict)
        if call.compiled.envelopes:
            value = call.compiled.unwrapped(response.status, value)
        return cast("T", value)

    async def response(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[T]:
        """Send and give the result with everything around it."""
        try:
            call = self._call(operation, path, query)
            if headers:
                self._requests.add_headers(call, headers)
            if body is not UNSET:
                await self._requests.add_body(call, body)
        except InvalidArgumentError as error:
            raise without_frames(error) from None
        finally:
            del path, query, headers, body  # a traceback shows what variables hold, and this may be secret
        response = await self._attempts.perform(call)
        value: Any = decoded(call.compiled, response, self.options.strict)
        if not call.compiled.envelopes or call.compiled.envelope(response.status) is None:
            return self._response(call, response, value)
        return self._response(call, response, call.compiled.unwrapped(response.status, value), envelope=value)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[bytes]:
        """Send to any route; the body stays bytes."""
        try:
            call = self._requests.loose_call(method, path, query)
            if headers:
                self._requests.add_headers(call, headers)
            if body is not UNSET and body is not None:
                await self._requests.add_loose_body(call, body)
        except InvalidArgumentError as error:
            raise without_frames(error) from None
        finally:
            del path, query, headers, body
        response = await self._attempts.perform(call)
        check_unpacked(call.compiled.operation, response)
        return self._response(call, response, response.body)

    @asynccontextmanager
    async def stream(
        self,
        operation: Operation[Any] | None,
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        *,
        extra_headers: Mapping[str, str] | None = None,
        url: str | None = None,
    ) -> AsyncGenerator[StreamedResponse, None]:
        """Send and give the response with its body still on the wire. `timeout` ends with the headers; from there on
        `read_timeout` holds for each piece. With `url`, any address; the token goes to the API's own origin only."""
        call = self._requests.loose_call("GET", url or "") if operation is None else self._call(operation, path, query)
        if headers:
            self._requests.add_headers(call, headers)
        if extra_headers:
            replaced = {name.lower() for name in extra_headers}
            kept = {name: value for name, value in (call.extra or {}).items() if name.lower() not in replaced}
            call.extra = {**kept, **extra_headers}
        response = await self._attempts.perform(call, stream=True)
        if not isinstance(response, StreamedResponse):
            raise ClientStateError("a middleware replaced a streamed response by one without a stream")
        problem = packed(response.headers)
        if problem:
            response.close()
            raise ResponseDecodeError(problem, operation_id=call.operation_id, json_path="$", body=b"")
        response.url = call.shown_url
        response.response = self._response(call, response, None)
        try:
            yield response
        finally:
            response.close()

    def _call(self, operation: Operation[Any], path: Sequence[object], query: Mapping[str, object] | None) -> Call:
        shared = self.shared
        known = COMPILED.get(id(operation)) or compiled(operation)
        url, now = shared.base + known.target(path, query), shared.clock.now()
        call = Call(known, known.method, url, URL(url, encoded=True), path, query, now, now)
        if known.accept and known.accept != self._accept:
            call.extra = {"Accept": known.accept}
        return call

    def last_write(self, id: str) -> tuple[float, datetime] | None:
        """How many seconds ago this client or a clone of it last changed the thing with this id, and when that was by
        the server's clock; `None`: not lately."""
        found = self.shared.changes.last(id)
        return None if found is None else (self.shared.clock.now() - found[0], found[1])

    def _response(self, call: Call, response: RawResponse, data: T, envelope: Any = None) -> Response[T]:
        """A value with everything around it."""
        known = call.compiled
        last = Attempt(
            number=call.number, status=response.status, reason="ok", seconds=self.shared.clock.now() - call.begun
        )
        return Response(
            data=data,
            status=response.status,
            headers=response.headers,
            method=call.method,
            url=call.shown_url if call.redirects or known.masks else call.encoded_url,
            operation_id=known.operation.operation_id or None,
            event_id=None
            if known.safe
            else event_id(call.method, response.status, response.headers, self.shared.profile.events),
            rate_limit=response.rate_limit,
            attempts=(*call.attempts, last) if call.attempts else (last,),
            envelope=envelope,
        )
