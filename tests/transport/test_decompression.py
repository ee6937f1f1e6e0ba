"""A compressed body is decompressed completely or an error is raised, and its size is bounded."""

from __future__ import annotations

import gzip
import sys
import zlib
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mittwald_async.runtime.transport.decompression import (
    PIECE,
    BodyTooLargeError,
    CorruptBodyError,
    Decompressor,
    accepted,
    codings,
    decompressed,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b'{"description": "a line that repeats"}' * 300


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, Any] = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}
if find_spec("brotli"):
    PACKERS["br"] = import_module("brotli").compress


@pytest.mark.parametrize("coding", PACKERS)
def test_a_body_is_restored_however_it_is_split(coding: str) -> None:
    packed = PACKERS[coding](TEXT)
    assert decompressed((coding,), packed) == TEXT
    for size in (1, 7, 100):
        stream = Decompressor((coding,))
        pieces = [piece for at in range(0, len(packed), size) for piece in stream.feed(packed[at : at + size])]
        stream.finish()
        assert b"".join(pieces) == TEXT


@pytest.mark.parametrize("coding", PACKERS)
def test_a_body_cut_at_any_point_is_an_error(coding: str) -> None:
    """pydantic-ai#7159: a truncated gzip body was accepted as the whole file."""
    packed = PACKERS[coding](TEXT)
    for length in range(1, len(packed)):
        with pytest.raises(CorruptBodyError, match="ended early"):
            decompressed((coding,), packed[:length])


@pytest.mark.parametrize("coding", PACKERS)
def test_a_damaged_body_is_a_package_error(coding: str) -> None:
    packed = bytearray(PACKERS[coding](TEXT))
    packed[len(packed) // 2] ^= 0xFF
    packed[1] ^= 0xFF
    with pytest.raises(CorruptBodyError):
        decompressed((coding,), bytes(packed))


def test_raw_deflate_is_accepted_as_some_servers_send_it() -> None:
    assert decompressed(("deflate",), raw_deflate(TEXT)) == TEXT
    with pytest.raises(CorruptBodyError):
        decompressed(("deflate",), raw_deflate(TEXT)[:-3])


def test_several_streams_in_one_body_are_joined() -> None:
    assert decompressed(("gzip",), gzip.compress(b"a") + gzip.compress(b"b") + b"\0" * 10) == b"ab"
    assert decompressed(("zstd",), zstd.compress(b"a") + zstd.compress(b"b")) == b"ab"
    with pytest.raises(CorruptBodyError, match="ended early"):
        decompressed(("gzip",), gzip.compress(b"a") + gzip.compress(b"b")[:-1])


@pytest.mark.parametrize("coding", [name for name in PACKERS if name != "zstd"])
def test_bytes_after_the_end_are_an_error(coding: str) -> None:
    with pytest.raises(CorruptBodyError):
        decompressed((coding,), PACKERS[coding](TEXT) + b"and more")


def test_stacked_codings_are_undone_in_reverse() -> None:
    packed = gzip.compress(zlib.compress(TEXT))
    assert codings({"Content-Encoding": "deflate, identity, GZIP"}) == ("deflate", "gzip")
    assert decompressed(("deflate", "gzip"), packed) == TEXT
    with pytest.raises(LookupError):
        decompressed(("gzip",) * 5, packed)


@pytest.mark.parametrize("coding", PACKERS)
def test_a_small_body_that_expands_hugely_stops_at_the_limit(coding: str) -> None:
    bomb = PACKERS[coding](b"\0" * (64 * PIECE))
    assert len(bomb) < PIECE
    grown: list[int] = []
    with pytest.raises(BodyTooLargeError, match="larger than 2097152 bytes"):
        grown.extend(len(piece) for piece in Decompressor((coding,), 2 * PIECE).feed(bomb))
    assert sum(grown) <= 2 * PIECE


def test_an_empty_body_is_empty_in_any_coding() -> None:
    assert decompressed(("gzip",), b"") == b""


def test_an_unknown_coding_is_named() -> None:
    with pytest.raises(LookupError, match="lzma"):
        decompressed(("lzma",), TEXT)


def test_only_supported_codings_are_requested() -> None:
    assert set(accepted().split(", ")) == {*PACKERS}


@given(st.binary(), st.sampled_from(sorted(PACKERS)), st.integers(1, 50))
def test_any_bytes_yield_the_body_or_a_package_error(data: bytes, coding: str, size: int) -> None:
    assert decompressed((coding,), PACKERS[coding](data)) == data
    stream = Decompressor((coding,), limit=PIECE)
    try:
        for at in range(0, len(data), size):
            list(stream.feed(data[at : at + size]))
        stream.finish()
    except (CorruptBodyError, BodyTooLargeError):
        pass
