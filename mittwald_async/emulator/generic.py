"""Answers of operations without a handler: invented, stable, in the documented shape."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from .generate import ValueDice
from .handlers import EmulatedCall
from .replies import ContentReply, EmptyReply, ListReply, Reply, ValueReply
from .routes import Route
from .shapes import Many, Record, Shapes, words_of

_ITEMS = 3
"""Length of an invented list."""
_PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def answer_generically(call: EmulatedCall) -> Reply:
    """The first documented success. Ids in the path are checked where the world knows their kind, and come back in
    properties of the same name."""
    operation = call.operation
    for name, value in call.path.items():
        call.world.check(name, value, call.identity)
    if not operation.results:
        return EmptyReply()
    result = operation.results[0]
    known: dict[str, Any] = dict(call.path)
    last = operation.path.rpartition("/")[2]
    if last.startswith("{"):
        known["id"] = call.path[last[1:-1]]
    key = (operation.operation_id, *call.path.values())
    if result.type == "None":
        return EmptyReply(result.status)
    if result.type == "bytes":
        return _content(call, key)
    if result.type == "str" and not (result.content_type or "").startswith("application/json"):
        return ContentReply("\n".join(_words(key)).encode() + b"\n", result.content_type or "text/plain")
    if operation.paging is not None and result.type.startswith("list["):
        item = result.type[5:-1]
        return ListReply([call.generated(item, *key, number, known=_without_id(known)) for number in range(_ITEMS)])
    value = call.generated(result.type, *key, known=known)
    headers = {"ETag": _http_etag(value)} if operation.method == "GET" else {}
    return ValueReply(value, result.status, headers)


def _http_etag(value: Any) -> str:
    """An ordinary HTTP etag, as some generic routes of the real API answer it: no event id."""
    return f'W/"{blake2b(msgspec.json.encode(value), digest_size=6).hexdigest()}"'


def _content(call: EmulatedCall, key: tuple[str, ...]) -> ContentReply:
    """Bytes of the first documented content type; the picture of the icon routes is a real one."""
    content_type = call.operation.results[0].content_type or "application/octet-stream"
    if content_type.startswith("image/"):
        return ContentReply(_PICTURE, "image/svg+xml")
    return ContentReply("\n".join(_words(key)).encode(), content_type)


def _words(key: tuple[str, ...]) -> list[str]:
    dice = ValueDice(" ".join(key))
    return [" ".join(dice.word() for _ in range(8)) for _ in range(16)]


def _without_id(known: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in known.items() if name != "id"}


def enums_of(route: Route, shapes: Shapes) -> frozenset[str]:
    """Properties of the operation's result whose values are words of an enum."""
    results = route.operation.results
    shape = shapes.expression(results[0].type) if results and results[0].type not in ("None", "bytes") else None
    if isinstance(shape, Many):
        shape = shape.item
    if not isinstance(shape, Record):
        return frozenset()
    return frozenset(wire for wire, field in shape.fields.items() if words_of(field.shape))
