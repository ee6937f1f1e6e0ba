"""Requests and responses as the core sees them, and the answers that need no handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from .behaviours.consistency import NotReached, item_id
from .faults import Fault
from .handlers import EmulatedCall
from .replies import ContentReply, Fail, Reply, ValueReply

JSON = "application/json"
encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


class EmulatedRequest(msgspec.Struct, frozen=True):
    """A request as it came. `path` is raw: still escaped, without the query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Case-insensitive or with lower-case keys."""
    body: bytes = b""
    remote: str = ""


class EmulatedResponse:
    """What goes back. `fault` is what still has to happen to it on the wire."""

    __slots__ = ("body", "breaks", "fault", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes = b"", fault: Fault | None = None) -> None:
        self.status: int = status
        self.headers: dict[str, str] = headers
        self.body: bytes = body
        self.fault: Fault | None = fault
        self.breaks: bool = False
        """The connection breaks after the body instead of ending it."""


class LoggedRequest(msgspec.Struct, frozen=True):
    """One remembered request."""

    number: int
    at: float
    """Unix seconds of the emulator's clock."""
    method: str
    path: str
    query: str
    operation_id: str | None
    status: int
    account: str = ""
    """Name of the account that the request was for."""


class ExecutedWrite(msgspec.Struct, frozen=True):
    """One executed write, whatever happened to its response."""

    number: int
    """Of the request, counted from 1."""
    at: float
    """Unix seconds of the emulator's clock."""
    account: str
    """Name of the account in which it was executed."""
    operation_id: str
    method: str
    path: str
    body: Any = None
    """The JSON body, `None` where there was none or it was of another type."""
    event_id: str = ""
    """The `etag` of its answer."""
    created: tuple[str, ...] = ()
    """Ids that came into being with it."""


def no_route(allowed: frozenset[str]) -> Fail:
    """The response where no route matches; `allowed` are the methods that would."""
    if allowed:
        return Fail(405, "MethodNotAllowed", "this route does not know the method")
    return Fail(404, "NotFound", "route not found")


def failed(failure: Fail, headers: dict[str, str]) -> EmulatedResponse:
    """An error in the API's shape."""
    body: dict[str, Any] = {"type": failure.type, "message": failure.message}
    if failure.issues:
        body["validationErrors"] = [{"message": i.message, "path": i.path, "type": i.type} for i in failure.issues]
    if isinstance(failure, NotReached):
        body["params"] = {"traceId": failure.trace_id}
    return EmulatedResponse(failure.status, {**headers, "Content-Type": JSON}, encode(body))


def created(call: EmulatedCall, reply: Reply) -> list[str]:
    """Ids that came into being with this write."""
    created = list(call.write.created) if call.write is not None else []
    if isinstance(reply, ValueReply) and call.operation.method == "POST":
        new = item_id(reply.data)
        if isinstance(new, str) and new not in call.path.values():
            created.append(new)
    return created


def ranged(content: ContentReply, headers: dict[str, str], wanted: str | None) -> EmulatedResponse:
    """The bytes, or the one range asked for."""
    data = content.data
    headers["Accept-Ranges"] = "bytes"
    unit, _, span = (wanted or "").partition("=")
    first, dash, last = span.partition("-")
    if unit != "bytes" or not dash or not (first or last) or not (first + last).isdigit():
        return EmulatedResponse(content.status, headers, data)
    start = int(first) if first else max(len(data) - int(last), 0)
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if start > end:
        headers["Content-Range"] = f"bytes */{len(data)}"
        return EmulatedResponse(416, headers)
    headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return EmulatedResponse(206, headers, data[start : end + 1])
