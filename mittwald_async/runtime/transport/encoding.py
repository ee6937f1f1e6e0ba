"""From arguments to what is sent: URL, headers and body. Pure; refuses what cannot be sent before anything is."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import quote, urlencode

import msgspec
from msgspec import UNSET
from yarl import URL

from ..errors import InvalidArgumentError, did_you_mean
from ..form_fields import FormField
from ..headers import header_flaw, redacted
from ..operation import Operation, Parameter
from ..urls import http_url
from .parameter_styles import in_header, in_path, in_query, parts_of

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
OCTETS = "application/octet-stream"

PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*", re.ASCII)
PLAIN_VALUE = re.compile(r"[A-Za-z0-9._~-]*", re.ASCII)
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

NOTHING_KNOWN: Mapping[str, Parameter] = MappingProxyType({})
"""Facts of the parameters of a route that is in no document."""

SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
"""Methods that change nothing."""

_METHOD = re.compile("[A-Za-z]{1,20}")
_PIECE = 1 << 20
"""Bytes of a body that are sent at a time."""


class Content:
    """A body ready to go: bytes, or a way to open a stream of them."""

    __slots__ = ("content_type", "data", "failure", "open", "repeatable", "size", "started")

    def __init__(
        self,
        content_type: str,
        data: bytes = b"",
        *,
        open: Callable[[], AsyncIterator[bytes]] | None = None,
        size: int | None = None,
        repeatable: bool = True,
    ) -> None:
        self.content_type: str = content_type
        self.data: bytes = data
        self.open: Callable[[], AsyncIterator[bytes]] | None = open
        self.size: int | None = len(data) if open is None else size
        self.repeatable: bool = repeatable
        self.started: bool = False
        """A stream's first byte was asked for."""
        self.failure: Exception | None = None
        """What the stream's source raised. The HTTP client would tell of a broken connection instead."""

    def payload(self) -> bytes | AsyncIterator[bytes]:
        """The body for the HTTP client, created for every attempt. The client warns of large bytes."""
        if self.open is not None:
            return self._stream(self.open)
        return self._stream(self._pieces) if self.streams else self.data

    @property
    def spent(self) -> bool:
        """Cannot be sent a second time."""
        return not self.repeatable and self.started

    @property
    def streams(self) -> bool:
        """Goes out piece by piece."""
        return self.open is not None or len(self.data) > _PIECE

    async def _pieces(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.data), _PIECE):
            yield self.data[start : start + _PIECE]

    async def _stream(self, open: Callable[[], AsyncIterator[bytes]]) -> AsyncIterator[bytes]:
        # Opened late: an attempt that never got a connection has not used up a stream that can be read once.
        self.started = True
        try:
            async for chunk in open():
                yield chunk
        except Exception as problem:
            self.failure = problem
            raise


def check_method(method: object) -> None:
    """Refuse what is not an HTTP method."""
    if not isinstance(method, str):
        raise InvalidArgumentError("method", f"must be text, not {type(method).__name__}")
    if not _METHOD.fullmatch(method):
        raise InvalidArgumentError("method", f"{method!r} is not an HTTP method")


def usable(text: str, name: str) -> URL:
    """A whole URL that a request can go to."""
    url = http_url(text)
    if url is None:
        raise InvalidArgumentError(name, "is not a usable URL")
    return url


def segment(value: object, name: str) -> str:
    """One path segment. What would change the path's meaning is encoded; what cannot be encoded is refused."""
    text = value if type(value) is str else scalar(value, name)
    if PLAIN_SEGMENT.fullmatch(text):
        return text
    if text in ("", ".", ".."):
        raise InvalidArgumentError(name, f"{text!r} cannot be part of a path")
    if "\0" in text:
        raise InvalidArgumentError(name, "a NUL byte cannot be part of a path")
    return _quoted(text, name)


def styled_segment(value: object, name: str, parameter: Parameter | None) -> str:
    """One path segment in the style that is documented for it."""
    if parameter is None or not parameter.styled:
        return segment(value, name)
    return in_path(parameter, value, scalar)


def cookie_key(wire: str, headers: Collection[str]) -> str:
    """The name under which generated methods hand over a cookie among the headers; one called like a header says so."""
    return f"{wire} (cookie)" if wire.lower() in {name.lower() for name in headers} else wire


def _quoted(text: str, name: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise InvalidArgumentError(name, "lone surrogates cannot be sent") from None


def scalar(value: object, name: str) -> str:
    """A single value as text: RFC 3339 times, `true`/`false`, numbers without exponent."""
    match value:
        case enum.Enum():
            return scalar(value.value, name)
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() | Decimal():
            return _number(value, name)
        case datetime():
            if value.tzinfo is None or value.utcoffset() is None:
                raise InvalidArgumentError(name, "a datetime without time zone is ambiguous; add tzinfo")
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case _ if hasattr(value, "hex") and hasattr(value, "urn"):  # uuid.UUID, without importing it
            return str(value)
        case _:
            raise InvalidArgumentError(name, f"{type(value).__name__} cannot be sent here")


def _number(value: float | Decimal, name: str) -> str:
    if not math.isfinite(value):
        raise InvalidArgumentError(name, f"{value} is not a number that can be sent")
    text = format(Decimal(repr(value)) if isinstance(value, float) else value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def encoded(wire: str, value: object, known: Mapping[str, Parameter]) -> str:
    """One query parameter, percent-encoded; empty for an empty list."""
    parameter = known.get(wire)
    if parameter is not None and parameter.styled:
        return "&".join(f"{name}={text}" for name, text in in_query(parameter, value, scalar))
    return urlencode(query_pairs({wire: value}, known), quote_via=quote, safe="")


def query_pairs(query: Mapping[str, object], known: Mapping[str, Parameter]) -> list[tuple[str, str]]:
    """Names and values; lists are repeated, `None` and `UNSET` are left out."""
    pairs: list[tuple[str, str]] = []
    for wire, value in query.items():
        if value is None or value is UNSET:
            continue
        parameter = known.get(wire)
        name = wire if parameter is None else parameter.name
        if type(value) is str:
            pairs.append((wire, _sendable(value, name)))
        elif isinstance(value, (list, tuple, set, frozenset)):
            items = cast("Iterable[object]", value)
            pairs.extend((wire, _sendable(scalar(item, name), name)) for item in items)
        elif isinstance(value, (dict, msgspec.Struct)):
            pairs.append((wire, msgspec.json.encode(value).decode()))
        else:
            pairs.append((wire, _sendable(scalar(value, name), name)))
    return pairs


def _sendable(text: str, name: str) -> str:
    if not text.isascii():
        _quoted(text, name)
    return text


def header_values(headers: Mapping[str, object], known: Mapping[str, Parameter]) -> dict[str, str]:
    """Header names and values as they are sent; `None` and `UNSET` are left out."""
    sent: dict[str, str] = {}
    for wire, value in headers.items():
        if value is None or value is UNSET:
            continue
        parameter = known.get(wire.lower())
        name = wire if parameter is None else parameter.name
        if parameter is not None and parameter.styled:
            text = in_header(parameter, value, scalar)
        elif isinstance(value, (list, tuple)):
            items = cast("Iterable[object]", value)
            text = ", ".join(scalar(item, name) for item in items)
        else:
            text = scalar(value, name)
        flaw = header_flaw(wire, text)
        if flaw:
            raise InvalidArgumentError(name, flaw)
        sent[wire] = redacted(wire, text)
    return sent


def cookie_header(cookies: Mapping[str, object], known: Mapping[str, Parameter] = NOTHING_KNOWN) -> str:
    """The one `Cookie` header; values are percent-encoded, so nothing in them can start another cookie."""
    sent: list[str] = []
    for key, value in cookies.items():
        parameter = known.get(key)
        wire = key if parameter is None else parameter.wire
        text = (
            in_header(parameter, value, scalar) if parameter is not None and parameter.styled else scalar(value, wire)
        )
        sent.append(f"{wire}={_quoted(text, wire)}")
    return "; ".join(sent)


def spread(body: Mapping[str, object], nullable: frozenset[str]) -> dict[str, object]:
    """The properties that are sent: `UNSET` never, `None` only where null is a value of its own."""
    return {
        wire: value for wire, value in body.items() if value is not UNSET and (value is not None or wire in nullable)
    }


def form(body: Mapping[str, object], known: Mapping[str, Parameter] = NOTHING_KNOWN) -> bytes:
    """A body for `application/x-www-form-urlencoded`."""
    pieces: list[str] = []
    for wire, value in body.items():
        parameter = known.get(wire)
        if parameter is not None and parameter.styled and value is not None and value is not UNSET:
            pieces += [f"{name}={text}" for name, text in in_query(parameter, value, scalar)]
        elif plain := query_pairs({wire: value}, known):
            pieces.append(urlencode(plain))
    return "&".join(pieces).encode()


def parts_of_form(body: Mapping[str, object], known: Mapping[str, Parameter]) -> dict[str, object]:
    """The values of a multipart body: files as they are, everything else that is documented as the text it becomes."""
    made: dict[str, object] = {}
    for wire, value in body.items():
        parameter = known.get(wire)
        if parameter is None or value is None or value is UNSET or "bytes" in parameter.type:
            made[wire] = value
        else:
            made[wire] = _form_fields(value, parameter)
    return made


def _form_fields(value: object, parameter: Parameter) -> object:
    """One field, or one for each element of a list."""
    given = parts_of(value)
    kind = parameter.content_type
    if isinstance(given, dict) or (kind is not None and "json" in kind):
        return FormField(msgspec.json.encode(given), kind or "application/json")
    if isinstance(given, list):
        return [_text_part(part, parameter, kind) for part in cast("list[object]", given)]
    return _text_part(given, parameter, kind)


def _text_part(value: object, parameter: Parameter, kind: str | None) -> FormField:
    value = parts_of(value)
    if isinstance(value, dict | list):
        return FormField(msgspec.json.encode(value), kind or "application/json")
    return FormField(_sendable(scalar(value, parameter.name), parameter.name).encode(), kind)


def arguments(
    operation: Operation[Any],
    path: Mapping[str, object],
    query: Mapping[str, object],
    headers: Mapping[str, object],
) -> tuple[object, ...]:
    """Check names against the operation and bring the path's values into order."""
    where = (("path", path), ("query", query), ("header", headers))
    for place, given in where:
        places = (place, "cookie") if place == "header" else (place,)
        known = {p.wire: p for p in operation.parameters if p.where in places}
        for name in given:
            if place != "header" and name not in known:
                raise InvalidArgumentError(
                    name, f"{operation.operation_id} has no such {place} parameter{did_you_mean(name, known)}"
                )
        folded = {name.lower(): value for name, value in given.items()}
        for wire, parameter in known.items():
            value = folded.get(wire.lower()) if place == "header" else given.get(wire)
            if parameter.required and (value is None or value is UNSET):
                raise InvalidArgumentError(wire, f"{operation.operation_id} needs this {place} parameter")
    return tuple(path[wire] for wire in PLACEHOLDER.findall(operation.path))
