"""Where a redirect leads, and what may go along."""

from __future__ import annotations

import re
from urllib.parse import quote

from ..middleware import RawResponse
from ..urls import NOT_IN_URLS, http_url
from .call import Call, Shared
from .encoding import SAFE

MAX_REDIRECTS = 5
"""Redirects that one call follows."""

_STRAY_BYTES = re.compile("[\udc80-\udcff]+")
"""Bytes of a header that are not UTF-8, as the HTTP client hands them out. A URL would lose them, and name another
place."""
_STATUSES = frozenset((301, 302, 303, 307, 308))


def follow(call: Call, response: RawResponse, shared: Shared) -> str:
    """Point the call at the place a redirect names. Returns why that is not possible, or nothing.

    Reads go anywhere but from https to http; once the way has left the API's scheme, host or port, neither credentials
    nor the caller's headers are sent any more. Writes stay on their origin: 307 and 308 keep method and body, 303 says
    where the result can be read. 301 and 302 are not followed: clients disagree on whether they turn a write into a
    read, and what a read gives must not be taken for the result of a write.
    """
    status = response.status
    place = response.headers.get("Location", "").strip()
    if status not in _STATUSES:
        return "the response is neither a success nor an error"
    if not place:
        return "the redirect names no location"
    if call.redirects >= MAX_REDIRECTS:
        return f"more than {MAX_REDIRECTS} redirects"
    place = _STRAY_BYTES.sub(lambda found: quote(found[0].encode(errors="surrogateescape")), place)
    target = http_url(NOT_IN_URLS.sub(lambda found: quote(found[0]), place), call.url)
    if target is None:
        return "the redirect's location is not a usable URL"
    if call.url.scheme == "https" and target.scheme == "http":
        return "the redirect leads from https to http"
    write = call.method not in SAFE
    if write and target.origin() != call.url.origin():
        return "the redirect leads a write to another origin"
    if write and status in (301, 302):
        return f"a redirect {status} does not say what becomes of a {call.method}"
    turned = status == 303 and call.method != "HEAD"
    if not turned and call.content is not None and call.content.spent:
        return "the body cannot be sent a second time"
    if turned:
        call.method = "GET"
        call.content = None
    call.url = target.with_user(None) if target.raw_user or target.raw_password else target
    call.redirects += 1
    if not shared.own(call.url):
        call.off_origin = True
    return ""
