"""The file name a response suggests (RFC 6266), safe to join to a directory."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_PARAMETER = re.compile(
    r"""
    ;\s*(?P<name>[!#$&+\-.^_`|~\w]+(?:\*[0-9]+)?\*?)\s*=\s*
    (?: "(?P<quoted>(?:[^"\\]|\\.)*) | (?P<token>[^;"]*) )
""",
    re.X,
)
_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "cp1252",
    "us-ascii": "ascii",
}
_DRIVE = re.compile("[A-Za-z]:")


def suggested_filename(disposition: str | None) -> str | None:
    """The name in a `Content-Disposition` header.

    Args:
        disposition: the header's value, `None` where there is none; bytes that are not UTF-8 as surrogates.

    Returns:
        Its last path component without control characters; `filename*` wins over `filename`, also where it comes in
        pieces (`filename*0`, RFC 2231). `None` where nothing usable is left.
    """
    given: dict[str, str] = {}
    for found in _PARAMETER.finditer(_readable(disposition or "")):
        value = found["token"].strip() if found["quoted"] is None else re.sub(r"\\(.)", r"\1", found["quoted"])
        given.setdefault(found["name"].lower(), value)
    ways = (_extended(given.get("filename*", "")), _joined(given), given.get("filename"))
    return next((name for way in ways if (name := _last_component(way))), None)


def _readable(header: str) -> str:
    """A header as its writer meant it: what is not UTF-8 is ISO 8859-1, which HTTP had before."""
    if not any("\udc80" <= character <= "\udcff" for character in header):
        return header
    return header.encode("utf-8", "surrogateescape").decode("latin-1")


def _joined(given: dict[str, str]) -> str | None:
    """A name that comes in numbered pieces. Those with a `*` behind the number are percent-encoded; the charset, and
    its quotes, are in the first."""
    codec: str | None = "utf-8"
    if "filename*0*" in given:
        codec, given["filename*0*"] = _split(given["filename*0*"])
    whole = b""
    for number in range(len(given)):
        plain, encoded = given.get(f"filename*{number}"), given.get(f"filename*{number}*")
        if encoded is None and plain is None:
            break
        whole += (plain or "").encode("utf-8", "replace") if encoded is None else unquote_to_bytes(encoded)
    return _decoded(whole, codec)


def _extended(value: str) -> str | None:
    """`UTF-8'en'na%C3%AFve.txt` (RFC 8187); `None` where it is malformed, so that the plain name is used."""
    codec, text = _split(value)
    return _decoded(unquote_to_bytes(text), codec)


def _split(value: str) -> tuple[str | None, str]:
    """Charset and text of `charset'language'text`."""
    charset, first, rest = value.partition("'")
    _, second, text = rest.partition("'")
    return (_CHARSETS.get(charset.strip().lower()) if first and second else None), text


def _decoded(data: bytes, codec: str | None) -> str | None:
    if codec is None:
        return None
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def _last_component(name: str | None) -> str | None:
    """Only the last part, so that a name cannot lead to another directory, or, with a letter and a colon, to another
    drive."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    last = "".join(character for character in last if character.isprintable()).strip()
    while _DRIVE.match(last):
        last = last[2:].lstrip()
    return None if last in ("", ".", "..") else last
