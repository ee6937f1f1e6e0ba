"""Schemas that others build on: a base that lists its own children, and a base whose discriminator says which child a
value is without listing any.

In both cases a value of the base may be a child with properties of its own. A reference to the base becomes one to the
union of all of them; a child that takes the base over by `allOf` takes over its properties only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import Findings, pointer_of
from .json_access import Json, is_array, is_object
from .merge import structure
from .resolve import schema_of

_UNIONS = ("oneOf", "anyOf")
_OF_THE_BASE = ("discriminator", "nullable")
_DEEPEST = 30


def resolve_inheritance(root: Json, findings: Findings) -> Json:
    """The plain document with bases as unions where they are used."""
    schemas: dict[str, Json] = root["components"]["schemas"]
    own = _Own(schemas)
    schemas = {name: own.without_alternatives(name, schema) for name, schema in schemas.items()}
    children = _children(schemas)
    bases = {
        name
        for name in children
        if "discriminator" in schemas[name] and not any(word in schemas[name] for word in _UNIONS)
    }
    if not bases:
        return {**root, "components": {**root["components"], "schemas": schemas}}
    names = {name: _free_name(name, schemas) for name in sorted(bases)}
    unions = {new: _union_of(name, children, schemas) for name, new in names.items()}
    for name, new in names.items():
        note = f"values may be of schemas that build on it: {new!r} stands for all of them"
        findings.add("inheritance", pointer_of("components", "schemas", name), note)
    redirected = {pointer_of("components", "schemas", name): _reference(new) for name, new in names.items()}
    return {
        **root,
        "paths": _redirect(root["paths"], redirected),
        "components": {
            **root["components"],
            "schemas": {
                **{name: _redirect(schema, redirected, named=True) for name, schema in schemas.items()},
                **unions,
            },
        },
    }


class _Own:
    """A child's `allOf` with a base that lists the child, itself or by what it builds on: the list is about values of
    the base, so the child takes over the rest."""

    def __init__(self, schemas: Mapping[str, Json]) -> None:
        self._schemas = schemas
        self._reached: dict[str, set[str]] = {}

    def without_alternatives(self, name: str, schema: Json) -> Json:
        parts = schema.get("allOf")
        return {**schema, "allOf": [self._taken_over(name, part) for part in parts]} if is_array(parts) else schema

    def _taken_over(self, name: str, part: Json, depth: int = 0) -> Json:
        base = schema_of(part)
        if base not in self._schemas or depth > _DEEPEST or name not in self._reach(base):
            return part
        rest = {key: value for key, value in self._schemas[base].items() if key not in (*_UNIONS, *_OF_THE_BASE)}
        if "allOf" in rest:
            rest["allOf"] = [self._taken_over(name, inner, depth + 1) for inner in rest["allOf"]]
        return rest

    def _reach(self, name: str) -> set[str]:
        """The schemas that a value of one may be, or that it builds on."""
        if name not in self._reached:
            found, ahead = set[str](), [self._schemas[name]]
            while ahead:
                node = ahead.pop()
                target = schema_of(node)
                if target in self._schemas and target not in found:
                    found.add(target)
                    ahead.append(self._schemas[target])
                ahead += [part for word in ("allOf", *_UNIONS) for part in node.get(word, ())]
            self._reached[name] = found
        return self._reached[name]


def _children(schemas: Mapping[str, Json]) -> dict[str, list[str]]:
    """By base, the schemas whose `allOf` names it."""
    found: dict[str, list[str]] = {}
    for name, schema in schemas.items():
        for part in schema.get("allOf", ()):
            base = schema_of(part)
            if base in schemas and base != name and name not in found.setdefault(base, []):
                found[base].append(name)
    return found


def _union_of(base: str, children: Mapping[str, list[str]], schemas: Mapping[str, Json]) -> Json:
    discriminator = schemas[base]["discriminator"]
    family: dict[str, None] = {}
    ahead = [base]
    while ahead:
        name = ahead.pop(0)
        if name not in family:
            family[name] = None
            ahead += children.get(name, [])
    mapping = {value: name for value, name in discriminator["mapping"].items() if name in family}
    for name in family:
        if name not in mapping.values():
            mapping.setdefault(name.rpartition(".")[2] if name not in mapping else name, name)
    members = [*list(family)[1:], base]  # the base last: it fits everything
    return {
        "oneOf": [_reference(name) for name in members],
        "discriminator": {"propertyName": discriminator["propertyName"], "mapping": mapping},
    }


def _free_name(name: str, schemas: Mapping[str, Json]) -> str:
    domain, dot, last = name.rpartition(".")
    wanted = f"{domain}{dot}Any{last[:1].upper()}{last[1:]}"
    while wanted in schemas:
        wanted += "Variant"
    return wanted


def _reference(name: str) -> Json:
    return {"$ref": pointer_of("components", "schemas", name)}


def _redirect(node: Any, redirected: Mapping[str, Json], named: bool = False) -> Any:
    """The node with references to bases led to their unions. Not those that take a base over: those of a named
    schema's own `allOf`, and of one that says more."""
    if is_array(node):
        return [_redirect(part, redirected) for part in node]
    if not is_object(node):
        return node
    target = node.get("$ref")
    if isinstance(target, str) and target in redirected:
        return {**node, **redirected[target]}
    wrapper = not named and len(node.get("allOf", ())) == 1 and not structure(node).keys() - {"allOf"}
    made: Json = {}
    for key, value in node.items():
        if key == "allOf" and is_array(value) and not wrapper:
            made[key] = [part if is_object(part) and "$ref" in part else _redirect(part, redirected) for part in value]
        else:
            made[key] = value if key in ("enum", "default", "mapping") else _redirect(value, redirected)
    return made
