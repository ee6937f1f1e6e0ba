"""The file name a response suggests (RFC 6266), safe to join to a directory."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_PARAMETER = re.compile(
    r"""
    ;\s*(?P<name>[!#$&+\-.^_`|~\w]+(?P<extended>\*)?)\s*=\s*
    (?: "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<token>[^;"\s]*) )
""",
    re.X,
)
_CHARSETS = {"utf-8": "utf-8", "iso-8859-1": "latin-1", "us-ascii": "ascii"}


def suggested_filename(disposition: str | None) -> str | None:
    """The name in a `Content-Disposition` header.

    Args:
        disposition: the header's value, `None` where there is none.

    Returns:
        Its last path component without control characters; `filename*` wins over `filename`. `None` where nothing
        usable is left.
    """
    plain = extended = None
    for found in _PARAMETER.finditer(disposition or ""):
        value = found["token"] if found["quoted"] is None else re.sub(r"\\(.)", r"\1", found["quoted"])
        name = found["name"].lower()
        if name == "filename" and plain is None:
            plain = value
        elif name == "filename*" and extended is None:
            extended = _extended(value)
    return _last_component(extended) or _last_component(plain)


def _extended(value: str) -> str | None:
    """`UTF-8'en'na%C3%AFve.txt` (RFC 8187); `None` where it is malformed, so that the plain name is used."""
    charset, first, rest = value.partition("'")
    _, second, text = rest.partition("'")
    codec = _CHARSETS.get(charset.lower())
    if not first or not second or codec is None:
        return None
    try:
        return unquote_to_bytes(text).decode(codec)
    except UnicodeDecodeError:
        return None


def _last_component(name: str | None) -> str | None:
    """Only the last part, so that a name cannot lead to another directory."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    last = "".join(character for character in last if character.isprintable()).strip()
    return None if last in ("", ".", "..") else last
