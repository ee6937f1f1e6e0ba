"""JSON for a schema, generated from the document alone, independently of the generator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mittwald_async.codegen.json_access import is_object

Json = dict[str, Any]

_TEXTS = {"date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02"}
_DEEP = 9


@dataclass(frozen=True)
class Choice:
    """How open choices are made.

    `full`: include optional properties. `null`: use null where allowed. `variant`: the alternative to take in every
    union.
    """

    full: bool
    null: bool
    variant: int


class Sampler:
    def __init__(self, root: Json) -> None:
        self._root = root
        self.widest = 1
        """Alternatives of the widest union met so far."""

    def samples(self, schema: Json) -> Iterator[Any]:
        """Every variant in full, with required properties only, and in full with nulls."""
        self.widest = 1
        variant = 0
        while variant < self.widest:
            for full, null in ((True, False), (False, False), (True, True)):
                yield self.make(schema, Choice(full, null, variant))
            variant += 1

    def follow(self, node: Json) -> Json:
        while "$ref" in node:
            found: Any = self._root
            for part in node["$ref"][2:].split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def make(self, schema: Json, choice: Choice, depth: int = 0) -> Any:
        if choice.null and schema.get("nullable") and depth:
            return None
        schema = self.follow(schema)
        if choice.null and schema.get("nullable") and depth:
            return None
        if "allOf" in schema:
            return self._all(schema, choice, depth)
        for word in ("oneOf", "anyOf"):
            if word in schema:
                self.widest = max(self.widest, len(schema[word]))
                return self.make(schema[word][choice.variant % len(schema[word])], choice, depth)
        if "enum" in schema:
            return schema["enum"][choice.variant % len(schema["enum"])]
        kind = schema.get("type") or ("object" if "properties" in schema else None)
        if kind == "object":
            return self._object(schema, choice, depth)
        if kind == "array":
            if not choice.full or depth > _DEEP:
                return []
            return [self.make(schema.get("items", {}), choice, depth + 1)]
        if kind == "string":
            return _TEXTS.get(schema.get("format", ""), "text")
        return {"integer": 7, "number": 2.5, "boolean": True}.get(str(kind), {"free": [1, None]})

    def _object(self, schema: Json, choice: Choice, depth: int) -> Json:
        required = schema.get("required", [])
        made = {
            name: self.make(part, choice, depth + 1)
            for name, part in schema.get("properties", {}).items()
            if name in required or (choice.full and depth <= _DEEP)
        }
        extra = schema.get("additionalProperties")
        if is_object(extra) and choice.full and depth <= _DEEP:
            made["freeKey"] = self.make(extra, choice, depth + 1)
        return made

    def _all(self, schema: Json, choice: Choice, depth: int) -> Any:
        merged: Json = {}
        for part in [*schema["allOf"], {key: value for key, value in schema.items() if key == "properties"}]:
            made = self.make(part, choice, depth)
            if not is_object(made):
                if part:
                    return made
            elif set(made) != {"free"}:
                merged.update(made)
        return merged
