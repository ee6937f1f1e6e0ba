"""Schemas that are themselves: `A` is `B` and `B` is `A`, by `$ref`, `allOf` or as an alternative of a union.

Inside a property or an element a schema may well come back to itself; on the same level no value could be one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import Findings, pointer_of, unescaped
from .json_access import Json, is_array, is_object

_SCHEMAS = "#/components/schemas/"
_SAME_LEVEL = ("allOf", "oneOf", "anyOf")


def break_cycles(schemas: Mapping[str, Json], findings: Findings) -> dict[str, Json]:
    """The schemas with each reference that closes such a circle read as any value."""
    breaker = _Breaker(schemas, findings)
    for name in schemas:
        breaker.visit(name)
    return {name: breaker.done[name] for name in schemas}


class _Breaker:
    def __init__(self, schemas: Mapping[str, Json], findings: Findings) -> None:
        self.done: dict[str, Json] = {}
        self._schemas = schemas
        self._findings = findings
        self._working: dict[str, None] = {}

    def visit(self, name: str) -> None:
        if name not in self.done:
            self._working[name] = None
            self.done[name] = self._part(name, self._schemas[name])
            del self._working[name]

    def _part(self, owner: str, schema: Json) -> Json:
        target: Any = schema.get("$ref")
        if isinstance(target, str):
            name = unescaped(target.removeprefix(_SCHEMAS))
            if name in self._working:
                note = f"a reference to {name!r} that leads back to itself is read as any value"
                self._findings.add("reference", pointer_of("components", "schemas", owner), note)
                return {key: value for key, value in schema.items() if key != "$ref"}
            self.visit(name)
            return schema
        changed: Json = {}
        for word in _SAME_LEVEL:
            parts = schema.get(word)
            if is_array(parts):
                made = [self._part(owner, part) if is_object(part) else part for part in parts]
                if any(new is not old for new, old in zip(made, parts, strict=True)):
                    changed[word] = made
        return {**schema, **changed} if changed else schema
