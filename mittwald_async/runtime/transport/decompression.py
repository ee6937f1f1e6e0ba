"""Content codings undone, piece by piece: a body that did not reach its end is an error, and so is one that grows too
large.

The HTTP client below could decompress as well, but it neither says whether a gzip, Brotli or Zstandard stream reached
its end nor bounds what a small body becomes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from multidict import MultiMapping

PIECE = 1 << 20
"""Bytes to decompress at a time: what a hostile stream can cost before its size is checked."""

MAX_CODINGS = 4
"""Codings one body may have on top of each other. One is usual; each further one multiplies what a small body
becomes."""


class CorruptBodyError(ValueError):
    """A compressed body that is damaged or did not reach its end."""


class BodyTooLargeError(ValueError):
    """A body that becomes larger than the caller allows."""


class _Decoder(Protocol):
    """One coding, undone. `eof`: the stream reached its end."""

    eof: bool

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the data becomes, in pieces of at most `PIECE` bytes. Raises what the library raises."""
        ...


class _Zlib:
    """gzip and deflate. gzip streams may follow each other in one body (RFC 1952, 2.2)."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._stream = zlib.decompressobj(wbits)
        self._started = False
        self.eof: bool = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self.eof:
                data = self._next_member(data)
                if not data:
                    return
            self._choose_deflate(data)
            yield self._stream.decompress(data, PIECE)
            self.eof = self._stream.eof
            data = self._stream.unused_data if self.eof else self._stream.unconsumed_tail

    def _next_member(self, data: bytes) -> bytes:
        """What follows a whole stream: another gzip stream, or padding of zeros, which tapes and some servers add."""
        data = data.lstrip(b"\0")
        if data:
            if self._wbits < 16:
                raise CorruptBodyError("something follows the end of the compressed body")
            self._stream = zlib.decompressobj(self._wbits)
            self.eof = False
        return data

    def _choose_deflate(self, data: bytes) -> None:
        """`deflate` is zlib's format by the standard, and raw deflate from some servers."""
        if not self._started:
            self._started = True
            if self._wbits == zlib.MAX_WBITS and data[0] & 0x0F != 8:
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS)


class _Brotli:
    def __init__(self, library: Any) -> None:
        self._stream = library.Decompressor()
        self.eof: bool = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self.eof and data:
            raise CorruptBodyError("something follows the end of the compressed body")
        piece = self._stream.process(data, output_buffer_limit=PIECE)
        yield piece
        while not self._stream.can_accept_more_data():
            yield self._stream.process(b"", output_buffer_limit=PIECE)
        self.eof = self._stream.is_finished()


class _Zstandard:
    """Zstandard; frames may follow each other (RFC 8878, 3)."""

    def __init__(self, library: Any) -> None:
        self._new = library.ZstdDecompressor
        self._stream = self._new()
        self.eof: bool = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self.eof:
                self._stream, self.eof = self._new(), False
            yield self._stream.decompress(data, PIECE)
            while not self._stream.eof and not self._stream.needs_input:
                yield self._stream.decompress(b"", PIECE)
            self.eof = self._stream.eof
            data = self._stream.unused_data if self.eof else b""


def _library(*names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


def _brotli() -> _Decoder | None:
    library = _library("brotli", "brotlicffi")
    return None if library is None or not hasattr(library.Decompressor, "can_accept_more_data") else _Brotli(library)


def _zstandard() -> _Decoder | None:
    library = _library("compression.zstd", "backports.zstd")
    return None if library is None else _Zstandard(library)


_DECODERS: Mapping[str, Callable[[], _Decoder | None]] = {
    "gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
    "x-gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
    "deflate": lambda: _Zlib(zlib.MAX_WBITS),
    "br": _brotli,
    "zstd": _zstandard,
}


def codings(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The content codings of a body, in the order they were applied; empty for a plain body.

    A header that comes on several lines is one list (RFC 9110, 5.3).
    """
    named = headers.get("Content-Encoding")
    if not named:
        return ()
    if isinstance(headers, MultiMapping):
        named = ",".join(headers.getall("Content-Encoding"))
    found = (part.strip().lower() for part in named.split(","))
    return tuple(part for part in found if part not in ("", "identity"))


def can_undo(applied: tuple[str, ...]) -> bool:
    """Whether these codings can be undone with the libraries that are installed."""
    return not applied or (
        len(applied) <= MAX_CODINGS and all(_DECODERS.get(name, lambda: None)() is not None for name in applied)
    )


@cache
def accepted() -> str:
    """What `Accept-Encoding` may ask for with the libraries that are installed."""
    offered = ["gzip", "deflate"]
    offered += [name for name in ("br", "zstd") if _DECODERS[name]() is not None]
    return ", ".join(offered)


class Decompressor:
    """Undoes the content codings of one body."""

    def __init__(self, applied: tuple[str, ...], limit: int | None = None) -> None:
        """
        Args:
            applied: content codings in the order they were applied.
            limit: bytes the body may become; `None`: no bound.

        Raises:
            LookupError: a coding that is unknown, or whose library is not installed.
        """
        if len(applied) > MAX_CODINGS:
            raise LookupError(f"{len(applied)} codings on top of each other")
        self._limit = limit
        self._size = 0
        self._began = False
        self._decoders: list[_Decoder] = []
        for name in reversed(applied):
            decoder = _DECODERS.get(name, lambda: None)()
            if decoder is None:
                raise LookupError(name)
            self._decoders.append(decoder)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What this part of the body becomes.

        Raises:
            CorruptBodyError: it cannot be decompressed.
            BodyTooLargeError: the body became larger than the limit.
        """
        if not data:
            return
        self._began = True
        try:
            for piece in self._through(data, 0):
                self._size += len(piece)
                if self._limit is not None and self._size > self._limit:
                    raise BodyTooLargeError(f"the decompressed body is larger than {self._limit} bytes")
                if piece:
                    yield piece
        except (CorruptBodyError, BodyTooLargeError):
            raise
        except Exception as error:  # each library raises errors of its own
            raise CorruptBodyError(f"the compressed body is damaged: {error}") from None

    def _through(self, data: bytes, index: int) -> Iterator[bytes]:
        if index == len(self._decoders):
            yield data
            return
        for piece in self._decoders[index].feed(data):
            yield from self._through(piece, index + 1)

    def finish(self, *, may_be_empty: bool = True) -> None:
        """The body is over.

        Args:
            may_be_empty: a body without a single byte is an empty one, whatever its coding: responses to HEAD and
                statuses without content look like that. False where only the closed connection says that the body is
                over.

        Raises:
            CorruptBodyError: but its compressed data is not.
        """
        if not self._began and may_be_empty:
            return
        if not all(decoder.eof for decoder in self._decoders):
            raise CorruptBodyError("the compressed body ended early")


def decompressed(applied: tuple[str, ...], body: bytes, limit: int | None = None) -> bytes:
    """A whole body with its codings undone.

    Args:
        applied: content codings in the order they were applied.
        body: as it came over the wire.
        limit: bytes it may become; `None`: no bound.

    Raises:
        LookupError: a coding that cannot be undone here.
        CorruptBodyError: damaged, or cut.
        BodyTooLargeError: larger than the limit.
    """
    decompressor = Decompressor(applied, limit)
    pieces = list(decompressor.feed(body))
    decompressor.finish()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
