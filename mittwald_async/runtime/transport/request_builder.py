"""What goes out: a call's URL, headers, body and time, from an operation's facts and a client's options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote, urlencode

import msgspec
from multidict import CIMultiDict
from yarl import URL

from .. import codec
from ..credentials import Secret
from ..errors import CallTimeoutError, ConfigurationError, InvalidArgumentError, ResponseDecodeError
from ..headers import RedactedStr
from ..operation import Operation, Parameter
from ..options import Options
from ..ratelimit import Policy
from ..schemes import QueryToken, place_token, url_with_token
from ..urls import NOT_IN_URLS, is_whole_url
from .call import Call, Shared
from .encoding import (
    NOTHING_KNOWN,
    CompiledOperation,
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
from .middleware import RawResponse
from .responses import packed
from .session import LATE, MACHINERY, Limits, limits

JSON = "application/json"
_JSON_TYPES = frozenset((JSON, "application/json; charset=utf-8", "application/json;charset=utf-8"))
_OCTETS = "application/octet-stream"
_BYTES = (bytes, bytearray, memoryview)
_LOGIN = 120.0
"""Seconds for one request for a token. Not the `timeout` of the call that asks first: others, with more time, wait as
well, and each holds its own."""
_PLANS: dict[int, CompiledOperation] = {}
"""By identity of the operation, which the plan keeps alive. There are finitely many: those of the document, and copies that
read it otherwise, one for each."""


def plan_of(operation: Operation[Any]) -> CompiledOperation:
    """The plan of an operation of the document, made once."""
    plan = _PLANS.get(id(operation))
    if plan is None:
        plan = _PLANS[id(operation)] = CompiledOperation(operation)
    return plan


def decoded(plan: CompiledOperation, answer: RawResponse, strict: bool) -> Any:
    """The value of a successful answer. Nearly all of them are JSON as documented and take the short way; the long way
    tells what is wrong with the others."""
    status, body, content_type = answer.status, answer.body, answer.headers.get("Content-Type")
    if content_type in _JSON_TYPES:
        try:
            decoder = plan.decoders[status]
        except KeyError:
            decoder = plan.decoders[status] = _decoder(plan.operation, status)
        if decoder is not None:
            try:
                return decoder(body)
            except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
                pass
    problem = packed(answer.headers) if body else ""
    if problem:
        operation_id = plan.operation.operation_id
        raise ResponseDecodeError(problem, operation_id=operation_id, json_path="$", body=body)
    return codec.decode(plan.operation, status, content_type, body, strict=strict)


def _decoder(operation: Operation[Any], status: int) -> Callable[[bytes], Any] | None:
    documented = [result for result in operation.results if result.status == status]
    if len(documented) != 1 or documented[0].content_type != JSON or documented[0].type in ("None", "bytes", "str"):
        return None
    return codec.strict_decoder(documented[0].type, models=operation.models)


class Outgoing:
    """Makes calls with one set of options."""

    def __init__(self, shared: Shared, options: Options) -> None:
        self.shared: Shared = shared
        self.options: Options = options
        self._whole = self._limits(options.timeout)
        self._login = self._limits(_LOGIN)
        profile = shared.profile
        if options.after is not None and profile.events is None:
            raise ConfigurationError(f"after: {profile.name} has no event ids to wait for")
        self._remembers = options.consistency == "session" and profile.events is not None
        self._after = options.after
        self._observers = options.observers
        self._middleware = options.middleware
        self._policy = Policy(**{name: getattr(options, name) for name in Policy.__struct_fields__})
        agent = " ".join(part for part in (options.user_agent, profile.product, MACHINERY) if part)
        self._base_headers = CIMultiDict({"User-Agent": agent, "Accept": profile.accept})
        self._base_headers.update(options.headers)
        self._foreign_headers = CIMultiDict({"User-Agent": agent, "Accept": "*/*"})
        self._login_headers = CIMultiDict({"User-Agent": agent, "Accept": JSON})
        self._token_in_url: QueryToken | None = (
            profile.authentication if isinstance(profile.authentication, QueryToken) else None
        )
        self._secret: Secret | None = None
        self._signed = self._base_headers

    def _call(self, plan: CompiledOperation, path: Sequence[object], query: Mapping[str, object] | None) -> Call:
        shared = self.shared
        call = Call(plan, shared.base + plan.target(path, query), path, query, shared.clock.now())
        if plan.accept != JSON:
            call.extra = {"Accept": plan.accept}
        return call

    def _loose(self, method: str, url: str, query: Mapping[str, object] | None = None) -> Call:
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
        operation: Operation[bytes] = Operation(
            operation_id="", method=method.upper(), path=url.split("?", 1)[0], group="", name="request", tag=""
        )
        # The pieces of the path stand in for its ids: reads of one's own writes work here, too.
        plan = CompiledOperation(operation, loose=True)
        call = Call(plan, str(whole), tuple(whole.path.split("/")), query, shared.clock.now())
        call.away = not shared.own(whole)
        return call

    def _add_headers(self, call: Call, headers: Mapping[str, object]) -> None:
        plan = call.plan
        cookies = {name: value for name, value in headers.items() if name in plan.cookies and value is not None}
        plain = {name: value for name, value in headers.items() if name not in plan.cookies}
        extra = header_values(plain, plan.headers)
        if cookies:
            extra["Cookie"] = RedactedStr(cookie_header(cookies, plan.cookies))
        if extra:
            call.extra = {**(call.extra or {}), **extra}

    async def _add_body(self, call: Call, body: object) -> None:
        plan = call.plan
        given: object = body
        kind = plan.operation.body
        content_type = JSON if kind is None else kind.content_type
        if isinstance(body, dict) and kind is not None and (kind.flat or content_type != JSON):
            properties = spread(cast("dict[str, object]", body), plan.nullable)
            if properties or kind.required:
                call.content = await self._content(content_type, properties, plan.body_names)
        elif body is not None or (kind is not None and kind.required):
            call.content = await self._content(content_type, given)

    async def _add_loose_body(self, call: Call, body: object) -> None:
        given: object = body
        kind = next((value for name, value in (call.extra or {}).items() if name.lower() == "content-type"), None)
        if kind is None:
            kind = _OCTETS if isinstance(body, _BYTES) else JSON
        call.content = await self._content(kind, given)

    async def _content(
        self, content_type: str, body: object, known: Mapping[str, Parameter] = NOTHING_KNOWN
    ) -> Content:
        if content_type == "multipart/form-data":
            from ..files import multipart  # only who uploads needs it

            parts = await multipart(parts_of_form(cast("dict[str, Any]", body), known))
            return Content(parts.content_type, open=parts.open, size=parts.size, repeatable=parts.repeatable)
        if content_type == "application/x-www-form-urlencoded":
            if not isinstance(body, Mapping):
                raise InvalidArgumentError("body", "a form needs a mapping of names to values")
            return Content(content_type, form(cast("Mapping[str, object]", body), known))
        if isinstance(body, _BYTES):
            return Content(content_type, bytes(cast("bytes", body)))
        if isinstance(body, str) and "json" not in content_type:
            return Content(content_type, body.encode())
        return Content(content_type, codec.encode(body))

    def _limits(self, total: float | None) -> Limits:
        return limits(total, self.options.connect_timeout, self.options.read_timeout)

    def _rest(self, call: Call) -> Limits:
        """What is left of the call's time."""
        return self._limits(self._left(call))

    def _left(self, call: Call) -> float | None:
        """Seconds left of `timeout`, beside waits for the request budget; `None`: no bound."""
        if self.options.timeout is None:
            return None
        left = call.started + call.held + self.options.timeout - self.shared.clock.now()
        if left <= 0:
            raise CallTimeoutError(LATE)
        return left

    def _headers(self, call: Call) -> CIMultiDict[str]:
        """What this attempt carries. Without anything special, the same object again and again."""
        if call.away:
            headers = self._foreign_headers
        elif call.secret is self._secret:
            headers = self._signed
        else:
            headers = self._sign_headers(call.secret)
        content = call.content
        if call.extra is None and content is None and call.event is None:
            return headers
        headers = headers.copy()
        if content is not None:
            frame(headers, content)
        if call.away:
            return headers
        if call.event is not None:
            events = self.shared.profile.events
            assert events is not None
            headers[events.request_header] = call.event
        if call.extra is not None:
            headers.update(call.extra)
        return headers

    def _url(self, call: Call) -> URL:
        """Where this attempt goes."""
        if self._token_in_url is None or call.secret is None or call.away:
            return call.url
        return url_with_token(call.url, self._token_in_url, call.secret.reveal())

    def _sign_headers(self, secret: Secret | None) -> CIMultiDict[str]:
        headers = self._base_headers.copy()
        if secret is not None:
            place_token(headers, self.shared.profile.authentication, secret.reveal())
        self._secret = secret
        self._signed = headers
        return headers


def frame(headers: CIMultiDict[str], content: Content) -> None:
    """Say of a body what it is, and of one that goes out in pieces how long."""
    headers["Content-Type"] = content.content_type
    headers.popall("Content-Length", None)
    if content.streams and content.size is not None:
        headers["Content-Length"] = str(content.size)


def content_type_of(call: Call, headers: Mapping[str, str]) -> str:
    """The content type of a body that middleware put in place of another."""
    for name, value in headers.items():
        if name.lower() == "content-type":
            return value
    return JSON if call.content is None else call.content.content_type
