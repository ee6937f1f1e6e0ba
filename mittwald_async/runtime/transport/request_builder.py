"""From arguments to a call: URL, headers and body, and calls of routes that are in no document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode

from .. import codec
from ..errors import InvalidArgumentError
from ..headers import RedactedStr
from ..operation import Operation, Parameter
from ..urls import NOT_IN_URLS, is_exposed, is_whole_url
from .call import Call, Shared
from .compiled_operation import CompiledOperation
from .encoding import (
    FORM,
    JSON,
    MULTIPART,
    NOTHING_KNOWN,
    OCTETS,
    Content,
    check_method,
    cookie_header,
    form,
    header_values,
    parts_of_form,
    query_pairs,
    spread,
    usable,
)

_BYTES = (bytes, bytearray, memoryview)


class RequestBuilder:
    """Adds to calls what most of them do not have."""

    __slots__ = ("shared",)

    def __init__(self, shared: Shared) -> None:
        self.shared: Shared = shared

    def loose_call(self, method: str, url: str, query: Mapping[str, object] | None = None) -> Call:
        """A call of a route that is in no document: a path under the base URL, or a whole URL."""
        shared = self.shared
        check_method(method)
        if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgumentError("path", f"must be text, not {type(url).__name__}")
        absolute = is_whole_url(url)
        if not absolute and not url.startswith("/"):
            raise InvalidArgumentError("path", f"{url!r} must begin with / (or be a whole URL)")
        if NOT_IN_URLS.search(url):
            raise InvalidArgumentError("path", "white space and control characters must be percent-encoded")
        url = url.split("#", 1)[0]  # never sent, and would swallow the query
        pairs = query_pairs(query, {}) if query else []
        if pairs:
            url += ("&" if "?" in url else "?") + urlencode(pairs, quote_via=quote, safe="")
        whole = usable(url if absolute else shared.base + url, "path")
        if (whole.raw_user or whole.raw_password) and is_exposed(whole) and not shared.allow_http:
            raise InvalidArgumentError(
                "path",
                "the URL's user and password would go out in the clear; use https://, or a client with allow_http",
            )
        operation: Operation[bytes] = Operation(
            operation_id="", method=method.upper(), path=url.split("?", 1)[0], group="", name="request", tag=""
        )
        # The pieces of the path stand in for its ids: reads of one's own writes work here, too.
        compiled = CompiledOperation(operation, loose=True)
        now = shared.clock.now()
        pieces = tuple(whole.path.split("/"))
        call = Call(compiled, compiled.method, str(whole), whole, pieces, query, now, now)
        call.off_origin = not shared.own(whole)
        return call

    def add_headers(self, call: Call, headers: Mapping[str, object]) -> None:
        compiled = call.compiled
        cookies = {name: value for name, value in headers.items() if name in compiled.cookies and value is not None}
        plain = {name: value for name, value in headers.items() if name not in compiled.cookies}
        extra = header_values(plain, compiled.headers)
        if cookies:
            extra["Cookie"] = RedactedStr(cookie_header(cookies, compiled.cookies))
        if extra:
            call.extra = {**(call.extra or {}), **extra}

    async def add_body(self, call: Call, body: object) -> None:
        compiled = call.compiled
        given: object = body
        kind = compiled.operation.body
        content_type = JSON if kind is None else kind.content_type
        if isinstance(body, dict) and kind is not None and (kind.flat or content_type != JSON):
            properties = spread(cast("dict[str, object]", body), compiled.nullable)
            if properties or kind.required:
                call.content = await self._content(content_type, properties, compiled.body_names)
        elif body is not None or (kind is not None and kind.required):
            call.content = await self._content(content_type, given)

    async def add_loose_body(self, call: Call, body: object) -> None:
        given: object = body
        kind = next((value for name, value in (call.extra or {}).items() if name.lower() == "content-type"), None)
        if kind is None:
            kind = OCTETS if isinstance(body, _BYTES) else JSON
        call.content = await self._content(kind, given)

    @staticmethod
    async def _content(content_type: str, body: object, known: Mapping[str, Parameter] = NOTHING_KNOWN) -> Content:
        if content_type == MULTIPART:
            from ..files import multipart  # only who uploads needs it

            usual = {wire: one.content_type for wire, one in known.items() if one.content_type}
            parts = await multipart(parts_of_form(cast("dict[str, Any]", body), known), usual)
            return Content(parts.content_type, open=parts.open, size=parts.size, repeatable=parts.repeatable)
        if content_type == FORM:
            if not isinstance(body, Mapping):
                raise InvalidArgumentError("body", "a form needs a mapping of names to values")
            return Content(content_type, form(cast("Mapping[str, object]", body), known))
        if isinstance(body, _BYTES):
            return Content(content_type, bytes(cast("bytes", body)))
        if isinstance(body, str) and "json" not in content_type:
            return Content(content_type, body.encode())
        return Content(content_type, codec.encode(body))
