"""`allOf` and similar keywords: several schemas for one value are merged before types are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import DocumentError, Findings
from .json_access import Json, mapping, objects
from .names import words
from .resolve import SchemaResolver

_ANNOTATIONS = frozenset(
    {"description", "title", "example", "examples", "deprecated", "nullable", "default", "readOnly", "writeOnly",
     "externalDocs", "xml", "discriminator"}
)  # fmt: skip
_UNIONS = ("oneOf", "anyOf")
_DECISIVE = frozenset({"type", "format", "additionalProperties"})
"""What two parts of an `allOf` should not say differently."""
_TIGHTER = {"minimum": max, "maximum": min, "minLength": max, "maxLength": min, "minItems": max, "maxItems": min}
"""Of two limits both hold."""
_MOST_VARIANTS = 100
"""Alternatives that unions within an `allOf` may multiply to."""
_DEEPEST = 40
"""Steps of references and `allOf` within each other; more lead in a circle."""


def structure(schema: Json) -> Json:
    """The schema without what only describes it."""
    return {key: value for key, value in schema.items() if key not in _ANNOTATIONS and not key.startswith("x-")}


def is_annotation_only(schema: Json) -> bool:
    """Whether the schema only describes, and any value fits."""
    return not structure(schema)


def is_deprecated(schema: Json) -> bool:
    """Whether the schema says so, itself or in a part of its `allOf` that says only that."""
    parts: list[Json] = schema.get("allOf", [])
    return schema.get("deprecated") is True or any(
        part.get("deprecated") is True and _says_nothing_new(part) for part in parts
    )


def _says_nothing_new(schema: Json) -> bool:
    """True for `{}` and a bare `type: object` beside other parts of an `allOf`."""
    return structure(schema) in ({}, {"type": "object"}, {"type": "object", "properties": {}})


class Merger:
    """Puts the schemas of one document together where several describe one value."""

    def __init__(self, resolver: SchemaResolver, findings: Findings) -> None:
        self._resolver = resolver
        self._findings = findings
        self._pairs: dict[frozenset[int], Json] = {}
        """Merged schemas, by the identities of their parts."""
        self._described: dict[int, list[Json]] = {}
        """The parts, by the identity of the merged schema."""

    def normal(self, schema: object, pointer: str, depth: int = 0) -> Json:
        """The schema without `allOf`: a `$ref` (perhaps nullable), a union, or a plain schema."""
        found = mapping(schema, pointer)
        if depth > _DEEPEST:
            raise DocumentError("allOf leads back to itself", pointer)
        if "$ref" in found:
            return {key: found[key] for key in ("$ref", "nullable") if key in found}
        if "allOf" in found:
            return self._all_of(found, pointer, depth)
        for word in _UNIONS:
            if word in found and ("properties" in found or len([w for w in _UNIONS if w in found]) > 1):
                rest = {key: value for key, value in found.items() if key not in (word, "discriminator")}
                union = {key: found[key] for key in (word, "discriminator") if key in found}
                return self._spread(rest, union, pointer, depth)
        return found

    def whole(self, schema: Json, pointer: str) -> Json:
        """The normal schema with references followed."""
        found = self.normal(schema, pointer)
        for _ in range(_DEEPEST):
            if "$ref" not in found:
                return found
            name = self._resolver.schema_name(found["$ref"], pointer)
            found = self.normal(self._resolver.schemas[name], pointer)
        raise DocumentError("a $ref that leads to itself", pointer)

    def says(self, schema: Json, flag: str, pointer: str) -> bool:
        """Whether a flag such as `readOnly` is set, beside a reference or behind it."""
        return schema.get(flag) is True or self.whole(schema, pointer).get(flag) is True

    def allows_null(self, schema: Json, pointer: str) -> bool:
        """Whether null is a value, by the schema itself or by an alternative of its union."""
        found = self.whole(schema, pointer)
        if found.get("nullable") is True or None in found.get("enum", []):
            return True
        alternatives: list[Json] = [part for word in _UNIONS for part in found.get(word, [])]
        return any(self.allows_null(part, pointer) for part in alternatives)

    def _all_of(self, schema: Json, pointer: str, depth: int) -> Json:
        own = {key: value for key, value in schema.items() if key != "allOf"}
        parts: list[Json] = list(schema["allOf"])
        if not _says_nothing_new(own):
            parts.append(structure(own))
        telling = [part for part in parts if not _says_nothing_new(part)] or parts[:1]
        outer: Json = {key: own[key] for key in ("nullable", "deprecated") if key in own}
        if any(part.get("nullable") is True for part in parts if _says_nothing_new(part)):
            outer["nullable"] = True  # that is all such a part can mean, whether or not the others agree
        if len(telling) == 1:
            return {**self.normal(telling[0], pointer, depth + 1), **outer}
        merged: Json = {}
        for part in telling:
            merged = self._merge(merged, self._deep(part, pointer, depth), pointer, depth)
        merged.pop("nullable", None)  # null must pass every part; none of several parts alone can allow it
        return {**merged, **outer}

    def _deep(self, part: Json, pointer: str, depth: int) -> Json:
        found = self.normal(part, pointer, depth + 1)
        if "$ref" in found:
            name = self._resolver.schema_name(found["$ref"], pointer)
            return self._deep(self._resolver.schemas[name], pointer, depth + 1)
        return found

    def _merge(self, left: Json, right: Json, pointer: str, depth: int) -> Json:
        if not left or not right:
            return dict(left or right)
        for one, other in ((left, right), (right, left)):
            for word in _UNIONS:
                if word in one:
                    return self._spread(other, one, pointer, depth)
        merged = {**left, **right}
        for key in _DECISIVE & left.keys() & right.keys():
            if left[key] != right[key]:
                merged[key] = self._decided(key, left[key], right[key], pointer)
        for key, tighter in _TIGHTER.items():
            if key in left and key in right:
                merged[key] = tighter(left[key], right[key])
        if "enum" in left and "enum" in right:
            both = [value for value in left["enum"] if value in right["enum"]]
            if both:
                merged["enum"] = both
            else:
                self._findings.add("allOf", pointer, "no value is in both lists of known ones: the last list counts")
        if "items" in left and "items" in right:
            merged["items"] = self._both(left["items"], right["items"])
        if "properties" in left or "properties" in right:
            before, after = objects(left, "properties", pointer), objects(right, "properties", pointer)
            merged["properties"] = {
                **before,
                **{name: self._both(before[name], part) if name in before else part for name, part in after.items()},
            }
        if "required" in left or "required" in right:
            merged["required"] = list(dict.fromkeys([*left.get("required", []), *right.get("required", [])]))
        return merged

    def _decided(self, key: str, one: Any, other: Any, pointer: str) -> Any:
        """What of two things said differently counts."""
        if key == "type" and {one, other} == {"integer", "number"}:
            return "integer"
        if (
            key == "additionalProperties"
            and isinstance(one, bool) is not isinstance(other, bool)
            and False not in (one, other)
        ):
            return other if isinstance(one, bool) else one
        self._findings.add("allOf", pointer, f"{key!r} is stated twice: the last one counts")
        return other

    def _both(self, one: Json, other: Json) -> Json:
        """One value described twice. The same two always give the same object, so that a schema that comes back to
        itself this way is recognized."""
        if structure(one) == structure(other):
            return {**one, **other}
        if self._extends(other, one):
            return other
        if self._extends(one, other):
            return one
        parts = {id(part): part for whole in (one, other) for part in self._described.get(id(whole), [whole])}
        key = frozenset(parts)
        if key not in self._pairs:
            made: Json = {"allOf": list(parts.values())}
            self._pairs[key] = made
            self._described[id(made)] = list(parts.values())
        return self._pairs[key]

    def _extends(self, one: Json, base: Json) -> bool:
        """Whether one named schema contains the other by its `allOf`."""
        if "$ref" not in one or "$ref" not in base:
            return False
        ahead, seen = [one["$ref"]], set[str]()
        while ahead:
            reference = ahead.pop()
            if reference == base["$ref"]:
                return True
            if reference not in seen:
                seen.add(reference)
                found = self._resolver.schemas[self._resolver.schema_name(reference, "")]
                ahead += [part["$ref"] for part in found.get("allOf", []) if "$ref" in part]
                ahead += [found["$ref"]] if "$ref" in found else []
        return False

    def _spread(self, base: Json, union: Json, pointer: str, depth: int) -> Json:
        """A union beside other demands: every alternative takes them over."""
        word = next(word for word in _UNIONS if word in union)
        rest = {key: value for key, value in union.items() if key not in (word, "discriminator")}
        whole = self._merge(base, rest, pointer, depth) if structure(rest) else base
        alternatives: list[Json] = union[word]
        others = sum(len(whole[name]) for name in _UNIONS if name in whole)
        if len(alternatives) * max(others, 1) > _MOST_VARIANTS:
            self._findings.add("union", pointer, "unions within each other: too many combinations, read as any value")
            return {}
        made: list[Json] = []
        for alternative in alternatives:
            merged = self._merge(whole, self._deep(alternative, pointer, depth), pointer, depth)
            if "$ref" in alternative:
                name = self._resolver.schema_name(alternative["$ref"], pointer)
                merged = {**merged, "x-label": name.rpartition(".")[2], "x-schema": name}
            made.append(merged)
        if len(made) == 1:
            return made[0]
        return {word: made, **({"discriminator": union["discriminator"]} if "discriminator" in union else {})}

    def labels(self, alternatives: Sequence[Json], pointer: str) -> list[str]:
        """A word for each alternative, for the name of an inline object: what it alone has, else its number."""
        whole = [self.whole(part, pointer) for part in alternatives]
        labels = [self._label(number, whole) for number in range(len(whole))]
        seen: dict[str, int] = {}
        for number, label in enumerate(labels):
            key = "".join(words(label)).lower()
            if key in seen:
                labels[number] = f"{label} {number + 1}"
            seen[key] = number
        return labels

    def _label(self, number: int, whole: Sequence[Json]) -> str:
        mine = whole[number]
        if "x-label" in mine:
            return str(mine["x-label"])
        properties = _properties(mine)
        others = [part for index, part in enumerate(whole) if index != number]
        for name in properties:
            value = _constant(mine, name)
            if value is not None and all(_constant(other, name) not in (None, value) for other in others):
                return f"{name} {value}" if isinstance(value, bool) else str(value)
        demanded: list[str] = mine.get("required", [])
        required = [name for name in demanded if name in properties]
        if not properties and mine.get("additionalProperties") is False:
            return "empty"
        for name in [*required, *properties]:
            if not any(name in _properties(other) for other in others):
                return name
        title = mine.get("title")
        return str(title) if title else f"{mine.get('type', 'variant')} {number + 1}"


def _constant(schema: Json, name: str) -> Any:
    values: list[Any] = _properties(schema).get(name, {}).get("enum", [])
    return values[0] if len(values) == 1 else None


def _properties(schema: Json) -> dict[str, Json]:
    found: dict[str, Json] = schema.get("properties", {})
    return found
