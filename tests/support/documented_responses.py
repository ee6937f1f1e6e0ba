"""Checks responses against the OpenAPI document, where it is available."""

from __future__ import annotations

import functools
import importlib
import os
from pathlib import Path
from typing import Any

import msgspec

PATH = Path(
    os.environ.get("MITTWALD_OPENAPI") or Path(__file__).parents[2].parent / "shared" / "spec" / "mittwald-v2.json"
)
AT_HAND = PATH.is_file()
# Neither checker knows all types of these libraries.
jsonschema: Any = importlib.import_module("jsonschema")
referencing: Any = importlib.import_module("referencing")
draft4: Any = importlib.import_module("referencing.jsonschema").DRAFT4
_URN = "urn:document"


def complaints(method: str, path: str, status: int, data: Any) -> list[str]:
    """Violations of the document in a response's JSON. Its unions overlap, so one fitting variant is enough."""
    responses = _document()["paths"][path][method.lower()]["responses"]
    if str(status) not in responses:
        return [f"status {status} is not documented"]
    pointer = f"#/paths/{_escaped(path)}/{method.lower()}/responses/{status}"
    response = responses[str(status)]
    if "$ref" in response:
        pointer = response["$ref"]
        response = functools.reduce(lambda node, key: node[key], pointer[2:].split("/"), _document())
    if "application/json" not in response.get("content", {}):
        return ["no JSON is documented"]
    if "schema" not in response["content"]["application/json"]:
        return []
    schema = {"$ref": f"{_URN}{pointer}/content/application~1json/schema"}
    errors = jsonschema.Draft4Validator(schema, registry=_registry()).iter_errors(data)
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


@functools.cache
def _document() -> Any:
    document = msgspec.json.decode(PATH.read_bytes())
    _translate(document)
    return document


@functools.cache
def _registry() -> Any:
    resource = referencing.Resource(contents=_document(), specification=draft4)
    return referencing.Registry().with_resource(_URN, resource)


def _translate(node: Any) -> None:
    """From OpenAPI 3.0's dialect to JSON Schema: nullable, invalid types, overlapping unions, made-up requirements."""
    if isinstance(node, list):
        items: list[Any] = node  # pyright: ignore[reportUnknownVariableType]
        for item in items:
            _translate(item)
    if not isinstance(node, dict):
        return
    schema: dict[str, Any] = node  # pyright: ignore[reportUnknownVariableType]
    for value in schema.values():
        _translate(value)
    if isinstance(schema.get("oneOf"), list):
        schema["anyOf"] = schema.pop("oneOf")
    if isinstance(schema.get("required"), list) and isinstance(schema.get("properties"), dict):
        schema["required"] = [name for name in schema["required"] if name in schema["properties"]]
        if not schema["required"]:
            del schema["required"]
    if schema.get("type") == "unknown":
        del schema["type"]
    if schema.get("nullable") is True:
        original = {name: value for name, value in schema.items() if name != "nullable"}
        schema.clear()
        schema["anyOf"] = [original, {"type": "null"}]


def _escaped(path: str) -> str:
    return path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
