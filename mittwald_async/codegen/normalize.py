"""Any OpenAPI 3 document as a plain one: one file, well formed, with the keywords of 3.0 that the rest understands.

Parameters, bodies, responses and headers stand where they are used, schemas under their names. Whatever is odd becomes
a finding, and the rest of the document is processed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from .access import path_under, server_of
from .cycles import break_cycles
from .errors import Findings
from .inheritance import resolve_inheritance
from .json_access import Json, is_array, is_object
from .load import Document
from .references import Found, Location, References
from .schema_dialect import SchemaDialect

SERVER_PATH = "x-server-path"
"""For an operation with its own server: the prefix of its path."""
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_PATH_KEYS = {*METHODS, "parameters", "summary", "description", "servers", "$ref"}
_PLACES = ("path", "query", "header", "cookie")
_SET_ANYWAY = {"accept", "content-type", "authorization"}
"""Headers that the client sets itself: a caller may give another value, and need not give any."""
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_STATUS = re.compile(r"[1-5]([0-9][0-9]|XX|xx)|default")
_ANYTHING: Json = {"content": {"application/json": {"schema": {}}}}
"""The response that nothing is known of."""
_DEEPEST = 30


def normalized(root: Json, document: Document, findings: Findings) -> Json:
    """The document in plain form; `root` is its JSON with corrections made."""
    return _Normalizer(root, document, findings).document()


class _Normalizer:
    def __init__(self, root: Json, document: Document, findings: Findings) -> None:
        self._root = root
        self._findings = findings
        self._base = ""
        self._references = References(root, document.source, findings)
        self._dialect = SchemaDialect(
            self._references, findings, sibling_keywords=not str(root.get("openapi")).startswith("3.0")
        )

    def document(self) -> Json:
        root, top = self._root, Location("")
        components = self._object(root.get("components"), top.step("components"))
        servers = root.get("servers") or self._usual_server()
        self._dialect.share(root)
        at = top.step("components", "schemas")
        self._dialect.add_components(self._object(components.get("schemas"), at), at)
        self._base = server_of(servers) or ""
        paths = self._paths(top.step("paths"))
        self._dialect.finish()
        if self._object(root.get("webhooks"), top.step("webhooks")):
            self._note("webhooks", top.step("webhooks"), "webhooks are sent by the provider; they become no methods")
        schemes = self._each(components.get("securitySchemes"), top.step("components", "securitySchemes"), self._scheme)
        info = self._object(root.get("info"), top.step("info"))
        made: Json = {
            "info": {key: str(info[key]) for key in ("title", "version") if info.get(key) is not None},
            "servers": self._servers(servers, top.step("servers")),
            "security": self._security(root.get("security"), top.step("security")),
            "paths": paths,
            "components": {"schemas": self._dialect.schemas, "securitySchemes": schemes},
        }
        made = resolve_inheritance(made, self._findings)
        made["components"]["schemas"] = break_cycles(made["components"]["schemas"], self._findings)
        return made

    def _note(self, kind: str, at: Location, note: str) -> None:
        self._findings.add(kind, str(at), note)

    # ---- reading what may not be there ----

    def _object(self, node: Any, at: Location) -> Json:
        if node is None or is_object(node):
            return node or {}
        self._note("shape", at, f"an object is needed here, got {type(node).__name__}: ignored")
        return {}

    def _array(self, node: Any, at: Location) -> list[Any]:
        if node is None or is_array(node):
            return node or []
        self._note("shape", at, f"an array is needed here, got {type(node).__name__}: ignored")
        return []

    def _follow(self, node: Any, at: Location) -> Found | None:
        """A node that may be a `$ref`, and its real location."""
        for _ in range(_DEEPEST):
            if not is_object(node):
                self._note("shape", at, f"an object is needed here, got {type(node).__name__}: ignored")
                return None
            if "$ref" not in node:
                return Found(node, at)
            found = self._references.lookup(node["$ref"], at)
            if found is None:
                return None
            node, at = found.node, found.at
        self._note("reference", at, "a $ref that leads in a circle: ignored")
        return None

    def _each(self, node: Any, at: Location, make: Callable[[Json, Location], Json | None]) -> Json:
        """An object of objects, each made plain."""
        made: Json = {}
        for name, part in self._object(node, at).items():
            found = self._follow(part, at.step(name))
            plain = None if found is None else make(found.node, found.at)
            if plain is not None:
                made[str(name)] = plain
        return made

    # ---- paths ----

    def _paths(self, at: Location) -> Json:
        if "paths" not in self._root:
            self._note("paths", at, "the document has no paths: there are models only")
        made: Json = {}
        for path, node in self._object(self._root.get("paths"), at).items():
            place = at.step(path)
            if path.startswith("x-"):
                continue
            found = self._follow_path(node, place)
            template = path if path.startswith("/") else f"/{path}"
            if template != path:
                self._note("path", place, "a path must begin with /: it is added")
            operations = {} if found is None else self._path_item(template, *found, place)
            if template in made:
                self._note("path", place, f"{template} is there twice: the methods are put together")
            made[template] = {**operations, **made.get(template, {})}
        return made

    def _follow_path(self, node: Any, at: Location) -> tuple[Json, Location] | None:
        """A path may say something beside its `$ref`."""
        if is_object(node) and "$ref" in node:
            found = self._follow(node, at)
            beside = {key: value for key, value in node.items() if key != "$ref"}
            return None if found is None else ({**found.node, **beside}, found.at)
        found = self._follow(node, at)
        return None if found is None else (found.node, found.at)

    def _path_item(self, path: str, node: Json, at: Location, place: Location) -> Json:
        made: Json = {}
        for key in node:
            if key not in _PATH_KEYS and not str(key).startswith("x-"):
                self._note("path", place, f"{key!r} is not a method of a path: ignored")
        for method in METHODS:
            if method in node:
                found = self._follow(node[method], at.step(method))
                if found is not None:
                    shared = self._parameters(node.get("parameters"), at.step("parameters"))
                    made[method] = self._operation(path, found.node, found.at, shared, place.step(method))
                    self._put_under(made[method], found.node.get("servers") or node.get("servers"), place.step(method))
        return made

    def _operation(self, path: str, node: Json, at: Location, shared: list[Json], place: Location) -> Json:
        made: Json = {key: value for key, value in node.items() if key.startswith("x-") and key != SERVER_PATH}
        operation_id = node.get("operationId")
        if isinstance(operation_id, str) and operation_id.strip():
            made["operationId"] = operation_id
        elif operation_id is not None:
            self._note("operationId", place, f"an operationId must be text, got {operation_id!r}: ignored")
        made["tags"] = [
            str(tag) for tag in self._array(node.get("tags"), at.step("tags")) if isinstance(tag, str | int)
        ]
        made["deprecated"] = node.get("deprecated") is True
        if self._object(node.get("callbacks"), at.step("callbacks")):
            self._note(
                "callbacks", place.step("callbacks"), "callbacks are sent by the provider; they become no methods"
            )
        own = self._parameters(node.get("parameters"), at.step("parameters"))
        made["parameters"] = self._of_path(path, [*shared, *own], place)
        if node.get("requestBody") is not None:
            found = self._follow(node["requestBody"], at.step("requestBody"))
            body = None if found is None else self._body(found.node, found.at)
            if body is not None:
                made["requestBody"] = body
        made["responses"] = self._responses(node.get("responses"), at.step("responses"), place)
        if "security" in node:
            made["security"] = self._security(node["security"], at.step("security"))
        return made

    def _put_under(self, operation: Json, servers: Any, place: Location) -> None:
        """An operation with a server of its own: its path begins there, where the client's base URL leads to it."""
        url = server_of(servers)
        if url is None:
            return
        path = path_under(self._base, url)
        if path is None:
            self._note("servers", place, f"only at {url}: a client with that base_url reaches it, others do not")
        elif path:
            operation[SERVER_PATH] = path

    def _usual_server(self) -> list[Any]:
        """The server that most paths and operations name, of a document that names none for all."""
        paths = self._root.get("paths")
        items = [item for item in (paths.values() if is_object(paths) else ()) if is_object(item)]
        parts = [*items, *(part for item in items for part in item.values() if is_object(part))]
        counted = Counter(url for part in parts if (url := server_of(part.get("servers"))))
        return [{"url": url} for url, _ in counted.most_common(1)]

    # ---- parameters ----

    def _parameters(self, node: Any, at: Location) -> list[Json]:
        made: list[Json] = []
        for number, part in enumerate(self._array(node, at)):
            found = self._follow(part, at.step(number))
            plain = None if found is None else self._parameter(found.node, found.at)
            if plain is not None:
                made.append({**plain, "x-pointer": str(at.step(number))})
        return made

    def _parameter(self, node: Json, at: Location) -> Json | None:
        where, name = node.get("in"), node.get("name")
        if not isinstance(name, str | int) or where not in _PLACES:
            self._note(
                "parameter", at, "a parameter needs a name, and 'in' one of path, query, header, cookie: left out"
            )
            return None
        required = node.get("required") is True or where == "path"
        if required and where == "header" and str(name).lower() in _SET_ANYWAY:
            self._note("parameter", at, f"the client sets the header {name!r} itself: an optional argument")
            required = False
        made: Json = {"name": str(name), "in": where, "required": required}
        for key in ("deprecated", "explode", "allowReserved"):
            if isinstance(node.get(key), bool):
                made[key] = node[key]
        if isinstance(node.get("style"), str):
            made["style"] = node["style"]
        if is_object(node.get("content")) and "schema" not in node:
            made["content"] = self._content(node["content"], at.step("content"))
        else:
            made["schema"] = self._dialect.plain(node.get("schema", {}), at.step("schema"))
        return made

    def _of_path(self, path: str, parameters: list[Json], at: Location) -> list[Json]:
        """Later ones win over earlier ones of the same name; those of the path are the ones it has."""
        found = {(one["in"], one["name"].lower() if one["in"] == "header" else one["name"]): one for one in parameters}
        needed = dict.fromkeys(_PLACEHOLDER.findall(path))
        for where, name in list(found):
            if where == "path" and name not in needed:
                self._note("parameter", at, f"the path has no {{{name}}}: the parameter is left out")
                del found[where, name]
        for name in needed:
            if ("path", name) not in found:
                self._note("parameter", at, f"{{{name}}} of the path is not described: any text")
                found["path", name] = {
                    "name": name, "in": "path", "required": True, "schema": {"type": "string"}, "x-pointer": str(at),
                }  # fmt: skip
        return list(found.values())

    # ---- bodies and responses ----

    def _content(self, node: Any, at: Location) -> Json:
        made: Json = {}
        for kind, part in self._object(node, at).items():
            found = self._follow(part, at.step(kind)) or Found({}, at.step(kind))
            media: Json = found.node
            place = found.at
            plain: Json = {}
            if "schema" in media:
                plain["schema"] = self._dialect.plain(media["schema"], place.step("schema"))
            encoding = self._object(media.get("encoding"), place.step("encoding"))
            if encoding:
                plain["encoding"] = {str(name): part for name, part in encoding.items() if is_object(part)}
            made[str(kind)] = plain
        return made

    def _body(self, node: Json, at: Location) -> Json | None:
        content = self._content(node.get("content"), at.step("content"))
        if not content:
            self._note("content", at, "a request body without content: any bytes")
            content["application/octet-stream"] = {}
        return {"required": node.get("required") is True, "content": content}

    def _responses(self, node: Any, at: Location, place: Location) -> Json:
        made: Json = {}
        for status, part in self._object(node, at).items():
            if str(status).startswith("x-"):
                continue
            if not _STATUS.fullmatch(str(status)):
                self._note("status", at.step(status), "not an HTTP status: ignored")
                continue
            found = self._follow(part, at.step(status))
            made[str(status).upper() if str(status) != "default" else "default"] = (
                _ANYTHING if found is None else self._response(found.node, found.at)
            )
        if not made:
            self._note("responses", place, "no responses are documented: the result is any value")
            made["default"] = _ANYTHING
        return made

    def _response(self, node: Json, at: Location) -> Json:
        made: Json = {"headers": {str(name): {} for name in self._object(node.get("headers"), at.step("headers"))}}
        content = self._content(node.get("content"), at.step("content"))
        return {**made, "content": content} if content else made

    # ---- access ----

    def _security(self, node: Any, at: Location) -> list[Json]:
        return [part for part in self._array(node, at) if is_object(part)]

    def _servers(self, node: Any, at: Location) -> list[Json]:
        made: list[Json] = []
        for number, part in enumerate(self._array(node, at)):
            if is_object(part) and isinstance(part.get("url"), str):
                variables = self._object(part.get("variables"), at.step(number, "variables"))
                made.append(
                    {
                        "url": part["url"],
                        "variables": {
                            str(name): {
                                "default": str(one.get("default", "")),
                                "enum": [str(value) for value in self._array(one.get("enum"), at)],
                            }
                            for name, one in variables.items()
                            if is_object(one)
                        },
                    }
                )
            else:
                self._note("servers", at.step(number), "a server needs a url: ignored")
        return made

    def _scheme(self, node: Json, at: Location) -> Json | None:
        if not isinstance(node.get("type"), str):
            self._note("security", at, "a security scheme needs a type: ignored")
            return None
        return node
