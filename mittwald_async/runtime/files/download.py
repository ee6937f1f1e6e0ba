"""`Download`: lazy, streamed, resumed where the server lets it.

Nothing is sent until it is awaited, entered or saved.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, final

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import ClientStateError, InvalidArgumentError, ResponseTooLargeError
from ..operation import Operation, Sender
from .checksum import checked_sha256, verify
from .filename import suggested_filename
from .transfer import Progressed, StreamResponse, StreamSender, Transfer, header, whole_within


@final
class Download:
    """A file of the API. Nothing is sent before it is used, and it may be used again.

    `await download` gives the bytes; `async with download as stream` a `DownloadStream`; `await download.save(path)` a
    file. For more than some megabytes use the last two: they hold a few chunks at a time, and take as long as it takes.
    Awaited, a download is a call like any other: `timeout` bounds all of it, `max_response_size` what it may hold.

    A connection that breaks, or brings less than 1 KiB/s over a minute, is replaced, up to 5 times in a row without
    progress. Progress is a mebibyte, or a tenth of what was missing. So a body that never comes is asked for 6 times.
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
        clock: Clock | None = None,
    ) -> None:
        self._sender = sender
        self._operation = operation
        self._path = path
        self._query = query
        self._headers = headers
        self._url = url
        given: Clock | None = clock or getattr(sender, "clock", None)
        self._clock: Clock = given or SYSTEM_CLOCK
        self._open: DownloadStream | None = None
        self.sha256: str | None = None if sha256 is None else checked_sha256(sha256)
        """Hexadecimal checksum the whole file must have, `None`: not checked."""

    @classmethod
    def of_url(
        cls, sender: Sender | StreamSender, url: str, *, sha256: str | None = None, clock: Clock | None = None
    ) -> Download:
        """The file at an absolute URL, like a backup export's. Credentials go along only to the client's own origin.

        Raises:
            InvalidArgumentError: the URL is not absolute http(s), or the checksum is none.
        """
        whole = isinstance(url, str) and url.lower().startswith(("https://", "http://"))  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        if not whole:
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
        progress: Progressed | None = None,
    ) -> Path:
        """Write the file to disk. It appears under its name whole and verified, or not at all.

        Until then it is `<name>.part` beside the target (with `<name>.part.json`, which says what it is part of). What
        is downloaded here is mostly private: the file can be read by its owner only. A target that is replaced keeps
        its mode.

        Args:
            path: the target, in an existing directory.
            sha256: hexadecimal checksum the file must have; by default the one of the download, if any.
            resume: continue from the part file of an earlier attempt, if the server confirms that it is of this file.
            overwrite: replace an existing target, at the very end. False: refuse before anything is sent.
            progress: is called with the bytes that are on disk and the size of the file (`None` where the server does
                not say), at the start, about once a megabyte, and at the end.

        Returns:
            The target's path.

        Raises:
            InvalidArgumentError: the path cannot be written to, or the checksum is none. Nothing was sent.
            FileAccessError: the operating system refused to write on the way, such as on a full disk.
            DownloadError: length or checksum are wrong. The part file is removed, an existing target untouched.
            TransportError: the connection broke too often. The part file stays for the next try if the server gave
                something to recognise the file by.
            StatusError: the server refused.
        """
        transfer = self._transfer()
        try:
            return await _save(transfer, path, self.sha256 if sha256 is None else sha256, resume, overwrite, progress)
        finally:
            await transfer.aclose()

    async def _read(self) -> bytes:
        timeout: float | None = getattr(self._sender, "timeout", None)
        late = "the download took longer than timeout; stream it or save it where that is to be expected"
        async with whole_within(self._clock, timeout, late):
            return await self._read_whole()

    async def _read_whole(self) -> bytes:
        content = bytearray()
        largest: int | None = getattr(self._sender, "max_response_size", None)

        async def rewind() -> None:
            content.clear()

        transfer = self._transfer()
        try:
            await transfer.open(0)
            if largest is not None and (transfer.size or 0) > largest:
                raise self._too_large(largest)
            async for chunk in transfer.pieces(rewind):
                content += chunk
                if largest is not None and len(content) > largest:
                    raise self._too_large(largest)
        finally:
            await transfer.aclose()
        if self.sha256 is not None:
            verify(self.sha256, hashlib.sha256(content).hexdigest())
        return bytes(content)

    def _too_large(self, largest: int) -> ResponseTooLargeError:
        operation_id = self._operation.operation_id if self._operation is not None else None
        return ResponseTooLargeError(largest, operation_id=operation_id, method="GET")

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

    Attributes are the response's: `status`, `headers`, `size` (bytes, `None` if the server does not say),
    `content_type`, `filename` (its last part only, so that it cannot name another directory).
    """

    __slots__ = ("_sha256", "_transfer", "_used", "headers", "status")

    def __init__(self, transfer: Transfer, sha256: str | None) -> None:
        self._transfer = transfer
        self._sha256 = sha256
        self._used = False
        self.status: int = transfer.status
        self.headers: Mapping[str, str] = transfer.headers

    @property
    def size(self) -> int | None:
        return self._transfer.size

    @property
    def content_type(self) -> str | None:
        return header(self.headers, "content-type")

    @property
    def filename(self) -> str | None:
        return suggested_filename(header(self.headers, "content-disposition"))

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
        progress: Progressed | None = None,
    ) -> Path:
        """Write the file to disk; see `Download.save`."""
        self._use()
        return await _save(
            self._transfer, path, self._sha256 if sha256 is None else sha256, resume, overwrite, progress
        )

    async def aclose(self) -> None:
        """Drop the connection. `async with` does it."""
        self._used = True
        await self._transfer.aclose()

    def _use(self) -> None:
        if self._used:
            raise ClientStateError("this stream was read already, or is closed: a Download can be opened again")
        self._used = True


async def _save(
    transfer: Transfer,
    path: str | os.PathLike[str],
    sha256: str | None,
    resume: bool,
    overwrite: bool,
    progress: Progressed | None,
) -> Path:
    from .saving import save  # keeps what only files on disk need out of the generated modules' import

    if not isinstance(path, str | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgumentError("path", f"must be text or a path object, not {type(path).__name__}")
    named = os.fspath(path)
    if not isinstance(named, str):  # pyright: ignore[reportUnnecessaryIsInstance] - path objects may give bytes
        raise InvalidArgumentError("path", f"must name the file as text, not as {type(named).__name__}")
    checksum = None if sha256 is None else checked_sha256(sha256)
    return await save(transfer, Path(named), checksum, resume=resume, overwrite=overwrite, progress=progress)
