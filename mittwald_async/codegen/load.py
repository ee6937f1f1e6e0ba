"""Bytes to JSON: from a file or a URL, refused early when it is no OpenAPI 3.0 document."""

from __future__ import annotations

import hashlib
import http.client
import json
import math
import time
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import DocumentError
from .json_access import Json, is_object

_TIMEOUT = 60.0
"""Seconds for connecting and for each wait for more bytes."""
_DEADLINE = 300.0
"""Seconds for the whole document."""
_MAX_BYTES = 64 * 1024 * 1024
"""A document of some megabytes is large; a gzip bomb is larger."""
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Document:
    """A document as it was read, and the checksum of its bytes (unpacked)."""

    root: Json
    sha256: str


def load(source: str) -> Document:
    """Read and check a document.

    Args:
        source: a path, or a URL beginning with http:// or https://. What is compressed with gzip is unpacked.

    Raises:
        DocumentError: it cannot be had, or is no OpenAPI 3.0 document.
    """
    raw = _fetch(source) if source.startswith(("http://", "https://")) else _read(Path(source))
    return parse(_unpacked(raw, source) if raw.startswith(_GZIP) else raw, source)


def parse(raw: bytes, source: str) -> Document:
    """Check bytes and read them as an OpenAPI 3.0 document; `source` is what errors call them."""
    try:
        root: object = json.loads(
            raw, object_pairs_hook=_no_double_keys, parse_constant=_no_number, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{source} is not JSON: {error}") from error
    if not is_object(root):
        raise DocumentError(f"{source} is not an OpenAPI document: the top is no object")
    document = root
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith("3.0"):
        said = f"openapi {version}" if version else f"swagger {document.get('swagger', 'of no version')}"
        raise DocumentError(f"{source} is {said}; OpenAPI 3.0 is needed")
    if not isinstance(document.get("paths"), dict):
        raise DocumentError(f"{source} has no paths", "#/paths")
    return Document(document, hashlib.sha256(raw).hexdigest())


def _no_double_keys(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise DocumentError(f"an object of the document has the key {double!r} twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _unpacked(raw: bytes, source: str) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)
    try:
        text = _small_enough(unpacking.decompress(raw, _MAX_BYTES + 1), source)
    except zlib.error as error:
        raise DocumentError(f"{source} is damaged: {error}") from error
    if not unpacking.eof:
        raise DocumentError(f"{source} is damaged: it ends early")
    return text


def _small_enough(raw: bytes, source: str) -> bytes:
    if len(raw) > _MAX_BYTES:
        raise DocumentError(f"{source} is larger than {_MAX_BYTES} bytes")
    return raw


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror or error}") from error


def _fetch(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310  http(s) only, see load()
    until = time.monotonic() + _DEADLINE
    raw = b""
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
            while chunk := answer.read1(1 << 20):
                raw = _small_enough(raw + chunk, url)
                if time.monotonic() > until:
                    raise DocumentError(f"{url} cannot be fetched: not all of it came within {_DEADLINE:.0f} s")
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise DocumentError(f"{url} cannot be fetched: {getattr(error, 'reason', None) or error}") from error
    return raw
