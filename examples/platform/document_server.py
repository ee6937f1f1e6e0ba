"""A server made from an OpenAPI 3.0 document: it checks every request against the document and answers as it says.

Answers are samples. Where the server is stateful, collections, which are paths that one can list and add to, hold what
is put into them. It needs `jsonschema`.
"""

from __future__ import annotations

import importlib
import json
import re
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import BodyPartReader, web
from document_samples import Json, Samples, is_array, is_object

Draft202012Validator: Any = importlib.import_module("jsonschema").Draft202012Validator
"""Comes without types."""
METHODS = ("get", "post", "put", "patch", "delete")
PAGE = 20
"""Items on a page unless the request says otherwise."""


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, error: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.status, self.error, self.details = status, error, details


@dataclass
class Request:
    """One request as it came."""

    operation_id: str
    path: tuple[str, ...]
    query: dict[str, str]
    body: Any


@dataclass
class Route:
    """One operation of the document."""

    operation_id: str
    method: str
    path: str
    node: Json
    matches: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        pattern = "".join(
            "([^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", self.path)
        )
        self.matches = re.compile(pattern)

    @property
    def success(self) -> tuple[int, Json]:
        """Status and response of the first success."""
        status = min(status for status in self.node["responses"] if status.startswith("2"))
        return int(status), self.node["responses"][status]


class DocumentServer:
    """Answers for a document.

    Args:
        document: OpenAPI 3.0, as parsed from JSON.
        stateful: collections hold what is put into them, and nothing else; otherwise they give samples.
        full: answers have everything that is optional.
        limit: requests per minute and token, stated in headers; a request beyond it is answered with 429.
    """

    def __init__(self, document: Json, *, stateful: bool = False, full: bool = True, limit: int = 600) -> None:
        self.samples = Samples(document)
        self.stateful = stateful
        self.full = full
        self.requests: list[Request] = []
        """What came and was as documented."""
        self.refused: list[str] = []
        """What came and was not."""
        self.tokens: set[str] = set()
        """Access tokens that are accepted; empty: any."""
        self.expire_after: int | None = None
        """After so many more requests, the tokens of now are not accepted any more."""
        self.overrides: dict[str, Callable[[Request], Any]] = {}
        """What is answered instead of a sample, by operation id."""
        self._limit, self._left, self._window = limit, limit, 0.0
        self._validators: dict[int, tuple[Json, Any]] = {}
        self._items: dict[str, dict[str, Json]] = {}
        self._routes = [
            Route(node["operationId"], method.upper(), path, node)
            for path, entry in document["paths"].items()
            for method, node in entry.items()
            if method in METHODS
        ]
        self._routes.sort(key=lambda route: (route.path.count("{"), -len(route.path)))
        methods = {(route.method, route.path) for route in self._routes}
        self._collections = {path for method, path in methods if method == "GET" and ("POST", path) in methods}

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[str]:
        """Listen on this machine; gives the base URL."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            response = await self._answer(request)
        except RefusedError as error:
            if error.status not in (401, 404, 429):
                self.refused.append(f"{request.method} {request.path}: {error}")
            body = {
                "error": error.error,
                "message": str(error),
                "statusCode": error.status,
                "requestId": str(uuid.uuid4()),
                "timestamp": datetime.now(UTC).isoformat(),
                **({"details": error.details} if error.details else {}),
            }
            response = web.json_response(body, status=error.status)
        response.headers["X-RateLimit-Limit"] = str(self._limit)
        response.headers["X-RateLimit-Remaining"] = str(max(self._left, 0))
        response.headers["X-RateLimit-Reset"] = str(int(self._window) + 60)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self._draw()
        route, path = self._route(request)
        if self.samples.resolved(route.node).get("security") and not self._known(request):
            raise RefusedError(401, "Unauthorized", "the access token is unknown or has expired")
        query = self._query(route, request)
        came = Request(route.operation_id, path, query, await self._body(route, request))
        self.requests.append(came)
        status, response = route.success
        content: Json = response.get("content", {})
        if not content:
            self._remove(route, request.path)
            return web.Response(status=status)
        kind, media = next(iter(content.items()))
        if kind != "application/json":
            return web.Response(status=status, body=b"\x00bytes of a file", content_type=kind.replace("*", "png"))
        return web.json_response(self._json(route, request.path, came, media["schema"]), status=status)

    def _draw(self) -> None:
        now = time.time()
        if now >= self._window + 60:
            self._window, self._left = now, self._limit
        self._left -= 1
        if self._left < 0:
            raise RefusedError(429, "Too Many Requests", "the request budget is used up")

    def session(self, email: str | None = None) -> Json:
        """A new pair of tokens, as a login or a renewal gives it; the only ones that are accepted from now on."""
        self.tokens = {str(uuid.uuid4())}
        made: Json = {"accessToken": next(iter(self.tokens)), "refreshToken": str(uuid.uuid4()), "expiresIn": 900}
        if email is None:
            return made
        login = next(route for route in self._routes if route.path.endswith("/auth/login"))
        schema: Json = login.success[1]["content"]["application/json"]["schema"]["properties"]["user"]
        return {**made, "user": {**self.samples.value(schema, full=self.full), "email": email}}

    def _known(self, request: web.Request) -> bool:
        if self.expire_after is not None:
            self.expire_after -= 1
            if self.expire_after < 0:
                self.tokens, self.expire_after = {"expired"}, None
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return kind == "Bearer" and bool(token) and (not self.tokens or token in self.tokens)

    def _route(self, request: web.Request) -> tuple[Route, tuple[str, ...]]:
        for route in self._routes:
            found = route.matches.fullmatch(request.path)
            if route.method == request.method and found is not None:
                return route, found.groups()
        raise RefusedError(404, "Not Found", f"no route for {request.method} {request.path}")

    # ---- what comes ----

    def check(self, schema: Json, value: Any, what: str) -> None:
        """Compare a value with a schema.

        Raises:
            RefusedError: it is not as the schema says.
        """
        if id(schema) not in self._validators:
            self._validators[id(schema)] = schema, Draft202012Validator(self._plain(schema))
        errors = sorted(self._validators[id(schema)][1].iter_errors(value), key=lambda error: error.json_path)
        if errors:
            details = {error.json_path.removeprefix("$.") or what: error.message for error in errors}
            raise RefusedError(422, "Validation Error", f"the {what} is not as documented", details)

    def _plain(self, schema: Any) -> Any:
        """JSON Schema for a schema of OpenAPI 3.0."""
        if is_array(schema):
            return [self._plain(part) for part in schema]
        if not is_object(schema):
            return schema
        found = {name: self._plain(part) for name, part in self.samples.resolved(schema).items()}
        if found.pop("nullable", False) is True:
            return {"anyOf": [found, {"type": "null"}]}
        return found

    def _query(self, route: Route, request: web.Request) -> dict[str, str]:
        known: dict[str, Json] = {
            parameter["name"]: parameter["schema"]
            for parameter in route.node.get("parameters", ())
            if parameter["in"] == "query"
        }
        for name, text in request.query.items():
            if name not in known:
                raise RefusedError(400, "Bad Request", f"unknown query parameter {name}")
            number = known[name].get("type") == "integer" and re.fullmatch("-?[0-9]+", text)
            self.check(known[name], int(text) if number else text, f"query parameter {name}")
        return dict(request.query)

    async def _body(self, route: Route, request: web.Request) -> Any:
        described: Json = route.node.get("requestBody", {})
        if not request.can_read_body:
            if described.get("required"):
                raise RefusedError(400, "Bad Request", "the body is missing")
            return None
        if request.content_type not in described.get("content", {}):
            raise RefusedError(415, "Unsupported Media Type", f"{request.content_type} is not documented here")
        schema: Json = described["content"][request.content_type]["schema"]
        if request.content_type == "application/json":
            body = json.loads(await request.read())
            self.check(schema, body, "body")
            return body
        return await self._form(schema, request)

    async def _form(self, schema: Json, request: web.Request) -> Json:
        fields: Json = {}
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                raise RefusedError(400, "Bad Request", "a part of the form has no name")
            described = schema["properties"].get(part.name)
            if described is None:
                raise RefusedError(422, "Validation Error", f"unknown field {part.name}")
            content = await part.read()
            if described.get("format") == "binary":
                fields[part.name] = content.decode("latin-1")
            else:
                text = content.decode()
                fields[part.name] = json.loads(text) if described.get("type") == "object" else text
        self.check(schema, fields, "form")
        return fields

    # ---- what goes ----

    def _json(self, route: Route, path: str, came: Request, schema: Json) -> Any:
        if came.operation_id in self.overrides:
            return self.overrides[came.operation_id](came)
        answer = self.samples.value(schema, full=self.full)
        if not self.stateful or not is_object(answer):
            return answer
        held, listed = answer.get("data"), route.path in self._collections
        if listed and route.method == "GET" and is_array(held):
            self._page(answer, list(self._items.get(path, {}).values()), came.query)
        elif listed and route.method == "POST" and is_object(held) and "id" in held:
            self.add(path, _merged(held, came.body))
            answer["data"] = list(self._items[path].values())[-1]
        elif is_object(held) and (item := self._item(route, path)) is not None:
            if route.method in ("PATCH", "PUT"):
                item.update(_merged(item, came.body))
            answer["data"] = _merged(held, item)
        return answer

    def add(self, path: str, *items: Json) -> None:
        """Put items into a collection, by the path of the collection."""
        self._items.setdefault(path, {}).update({item["id"]: item for item in items})

    def new(self, path: str, **values: Any) -> Json:
        """A sample of an item of a collection, with values of its own, put into it."""
        [route] = [one for one in self._routes if one.path == path and one.method == "GET"]
        schema = route.success[1]["content"]["application/json"]["schema"]["properties"]["data"]["items"]
        item = {**self.samples.value(schema, full=self.full), **values}
        self.add(path, item)
        return item

    def _collection_of(self, route: Route, path: str) -> str | None:
        """The collection that a path names an item of."""
        if not route.path.endswith("}") or f"{route.path.rpartition('/')[0]}/" not in self._collections:
            return None
        return f"{path.rpartition('/')[0]}/"

    def _item(self, route: Route, path: str) -> Json | None:
        collection = self._collection_of(route, path)
        if collection is None or not self.stateful:
            return None
        found = self._items.get(collection, {}).get(path.rpartition("/")[2])
        if found is None:
            raise RefusedError(404, "Not Found", f"there is nothing at {path}")
        return found

    def _remove(self, route: Route, path: str) -> None:
        if route.method == "DELETE" and self._item(route, path) is not None:
            del self._items[str(self._collection_of(route, path))][path.rpartition("/")[2]]

    @staticmethod
    def _page(answer: Json, items: list[Json], query: Mapping[str, str]) -> None:
        """Put the asked-for part of a list into an answer, and what the answer says of the list."""
        start, size = int(query.get("offset", 0)), min(int(query.get("limit", PAGE)), PAGE)
        answer["data"] = items[start : start + size]
        facts = {
            "total": len(items),
            "limit": size,
            "offset": start,
            "hasMore": start + size < len(items),
            "returnedCount": len(answer["data"]),
        }
        for place in (answer, answer.get("pagination", {})):
            place.update({name: value for name, value in facts.items() if name in place})


def _merged(item: Json, given: Any) -> Json:
    """The item with what was given, as far as items have it."""
    return {**item, **{name: value for name, value in (given if is_object(given) else {}).items() if name in item}}
