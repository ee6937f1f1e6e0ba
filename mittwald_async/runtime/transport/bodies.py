"""Bodies of responses as they come in: decompressed, bounded, and whole or an error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any, cast

import aiohttp

from ..errors import ResponseTooLargeError, TransportError
from ..middleware import RawResponse
from ..operation import Response
from .decompression import BodyTooLargeError, CorruptBodyError, Decompressor, codings
from .failures import classify

ERROR_BODY_LIMIT = 1 << 20
"""Bytes of an error's body that are read; the rest is left on the wire and the connection is closed."""

BROKEN = (aiohttp.ClientError, OSError, CorruptBodyError)
"""What reading a body raises where it breaks off."""

_CHUNK = 1 << 16


async def whole(response: aiohttp.ClientResponse, largest: int | None) -> bytes:
    """The body of a success, its codings undone. (Those that cannot be undone here stay, and are refused later.)

    Args:
        response: its head is in.
        largest: bytes the body may have, compressed or not; `None`: no bound.

    Raises:
        ResponseTooLargeError: it has more.
        BROKEN: it did not come to its end. The exception carries what arrived, see `arrived`.
    """
    content = response.content
    applied = codings(response.headers)
    body = content.read_nowait() if content.is_eof() else None
    if body is None:
        announced = response.headers.get("Content-Length", "")
        if largest is not None and announced.isdecimal() and len(announced) < 20 and int(announced) > largest:
            raise ResponseTooLargeError(largest)
    collected = _Collected(applied, largest)
    try:
        if body is not None:
            collected.add(body)
        else:
            async for chunk in content.iter_any():
                collected.add(chunk)
        collected.finish(says_its_length(response))
    except BodyTooLargeError:
        raise ResponseTooLargeError(cast("int", largest)) from None
    except BROKEN as error:
        with suppress(CorruptBodyError, BodyTooLargeError):
            collected.add(left_in(response))
        collected.put_on(error)
        raise
    except BaseException as error:
        collected.put_on(error)
        raise
    return collected.body


class _Collected:
    """A body on its way into memory."""

    __slots__ = ("_decompressor", "_largest", "_pieces", "_size")

    def __init__(self, applied: tuple[str, ...], largest: int | None) -> None:
        self._largest = largest
        self._pieces: list[bytes] = []
        self._size = 0
        self._decompressor = _decompressor(applied, largest)

    def add(self, chunk: bytes) -> None:
        if self._decompressor is not None:
            self._pieces.extend(self._decompressor.feed(chunk))
            return
        self._size += len(chunk)
        if self._largest is not None and self._size > self._largest:
            raise BodyTooLargeError
        self._pieces.append(chunk)

    def finish(self, length_known: bool) -> None:
        if self._decompressor is not None:
            self._decompressor.finish(may_be_empty=length_known)

    @property
    def body(self) -> bytes:
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    def put_on(self, error: BaseException) -> None:
        error.__dict__[_ARRIVED] = self.body


_ARRIVED = "_arrived_of_the_body"


def arrived(error: BaseException) -> bytes:
    """What had arrived of a body when reading it ended in this exception."""
    found: bytes = error.__dict__.get(_ARRIVED, b"")
    return found


def says_its_length(response: aiohttp.ClientResponse) -> bool:
    """Whether the head says where the body ends. Otherwise it ends where the connection does, be that on purpose or
    not."""
    without_body = response.method == "HEAD" or response.status in (204, 304)
    return without_body or "Content-Length" in response.headers or "Transfer-Encoding" in response.headers


def _decompressor(applied: tuple[str, ...], largest: int | None) -> Decompressor | None:
    if not applied:
        return None
    try:
        return Decompressor(applied, largest)
    except LookupError:
        return None


async def beginning(response: aiohttp.ClientResponse) -> RawResponse:
    """An error's body, up to `ERROR_BODY_LIMIT`. What broke off is kept as far as it came: it must not hide the
    status."""
    body = bytearray()
    cut = False
    try:
        decompressor = _decompressor(codings(response.headers), ERROR_BODY_LIMIT)
        async for chunk in response.content.iter_chunked(_CHUNK):
            for piece in (chunk,) if decompressor is None else decompressor.feed(chunk):
                body += piece
            if len(body) > ERROR_BODY_LIMIT:
                cut = True
                break
        if decompressor is not None and not cut:
            decompressor.finish()
    except (*BROKEN, BodyTooLargeError):
        cut = True
    if cut:
        response.close()
    return RawResponse(response.status, response.headers, bytes(body[:ERROR_BODY_LIMIT]), cut)


def left_in(response: aiohttp.ClientResponse) -> bytes:
    """What arrived of a body before it broke off and was not read yet. aiohttp has it, but answers every question with
    the error, for as long as it knows of one."""
    with suppress(aiohttp.ClientError, OSError):
        response.content.set_exception(cast("Any", None))
        return response.content.read_nowait()
    return b""


class StreamedResponse(RawResponse, kw_only=True, eq=False):
    """A response whose body is still on the wire."""

    source: aiohttp.ClientResponse
    """What the body is read from."""
    safe: bool = True
    """The request changed nothing."""
    url: str = ""
    response: Response[None] | None = None
    """All there is but the body."""
    give_back: Callable[[], None] | None = None
    """Called once, when the connection is no longer needed."""

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece, its codings undone. Raises the `TransportError` family where it breaks off."""
        problem: TransportError | None = None
        decompressor = _decompressor(codings(self.headers), None)
        try:
            async for chunk in self.source.content.iter_chunked(_CHUNK):
                for piece in _fed(decompressor, chunk):
                    yield piece
            if decompressor is not None:
                decompressor.finish(may_be_empty=says_its_length(self.source))
        except BROKEN as error:
            problem = classify(error, safe=self.safe)
        if problem is None:
            self._leave()
            return
        rest = left_in(self.source)
        self.close()
        with suppress(CorruptBodyError):
            for piece in _fed(decompressor, rest):
                yield piece
        if self.response is not None:
            problem.operation_id, problem.method = self.response.operation_id, self.response.method
            problem.url = self.url
        raise problem

    def close(self) -> None:
        """Give the connection back if the body was read whole, else close it."""
        self.source.close()
        self._leave()

    def _leave(self) -> None:
        give_back, self.give_back = self.give_back, None
        if give_back is not None:
            give_back()


def _fed(decompressor: Decompressor | None, chunk: bytes) -> Iterator[bytes]:
    if decompressor is not None:
        yield from decompressor.feed(chunk)
    elif chunk:
        yield chunk
