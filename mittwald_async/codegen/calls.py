"""Paths to operations: groups, names, arguments, bodies, results, paging."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from . import ir
from .bodies import Bodies
from .config import Config
from .errors import DocumentError, Findings, escaped, pointer_of
from .json_access import Json, child, children, names, objects
from .names import free_name, operation_name, pascal, snake, squashed
from .results import Results
from .schemas import Owner, Schemas

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_PATH_KEYS = {*METHODS, "parameters", "summary", "description", "servers", "$ref"}
_PLACES = {"path": 0, "query": 1, "header": 2, "cookie": 3}
_STYLES = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}


class Calls:
    """Reads all operations of a document; see `operations` and `redirects` afterwards."""

    def __init__(self, root: Json, config: Config, schemas: Schemas, findings: Findings) -> None:
        self.operations: list[ir.Operation] = []
        self.redirects: list[ir.Redirect] = []
        self._root = root
        self._config = config
        self._schemas = schemas
        self._findings = findings
        self._follow = schemas.resolver.follow
        self._bodies = Bodies(schemas, findings)
        self._results = Results(schemas, findings)
        self._ids: dict[str, str] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._groups: dict[str, str] = {}

    def read(self) -> None:
        """Read every path; raises DocumentError for one that cannot be made a method."""
        for path, item in child(self._root, "paths", "#").items():
            pointer = pointer_of("paths", path)
            if not path.startswith("/"):
                raise DocumentError("a path must begin with /", pointer)
            entry = self._follow(item, pointer)
            for key in entry:
                if key not in _PATH_KEYS and not key.startswith("x-"):
                    raise DocumentError(f"{key!r} is no method of a path", pointer)
            for method in METHODS:
                if method in entry:
                    self._read_one(path, method, entry, pointer_of("paths", path, method))
        self.operations.sort(key=lambda operation: (operation.group, operation.name))
        self.redirects.sort(key=lambda redirect: (redirect.path, redirect.method))

    def _read_one(self, path: str, method: str, entry: Json, pointer: str) -> None:
        node = self._follow(entry[method], pointer)
        tag = self._tag(node, pointer)
        removed = node.get(self._config.removed_marker) is True
        responses = self._responses(node, pointer)
        if "operationId" not in node and responses and all(status.startswith("3") for status in responses):
            self.redirects.append(ir.Redirect(method.upper(), path, tag, removed))
            return
        operation_id = self._operation_id(node, path, method, pointer)
        group = self._group(tag, pointer)
        name = self._method_name(operation_id, group, pointer)
        owner = Owner(self._home(group), pascal(name))
        arguments = self._arguments(path, self._parameters(entry, node, pointer), owner, pointer)
        body = self._bodies.read(node, owner, f"{pointer}/requestBody")
        if body is not None and body.flat:
            body = self._named_apart(body, arguments)
        results = self._results.read(responses, owner, pointer)
        operation = ir.Operation(
            operation_id=operation_id,
            pointer=pointer,
            method=method.upper(),
            path=path,
            tag=tag,
            group=group,
            name=name,
            arguments=arguments,
            body=body,
            results=results,
            errors=tuple(sorted(int(status) for status in responses if status.isdigit() and int(status) >= 400)),
            paging=self._results.paging(results, responses, arguments),
            deprecated=node.get("deprecated") is True,
            removed_upstream=removed,
            secured=self._secured(node, pointer),
        )
        self.operations.append(operation)

    # ---- names ----

    def _tag(self, node: Json, pointer: str) -> str:
        tags = names(node, "tags", pointer)
        if len(tags) > 1:
            self._findings.add("tags", pointer, f"several tags: the method is in the group of the first, {tags[0]!r}")
        return tags[0] if tags else self._config.default_group

    def _group(self, tag: str, pointer: str) -> str:
        group = snake(tag)
        if group == "groups":
            raise DocumentError("a group 'groups' would take the place of the module of all groups", pointer)
        other = self._groups.setdefault(group, tag)
        if other != tag:
            raise DocumentError(f"tags {other!r} and {tag!r} are both called {group}", pointer)
        return group

    def _home(self, group: str) -> str:
        """The models module of inline objects: the domain that spells the group's name, else one of the group's own."""
        for domain in self._schemas.domains:
            if squashed(domain) == squashed(group):
                return domain
        return group

    def _operation_id(self, node: Json, path: str, method: str, pointer: str) -> str:
        operation_id = node.get("operationId")
        if operation_id is None:
            operation_id = "-".join(snake(part).replace("_", "-") for part in [method, *path.split("/")] if part)
            self._findings.add("operationId", pointer, f"none: called {operation_id}")
        if not isinstance(operation_id, str) or not operation_id:
            raise DocumentError("an operationId must be a text", pointer)
        other = self._ids.setdefault(operation_id, pointer)
        if other != pointer:
            raise DocumentError(f"operationId {operation_id!r} is used twice, also at {other}", pointer)
        return operation_id

    def _method_name(self, operation_id: str, group: str, pointer: str) -> str:
        name = operation_name(operation_id, group)
        other = self._names.setdefault((group, name), operation_id)
        if other != operation_id:
            raise DocumentError(f"operations {other!r} and {operation_id!r} are both called {group}.{name}", pointer)
        return name

    # ---- arguments ----

    def _parameters(self, entry: Json, node: Json, pointer: str) -> list[tuple[Json, str]]:
        """The path's parameters, then the operation's own, each with its pointer."""
        shared = pointer.rpartition("/")[0]
        found: list[tuple[Json, str]] = []
        for holder, place in ((entry, shared), (node, pointer)):
            for number, part in enumerate(children(holder, "parameters", place)):
                where = f"{place}/parameters/{number}"
                found.append((self._follow(part, where), where))
        return found

    def _arguments(
        self, path: str, parameters: Iterable[tuple[Json, str]], owner: Owner, pointer: str
    ) -> tuple[ir.Argument, ...]:
        found: dict[tuple[str, str], tuple[Json, str]] = {}
        for node, place in parameters:
            where, wire = node.get("in"), node.get("name")
            if not isinstance(where, str) or where not in _PLACES or not isinstance(wire, str):
                raise DocumentError("a parameter needs a name, and 'in' one of path, query, header, cookie", place)
            found[where, wire] = (node, place)
        in_path = re.findall(r"\{([^{}]*)\}", path)
        declared = [wire for where, wire in found if where == "path"]
        if sorted(in_path) != sorted(declared):
            raise DocumentError(f"the path needs {sorted(in_path)}, the parameters declare {sorted(declared)}", pointer)
        for where, wire in found:
            if where == "header" and ("cookie", wire) in found:
                raise DocumentError(f"there is a header and a cookie parameter {wire!r}", pointer)
        order = sorted(found, key=lambda key: (_PLACES[key[0]], in_path.index(key[1]) if key[0] == "path" else 0))
        taken: set[str] = set()
        return tuple(self._argument(*found[key], owner, taken) for key in order)

    def _argument(self, node: Json, pointer: str, owner: Owner, taken: set[str]) -> ir.Argument:
        where, wire = str(node["in"]), str(node["name"])
        schema = child(node, "schema", pointer)
        if "schema" not in node:
            for media in objects(node, "content", pointer).values():
                schema = child(media, "schema", pointer)
            self._findings.add("parameter", pointer, f"{wire!r} is sent as JSON text")
        if node.get("style", _STYLES[where]) != _STYLES[where] or node.get(
            "explode", where in ("query", "cookie")
        ) is not (where in ("query", "cookie")):
            self._findings.add("style", pointer, f"{wire!r} is sent in the usual style of a {where} parameter")
        made = self._schemas.convert(schema, owner.part(wire), f"{pointer}/schema")
        made = made.inner if isinstance(made, ir.Nullable) else made
        name = free_name(snake(wire), [f"{where}_{snake(wire)}"], taken)
        taken.add(name)
        return ir.Argument(
            name=name,
            wire=wire,
            where=where,
            type=made,
            required=node.get("required") is True or where == "path",
            limits=self._schemas.limits(schema, f"{pointer}/schema"),
            default=schema.get("default"),
            deprecated=node.get("deprecated") is True,
            values=self._schemas.values(made),
        )

    def _named_apart(self, body: ir.Body, arguments: tuple[ir.Argument, ...]) -> ir.Body:
        """Body properties must not be called like a parameter: the property gets `body_` in front."""
        taken = {argument.name for argument in arguments}
        renamed: list[ir.Argument] = []
        for prop in body.properties:
            name = free_name(prop.name, [f"body_{prop.name}"], taken)
            taken.add(name)
            renamed.append(replace(prop, name=name))
        return replace(body, properties=tuple(renamed))

    # ---- the rest ----

    def _responses(self, node: Json, pointer: str) -> dict[str, Json]:
        responses = child(node, "responses", pointer)
        if not responses:
            raise DocumentError("an operation needs responses", pointer)
        return {
            status: self._follow(part, f"{pointer}/responses/{escaped(status)}") for status, part in responses.items()
        }

    def _secured(self, node: Json, pointer: str) -> bool:
        demands = children(node if "security" in node else self._root, "security", pointer)
        return bool(demands) and {} not in demands
