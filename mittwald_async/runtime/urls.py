"""Which addresses a request can go to. Everything that takes an address asks here."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address

from yarl import URL

NOT_IN_URLS = re.compile("[\x00-\x20\x7f]")
"""What would end a request's first line, or a URL in it."""
_WHOLE_URL = re.compile("https?://", re.I)


def is_whole_url(text: str) -> bool:
    """Whether the text starts with a supported URL scheme, so that it is not a path."""
    return _WHOLE_URL.match(text) is not None


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, by its name or address."""
    if not host:
        return False
    name = host.lower().strip("[]").rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    with suppress(ValueError):
        address = ip_address(name.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback
    return False


def is_exposed(url: URL) -> bool:
    """Whether requests to the URL cross a network unencrypted."""
    return url.scheme == "http" and not is_loopback(url.host)


def http_url(text: object, base: URL | None = None) -> URL | None:
    """A whole http or https URL with a host and a possible port; `None` for anything else.

    Args:
        text: the address; percent-encoded where it is ASCII.
        base: what a relative address is relative to.
    """
    if not isinstance(text, str) or NOT_IN_URLS.search(text):
        return None
    with suppress(ValueError, TypeError):  # raised by the questions, too: the port is read late
        url = URL(text, encoded=text.isascii())
        if base is not None:
            url = base.join(url)
        if url.scheme in ("http", "https") and url.host and url.port:
            return url
    return None
