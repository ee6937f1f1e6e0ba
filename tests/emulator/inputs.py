"""Requests made up from the facts: valid ones for every operation."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from mittwald_async.emulator.facts import PLACEHOLDER, Route
from mittwald_async.emulator.shapes import Shape

from .talk import Talk


def text(value: Any) -> str:
    """A value as a query, path or header writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else str(value)


class Request:
    """A valid request for one operation, with ids that exist where the world knows their kind."""

    def __init__(self, talk: Talk, route: Route) -> None:
        core = talk.core
        self.route = route
        self.method = route.operation.method
        path, query, headers = core.checker.parameter_shapes(route)

        def made(shape: Shape, name: str) -> Any:
            return core.generator.make(shape, f"input {name}")

        values = {name: core.world.sample(name) or text(made(shape, name)) for name, shape in path.items()}
        self.path = PLACEHOLDER.sub(lambda found: quote(values[found[1]], safe=""), route.operation.path)
        required = {name: made(shape, name) for name, shape in query.items() if route.query[name].required}
        self.query = urlencode({name: text(value) for name, value in required.items()})
        self.headers = {
            name: text(made(shape, name)) for name, shape in headers.items() if route.headers[name].required
        }
        self.body = b""
        body = route.operation.body
        shape = core.checker.body_shape(route)
        if body is not None and shape is not None:
            value = with_ids(made(shape, f"body {route.operation.operation_id}"), talk)
            self.headers["content-type"] = body.content_type
            if body.content_type.startswith("multipart/"):
                self.headers["content-type"], self.body = multipart({p.wire: b"content" for p in body.properties})
            elif body.content_type.endswith("urlencoded"):
                self.body = urlencode(value).encode()
            else:
                self.body = msgspec.json.encode(value)

    @property
    def url(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


def with_ids(value: Any, talk: Talk) -> Any:
    """The value with existing ids where a property's name says of what."""
    if isinstance(value, list):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return [with_ids(item, talk) for item in items]
    if not isinstance(value, dict):
        return value
    fields: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
    known = {name: talk.core.world.sample(name) for name, item in fields.items() if isinstance(item, str)}
    return {name: known.get(name) or with_ids(item, talk) for name, item in fields.items()}


def multipart(files: dict[str, bytes]) -> tuple[str, bytes]:
    """Content type and body of a form with files."""
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="a.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, data in files.items()
    ]
    return "multipart/form-data; boundary=edge", b"".join(parts) + b"--edge--\r\n"
