"""Text as a stream of lines, from a server that sends everything and then often breaks the connection.

A break after text arrived, where the server announced no length, is taken for the end and noted. Where it announced a
length that did not arrive, it is an error, which carries what arrived.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NoReturn, cast, final

from .. import logs
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import CallTimeoutError, InvalidArgumentError, ResponseTooLargeError, ServerError, TransportError
from ..operation import Operation, Sender
from .transfer import StreamResponse, StreamSender, header, whole_within

_FOLLOWED = 1000
"""Lines asked for, and remembered, at a time while following; more between two looks would be missed."""
_PATIENCE = 5
"""Looks in a row that may fail while following."""
_log = logs.logger("download")


@final
class TextLines:
    """A text by lines: `async for line in lines`, or whole: `await lines`. Nothing is sent before that.

    NUL characters are left out, and what is not UTF-8 is replaced. What is held at once, which is the whole text or one
    line, is bounded by `max_response_size`. The whole text has to be there within `timeout`; a stream of lines goes on
    as long as no pause is longer than `read_timeout`.

    Args:
        sender: the client's.
        operation, path, query: what is asked for.
        follow: continue with new lines until the loop is left.
        every: seconds between two looks while following.
        clock: time.

    Raises (while reading):
        TransportError: nothing arrived, or less than was announced, or the whole text took too long; `.partial` is what
            did arrive, as far as it may be held.
        ResponseTooLargeError: the whole text, or one line, is larger than may be held.
        StatusError: the server refused.
    """

    def __init__(
        self,
        sender: Sender | StreamSender,
        operation: Operation[Any],
        path: Sequence[object],
        query: Mapping[str, object] | None = None,
        *,
        follow: bool = False,
        every: float = 5.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if isinstance(every, bool) or not isinstance(every, int | float) or not every > 0:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgumentError("every", f"must be more than 0 seconds, not {every!r}")
        self._sender = cast("StreamSender", sender)
        self._operation = operation
        self._path = path
        self._query = dict(query or {})
        self._follow = follow
        self._every = every
        self._largest: int | None = getattr(sender, "max_response_size", None)
        self._clock = clock
        self.complete: bool | None = None
        """Did the server end the text itself? `None` before the end; False: the connection broke after what arrived."""

    if not TYPE_CHECKING:  # for checkers it cannot be looped over at all

        def __iter__(self) -> NoReturn:
            raise TypeError(
                "lines come from the server piece by piece: use `async for line in …`, or `await …` for the text"
            )

    def __aiter__(self) -> AsyncGenerator[str, None]:
        return self._followed() if self._follow else self._lines()

    def __await__(self) -> Generator[Any, None, str]:
        return self._text().__await__()

    async def _text(self) -> str:
        return await self._whole(self._query)

    async def _whole(self, query: Mapping[str, object]) -> str:
        timeout: float | None = getattr(self._sender, "timeout", None)
        pieces: list[str] = []
        size = 0
        try:
            async with (
                whole_within(self._clock, timeout, "the text took longer than timeout; read it line by line"),
                aclosing(self._pieces(query)) as arriving,
            ):
                async for piece in arriving:
                    pieces.append(piece)
                    size += len(piece)
                    self._check(size)
        except CallTimeoutError as late:
            late.partial = "".join(pieces).encode()
            raise
        return "".join(pieces)

    def _check(self, size: int) -> None:
        if self._largest is not None and size > self._largest:
            raise ResponseTooLargeError(self._largest, operation_id=self._operation.operation_id, method="GET")

    async def _lines(self) -> AsyncGenerator[str, None]:
        rest = ""
        async with aclosing(self._pieces(self._query)) as pieces:
            async for piece in pieces:
                *whole, rest = (rest + piece).split("\n")
                self._check(len(rest))
                for line in whole:
                    yield line.removesuffix("\r")
        if rest:
            yield rest.removesuffix("\r")

    async def _pieces(self, query: Mapping[str, object]) -> AsyncGenerator[str, None]:
        """The text as it arrives."""
        self.complete = None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        async with self._sender.stream(self._operation, self._path, query) as response:
            arrived: list[bytes] = []
            size = 0
            try:
                async for chunk in response.chunks():
                    size += len(chunk)
                    if self._largest is None or size <= self._largest:
                        arrived.append(chunk)
                    if text := decoder.decode(chunk).replace("\0", ""):
                        yield text
            except TransportError as problem:
                if not size or _announced(response) is not None:
                    problem.partial = b"".join(arrived)
                    raise
                _log.info("a text broke after %d bytes, which is taken for its end", size)
                self.complete = False
            else:
                self.complete = True
        if text := decoder.decode(b"", final=True):
            yield text

    async def _followed(self) -> AsyncGenerator[str, None]:
        """What there is, then what is added: each look is compared with the one before."""
        seen: list[str] = []
        failures = 0
        query = dict(self._query)
        while True:
            try:
                text = await self._whole(query)
            except (TransportError, ServerError):
                failures += 1
                if failures > _PATIENCE:
                    raise
            else:
                failures = 0
                # A last line without an end may still grow.
                *lines, _ = text.split("\n")
                for line in lines[_overlap(seen, lines) :]:
                    yield line.removesuffix("\r")
                seen = lines[-_FOLLOWED:] or seen
                query["tail"] = _FOLLOWED
            await self._clock.sleep(self._every)


def _overlap(seen: Sequence[str], lines: Sequence[str]) -> int:
    """How many of the first lines were the last ones seen."""
    for count in range(min(len(seen), len(lines)), 0, -1):
        if seen[-1] == lines[count - 1] and list(seen[-count:]) == list(lines[:count]):
            return count
    return 0


def _announced(response: StreamResponse) -> int | None:
    length = header(response.headers, "content-length") or ""
    return int(length) if length.isdecimal() else None
