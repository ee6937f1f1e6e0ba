"""The bytes of one file over as many connections as it takes.

A connection that breaks in the middle of the body is taken up again from the byte it broke at, by `Range` with
`If-Range`, so that a file that changed meanwhile is noticed.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple, Protocol, final, runtime_checkable

from ..clock import Clock, time_limit
from ..errors import (
    ApiClientError,
    CallTimeoutError,
    DownloadError,
    ReadTimeoutError,
    StatusError,
    TransportError,
)
from ..logs import logger
from ..operation import Operation

BREAKS = 5
"""Consecutive resumptions of a broken connection; progress resets the count."""
PROGRESS = 1 << 20
_PROGRESS_SHARE = 0.1
"""Progress is `PROGRESS` bytes, or this share of what is missing if that is less."""
LEAST_RATE = 1024
"""Bytes per second below which a body counts as stalled: a tenth of what a poor mobile connection brings. Without such
a bound, a server that sends a byte now and then keeps a download open without end, as each byte ends `read_timeout`."""
_WITHOUT_FILE = {202: "it is not ready yet", 204: "there is no content", 205: "there is no content"}
"""Successes whose body is not the file."""
RATE_WINDOW = 60.0
"""Seconds of waiting for the server over which the rate is measured."""
_BACKOFF, _BACKOFF_CAP = 0.5, 20.0
"""Seconds: full jitter up to `0.5 * 2**n`, at most 20, between one break and the next try."""

_log = logger("download")


@asynccontextmanager
async def whole_within(clock: Clock, seconds: float | None, late: str) -> AsyncGenerator[None, None]:
    """Bound how long reading a whole body may take. What ends in time for itself, such as one attempt, is raised as it
    is.

    Raises:
        CallTimeoutError: the time is over, as `late` says.
    """
    ours = True
    try:
        async with time_limit(clock, seconds):
            try:
                yield
            except TimeoutError:
                ours = False
                raise
    except TimeoutError:
        if not ours:
            raise
    else:
        return
    raise CallTimeoutError(late)


class StreamResponse(Protocol):
    """A response whose headers are in and whose body is not."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives; raises `TransportError` where it breaks."""
        ...


@runtime_checkable
class StreamSender(Protocol):
    """A sender that can leave the body on the wire."""

    def stream(
        self,
        operation: Operation[Any] | None,
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        *,
        extra_headers: Mapping[str, str] | None = None,
        url: str | None = None,
    ) -> AbstractAsyncContextManager[StreamResponse]:
        """Send; enter for the response of a 2xx, whose body the exit drops. Other statuses raise `StatusError`.

        Args:
            operation: what to call, `None` with `url`.
            path: path arguments in order.
            query: by wire name.
            headers: by wire name.
            extra_headers: win over `headers`.
            url: an absolute URL instead of an operation; credentials go only to the client's own origin.
        """
        ...


class Mark(NamedTuple):
    """How far a file got, and what it was then."""

    position: int
    validator: str
    """Strong `ETag`, else `Last-Modified`."""
    size: int | None


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header whatever the mapping thinks of case; `name` in lower case."""
    found = headers.get(name)
    if found is None:
        found = next((value for key, value in headers.items() if key.lower() == name), None)
    return found


Progressed = Callable[[int, int | None], None]
"""Bytes that have arrived, and the size of the file if the server says it."""

Rewind = Callable[[], Awaitable[None]]


@final
class Transfer:
    """The bytes of one file, over as many connections as it takes.

    Attributes:
        position: bytes of the file that are behind us.
        size: bytes of the whole file, `None` where the server does not say.
        validator: by what the server recognises the file; `None`: it cannot be taken up again.
        source: digest of what is downloaded.
    """

    def __init__(
        self,
        send: Callable[[Mapping[str, str]], AbstractAsyncContextManager[StreamResponse]],
        accept: Mapping[str, str],
        source: str,
        clock: Clock,
    ) -> None:
        self._send = send
        self._extra = {**accept, "Accept-Encoding": "identity"}
        self._clock = clock
        self._context: AbstractAsyncContextManager[StreamResponse] | None = None
        self._response: StreamResponse | None = None
        self._breaks = 0
        self._counted_from = 0
        self.source: str = source
        self.status: int = 0
        self.headers: Mapping[str, str] = {}
        self.position: int = 0
        self.size: int | None = None
        self.validator: str | None = None

    @property
    def is_open(self) -> bool:
        return self._response is not None

    async def aclose(self) -> None:
        """Drop the connection, if there is one."""
        context, self._context, self._response = self._context, None, None
        if context is not None:
            await context.__aexit__(None, None, None)

    async def resume(self, mark: Mark) -> None:
        """Open where an earlier try ended, or from the start if the file is another one now: see `position`."""
        if self.is_open and self.validator != mark.validator:
            return
        await self.aclose()
        self.validator, self.size = mark.validator, mark.size
        await self.open(mark.position)

    async def open(self, position: int) -> None:
        """Send. Afterwards `position` says where the body starts: as asked, or 0 if the server starts over.

        Raises:
            StatusError, TransportError: as the sender says.
        """
        if position and self.validator is not None:
            if await self._opened_at(position, self.validator):
                return
            await self.aclose()
        await self._connect({})
        self._learn_whole()

    async def _opened_at(self, position: int, validator: str) -> bool:
        """Ask for the rest; True if the response is usable, be it the rest or the whole file."""
        try:
            response = await self._connect({"Range": f"bytes={position}-", "If-Range": validator})
        except StatusError as problem:
            if problem.status != 416:
                raise
            return False
        if response.status != 206:
            self._learn_whole()
            return True
        start, total = _content_range(header(response.headers, "content-range"))
        now = header(response.headers, "etag" if validator.startswith('"') else "last-modified")
        other_size = self.size is not None and total not in (None, self.size)
        if start != position or now not in (None, validator) or other_size or _encoded(response.headers):
            return False
        self.position = position
        self.size = total if total is not None else self.size
        return True

    async def _connect(self, extra: Mapping[str, str]) -> StreamResponse:
        context = self._send({**self._extra, **extra})
        response = await context.__aenter__()
        self._context, self._response = context, response
        self.status, self.headers = response.status, response.headers
        return response

    def _learn_whole(self) -> None:
        if self.status == 206:
            raise DownloadError("the server sent a part of the file, though the whole was asked for")
        if self.status in _WITHOUT_FILE:
            raise DownloadError(f"the server sent no file: {_WITHOUT_FILE[self.status]} (status {self.status})")
        self.position = 0
        encoded = _encoded(self.headers)
        length = header(self.headers, "content-length") or ""
        # what is packed on the wire has another length, and byte positions of another thing
        self.size = int(length) if length.isdecimal() and not encoded else None
        self.validator = None if encoded else _validator(self.headers)

    async def pieces(self, rewind: Rewind | None) -> AsyncIterator[bytes]:
        """The body from `position` on, until the file is whole.

        Args:
            rewind: called where the file starts over; what was given before is void then. `None`: that is an error.
        """
        delivered = self.position
        while self._response is not None:
            broken: ApiClientError
            try:
                async for chunk in self._fast_enough(self._response.chunks()):
                    self.position += len(chunk)
                    if self.size is not None and self.position > self.size:
                        raise DownloadError(f"more than the announced {self.size} bytes arrived")
                    fresh = self.position - delivered
                    if fresh > 0:
                        delivered = self.position
                        yield chunk[-fresh:]
            except CallTimeoutError:
                raise
            except TransportError as problem:
                broken = problem
            else:
                if self.size is None or self.position == self.size:
                    return
                broken = DownloadError(f"only {self.position} of {self.size} bytes arrived")
            if await self._mend(broken, rewind):
                delivered = 0

    async def _fast_enough(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks, as long as they arrive at `LEAST_RATE`. Only time spent waiting for the server counts, so a slow
        consumer breaks nothing."""
        waited, arrived = 0.0, 0
        now = self._clock.now
        while True:
            asked = now()
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            waited += now() - asked
            arrived += len(chunk)
            if waited >= RATE_WINDOW:
                if arrived < LEAST_RATE * waited:
                    raise ReadTimeoutError(f"the server sent less than {LEAST_RATE} bytes/s over {waited:.0f} s")
                waited, arrived = 0.0, 0
            yield chunk

    async def _mend(self, broken: ApiClientError, rewind: Rewind | None) -> bool:
        """Connect again after a break; True: from the start, and the consumer forgot what it had."""
        reached, validator = self.position, self.validator
        missing = PROGRESS if self.size is None else _PROGRESS_SHARE * (self.size - self._counted_from)
        if 0 < reached - self._counted_from >= min(PROGRESS, missing):
            self._breaks = 0
        # If the file starts over each time, getting equally far is not progress.
        self._counted_from = max(self._counted_from, reached)
        await self._reconnect(broken, reached, validator is not None or rewind is not None or not reached)
        if reached and self.position == reached:
            return False
        if rewind is not None:
            await rewind()
            return True
        if reached and self.validator != validator:
            raise DownloadError("the file changed while it was downloaded")
        return False

    async def _reconnect(self, broken: ApiClientError, reached: int, possible: bool) -> None:
        while True:
            await self.aclose()
            self._breaks += 1
            if self._breaks > BREAKS or not possible:
                raise _given_up(broken, self._breaks, reached, self.size)
            _log.info("a download broke after %d bytes (%s); taking it up again", reached, type(broken).__name__)
            await self._clock.sleep(random.uniform(0, min(_BACKOFF_CAP, _BACKOFF * 2**self._breaks)))
            try:
                return await self.open(reached)
            except CallTimeoutError:
                raise
            except TransportError as problem:
                self._breaks += max(0, len(problem.attempts) - 1)  # each of them was a request
                broken = problem


def _given_up(broken: ApiClientError, breaks: int, reached: int, size: int | None) -> ApiClientError:
    """The error of the last break, which states how far the download got."""
    whole = "" if size is None else f" of {size}"
    if isinstance(broken, TransportError):
        broken.message += f", at byte {reached}{whole}"
        if breaks > 1:
            broken.message += f", {breaks} times without much progress"
    return broken


def _validator(headers: Mapping[str, str]) -> str | None:
    """What `If-Range` may carry: a strong `ETag`, else `Last-Modified`."""
    etag = (header(headers, "etag") or "").strip()
    if len(etag) > 2 and etag.startswith('"') and etag.endswith('"'):
        return etag
    return header(headers, "last-modified") or None


def _encoded(headers: Mapping[str, str]) -> bool:
    return (header(headers, "content-encoding") or "identity").lower() != "identity"


def _content_range(value: str | None) -> tuple[int | None, int | None]:
    """Start and total of `bytes 5-9/10`; `None` for what is not there."""
    unit, _, rest = (value or "").strip().partition(" ")
    span, _, total = rest.partition("/")
    start = span.partition("-")[0]
    if unit.lower() != "bytes" or not start.isdecimal():
        return None, None
    return int(start), int(total) if total.isdecimal() else None
