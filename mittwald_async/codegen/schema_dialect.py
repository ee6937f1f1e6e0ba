"""One schema, in the spelling of OpenAPI 3.0, 3.1 or common usage, reduced to the few keywords that types depend on.

What comes out is well formed: known keywords with values of the right kind, `$ref` to named schemas only, null as
`nullable`. What could not be kept is a finding; where nothing is left, any value fits.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from .errors import Findings
from .json_access import Json, is_array, is_object
from .merge import is_annotation_only, structure
from .references import Location, References, suggested_name

_SIZES = ("minLength", "maxLength", "minItems", "maxItems")
_FLAGS = ("nullable", "deprecated", "readOnly", "writeOnly")
_TEXTS = ("format", "pattern", "title")
_UNIONS = ("oneOf", "anyOf")
_HANDLED = frozenset(
    {
        "$ref", "type", "const", "enum", "default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "properties", "required", "additionalProperties", "patternProperties", "items", "prefixItems", "additionalItems",
        "allOf", "oneOf", "anyOf", "not", "discriminator", "contentMediaType", "contentEncoding", "if", "then", "else",
        "dependentSchemas", *_SIZES, *_FLAGS, *_TEXTS,
    }
)  # fmt: skip
_SILENT = frozenset(
    {
        "description", "example", "examples", "externalDocs", "xml", "uniqueItems", "multipleOf", "minProperties",
        "maxProperties", "$comment", "$id", "$schema", "$anchor", "$dynamicAnchor", "$vocabulary", "$defs", "definitions",
        "contentSchema", "id", "minContains", "maxContains", "contains", "propertyNames", "dependentRequired",
        "unevaluatedItems", "unevaluatedProperties", "summary", "name",
    }
)  # fmt: skip
"""What only describes or restricts values: it makes no difference to a type."""
_OF_TYPE = {
    "string": ("minLength", "maxLength", "pattern", "format", "contentMediaType", "contentEncoding"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format"),
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "object": ("properties", "required", "additionalProperties", "patternProperties"),
    "boolean": (),
}


class SchemaDialect:
    """Turns the schemas of one document into plain ones; those that others refer to are collected under a name."""

    def __init__(self, references: References, findings: Findings, *, sibling_keywords: bool) -> None:
        self.schemas: dict[str, Json] = {}
        """Plain schemas by name."""
        self._references = references
        self._findings = findings
        self._sibling_keywords = sibling_keywords
        """Keywords beside a `$ref` count, as in OpenAPI 3.1; in 3.0 they are ignored."""
        self._names: dict[Location, str] = {}
        self._taken: set[str] = set()
        self._shared: set[Location] = set()
        self._ahead: list[tuple[str, Any, Location]] = []

    # ---- names ----

    def add_components(self, components: Json, at: Location) -> None:
        """Take over the named schemas of the document."""
        self._taken.update(components)
        for name in components:
            self._names[at.step(name)] = name
        for name, node in components.items():
            place = at.step(name)
            if is_object(node) and "$ref" in node and len(node) == 1:
                found = self._references.lookup(node["$ref"], place, self._names)
                if found is not None and found.at not in self._names:
                    self._names[found.at] = name  # the name of a schema in another file is the one it has here
                    node, place = found.node, found.at
            self._ahead.append((name, node, place))

    def share(self, root: Any) -> None:
        """Record the locations inside the document that references lead to: their types are made once."""
        ahead = [root]
        while ahead:
            part = ahead.pop()
            if is_object(part):
                target = part.get("$ref")
                if isinstance(target, str) and target.startswith("#/"):
                    self._shared.add(Location("", target[1:]))
                ahead += [inner for inner in part.values() if isinstance(inner, dict | list)]
            elif is_array(part):
                ahead += [inner for inner in part if isinstance(inner, dict | list)]

    def finish(self) -> None:
        """Make all named schemas; those that turn up on the way too."""
        for name, node, at in self._ahead:  # grows on the way
            self.schemas[name] = self._plain(node, at)

    def _name(self, node: Any, at: Location) -> str:
        """The name of the schema at a place; one that nothing referred to so far is put on the list."""
        found = self._names.get(at)
        if found is None:
            wanted = found = suggested_name(at)
            number = 2
            while found in self._taken:
                found, number = f"{wanted}{number}", number + 1
            self._names[at] = found
            self._taken.add(found)
            self._ahead.append((found, node, at))
        return found

    # ---- one schema ----

    def plain(self, node: Any, at: Location) -> Json:
        """The schema at a place, in plain form."""
        if at in self._shared and is_object(node):
            return {"$ref": _pointer(self._name(node, at))}
        return self._plain(node, at)

    def _plain(self, node: Any, at: Location) -> Json:
        if node is True:
            return {}
        if not is_object(node):
            said = "nothing fits" if node is False else f"a schema must be an object, got {type(node).__name__}"
            self._note("schema", at, f"{said}: read as any value")
            return {}
        if "$ref" in node:
            return self._reference(node, at)
        for key in node.keys() - _HANDLED - _SILENT:
            if not key.startswith("x-"):
                self._note("keyword", at, f"{key!r} is not understood and ignored")
        made = self._simple(node, at)
        self._conditional(node, made, at)
        self._array(node, made, at)
        self._object(node, made, at)
        self._combined(node, made, at)
        return self._typed(node, made, at)

    def _note(self, kind: str, at: Location, note: str) -> None:
        self._findings.add(kind, str(at), note)

    def _reference(self, node: Json, at: Location) -> Json:
        found = self._references.lookup(node["$ref"], at, self._names)
        rest = {key: value for key, value in node.items() if key != "$ref"}
        if found is None:
            return self._plain(rest, at) if self._sibling_keywords else {}
        if found.node is True or found.node is False:
            return self._plain(found.node, at)
        beside = self._plain(rest, at) if rest else {}
        made: Json = {"$ref": _pointer(self._name(found.node, found.at))}
        demands = structure(beside)
        demands.pop("title", None)
        if demands and self._sibling_keywords:
            return {"allOf": [made, demands], **{key: value for key, value in beside.items() if key not in demands}}
        if demands:
            self._note("reference", at, f"{', '.join(sorted(demands))} beside a $ref is ignored")
        return {**made, **{key: value for key, value in beside.items() if key not in demands}}

    def _simple(self, node: Json, at: Location) -> Json:
        """Keywords whose values are plain: each is kept if it is of the right kind."""
        made: Json = {}
        for key in _FLAGS:
            if key in node:
                value = {"true": True, "false": False}.get(str(node[key]).lower())
                if value is None:
                    self._wrong(key, "true or false", at)
                elif value:
                    made[key] = True
        for key in _TEXTS:
            if node.get(key) is not None:
                if isinstance(node[key], str):
                    made[key] = node[key]
                else:
                    self._wrong(key, "text", at)
        for key in _SIZES:
            if node.get(key) is not None:
                if _is_number(node[key]) and node[key] == int(node[key]) and node[key] >= 0:
                    made[key] = int(node[key])
                else:
                    self._wrong(key, "a number", at)
        self._range(node, made, at)
        if "default" in node:
            made["default"] = node["default"]
        self._values(node, made, at)
        return made

    def _wrong(self, key: str, expected: str, at: Location) -> None:
        self._note("keyword", at.step(key), f"{key!r} must be {expected}: ignored")

    def _range(self, node: Json, made: Json, at: Location) -> None:
        for key, exclusive, inside in (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)):
            value, limit = node.get(key), node.get(exclusive)
            for name, found in ((key, value), (exclusive, limit)):
                if found is not None and not _is_number(found) and not (name == exclusive and isinstance(found, bool)):
                    self._wrong(name, "a number", at)
            whole = node.get("type") == "integer"
            if _is_number(value):
                made[key] = value + inside if limit is True and whole else value
            elif _is_number(limit):
                made[key] = limit + inside if whole and limit == int(limit) else limit

    def _values(self, node: Json, made: Json, at: Location) -> None:
        values = node.get("enum")
        if "const" in node:
            made["enum"] = [node["const"]]
        elif is_array(values) and values:
            made["enum"] = list(values)
        elif values is not None:
            self._wrong("enum", "an array with at least one value", at)

    # ---- arrays and objects ----

    def _array(self, node: Json, made: Json, at: Location) -> None:
        items, first = node.get("items"), node.get("prefixItems")
        if is_array(items):
            first, items = items, node.get("additionalItems", True)
        if is_array(first):
            parts = [self.plain(part, at.step("prefixItems", number)) for number, part in enumerate(first)]
            rest = [] if items is False else [self.plain({} if items is None else items, at.step("items"))]
            if items is None and node.get("maxItems") == len(first):
                rest = []
            self._note("tuple", at, "elements that differ by position are read as a list of any of them")
            made["items"] = _any_of([*parts, *rest])
        elif items is not None:
            made["items"] = self.plain(items, at.step("items"))

    def _object(self, node: Json, made: Json, at: Location) -> None:
        properties = node.get("properties")
        if is_object(properties):
            made["properties"] = {
                str(name): self.plain(part, at.step("properties", name)) for name, part in properties.items()
            }
        elif properties is not None:
            self._wrong("properties", "an object", at)
        required = node.get("required")
        if is_array(required):
            made["required"] = [name for name in required if isinstance(name, str)]
            if len(made["required"]) != len(required):
                self._wrong("required", "an array of texts", at)
        elif required is not None:
            self._wrong("required", "an array of texts", at)
        self._free(node, made, at)

    def _free(self, node: Json, made: Json, at: Location) -> None:
        """What properties that are not declared may hold."""
        extra = node.get("additionalProperties")
        patterns = node.get("patternProperties")
        if extra is not None and not isinstance(extra, bool | dict):
            self._wrong("additionalProperties", "true, false or a schema", at)
            extra = None
        if is_object(patterns) and patterns:
            parts = [self.plain(part, at.step("patternProperties", pattern)) for pattern, part in patterns.items()]
            if isinstance(extra, dict):
                parts.append(self.plain(extra, at.step("additionalProperties")))
            made["additionalProperties"] = _any_of(parts) or True
        elif isinstance(extra, dict):
            made["additionalProperties"] = self.plain(extra, at.step("additionalProperties"))
        elif extra is not None:
            made["additionalProperties"] = extra

    def _conditional(self, node: Json, made: Json, at: Location) -> None:
        """Properties that exist under a condition are optional ones."""
        branches = [(key, node[key]) for key in ("then", "else") if is_object(node.get(key))]
        dependent = node.get("dependentSchemas")
        places = [(at.step(key), branch) for key, branch in branches]
        if is_object(dependent):
            places += [(at.step("dependentSchemas", key), part) for key, part in dependent.items() if is_object(part)]
        found: Json = {}
        for place, branch in places:
            properties = branch.get("properties")
            if is_object(properties):
                for name, part in properties.items():
                    found.setdefault(name, (part, place.step("properties", name)))
        own = node.get("properties")
        missing = {name: part for name, part in found.items() if not (is_object(own) and name in own)}
        if places:
            self._note("condition", at, "what holds under a condition is not checked")
        if missing:
            made["x-conditional"] = {name: self.plain(part, place) for name, (part, place) in missing.items()}

    # ---- combinations ----

    def _combined(self, node: Json, made: Json, at: Location) -> None:
        if "x-conditional" in made:
            made["properties"] = {**made.get("properties", {}), **made.pop("x-conditional")}
        for word in ("allOf", *_UNIONS):
            parts = node.get(word)
            if parts is None:
                continue
            if not is_array(parts) or not parts:
                self._wrong(word, "an array with at least one schema", at)
                continue
            plain = [self.plain(part, at.step(word, number)) for number, part in enumerate(parts)]
            if word == "allOf":
                made[word] = plain
            else:
                self._union(word, plain, made, at)
        if "not" in node:
            self._note("not", at, "what a value must not be is not checked")
        self._discriminator(node, made, at)

    def _union(self, word: str, parts: list[Json], made: Json, at: Location) -> None:
        rest = [part for part in parts if part.get("enum") != [None]]
        if len(rest) < len(parts):
            made["nullable"] = True
        if not rest:
            made["enum"] = [None]
        elif all(not (structure(part).keys() - {"required", "type", "title"}) and "required" in part for part in rest):
            self._note("required", at.step(word), "which properties must be there together is not checked")
        elif len(rest) == 1 and len(parts) > 1 and not structure(made):
            made |= {key: value for key, value in rest[0].items() if key not in made}
        else:
            made[word] = rest

    def _discriminator(self, node: Json, made: Json, at: Location) -> None:
        found = node.get("discriminator")
        if isinstance(found, str):
            found = {"propertyName": found}
        if not is_object(found) or not isinstance(found.get("propertyName"), str):
            return
        mapping = found.get("mapping")
        names: Json = {}
        for value, target in (mapping if is_object(mapping) else {}).items():
            name = self._mapped(target, at.step("discriminator", "mapping", value))
            if name is not None:
                names[str(value)] = name
        made["discriminator"] = {"propertyName": found["propertyName"], "mapping": names}

    def _mapped(self, target: object, at: Location) -> str | None:
        """The schema that a value of a discriminator names: by reference, or by its bare name."""
        if isinstance(target, str) and target in self._taken:
            return target
        found = self._references.lookup(target, at, self._names)
        return None if found is None else self._name(found.node, found.at)

    # ---- types ----

    def _typed(self, node: Json, made: Json, at: Location) -> Json:
        kind = node.get("type")
        kinds: list[Any] = (
            list(dict.fromkeys("null" if one is None else str(one) for one in kind))
            if is_array(kind)
            else []
            if kind is None
            else [kind]
        )
        if "null" in kinds:
            kinds.remove("null")
            if not kinds and not any(word in made for word in ("allOf", *_UNIONS)):
                return {**made, "enum": [None]}
            made["nullable"] = True
        if len(kinds) == 1:
            self._one_type(kinds[0], node, made, at)
        elif len(kinds) > 1 and "enum" not in made and not any(word in made for word in ("allOf", *_UNIONS)):
            return self._several_types(kinds, node, made, at)
        self._content(node, made)
        return made

    def _one_type(self, kind: object, node: Json, made: Json, at: Location) -> None:
        if kind == "file":
            made |= {"type": "string", "format": "binary"}
        elif isinstance(kind, str):
            made["type"] = kind
        else:
            self._wrong("type", "text or an array of texts", at)

    def _several_types(self, kinds: list[str], node: Json, made: Json, at: Location) -> Json:
        """A list of types is a union of them, each with the keywords that belong to it."""
        of_types = {key for keys in _OF_TYPE.values() for key in keys}
        rest = {key: value for key, value in made.items() if key not in of_types}
        parts: list[Json] = []
        for kind in kinds:
            part: Json = {"type": kind, **{key: made[key] for key in _OF_TYPE.get(kind, ()) if key in made}}
            if kind != "string":
                part.pop("format", None)
            parts.append(part)
        if "integer" in kinds and "number" in kinds:
            parts = [part for part in parts if part["type"] != "integer"]
        return {**rest, **parts[0]} if len(parts) == 1 else {**rest, "anyOf": parts}

    @staticmethod
    def _content(node: Json, made: Json) -> None:
        """Bytes as OpenAPI 3.1 says them."""
        media = node.get("contentMediaType")
        if "format" in made or made.get("type", "string") != "string" or not isinstance(media, str):
            return
        if (
            "contentEncoding" not in node
            and not media.startswith("text/")
            and "json" not in media
            and "xml" not in media
        ):
            made |= {"type": "string", "format": "binary"}


def _pointer(name: str) -> str:
    return str(Location("").step("components", "schemas", name))


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _any_of(parts: list[Json]) -> Json:
    """One schema for values of any of several."""
    distinct: list[Json] = []
    for part in parts:
        if is_annotation_only(part) and not part.get("nullable"):
            return {}
        if part not in distinct:
            distinct.append(part)
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct} if distinct else {}
