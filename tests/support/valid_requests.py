"""Valid made-up requests for every operation, from the models and operations."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from mittwald_async.emulator.handlers import HANDLERS
from mittwald_async.emulator.routes import PLACEHOLDER, Route
from mittwald_async.emulator.shapes import Shape

from .emulator_requests import EmulatorClient


def text(value: Any) -> str:
    """A value as written in a query, path or header."""
    if isinstance(value, bool):
        return str(value).lower()
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else str(value)


TEXTS = {
    "certificate": "-----BEGIN CERTIFICATE-----",
    "expiresAt": "2099-01-01T00:00:00Z",
    "interval": "0 3 * * *",
    "machineType": "shared.large",
    "newPassword": "Aa1!-a-new-password",
    "password": "Aa1!-a-password",
    "publicKey": "ssh-ed25519 AAAAC3Nz me",
    "schedule": "0 3 * * *",
    "version": "8.0",
}
"""Texts with a syntax that the models do not state."""
_SAME_ID = {"databaseId": "mysqlDatabaseId"}
"""Properties that refer to the same object as a placeholder of the path."""
_REDIS_VERSION = "7.2"
_OF_PATH = {"/v2/deliveryboxes/{id}": "deliveryBox", "/v2/mailaddresses/{id}": "mailAddress"}
"""Kinds of paths whose placeholder is only called `id`, by prefix."""


class Request:
    """A valid request for one operation, with existing ids where available."""

    def __init__(self, client: EmulatorClient, route: Route, ids: dict[str, str]) -> None:
        core = client.core
        self.route = route
        self.method = route.operation.method
        _, query, headers = core.checker.parameter_shapes(route)

        def made(shape: Shape, name: str) -> Any:
            return core.generator.make(shape, f"input {name}")

        self.path = PLACEHOLDER.sub(lambda found: quote(ids[found[1]], safe=""), route.operation.path)
        required = {name: made(shape, name) for name, shape in query.items() if route.query[name].required}
        self.query = urlencode({name: text(value) for name, value in required.items()})
        self.headers = {
            name: text(made(shape, name)) for name, shape in headers.items() if route.headers[name].required
        }
        self.body = b""
        body = route.operation.body
        shape = core.checker.body_shape(route)
        if body is not None and shape is not None:
            value = with_ids(made(shape, f"body {route.operation.operation_id}"), client, ids)
            if "redis" in route.operation.path and "version" in value:
                value["version"] = _REDIS_VERSION
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


async def request_for(client: EmulatorClient, route: Route) -> Request:
    """A request whose path names existing objects, found in the lists above them."""
    shapes = client.core.checker.parameter_shapes(route)[0]
    ids = siblings(client, route)
    path = ""
    for segment in route.operation.path.split("/")[1:]:
        placeholder = PLACEHOLDER.fullmatch(segment)
        if placeholder is None:
            path += f"/{segment}"
            continue
        name = placeholder[1]
        if name not in ids:
            made = client.core.generator.make(shapes[name], f"input {name}")
            kind = _OF_PATH.get(f"{path}/{segment}")
            sample = client.core.world.sample(f"{kind}Id") if kind else client.core.world.sample(name)
            ids[name] = await listed(client, path, name) or sample or text(made)
        path += f"/{quote(ids[name], safe='')}"
    return Request(client, route, ids)


async def listed(client: EmulatorClient, path: str, name: str) -> str | None:
    """Id of the first object in the list at a path, if there is such a list."""
    found = client.core.routes.find("GET", path)
    if isinstance(found, frozenset) or not isinstance(found[0], Route) or not found[0].is_list:
        return None
    if found[0].operation.operation_id not in HANDLERS:
        return None
    answer = await client.get(path)
    body: Any = answer.json if answer.status == 200 else []
    lists: list[Any] = (
        [value for value in body.values() if isinstance(value, list)] if hasattr(body, "values") else [body]
    )
    items: list[dict[str, Any]] = lists[0] if lists else []
    return next((str(item[key]) for item in items for key in ("id", name) if key in item), None)


def siblings(client: EmulatorClient, route: Route) -> dict[str, str]:
    """Stacks are often empty: choose one that has what the path needs."""
    if "stackId" not in route.path:
        return {}
    world = client.core.world
    for name, kind in (("serviceId", "service"), ("volumeId", "volume")):
        if f"/{{{name}}}" in route.operation.path:
            for key in world.keys(kind)[:1]:
                value = world.read(kind, key)
                return {name: value["id"], "stackId": value["stackId"]}
    return {}


def with_ids(value: Any, client: EmulatorClient, ids: dict[str, str]) -> Any:
    """The value, with existing ids and well-formed texts where a property's name says what it refers to."""
    if isinstance(value, list):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return [with_ids(item, client, ids) for item in items]
    if not isinstance(value, dict):
        return value
    fields: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
    known = {
        name: TEXTS.get(name) or ids.get(_SAME_ID.get(name, name)) or client.core.world.sample(name)
        for name, item in fields.items()
        if isinstance(item, str)
    }
    return {name: known.get(name) or with_ids(item, client, ids) for name, item in fields.items()}


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
