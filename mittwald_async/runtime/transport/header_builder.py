"""The headers of every kind of request: API calls, logins, requests that left the API's origin, downloads among all of
them.

Who wins where a header is named twice, from the weakest to the strongest: ours, the client's `headers=`, the token, the
body's type, the event to wait for, the call's own. On another origin only what says who asks and which part of a file
is wanted goes along: nothing of the client's, the caller's or the token's.
"""

from __future__ import annotations

from collections.abc import Mapping

from multidict import CIMultiDict
from yarl import URL

from ..credentials import Secret
from ..options import Options
from ..profile import Profile
from ..schemes import QueryToken, place_token, url_with_token
from .call import Call
from .encoding import JSON, Content, header_values

OFF_ORIGIN = frozenset(("range", "if-range", "accept-encoding"))
"""Headers of a call that any server may see: they describe the wanted piece of a file."""


class HeaderBuilder:
    """Builds headers with one set of options. What is the same for many requests is built once."""

    __slots__ = ("_base", "_event_header", "_foreign", "_scheme", "_secret", "_signed", "signs_url")

    def __init__(self, profile: Profile, options: Options, machinery: str, accept_encoding: str = "identity") -> None:
        """
        Args:
            profile: says where the token goes, and how an event is asked for.
            options: the client's headers and user agent.
            machinery: what the user agent ends with.
            accept_encoding: what compression responses may have.
        """
        agent = " ".join(part for part in (options.user_agent, profile.product, machinery) if part)
        self._base: CIMultiDict[str] = CIMultiDict(
            {"User-Agent": agent, "Accept": profile.accept, "Accept-Encoding": accept_encoding}
        )
        self._base.update(options.headers)
        self._foreign: CIMultiDict[str] = CIMultiDict(
            {"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": accept_encoding}
        )
        self._event_header = profile.events.request_header if profile.events is not None else ""
        self._scheme = profile.authentication
        self.signs_url: bool = isinstance(profile.authentication, QueryToken)
        """Whether the token is in the URL instead of a header."""
        self._secret: Secret | None = None
        self._signed = self._base

    def for_call(self, call: Call) -> CIMultiDict[str]:
        """What this attempt carries. Without anything special, the same object again and again."""
        if call.off_origin:
            return self._for_other_origin(call.extra, call.content)
        headers = self._signed if call.secret is self._secret else self._sign(call.secret)
        if call.extra is None and call.content is None and call.event is None:
            return headers
        headers = headers.copy()
        if call.content is not None:
            describe(headers, call.content)
        if call.event is not None:
            headers[self._event_header] = call.event
        if call.extra is not None:
            headers.update(call.extra)
        return headers

    def url_of(self, call: Call) -> URL:
        """Where this attempt goes; with the token, where that is in the URL."""
        return call.url if call.off_origin or not self.signs_url else self.signed_url(call.url, call.secret)

    def signed_url(self, url: URL, secret: Secret | None) -> URL:
        """The same for any URL of the API."""
        if secret is None or not isinstance(self._scheme, QueryToken):
            return url
        return url_with_token(url, self._scheme, secret.reveal())

    def for_changed(
        self, call: Call, given: Mapping[str, str], content: Content | None, off_origin: bool
    ) -> CIMultiDict[str]:
        """The same where middleware changed the request: `given` are the headers it wants sent."""
        if off_origin:
            return self._for_other_origin(given, content)
        headers = self.for_call(call).copy()
        headers.update(header_values(given, {}))
        if content is not None:
            describe(headers, content)
        elif call.content is not None:
            headers.popall("Content-Length", None)
        return headers

    def for_login(self, content_type: str, *, off_origin: bool = False) -> CIMultiDict[str]:
        """A request for a token: what is sent with every call, and no token."""
        headers = (self._foreign if off_origin else self._base).copy()
        headers["Accept"] = JSON
        headers["Content-Type"] = content_type
        return headers

    def _for_other_origin(self, given: Mapping[str, str] | None, content: Content | None) -> CIMultiDict[str]:
        if given is None and content is None:
            return self._foreign
        headers = self._foreign.copy()
        headers.update((name, value) for name, value in (given or {}).items() if name.lower() in OFF_ORIGIN)
        if content is not None:
            describe(headers, content)
        return headers

    def _sign(self, secret: Secret | None) -> CIMultiDict[str]:
        headers = self._base.copy()
        if secret is not None:
            place_token(headers, self._scheme, secret.reveal())
        self._secret = secret
        self._signed = headers
        return headers


def describe(headers: CIMultiDict[str], content: Content) -> None:
    """Say of a body what it is, and of one that goes out in pieces how long."""
    headers["Content-Type"] = content.content_type
    headers.popall("Content-Length", None)
    if content.streams and content.size is not None:
        headers["Content-Length"] = str(content.size)
