"""Files on their way down: lazy, streamed, resumed where the server lets it.

A `Download` sends nothing until it is awaited, entered or saved. A connection that breaks in the middle of the body is
taken up again from the byte it broke at, by `Range` with `If-Range`, so that a file that changed meanwhile is noticed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import random
import string
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, final, runtime_checkable

from .clock import SYSTEM_CLOCK, Clock
from .errors import (
    CallTimeoutError,
    ClientStateError,
    DownloadError,
    InvalidArgumentError,
    MittwaldError,
    StatusError,
    TransportError,
)
from .operation import Operation, Sender

BREAKS = 5
"""Times in a row that a broken connection is taken up again; counted anew after `PROGRESS` bytes."""
PROGRESS = 1 << 20
_BACKOFF, _BACKOFF_CAP = 0.5, 20.0
"""Seconds: full jitter up to `0.5 * 2**n`, at most 20, between one break and the next try."""

_log = logging.getLogger("mittwald_async.download")


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


@final
class Download:
    """A file of the API. Nothing is sent before it is used, and it may be used again.

    `await download` gives the bytes; `async with download as stream` a `DownloadStream`; `await download.save(path)` a
    file. For more than some megabytes use the last two: they hold a few chunks at a time.
    """

    __slots__ = ("_clock", "_headers", "_open", "_operation", "_path", "_query", "_sender", "_url", "sha256")

    def __init__(
        self,
        sender: Sender | StreamSender,
        operation: Operation[Any] | None,
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        *,
        url: str | None = None,
        sha256: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._sender = sender
        self._operation = operation
        self._path = path
        self._query = query
        self._headers = headers
        self._url = url
        self._clock = clock
        self._open: DownloadStream | None = None
        self.sha256 = None if sha256 is None else checked_sha256(sha256)
        """Hexadecimal checksum the whole file must have, `None`: not checked."""

    @classmethod
    def of_url(
        cls, sender: Sender | StreamSender, url: str, *, sha256: str | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> Download:
        """The file at an absolute URL, like a backup export's. Credentials go along only to the client's own origin.

        Raises:
            InvalidArgumentError: the URL is not absolute http(s), or the checksum is none.
        """
        if not url.lower().startswith(("https://", "http://")):
            raise InvalidArgumentError("url", "must be absolute and start with https:// or http://")
        return cls(sender, None, url=url, sha256=sha256, clock=clock)

    def __repr__(self) -> str:
        return f"<Download {self._operation.operation_id if self._operation is not None else 'by URL'}>"

    def __await__(self) -> Generator[Any, None, bytes]:
        return self._read().__await__()

    async def __aenter__(self) -> DownloadStream:
        if self._open is not None:
            raise ClientStateError("this Download is open already: use a second one, or leave the first `async with`")
        transfer = self._transfer()
        await transfer.open(0)
        self._open = DownloadStream(transfer, self.sha256)
        return self._open

    async def __aexit__(self, *problem: object) -> None:
        stream, self._open = self._open, None
        if stream is not None:
            await stream.aclose()

    async def save(
        self,
        path: str | os.PathLike[str],
        *,
        sha256: str | None = None,
        resume: bool = True,
        overwrite: bool = True,
    ) -> Path:
        """Write the file to disk. It appears under its name whole and verified, or not at all.

        Until then it is `<name>.part` beside the target (with `<name>.part.json`, which says what it is part of).

        Args:
            path: the target, in an existing directory.
            sha256: hexadecimal checksum the file must have; by default the one of the download, if any.
            resume: go on from a part file that an earlier try left, if the server confirms that it is of this file.
            overwrite: replace an existing target, at the very end. False: refuse before anything is sent.

        Returns:
            The target's path.

        Raises:
            InvalidArgumentError: the path cannot be written to, or the checksum is none.
            DownloadError: length or checksum are wrong. The part file is removed, an existing target untouched.
            TransportError: the connection broke too often. The part file stays for the next try if the server gave
                something to recognise the file by.
            StatusError: the server refused.
        """
        transfer = self._transfer()
        try:
            return await _save(transfer, path, sha256 or self.sha256, resume, overwrite)
        finally:
            await transfer.aclose()

    async def _read(self) -> bytes:
        content = bytearray()

        async def rewind() -> None:
            content.clear()

        transfer = self._transfer()
        try:
            await transfer.open(0)
            async for chunk in transfer.pieces(rewind):
                content += chunk
        finally:
            await transfer.aclose()
        if self.sha256 is not None:
            verify(self.sha256, hashlib.sha256(content).hexdigest())
        return bytes(content)

    def _transfer(self) -> Transfer:
        sender = self._sender
        if not isinstance(sender, StreamSender):
            raise ClientStateError(f"{type(sender).__name__} cannot stream: downloads need an open client")

        def send(extra: Mapping[str, str]) -> AbstractAsyncContextManager[StreamResponse]:
            return sender.stream(
                self._operation, self._path, self._query, self._headers, extra_headers=extra, url=self._url
            )

        return Transfer(send, self._accept(), self._source(), self._clock)

    def _accept(self) -> dict[str, str]:
        """`Accept`, where the operation has it as a parameter and the caller gave none: exactly one of its values."""
        headers = {name.lower(): value for name, value in (self._headers or {}).items() if value is not None}
        for parameter in self._operation.parameters if self._operation is not None else ():
            if parameter.where == "header" and parameter.wire.lower() == "accept" and "accept" not in headers:
                value = parameter.default or next(iter(parameter.enum), None)
                return {"Accept": str(value)} if value else {}
        return {}

    def _source(self) -> str:
        """A digest of what is downloaded: a part file of something else must not be continued."""
        said = (self._url, self._operation and self._operation.operation_id, [str(part) for part in self._path])
        query = sorted((name, str(value)) for name, value in (self._query or {}).items() if value is not None)
        return hashlib.sha256(repr((said, query)).encode()).hexdigest()


@final
class DownloadStream:
    """An open download: `async for chunk in stream`, or `await stream.save(path)`, once.

    Attributes are the answer's: `status`, `headers`, `size` (bytes, `None` if the server does not say), `content_type`,
    `filename` (its last part only, so that it cannot name another directory).
    """

    __slots__ = ("_sha256", "_transfer", "_used", "headers", "status")

    def __init__(self, transfer: Transfer, sha256: str | None) -> None:
        self._transfer = transfer
        self._sha256 = sha256
        self._used = False
        self.status = transfer.status
        self.headers = transfer.headers

    @property
    def size(self) -> int | None:
        return self._transfer.size

    @property
    def content_type(self) -> str | None:
        return header(self.headers, "content-type")

    @property
    def filename(self) -> str | None:
        from email.message import Message  # only who asks for the name pays for the parser

        message = Message()
        message["content-disposition"] = header(self.headers, "content-disposition") or ""
        name = (message.get_filename("") or "").replace("\\", "/").rpartition("/")[2]
        name = "".join(character for character in name if character.isprintable()).strip()
        return None if name in ("", ".", "..") else name

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The content. Broken connections are taken up again; a checksum, if given, is checked after the last chunk.

        Raises:
            DownloadError: the file did not arrive whole, changed meanwhile, or its checksum differs.
            TransportError: the connection broke too often, or the server gives nothing to continue by.
        """
        self._use()
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        digest = hashlib.sha256() if self._sha256 is not None else None
        async for chunk in self._transfer.pieces(None):
            if digest is not None:
                digest.update(chunk)
            yield chunk
        if digest is not None and self._sha256 is not None:
            verify(self._sha256, digest.hexdigest())

    async def save(
        self,
        path: str | os.PathLike[str],
        *,
        sha256: str | None = None,
        resume: bool = True,
        overwrite: bool = True,
    ) -> Path:
        """Write the file to disk; see `Download.save`."""
        self._use()
        return await _save(self._transfer, path, sha256 or self._sha256, resume, overwrite)

    async def aclose(self) -> None:
        """Drop the connection. `async with` does it."""
        self._used = True
        await self._transfer.aclose()

    def _use(self) -> None:
        if self._used:
            raise ClientStateError("this stream was read already, or is closed: a Download can be opened again")
        self._used = True


async def _save(
    transfer: Transfer, path: str | os.PathLike[str], sha256: str | None, resume: bool, overwrite: bool
) -> Path:
    from .saving import save  # keeps what only files on disk need out of the generated modules' import

    return await save(transfer, Path(path), sha256 and checked_sha256(sha256), resume=resume, overwrite=overwrite)


def checked_sha256(text: str) -> str:
    """A checksum in lower case.

    Raises:
        InvalidArgumentError: not 64 hexadecimal digits.
    """
    if len(text) != 64 or not set(text) <= set(string.hexdigits):
        raise InvalidArgumentError("sha256", "must be 64 hexadecimal digits")
    return text.lower()


def verify(expected: str, found: str) -> None:
    """Compare checksums; raises DownloadError where they differ."""
    if found != expected:
        raise DownloadError(f"the checksum differs: expected sha256 {expected}, the file has {found}")


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header whatever the mapping thinks of case; `name` in lower case."""
    found = headers.get(name)
    if found is None:
        found = next((value for key, value in headers.items() if key.lower() == name), None)
    return found


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
        self.source = source
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.position = 0
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
        if not self.is_open:
            await self._connect({})
            self._learn_whole()

    async def _opened_at(self, position: int, validator: str) -> bool:
        """Ask for the rest; True if the answer is usable, be it the rest or the whole file."""
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
        now = _validator(response.headers)
        if (
            start != position
            or now not in (None, validator)
            or (self.size is not None and total not in (None, self.size))
        ):
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
            broken: MittwaldError
            try:
                async for chunk in self._response.chunks():
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

    async def _mend(self, broken: MittwaldError, rewind: Rewind | None) -> bool:
        """Connect again after a break; True: from the start, and the consumer forgot what it had."""
        reached, validator = self.position, self.validator
        if reached - self._counted_from >= PROGRESS:
            self._breaks = 0
        self._counted_from = reached
        await self._reconnect(broken, reached, validator is not None or rewind is not None or not reached)
        if reached and self.position == reached:
            return False
        if rewind is not None:
            self._counted_from = 0
            await rewind()
            return True
        if reached and self.validator != validator:
            raise DownloadError("the file changed while it was downloaded")
        return False

    async def _reconnect(self, broken: MittwaldError, reached: int, possible: bool) -> None:
        while True:
            await self.aclose()
            self._breaks += 1
            if self._breaks > BREAKS or not possible:
                raise broken
            _log.info("a download broke after %d bytes (%s); taking it up again", reached, type(broken).__name__)
            await self._clock.sleep(random.uniform(0, min(_BACKOFF_CAP, _BACKOFF * 2**self._breaks)))
            try:
                return await self.open(reached)
            except CallTimeoutError:
                raise
            except TransportError as problem:
                broken = problem


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
