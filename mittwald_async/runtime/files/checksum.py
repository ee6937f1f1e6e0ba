"""Checksums of whole files: as callers give them, and compared."""

from __future__ import annotations

import string

from ..errors import DownloadError, InvalidArgumentError


def checked_sha256(text: object) -> str:
    """A checksum in lower case.

    Raises:
        InvalidArgumentError: not 64 hexadecimal digits.
    """
    if not isinstance(text, str) or len(text) != 64 or not set(text) <= set(string.hexdigits):
        raise InvalidArgumentError("sha256", "must be 64 hexadecimal digits")
    return text.lower()


def verify(expected: str, found: str) -> None:
    """Compare checksums; raises DownloadError where they differ."""
    if found != expected:
        raise DownloadError(f"the checksum differs: expected sha256 {expected}, the file has {found}")
