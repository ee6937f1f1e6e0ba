"""Decode and encode random JSON for the schemas of a document: `python -m tests.codegen.roundtrip DOCUMENT`.

The values are made by an independent reading of the document: nothing here uses the generator's view of a schema,
except the class to decode with. Every value must round-trip.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

from mittwald_async.codegen import ir
from mittwald_async.codegen.bodies import is_json
from mittwald_async.codegen.compiler import Compiled, compile_document
from mittwald_async.codegen.config import Config, load_config
from mittwald_async.codegen.errors import Findings, unescaped
from mittwald_async.codegen.expressions import wire_type
from mittwald_async.codegen.json_access import is_array, is_object
from mittwald_async.codegen.load import Document, load
from mittwald_async.codegen.references import Location, References
from mittwald_async.runtime import codec

Json = dict[str, Any]
_DEEPEST = 7
_TEXTS = {"date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02", "uuid": "00000000-0000-4000-8000-000000000000"}


class Unsatisfiable(Exception):
    """The constraints on a value contradict each other, or the value would be infinite."""


@dataclass(frozen=True)
class _Placed:
    """A schema and its location; references in it are resolved from there."""

    node: Any
    at: Location


class RandomJson:
    """Random values of schemas. `new` takes the document's JSON, its source and a seed."""

    def __init__(self, document: Document, seed: int = 0) -> None:
        self._references = References(document.root, document.source, Findings())
        self._siblings = not str(document.root.get("openapi")).startswith("3.0")
        self._random = random.Random(seed)

    def value(self, name: str, root: Json) -> Any:
        """A value of a named schema."""
        at = Location("").step("components", "schemas", name)
        return self._make([_Placed(root["components"]["schemas"][name], at)], 0)

    def result(self, operation: ir.OperationSpec, result: ir.ResultSpec, root: Json) -> Any:
        """A value of a response."""
        path = _documented_path(operation)
        at = Location("").step("paths", path)
        found = self._step(_Placed(root["paths"][path], at), operation.method.lower(), "responses")
        responses = found.node
        status = next((key for key in responses if str(key) == str(result.status)), None)
        if status is None:
            raise Unsatisfiable("documented by a range of statuses")
        return self._make([self._step(found, status, "content", result.content_type, "schema")], 0)

    def _step(self, placed: _Placed, *steps: Any) -> _Placed:
        """The element at a step of a path, with references followed."""
        for step in (*steps, None):
            while is_object(placed.node) and "$ref" in placed.node and step is not None:
                found = self._references.lookup(placed.node["$ref"], placed.at)
                if found is None:
                    raise Unsatisfiable("a reference that leads nowhere")
                placed = _Placed(found.node, found.at)
            if step is not None:
                if not is_object(placed.node) or step not in placed.node:
                    raise Unsatisfiable("documented otherwise")
                placed = _Placed(placed.node[step], placed.at.step(step))
        return placed

    def _flat(self, placed: _Placed, depth: int, seen: frozenset[Location] = frozenset()) -> list[_Placed]:
        """All constraints on one value: references and `allOf` are merged, alternatives chosen."""
        node, at = placed.node, placed.at
        if not is_object(node):
            return []
        if "$ref" in node:
            found = self._references.lookup(node["$ref"], at)
            if found is None:
                return []
            if found.at in seen:
                raise Unsatisfiable("a schema that is itself")
            parts = self._flat(_Placed(found.node, found.at), depth, seen | {found.at})
            if node.get("nullable") is True:
                parts.append(_Placed({"nullable": True}, at))
            if self._siblings and len(node) > 1:
                rest = {key: value for key, value in node.items() if key != "$ref"}
                parts += self._flat(_Placed(rest, at), depth, seen)
            return parts
        made = [placed]
        for number, part in enumerate(node.get("allOf", []) if is_array(node.get("allOf", [])) else []):
            made += self._flat(_Placed(part, at.step("allOf", number)), depth, seen)
        for word in ("oneOf", "anyOf"):
            options = node.get(word)
            if is_array(options) and options:
                made += self._alternative(node, word, options, placed, depth, seen)
        return made

    def _alternative(
        self, node: Json, word: str, options: list[Any], placed: _Placed, depth: int, seen: frozenset[Location]
    ) -> list[_Placed]:
        order = list(range(len(options)))
        self._random.shuffle(order)
        for number in order:
            option = options[number]
            try:
                parts = self._flat(_Placed(option, placed.at.step(word, number)), depth, seen)
            except Unsatisfiable:
                continue
            reported = self._discriminated(node.get("discriminator"), option, placed.at)
            return [*parts, *reported]
        raise Unsatisfiable("no alternative")

    def _discriminated(self, discriminator: Any, option: Any, at: Location) -> list[_Placed]:
        """The constraint of a discriminator: the property has the value that names the alternative."""
        if not is_object(discriminator) or not is_object(option) or not isinstance(option.get("$ref"), str):
            return []
        target = self._references.lookup(option["$ref"], at)
        values: list[str] = []
        mapping: Json = discriminator.get("mapping") or {}
        for value, other in mapping.items():
            bare = f"#/components/schemas/{other}" if "/" not in other and "." not in other else other
            found = self._references.lookup(bare, at)
            if found is not None and target is not None and found.at == target.at:
                values.append(value)
        name = discriminator.get("propertyName", "")
        values = values or [option["$ref"].rpartition("/")[2]]
        return [_Placed({"properties": {name: {"enum": values}}, "required": [name]}, at)]

    def _make(self, wanted: Sequence[_Placed], depth: int) -> Any:
        parts = [part for one in wanted for part in self._flat(one, depth)]
        nodes: list[Json] = [part.node for part in parts]
        nullable = bool(nodes) and self._may_be_null(nodes)
        if nullable and self._random.random() < 0.2:
            return None
        listed = [node["enum"] for node in nodes if is_array(node.get("enum"))]
        listed += [[node["const"]] for node in nodes if "const" in node]
        if listed:
            values = [value for value in listed[0] if all(value in other for other in listed[1:])]
            kinds = self._kinds(nodes)
            values = [value for value in values if not kinds or _kind(value) & kinds or value is None] or values
            if not values:
                raise Unsatisfiable("no value is in every list")
            return self._random.choice(values)
        kinds = self._kinds(nodes)
        if not kinds:
            if any("properties" in node or "additionalProperties" in node for node in nodes):
                kinds = {"object"}
            elif any("items" in node for node in nodes):
                kinds = {"array"}
            elif any(node.get("format") in _TEXTS for node in nodes):
                kinds = {"string"}
            else:
                return self._random.choice([{"free": [1, None]}, "free", 3, None, True, []])
        kind = self._random.choice(sorted(kinds))
        match kind:
            case "object":
                return self._object(parts, depth)
            case "array":
                return self._array(parts, depth)
            case "string":
                form = next((node["format"] for node in nodes if node.get("format") in _TEXTS), "")
                return _TEXTS.get(form) or self._random.choice(["", "text", 'ü\\"\n', "0"])
            case "integer":
                return self._number(nodes)
            case "number":
                return self._random.choice([0, 7, 2.5, -0.125])
            case "boolean":
                return self._random.random() < 0.5
            case _:
                return None

    def _kinds(self, nodes: Sequence[Json]) -> set[str]:
        kinds: set[str] | None = None
        for node in nodes:
            given = node.get("type")
            if given is None:
                continue
            found = set(given) if is_array(given) else {given}
            if "number" in found:
                found |= {"integer"} if kinds and "integer" in kinds else set()
            kinds = (
                found
                if kinds is None
                else (kinds & found or ({"integer"} if kinds | found == {"integer", "number"} else set()))
            )
            if not kinds:
                raise Unsatisfiable("types exclude each other")
        return (kinds or set()) - ({"null"} if kinds and len(kinds) > 1 else set())

    @staticmethod
    def _may_be_null(nodes: Sequence[Json]) -> bool:
        """Null must satisfy every part that states a type."""
        typed = [node for node in nodes if "type" in node or "enum" in node or node.get("nullable") is True]
        return (
            bool(typed)
            and all(
                node.get("nullable") is True or (is_array(node.get("type")) and "null" in node["type"])
                for node in typed
            )
            and not any(is_array(node.get("enum")) and None not in node["enum"] for node in nodes)
        )

    def _number(self, nodes: Sequence[Json]) -> int:
        low = max([node["minimum"] for node in nodes if isinstance(node.get("minimum"), int)], default=0)
        high = min([node["maximum"] for node in nodes if isinstance(node.get("maximum"), int)], default=max(low, 9))
        return self._random.randint(int(low), max(int(low), int(high)))

    def _array(self, parts: Sequence[_Placed], depth: int) -> list[Any]:
        if depth > _DEEPEST:
            return []
        listed = [part for part in parts if is_array(part.node.get("prefixItems"))]
        if listed:
            first = listed[0]
            return [
                self._make([_Placed(item, first.at.step("prefixItems", number))], depth + 1)
                for number, item in enumerate(first.node["prefixItems"])
            ]
        items = [
            _Placed(part.node["items"], part.at.step("items")) for part in parts if is_object(part.node.get("items"))
        ]
        try:
            return [self._make(items, depth + 1) for _ in range(self._random.choice([0, 1, 1, 2]))]
        except Unsatisfiable:
            return []

    def _object(self, parts: Sequence[_Placed], depth: int) -> Json:
        declared: dict[str, list[_Placed]] = {}
        required: set[str] = set()
        extra: list[_Placed] = []
        for part in parts:
            properties = part.node.get("properties")
            for name, prop in (properties if is_object(properties) else {}).items():
                declared.setdefault(str(name), []).append(_Placed(prop, part.at.step("properties", name)))
            names = part.node.get("required")
            required |= {name for name in (names if is_array(names) else []) if isinstance(name, str)}
            more = part.node.get("additionalProperties")
            if is_object(more) and more:
                extra.append(_Placed(more, part.at.step("additionalProperties")))
        made: Json = {}
        chance = self._random.choice([0.0, 0.3, 0.7, 1.0]) if depth <= _DEEPEST else 0.0
        for name, wanted in declared.items():
            if name in required or self._random.random() < chance:
                if depth > 3 * _DEEPEST:
                    raise Unsatisfiable("an object that never ends")
                try:
                    made[name] = self._make(wanted, depth + 1)
                except Unsatisfiable:
                    if name in required:
                        raise
        if extra and depth <= _DEEPEST and self._random.random() < 0.7:
            made[self._random.choice(["free", "other key", "$x"])] = self._make(extra, depth + 1)
        return made


def _kind(value: Any) -> set[str]:
    match value:
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"number"}
        case str():
            return {"string"}
        case list():
            return {"array"}
        case dict():
            return {"object"}
        case _:
            return {"null"}


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: an instant may be written differently, and 1.0 equals 1."""
    if is_object(one) and is_object(other):
        return one.keys() == other.keys() and all(same(part, other[key]) for key, part in one.items())
    if is_array(one) and is_array(other):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, str) and isinstance(other, str) and one != other:
        try:
            return datetime.fromisoformat(one) == datetime.fromisoformat(other)
        except (ValueError, TypeError):
            return False
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


@dataclass
class Outcome:
    """Results of the round trips of one document."""

    tried: int = 0
    lost: Counter[str] = field(default_factory=Counter[str])
    drifted: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, tuple[Any, Any]] = field(default_factory=dict[str, tuple[Any, Any]])


def write(made: Compiled, folder: Path) -> None:
    for path, text in {"__init__.py": "", **made.files}.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def round_trip(document: Document, package: str, made: Compiled, values: int, seed: int = 0) -> Outcome:
    """Send random values of every named schema through the models of an importable package.

    Args:
        document: the source of the package.
        package: its import name.
        made: the generator's output.
        values: how many in all.
        seed: seed of the random numbers.
    """
    source = RandomJson(document, seed)
    outcome = Outcome()
    ways = [*_named(document, made, source), *_results(document, made, source)]
    for number in range(values if ways else 0):
        name, expression, make = ways[number % len(ways)]
        try:
            value = make()
        except (Unsatisfiable, RecursionError):
            continue
        if value is None:
            continue  # the named class is for the other values
        outcome.tried += 1
        raw = json.dumps(value).encode()
        with catch_warnings(record=True) as caught:
            simplefilter("always")
            codec.forget_reports()
            back = json.loads(codec.encode(codec.loads(expression, raw, models=f"{package}.models")))
        if caught:
            outcome.drifted[name] += 1
            outcome.examples.setdefault(name, (value, str(caught[0].message)))
        if not same(value, back):
            outcome.lost[name] += 1
            outcome.examples[name] = (value, back)
    return outcome


_Way = tuple[str, str, Callable[[], Any]]
"""A name for reports, the type expression, and a function that makes values."""


def _named(document: Document, made: Compiled, source: RandomJson) -> Iterator[_Way]:
    found = document.root.get("components")
    schemas = found.get("schemas") if is_object(found) else None
    for domain in made.surface.declarations.values():
        for one in domain.values():
            if one.schema is not None and is_object(schemas) and one.schema in schemas:
                yield one.schema, f"{one.domain}.{one.name}", partial(source.value, one.schema, document.root)


def _documented_path(operation: ir.OperationSpec) -> str:
    """The path as the document spells it: without the path of a server that the operation overrides."""
    return unescaped(operation.pointer.split("/")[2])


def _results(document: Document, made: Compiled, source: RandomJson) -> Iterator[_Way]:
    """JSON responses of operations that are placed where their route says."""
    for operation in made.surface.operations:
        if _documented_path(operation) in document.root.get("paths", {}):
            for result in operation.results:
                if result.content_type is not None and is_json(result.content_type) and result.type != ir.NONE:
                    name = f"{operation.operation_id} {result.status}"
                    yield name, wire_type(result.type), partial(source.result, operation, result, document.root)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.codegen.roundtrip", description=__doc__)
    parser.add_argument("documents", nargs="+", metavar="DOCUMENT")
    parser.add_argument("--values", type=int, default=10_000, help="random values of each document (default: 10000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--examples", type=int, default=0, help="show so many values that were lost")
    options = parser.parse_args(arguments)
    config = load_config(options.config) if options.config else Config()
    failed = 0
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        for number, path in enumerate(options.documents):
            document = load(path)
            made = compile_document(document, config)
            write(made, Path(folder) / f"made{number}")
            importlib.invalidate_caches()
            outcome = round_trip(document, f"made{number}", made, options.values, options.seed)
            lost, drifted = outcome.lost.total(), outcome.drifted.total()
            failed += bool(lost)
            print(f"{path}: {outcome.tried} values, {lost} lost in {len(outcome.lost)} schemas, {drifted} deviating")
            for name in [*outcome.lost, *(name for name in outcome.drifted if name not in outcome.lost)][
                : options.examples
            ]:
                before, after = outcome.examples[name]
                print(f"  {name}\n    {json.dumps(before)[:600]}\n    {json.dumps(after)[:600]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
