"""Files on their way up: `Upload`, `File`, and the multipart body a transport sends.

A body is described, not read: its size where that is known, whether it can be sent again, and an iterator over the
bytes as they go over the wire. Nothing here holds more than one chunk.
"""

from __future__ import annotations

import mimetypes
import os
import secrets
import stat
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path
from typing import TypeAlias, cast, final

import anyio.to_thread

from ..errors import InvalidArgumentError, MaybeSentError
from ..form_fields import FormField
from ..structs import UNSET

_ANY_BYTES = "application/octet-stream"
CHUNK = 1 << 20
"""Bytes read from a file at a time."""

Source: TypeAlias = "bytes | str | os.PathLike[str] | AsyncIterable[bytes]"
"""Content itself, the path of a file, or something that gives the content piece by piece."""


@final
class File:
    """Something to upload, with a name of your choice.

    Args:
        source: the content (`bytes`), the path of a file (`str` or path object), or an async iterable of `bytes`.
        filename: the name the server is given; by default the path's last part, else the name of the argument.
        content_type: its media type; by default guessed from the name, else what the document says of the argument,
            else `application/octet-stream`.
        size: bytes an async iterable will give, if known: then the server is given it beforehand.
    """

    __slots__ = ("content_type", "filename", "size", "source")

    def __init__(
        self, source: Source, *, filename: str | None = None, content_type: str | None = None, size: int | None = None
    ) -> None:
        self.source: Source = source
        self.filename: str | None = filename
        self.content_type: str | None = content_type
        self.size: int | None = size

    def __repr__(self) -> str:
        return f"File({_kind(self.source)}, filename={self.filename!r}, content_type={self.content_type!r})"


Upload: TypeAlias = "bytes | str | os.PathLike[str] | AsyncIterable[bytes] | File"
"""What upload arguments take. A `str` is a path, never the content."""


def _kind(source: object) -> str:
    return f"{len(source)} bytes" if isinstance(source, bytes) else type(source).__name__


async def multipart(body: Mapping[str, object], usual: Mapping[str, str] | None = None) -> MultipartBody:
    """Describe a `multipart/form-data` body.

    Args:
        body: `Upload` values and form fields by wire name, or lists of them, which repeat the name; `None` and `UNSET`
            are left out.
        usual: the media types of files that do not say theirs, neither themselves nor by their names; by wire name.

    Returns:
        The body. Files are inspected (size, readable), not read.

    Raises:
        InvalidArgumentError: a value is not an `Upload`, a file cannot be read, or a content type cannot be sent.
    """
    parts: list[_Part] = []
    for name, value in body.items():
        if value is None or value is UNSET:
            continue
        for part in cast("list[object]", value) if isinstance(value, list) else [value]:
            if isinstance(part, FormField):
                parts.append(_field(name, part))
                continue
            file = part if isinstance(part, File) else File(cast("Source", part))
            parts.append(await anyio.to_thread.run_sync(_described, name, file, (usual or {}).get(name, _ANY_BYTES)))
    return MultipartBody(parts)


@final
class MultipartBody:
    """A body ready to be sent: `content_type` and `size` for the headers, `open()` for the bytes.

    Attributes:
        content_type: value of the header of that name.
        size: bytes of the whole body; `None` where an async iterable of unknown length is part of it.
    """

    __slots__ = ("_boundary", "_parts", "content_type", "size")

    def __init__(self, parts: list[_Part]) -> None:
        self._boundary = secrets.token_hex(16)
        self._parts = parts
        self.content_type: str = f"multipart/form-data; boundary={self._boundary}"
        self.size: int | None = self._whole_size()

    @property
    def repeatable(self) -> bool:
        """`open` may be called again and gives the same bytes. False where part of the body is an iterator."""
        return all(part.repeatable for part in self._parts)

    async def open(self) -> AsyncIterator[bytes]:
        """The bytes from the start.

        Raises:
            MaybeSentError: a file changed meanwhile, an iterable gave another number of bytes than it was to, or an
                iterator is used up.
        """
        for part in self._parts:
            yield self._head(part)
            async for chunk in part.read():
                yield chunk
            yield b"\r\n"
        yield self._tail()

    def _head(self, part: _Part) -> bytes:
        return b"--" + self._boundary.encode() + b"\r\n" + part.head + b"\r\n\r\n"

    def _tail(self) -> bytes:
        return b"--" + self._boundary.encode() + b"--\r\n"

    def _whole_size(self) -> int | None:
        total = len(self._tail())
        for part in self._parts:
            if part.size is None:
                return None
            total += len(self._head(part)) + part.size + 2
        return total


class _Part:
    """One field of the form."""

    __slots__ = ("_consumed", "_source", "_stamp", "head", "name", "repeatable", "size")

    def __init__(self, name: str, head: bytes, source: bytes | Path | AsyncIterable[bytes], size: int | None) -> None:
        self.name = name
        self.head = head
        self.size = size
        self._source = source
        self.repeatable = not isinstance(source, AsyncIterator)
        self._consumed = False
        self._stamp: tuple[int, int, int] | None = None

    async def read(self) -> AsyncIterator[bytes]:
        if self._consumed and not self.repeatable:
            raise MaybeSentError(f"{self.name}: the iterator was read before, it cannot be sent again")
        self._consumed = True
        sent = 0
        async for chunk in self._chunks():
            sent += len(chunk)
            if self.size is not None and sent > self.size:
                break
            if chunk:
                yield chunk
        if self.size is not None and sent != self.size:
            raise MaybeSentError(f"{self.name}: the source gave {'more' if sent > self.size else 'less'} than its size")

    async def _chunks(self) -> AsyncIterator[bytes]:
        if isinstance(self._source, bytes):
            for start in range(0, len(self._source), CHUNK):
                yield self._source[start : start + CHUNK]
        elif isinstance(self._source, Path):
            start = 0
            while chunk := await anyio.to_thread.run_sync(self._piece, self._source, start):
                start += len(chunk)
                yield chunk
        else:
            async for chunk in self._source:
                if not isinstance(chunk, bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance]
                    raise InvalidArgumentError(self.name, f"the iterable gave {type(chunk).__name__}, not bytes")
                yield bytes(chunk)

    def _piece(self, path: Path, start: int) -> bytes:
        """A piece of the file. Opened for each: an upload that is broken off then leaves no file open behind it."""
        try:
            with path.open("rb", buffering=0) as file:
                facts = os.fstat(file.fileno())
                stamp = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
                if start and stamp != self._stamp:
                    raise MaybeSentError(f"{self.name}: the file changed while it was sent")
                self._stamp = stamp
                file.seek(start)
                return file.read(CHUNK)
        except OSError as problem:
            raise MaybeSentError(f"{self.name}: the file cannot be read any more: {problem.strerror}") from problem


def _field(name: str, field: FormField) -> _Part:
    """A part without a file name, which servers would take for a file."""
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if field.content_type is not None:
        head += f"\r\nContent-Type: {field.content_type}"
    return _Part(name, head.encode(), field.content, len(field.content))


def _described(name: str, file: File, usual: str) -> _Part:
    """Looks at the disk, so it runs in a worker thread."""
    source, size = file.source, file.size
    filename = file.filename
    for what, given in (("filename", filename), ("content_type", file.content_type)):
        flaw = "" if given is None else _flaw(given)
        if flaw:
            raise InvalidArgumentError(name, f"{what} {flaw}")
    if size is not None and (not isinstance(size, int) or size < 0):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgumentError(name, f"size must be a number of bytes, 0 or more, not {size!r}")
    kept: bytes | Path | AsyncIterable[bytes]
    if isinstance(source, bytes | bytearray | memoryview):
        kept = bytes(source)
        size = len(kept)
    elif isinstance(source, str | os.PathLike):
        kept = _path(name, source)
        size = _file_size(name, kept)
        filename = filename or kept.name
    elif isinstance(source, AsyncIterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        kept = source
    else:
        raise InvalidArgumentError(
            name,
            f"{type(source).__name__} cannot be uploaded: give bytes, a path, an async iterable of bytes, or a File",
        )
    filename = filename or name
    kind = file.content_type or mimetypes.guess_type(filename)[0] or usual
    if not kind.isascii() or not kind.isprintable():
        raise InvalidArgumentError(name, "the content type holds characters that cannot be sent")
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"; filename="{_quoted(filename)}"\r\nContent-Type: {kind}'
    return _Part(name, head.encode(), kept, size)


def _flaw(text: object) -> str:
    if not isinstance(text, str):
        return f"must be text, not {type(text).__name__}"
    return "holds a character that cannot be sent" if any("\ud800" <= c <= "\udfff" for c in text) else ""


def _path(name: str, source: str | os.PathLike[str]) -> Path:
    named = os.fspath(source)
    if not isinstance(named, str):  # pyright: ignore[reportUnnecessaryIsInstance] - path objects may give bytes
        raise InvalidArgumentError(name, f"the path must be text, not {type(named).__name__}")
    return Path(named)


def _file_size(name: str, path: Path) -> int:
    try:
        # Before it is opened: to open a pipe is to wait for its writer.
        if stat.S_ISFIFO(path.stat().st_mode):
            raise InvalidArgumentError(name, f"{path} is a pipe: give an async iterable of what is read from it")
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size
    except OSError as problem:
        raise InvalidArgumentError(name, f"{path} cannot be read: {problem.strerror}") from problem
    except ValueError as problem:
        if isinstance(problem, InvalidArgumentError):
            raise
        raise InvalidArgumentError(name, f"{str(path)!r} is not a possible path: {problem}") from None


def _quoted(text: str) -> str:
    """As browsers do it: what would end the value or the line is percent-encoded."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
