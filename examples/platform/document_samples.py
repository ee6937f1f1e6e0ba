"""Values that an OpenAPI 3.0 document allows: the smallest, and the fullest."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any, TypeGuard

Json = dict[str, Any]

_TEXTS = {
    "date-time": "2026-03-01T08:30:00Z",
    "date": "2026-03-01",
    "email": "someone@example.org",
    "uri": "https://example.org/x",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
}
_FITTING = ("sample", "ab", "abc", "AB", "ABC", "ab-CD", "#0a1b2c", "+49", "Europe/Berlin", "example.org", "a")
"""What is tried where a text has to match a pattern."""


def is_object(value: object) -> TypeGuard[Json]:
    """Whether this is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether this is a JSON array."""
    return isinstance(value, list)


class Samples:
    """Makes values for the schemas of one document.

    Args:
        document: the document, for its references.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._made = 0

    def resolved(self, schema: Mapping[str, Any]) -> Json:
        """The schema that a reference leads to, else the schema itself."""
        while "$ref" in schema:
            found: Any = self._document
            for step in str(schema["$ref"]).removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            schema = found
        return dict(schema)

    def value(self, schema: Mapping[str, Any], *, full: bool) -> Any:
        """A value for a schema.

        Args:
            schema: of the document.
            full: with everything that is optional; otherwise with nothing of it.

        Raises:
            ValueError: no text is known that matches a pattern.
        """
        known = self.resolved(schema)
        for word in ("oneOf", "anyOf"):
            if word in known:
                option = self.resolved(known.pop(word)[-1 if full else 0])
                demanded = [*known.get("required", ()), *option.get("required", ())]
                return self.value({**known, **option, "required": demanded}, full=full)
        if "enum" in known:
            return known["enum"][-1 if full else 0]
        match known.get("type"):
            case "object":
                return self._object(known, full)
            case "array":
                count = max(known.get("minItems", 0), 2 if full and known.get("maxItems", 2) > 1 else int(full))
                return [self.value(known.get("items", {}), full=full) for _ in range(count)]
            case "string":
                return self._text(known, full)
            case "integer" | "number":
                return self._number(known, full)
            case "boolean":
                return full
            case _:
                return {"anything": [1, "two"]} if full else {}

    def _object(self, schema: Json, full: bool) -> Json:
        required = schema.get("required", ())
        properties: Json = schema.get("properties", {})
        made = {name: self.value(part, full=full) for name, part in properties.items() if full or name in required}
        for name, part in properties.items():
            if len(made) >= schema.get("minProperties", 0):
                break
            made.setdefault(name, self.value(part, full=full))
        free = schema.get("additionalProperties", not properties)
        if full and free is not False:
            made["freeProperty"] = self.value(free if is_object(free) else {"type": "string"}, full=full)
        return made

    def _text(self, schema: Json, full: bool) -> str:
        kind = schema.get("format")
        if kind == "uuid":
            self._made += 1
            return str(uuid.UUID(int=self._made, version=4))
        if kind in _TEXTS:
            return _TEXTS[kind]
        least, most = schema.get("minLength", 0), schema.get("maxLength", 10**6)
        pattern = schema.get("pattern")
        if pattern is None:
            return ("größer & länger" if full else "text").ljust(least, "x")[:most]
        for text in _FITTING:
            if re.search(pattern, text) and least <= len(text) <= most:
                return text
        raise ValueError(f"no text is known that matches {pattern}")

    def _number(self, schema: Json, full: bool) -> float:
        least, most = schema.get("minimum"), schema.get("maximum")
        if least is None and most is None:
            return 7 if schema.get("type") == "integer" or not full else 7.25
        found: list[float] = [bound for bound in (least, most) if bound is not None]
        return found[-1 if full else 0]
