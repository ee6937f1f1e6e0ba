"""Values of records as text, as zone files write them: read, checked, and written in one spelling."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from ..runtime.errors import InvalidArgumentError
from .names import canonical

_CHUNK = 255
"""Bytes of one character string of a TXT record (RFC 1035)."""
_LONGEST_TXT = 2048
"""Characters of an entry, as the document says."""
_STRINGS = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(\S+))', re.DOTALL)
_ESCAPE = re.compile(r"\\(\d{3}|.)", re.DOTALL)


def normal(type: str, value: object) -> str:
    """The one spelling of a value; a TXT value comes without quotes, whole.

    Raises:
        InvalidArgumentError: it is not a value of this type.
    """
    if not isinstance(value, str):
        raise InvalidArgumentError("value", f"must be text, not {value.__class__.__name__}")
    return _NORMAL[type](value)


def _address(version: int) -> Callable[[str], str]:
    def read(value: str) -> str:
        try:
            address = ipaddress.ip_address(value.strip())
        except ValueError:
            address = None
        if address is None or address.version != version:
            raise InvalidArgumentError("value", f"{value!r} is not an IPv{version} address")
        return str(address)

    return read


def _host(value: str) -> str:
    return canonical(value, "value")


def _mx(value: str) -> str:
    priority, host = _parts("MX", value, "10 mx.example.org")
    return f"{_number(priority, 'priority', 100)} {_host(host)}"


def _srv(value: str) -> str:
    priority, weight, port, host = _parts("SRV", value, "10 5 5060 sip.example.org")
    numbers = (_number(priority, "priority"), _number(weight, "weight"), _number(port, "port"))
    return " ".join((*map(str, numbers), _host(host)))


def _caa(value: str) -> str:
    flags, tag, rest = _parts("CAA", value, '0 issue "letsencrypt.org"', split=2)
    return f'{_number(flags, "flags", 255)} {tag.lower()} "{_unquoted(rest)}"'


def _parts(type: str, value: str, example: str, *, split: int = -1) -> list[str]:
    parts = value.split(None, split)
    if len(parts) != len(example.split()):
        raise InvalidArgumentError("value", f"{value!r} is not {type}; write it like {example!r}")
    return parts


def _number(text: str, name: str, most: int = 65535) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > most:
        raise InvalidArgumentError("value", f"{name} must be a whole number from 0 to {most}, not {text!r}")
    return int(text)


def _txt(value: str) -> str:
    text = _unquoted(value)
    if len(written_txt(text)) > _LONGEST_TXT:
        raise InvalidArgumentError("value", f"is too long: a TXT entry has at most {_LONGEST_TXT} characters")
    return text


def _unquoted(value: str) -> str:
    """The text of quoted character strings, one after the other; what does not begin with a quote is the text
    itself."""
    if not value.lstrip().startswith('"'):
        return value
    text = value.strip()
    pieces: list[bytes] = []
    at = 0
    while at < len(text):
        found = _STRINGS.match(text, at)
        if found is None or found[1] is None:
            raise InvalidArgumentError("value", f"{excerpt(value)!r} has a quotation mark that is not closed")
        pieces.append(_unescaped(found[1]))
        at = found.end()
    octets = b"".join(pieces)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def excerpt(value: str) -> str:
    """The beginning of a value, for messages."""
    return value if len(value) <= 60 else value[:60] + "…"


def _unescaped(text: str) -> bytes:
    """A character string as octets: `\\;` is a semicolon, `\\195` one octet."""
    parts = _ESCAPE.split(text)
    octets = [part.encode() for part in parts]
    for at in range(1, len(parts), 2):
        escaped = parts[at]
        if len(escaped) == 3 and int(escaped) < 256:
            octets[at] = bytes([int(escaped)])
    return b"".join(octets)


def written_txt(text: str) -> str:
    """A TXT value as it is sent: as it is, or, from 256 bytes on, as quoted character strings of 255 bytes at most."""
    if len(text.encode()) <= _CHUNK and not text.lstrip().startswith('"'):
        return text
    chunks: list[str] = []
    chunk, size = "", 0
    for character in text:
        width = len(character.encode())
        if size + width > _CHUNK:
            chunks.append(chunk)
            chunk, size = "", 0
        chunk += character
        size += width
    chunks.append(chunk)
    return " ".join('"{}"'.format(part.replace("\\", "\\\\").replace('"', '\\"')) for part in chunks)


_NORMAL: dict[str, Callable[[str], str]] = {
    "A": _address(4),
    "AAAA": _address(6),
    "CNAME": _host,
    "MX": _mx,
    "SRV": _srv,
    "CAA": _caa,
    "TXT": _txt,
}
TYPES: tuple[str, ...] = tuple(_NORMAL)
"""The types of records that mittwald's name servers serve for customers."""


def checked_type(type: Any) -> str:
    """The type in capitals.

    Raises:
        InvalidArgumentError: the type is not supported.
    """
    found = type.upper() if isinstance(type, str) else type
    if found not in _NORMAL:
        raise InvalidArgumentError("type", f"must be one of {', '.join(TYPES)}, not {type!r}")
    return str(found)
