"""Made-up OpenAPI documents, and helpers to use the code generated from them."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mittwald_async.codegen.compiler import Compiled, compile_document
from mittwald_async.codegen.config import Config
from mittwald_async.codegen.json_access import is_object
from mittwald_async.codegen.load import Document
from mittwald_async.runtime.lists import ListContext
from mittwald_async.runtime.structs import UNSET

Json = dict[str, Any]

CONFIG = Config(prefix="shop.", reference="https://docs.example/{tag}/{operation_id}")


def document(
    schemas: Json | None = None, paths: Json | None = None, *, responses: Json | None = None, **rest: Any
) -> Json:
    """A complete document around schemas and paths."""
    return {
        "openapi": "3.0.3",
        "info": {"title": "Shop", "version": "7"},
        "paths": paths or {},
        "components": {"schemas": schemas or {}, "responses": responses or {}},
        **rest,
    }


def ok(schema: Json | None = None, content_type: str = "application/json", also: Json | None = None) -> Json:
    """Responses: a 200 with the schema or empty, and further ones."""
    answer: Json = {"description": "fine"}
    if schema is not None:
        answer["content"] = {content_type: {"schema": schema}}
    return {"200": answer, **(also or {})}


def operation(operation_id: str, tag: str = "Shop", /, **rest: Any) -> Json:
    return {"operationId": operation_id, "tags": [tag], "responses": ok(), **rest}


def body(schema: Json, content_type: str = "application/json", *, required: bool = True) -> Json:
    return {"required": required, "content": {content_type: {"schema": schema}}}


def parameter(name: str, where: str = "query", schema: Json | None = None, **rest: Any) -> Json:
    return {"name": name, "in": where, "schema": schema or {"type": "string"}, **rest}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def obj(required: Sequence[str] = (), /, **properties: Json) -> Json:
    made: Json = {"type": "object", "properties": properties}
    return {**made, "required": list(required)} if required else made


TEXT: Json = {"type": "string"}
INT: Json = {"type": "integer"}


def compiled(root: Json, config: Config = CONFIG) -> Compiled:
    raw = json.dumps(root).encode()
    return compile_document(Document(root, hashlib.sha256(raw).hexdigest()), config)


class Package:
    """Generated code, imported from its own directory."""

    def __init__(self, root: Json, directory: Path, config: Config = CONFIG) -> None:
        self.made = compiled(root, config)
        self.name = f"made_{hashlib.sha256(str(directory).encode()).hexdigest()[:12]}"
        self.folder = directory / self.name
        for path, text in {"__init__.py": "", **self.made.files}.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        sys.path.insert(0, str(directory))
        try:
            importlib.invalidate_caches()
            importlib.import_module(self.name)
        finally:
            sys.path.remove(str(directory))

    def models(self, domain: str) -> ModuleType:
        return importlib.import_module(f"{self.name}.models.{domain}")

    def api(self, group: str) -> ModuleType:
        return importlib.import_module(f"{self.name}.api.{group}")

    @property
    def operations(self) -> ModuleType:
        return importlib.import_module(f"{self.name}.operations")

    def group(self, name: str, sender: object) -> Any:
        return getattr(self.api(name), self.operations.GROUPS[name])(sender)

    def findings(self, kind: str) -> list[str]:
        return [str(finding) for finding in self.made.findings if finding.kind == kind]


class Recorder:
    """A sender that records its calls."""

    def __init__(self, result: object = None) -> None:
        self.result = result
        self.operation: Any = None
        self.path: tuple[object, ...] = ()
        self.query: dict[str, object] = {}
        self.headers: dict[str, object] = {}
        self.body: object = None
        self.lists = ListContext()

    def note(
        self, operation: object, path: Any = (), query: Any = None, headers: Any = None, body: object = None
    ) -> None:
        self.operation, self.path = operation, tuple(path)
        self.query, self.headers, self.body = dict(query or {}), dict(headers or {}), body

    async def value(
        self, operation: object, path: Any = (), query: Any = None, headers: Any = None, body: Any = None
    ) -> Any:
        self.note(operation, path, query, headers, body)
        return self.result


def given(values: object) -> object:
    """The part of a mapping that is sent, without omitted arguments."""
    if not is_object(values):
        return values
    return {key: value for key, value in values.items() if value is not None and value is not UNSET}
