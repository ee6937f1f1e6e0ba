"""The four ways into a call: for its value, for the whole answer, for any route, for a body that stays on the wire.

The attempts of a call and what follows each of them are in `attempts`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from msgspec import UNSET

from ..errors import ClientStateError
from ..lists import ListContext
from ..operation import Attempt, Operation, Response
from .attempts import Attempts
from .call import Call
from .middleware import RawResponse
from .request_builder import decoded, plan_of
from .responses import event_id
from .session import StreamedResponse

T = TypeVar("T")


class Pipeline(Attempts):
    """Sends calls with one set of options. Clones of a client have pipelines of their own over the same `Shared`."""

    @property
    def lists(self) -> ListContext:
        """What is known of the server's lists; clones share it."""
        return self.shared.lists

    async def value(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> T:
        """Send and give the decoded result."""
        call = self._call(plan_of(operation), path, query)
        if headers:
            self._add_headers(call, headers)
        if body is not UNSET:
            await self._add_body(call, body)
        answer = await self._perform(call)
        value = decoded(call.plan, answer, self.options.strict)
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
        call = self._call(plan_of(operation), path, query)
        if headers:
            self._add_headers(call, headers)
        if body is not UNSET:
            await self._add_body(call, body)
        answer = await self._perform(call)
        return self._response(call, answer, decoded(call.plan, answer, self.options.strict))

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[bytes]:
        """Send to any route; the body stays bytes."""
        call = self._loose(method, path, query)
        if headers:
            self._add_headers(call, headers)
        if body is not UNSET and body is not None:
            await self._add_loose_body(call, body)
        answer = await self._perform(call)
        return self._response(call, answer, answer.body)

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
        """Send and give the answer with its body still on the wire. `timeout` ends with the headers; from there on
        `read_timeout` holds for each piece. With `url`, any address; the token goes to the API's own origin only."""
        call = self._loose("GET", url or "") if operation is None else self._call(plan_of(operation), path, query)
        if headers:
            self._add_headers(call, headers)
        if extra_headers:
            replaced = {name.lower() for name in extra_headers}
            kept = {name: value for name, value in (call.extra or {}).items() if name.lower() not in replaced}
            call.extra = {**kept, **extra_headers}
        answer = await self._perform(call, stream=True)
        if not isinstance(answer, StreamedResponse):
            raise ClientStateError("a middleware replaced a streamed answer by one without a stream")
        answer.url = call.shown_url
        answer.response = self._response(call, answer, None)
        try:
            yield answer
        finally:
            answer.close()

    def _response(self, call: Call, answer: RawResponse, data: T) -> Response[T]:
        """A value with everything around it."""
        last = Attempt(
            number=call.number, status=answer.status, reason="ok", seconds=self.shared.clock.now() - call.begun
        )
        return Response(
            data=data,
            status=answer.status,
            headers=answer.headers,
            method=call.method,
            url=call.shown_url,
            operation_id=call.operation_id,
            event_id=None
            if call.plan.safe
            else event_id(call.method, answer.status, answer.headers, self.shared.profile.events),
            rate_limit=answer.rate_limit,
            attempts=(*call.attempts, last) if call.attempts else (last,),
        )
