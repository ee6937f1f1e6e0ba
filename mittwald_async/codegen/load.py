"""Bytes to JSON: from a file or a URL, in JSON or YAML; refused early when it is not an OpenAPI 3 document."""

from __future__ import annotations

import hashlib
import http.client
import json
import math
import time
import urllib.error
import urllib.request
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import DocumentError
from .json_access import Json, is_object
from .yaml_text import parse_yaml

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
    source: str = ""
    """Path or URL, against which references to other files are resolved; empty: there are no other files."""
    notes: tuple[str, ...] = ()
    """What was read in a way that may surprise, such as keys given twice."""


def load(source: str) -> Document:
    """Read and check a document.

    Args:
        source: a path, or a URL beginning with http:// or https://. What is compressed with gzip is unpacked.

    Raises:
        DocumentError: it cannot be fetched or read, or is not an OpenAPI 3 document.
    """
    return parse(read_bytes(source), source)


def read_bytes(source: str) -> bytes:
    """The bytes of a path or URL, unpacked.

    Raises:
        DocumentError: they cannot be fetched or read.
    """
    raw = _fetch(source) if is_url(source) else _read(Path(source))
    return _unpacked(raw, source) if raw.startswith(_GZIP) else raw


def is_url(source: str) -> bool:
    """Whether it is fetched over HTTP instead of read from a file."""
    return source.startswith(("http://", "https://"))


def parse(raw: bytes, source: str) -> Document:
    """Check bytes and read them as an OpenAPI 3 document; `source` is what errors call them."""
    notes: list[str] = []
    root = parse_text(raw, source, notes)
    if not is_object(root):
        raise DocumentError(f"{source} is not an OpenAPI document: the top is not an object")
    version = str(root.get("openapi") or "")
    if not (version == "3" or version.startswith("3.")):
        raise DocumentError(_not_openapi_3(root, source, version))
    return Document(root, hashlib.sha256(raw).hexdigest(), source, tuple(notes))


def _not_openapi_3(root: Json, source: str, version: str) -> str:
    if "swagger" in root:
        return f"{source} is Swagger {root['swagger']}; convert it to OpenAPI 3 first, for example with swagger2openapi"
    if version:
        return f"{source} is OpenAPI {version}; OpenAPI 3.0 or 3.1 is needed"
    return f"{source} is not an OpenAPI document: it has no `openapi: 3.x`"


def parse_text(raw: bytes, source: str, notes: list[str]) -> Any:
    """JSON or YAML as values; `notes` takes what may surprise.

    Raises:
        DocumentError: it is neither.
    """
    try:
        text = raw.decode(json.detect_encoding(raw))
    except UnicodeDecodeError as error:
        raise DocumentError(f"{source} is not text: {error}") from error
    if text.lstrip()[:1] not in ("{", "["):
        try:
            return parse_yaml(text.removeprefix("\ufeff"), source, notes)
        except RecursionError as error:
            raise DocumentError(f"{source} is not YAML that can be read: it is nested too deeply") from error
    try:
        return _parse_json(text, source, notes)
    except json.JSONDecodeError as error:
        with suppress(DocumentError, RecursionError):
            found = parse_yaml(text, source, notes)  # which may begin with a bracket, and takes a comma too many
            notes.append(f"{source}: not JSON ({error}), read as YAML")
            return found
        raise DocumentError(f"{source} is not JSON: {error}") from error
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{source} is not JSON: {error}") from error


def _parse_json(text: str, source: str, notes: list[str]) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> Json:
        made = dict(found)
        if len(made) != len(found):
            keys = [key for key, _ in found]
            double = next(key for key in keys if keys.count(key) > 1)
            notes.append(f"{source}: an object has the key {double!r} twice; the last one counts")
        return made

    return json.loads(text, object_pairs_hook=pairs, parse_constant=_no_number, parse_float=_finite)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number")


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
    except (OSError, ValueError) as error:
        raise DocumentError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _fetch(url: str) -> bytes:
    accept = {"Accept": "application/json, application/yaml;q=0.9, */*;q=0.5"}
    request = urllib.request.Request(url, headers=accept)  # noqa: S310  http(s) only, see read_bytes()
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
