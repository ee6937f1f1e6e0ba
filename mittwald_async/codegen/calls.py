"""Paths to operations: groups, names, arguments, bodies, results, paging."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from . import ir
from .access import Access
from .bodies import Bodies, is_json
from .config import Config
from .errors import DocumentError, Findings, pointer_of
from .json_access import Json, child, children, names, objects
from .method_names import MethodNames
from .names import free_name, pascal, snake, squashed
from .normalize import METHODS, SERVER_PATH
from .results import Results
from .schemas import DeclarationPlace, Schemas

_PLACES = {"path": 0, "query": 1, "header": 2, "cookie": 3}
_STYLES = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
"""The styles of a place, the usual one first."""


class Calls:
    """Reads all operations of a plain document; see `operations` and `redirects` afterwards."""

    def __init__(self, root: Json, config: Config, schemas: Schemas, access: Access, findings: Findings) -> None:
        self.operations: list[ir.OperationSpec] = []
        self.redirects: list[ir.RedirectSpec] = []
        self._root = root
        self._config = config
        self._access = access
        self._schemas = schemas
        self._findings = findings
        self._bodies = Bodies(schemas, findings)
        self._results = Results(schemas, findings, config)
        self._naming = MethodNames(config, schemas.resolver, findings)
        self._ids: dict[str, str] = {}
        self._undecided: list[DocumentError] = []

    def read(self) -> None:
        """Read every operation. One that cannot be called is left out, with a finding.

        Raises:
            DocumentError: the configuration contradicts itself.
        """
        for path, entry in child(self._root, "paths", "#").items():
            for method in METHODS:
                if method in entry:
                    pointer = pointer_of("paths", path, method)
                    try:
                        self._read_one(path, method, entry[method], pointer)
                    except DocumentError as error:
                        self._findings.add("refused", error.pointer or pointer, f"left out: {error.problem}")
        if self._undecided:
            raise self._undecided[0]
        self.operations.sort(key=lambda operation: (operation.group, operation.name))
        self.redirects.sort(key=lambda redirect: (redirect.path, redirect.method))

    def _read_one(self, path: str, method: str, node: Json, pointer: str) -> None:
        tag = self._tag(node, pointer)
        removed = node.get(self._config.removed_marker) is True
        responses = objects(node, "responses", pointer)
        if "operationId" not in node and responses and all(status.startswith("3") for status in responses):
            self.redirects.append(ir.RedirectSpec(method.upper(), node.get(SERVER_PATH, "") + path, tag, removed))
            return
        operation_id = self._operation_id(node, path, method, pointer)
        group, name = self._naming.name(operation_id, tag, method, path, responses, pointer)
        owner = DeclarationPlace(self._home(group), pascal(name))
        arguments = self._arguments(path, children(node, "parameters", pointer), owner, pointer)
        body = self._bodies.read(node, owner, f"{pointer}/requestBody")
        if body is not None and body.flat:
            body = self._named_apart(body, arguments)
        results = self._results.read(responses, owner, pointer)
        operation = ir.OperationSpec(
            operation_id=operation_id,
            pointer=pointer,
            method=method.upper(),
            path=node.get(SERVER_PATH, "") + path,
            tag=tag,
            group=group,
            name=name,
            arguments=arguments,
            body=body,
            results=results,
            errors=tuple(sorted(int(status) for status in responses if status.isdigit() and int(status) >= 400)),
            error_types=self._results.error_types(responses, pointer),
            paging=self._one_way(self._results.paging(results, responses, arguments), pointer),
            deprecated=node.get("deprecated") is True,
            removed_upstream=removed,
            secured=self._access.secured(node, pointer),
        )
        self.operations.append(operation)

    def _one_way(self, paging: ir.PagingSpec | None, pointer: str) -> ir.PagingSpec | None:
        """A list that has an offset and a page number is read by the offset; a configuration that names both is asked
        which one it means."""
        if paging is not None and paging.skip and paging.page:
            if paging.skip in self._config.paging.skip_stated and paging.page in self._config.paging.page_stated:
                self._undecided.append(
                    DocumentError(
                        f"the list has {paging.skip!r} and {paging.page!r}, and [paging] of the configuration names"
                        " both as a way through it: leave one out",
                        pointer,
                    )
                )
            note = f"an offset ({paging.skip}) and a page number ({paging.page}): it is read by the offset"
            self._findings.add("paging", pointer, note)
        return paging

    # ---- names ----

    def _tag(self, node: Json, pointer: str) -> str:
        tags = names(node, "tags", pointer)
        if len(tags) > 1:
            self._findings.add("tags", pointer, f"several tags: the method is in the group of the first, {tags[0]!r}")
        return tags[0] if tags and tags[0].strip() else self._config.default_group

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
        other = self._ids.get(operation_id)
        if other is not None:
            wanted, operation_id = operation_id, free_name(operation_id, [], self._ids)
            self._findings.add("renamed", pointer, f"called {operation_id}: {other} has the operationId {wanted!r} too")
        self._ids[operation_id] = pointer
        return operation_id

    # ---- arguments ----

    def _arguments(
        self, path: str, parameters: Iterable[Json], owner: DeclarationPlace, pointer: str
    ) -> tuple[ir.Argument, ...]:
        in_path = re.findall(r"\{([^{}]+)\}", path)
        order = sorted(
            parameters,
            key=lambda node: (_PLACES[node["in"]], in_path.index(node["name"]) if node["in"] == "path" else 0),
        )
        taken: set[str] = set()
        return tuple(self._argument(node, node["x-pointer"], owner, taken) for node in order)

    def _argument(self, node: Json, pointer: str, owner: DeclarationPlace, taken: set[str]) -> ir.Argument:
        where, wire = str(node["in"]), str(node["name"])
        schema = child(node, "schema", pointer)
        content_type: str | None = None
        if "schema" not in node:
            for content_type, media in objects(node, "content", pointer).items():  # noqa: B007  there is one
                schema = child(media, "schema", pointer)
            content_type = self._documented(content_type, pointer)
        made = self._schemas.convert(schema, owner.part(wire), f"{pointer}/schema")
        made = made.inner if isinstance(made, ir.Nullable) else made
        style, explode = (None, None) if content_type else self._style(node, made, pointer)
        name = free_name(snake(wire), [f"{where}_{snake(wire)}"], taken)
        if name != snake(wire):
            self._findings.add(
                "renamed", pointer, f"the argument is called {name}: another one is called {snake(wire)}"
            )
        taken.add(name)
        return ir.Argument(
            name=name,
            wire=wire,
            where=where,
            type=made,
            required=node.get("required") is True,
            limits=self._schemas.limits(schema, f"{pointer}/schema"),
            default=schema.get("default"),
            deprecated=node.get("deprecated") is True,
            values=self._schemas.values(made),
            style=style,
            explode=explode,
            content_type=content_type,
        )

    def _documented(self, content_type: str | None, pointer: str) -> str:
        """The media type of a parameter that is a document of its own."""
        if content_type is not None and not is_json(content_type):
            self._findings.add("parameter", pointer, f"cannot be written as {content_type}: sent as JSON text")
        return "application/json"

    def _style(self, node: Json, made: ir.Type, pointer: str) -> tuple[str | None, bool | None]:
        """How a parameter is written, where that is not the usual way: `None` for texts, numbers, and lists in a
        query."""
        where = str(node["in"])
        usual = _STYLES[where][0]
        style = str(node.get("style", usual))
        if style not in _STYLES[where]:
            self._findings.add("style", pointer, f"{style!r} is not a style of a {where} parameter: sent as {usual}")
            style = usual
        explode = node.get("explode", style == "form")
        plain = self._schemas.is_plain(made)
        if plain and style in ("form", "simple", "spaceDelimited", "pipeDelimited", "deepObject"):
            return None, None
        if isinstance(made, ir.ListOf) and self._schemas.is_plain(made.item):
            if (style, explode) == ("form", True) or where == "header":
                return None, None
            if style == "deepObject":
                self._findings.add(
                    "style", pointer, "'deepObject' is for objects: the list is sent as name[0], name[1] …"
                )
        return style, explode

    def _named_apart(self, body: ir.BodySpec, arguments: tuple[ir.Argument, ...]) -> ir.BodySpec:
        """Body properties must not be called like a parameter: the property gets `body_` in front."""
        taken = {argument.name for argument in arguments}
        renamed: list[ir.Argument] = []
        for prop in body.properties:
            name = free_name(prop.name, [f"body_{prop.name}"], taken)
            taken.add(name)
            renamed.append(replace(prop, name=name))
        return replace(body, properties=tuple(renamed))
