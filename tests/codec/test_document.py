"""The OpenAPI document against the models: JSON made from each schema alone round-trips.

Nothing here uses more of the models than their names, so a mistake of the generator cannot hide behind itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from mittwald_async import codec
from mittwald_async.runtime.structs import Model

from ..support.json_samples import same

PREFIX = "de.mittwald.v1."
STRANGE: dict[str, Any] = {"aVariantOfTomorrow": {"deep": [1, None]}}


def _document() -> Path | None:
    """The document named by the environment, else the one beside the project."""
    named = os.environ.get("MITTWALD_OPENAPI")
    path = Path(named) if named else Path(__file__).parents[3] / "shared" / "spec" / "mittwald-v2.json"
    return path if path.is_file() else None


DOCUMENT = _document()

pytestmark = pytest.mark.skipif(DOCUMENT is None, reason="no OpenAPI document at hand: set MITTWALD_OPENAPI")


@cache
def document() -> Any:
    assert DOCUMENT is not None
    return json.loads(DOCUMENT.read_bytes())


class FromSchema:
    """Makes JSON from schemas.

    Args:
        optionals: include properties that are not required.
        nulls: use null wherever the schema allows it.
        unknown: give unions a variant and enums a value that the document does not know.
        turn: index of the first alternative to choose in unions and enums; each further choice takes the next one.
    """

    def __init__(self, *, optionals: bool, nulls: bool = False, unknown: bool = False, turn: int = 0) -> None:
        self.optionals = optionals
        self.nulls = nulls
        self.unknown = unknown
        self.turns = count(turn)

    def make(self, schema: Any, depth: int = 0, *, inside_union: bool = False) -> Any:
        if "$ref" in schema:
            return self.make(resolved(schema["$ref"]), depth, inside_union=inside_union)
        if self.nulls and schema.get("nullable"):
            return None
        if "enum" in schema:
            if self.unknown and not inside_union and schema.get("type") == "string":
                return "A_VALUE_OF_TOMORROW"
            return schema["enum"][next(self.turns) % len(schema["enum"])]
        alternatives = schema.get("oneOf") or schema.get("anyOf")
        if alternatives or "allOf" in schema:
            return self.combined(schema, alternatives, depth, inside_union)
        return self.plain(schema, depth, inside_union)

    def combined(self, schema: Any, alternatives: Any, depth: int, inside_union: bool) -> Any:
        parts = [self.make(part, depth, inside_union=True) for part in schema.get("allOf", ())]
        if alternatives:
            objects = all("object" in json.dumps(flat(part)) for part in alternatives)
            if (
                self.unknown
                and objects
                and len(alternatives) > 1
                and not inside_union
                and not parts
                and "properties" not in schema
            ):
                return STRANGE
            chosen = alternatives[next(self.turns) % len(alternatives)]
            parts.append(self.make(chosen, depth, inside_union=True))
        if "properties" in schema:
            parts.append(self.plain(schema, depth, inside_union))
        if not all(isinstance(part, dict) for part in parts):
            return parts[-1]
        return {key: value for part in parts for key, value in cast("dict[str, Any]", part).items()}

    def plain(self, schema: Any, depth: int, inside_union: bool) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string" if "format" in schema else None)
        if kind == "object":
            return self.object(schema, depth, inside_union)
        if kind == "array":
            size = max(schema.get("minItems", 0), 2 if self.optionals and depth < 7 else 0)
            return [self.make(schema["items"], depth + 1, inside_union=inside_union) for _ in range(size)]
        if kind == "string":
            written = {"date-time": "2026-01-02T03:04:05.678Z", "date": "2026-01-02"}
            return written.get(schema.get("format", ""), "grüße")
        values: dict[Any, tuple[Any, ...]] = {"integer": (7, 2**40), "number": (5, 5.5), "boolean": (True, False)}
        return values[kind][next(self.turns) % 2] if kind in values else {"free": [1, 2.5, None]}

    def object(self, schema: Any, depth: int, inside_union: bool) -> dict[str, Any]:
        properties = schema.get("properties", {})
        more = schema.get("additionalProperties")
        if not properties and isinstance(more, dict) and more:
            return {f"key {n}": self.make(more, depth + 1, inside_union=inside_union) for n in range(2)}
        required = schema.get("required", ())
        return {
            name: self.make(part, depth + 1, inside_union=inside_union)
            for name, part in properties.items()
            if name in required or (self.optionals and depth < 7)
        }


def resolved(reference: str) -> Any:
    part = document()
    for step in reference.removeprefix("#/").split("/"):
        part = part[step.replace("~1", "/").replace("~0", "~")]
    return part


def flat(schema: Any) -> Any:
    return resolved(schema["$ref"]) if "$ref" in schema else schema


def widest(schema: Any, seen: set[str]) -> int:
    """Number of alternatives of the largest union that a value of the schema can contain."""
    if isinstance(schema, list):
        return max((widest(part, seen) for part in cast("list[Any]", schema)), default=1)  # type: ignore[redundant-cast]
    if not isinstance(schema, dict):
        return 1
    parts = cast("dict[str, Any]", schema)
    reference = parts.get("$ref")
    if isinstance(reference, str):
        if reference in seen:
            return 1
        seen.add(reference)
        return widest(resolved(reference), seen)
    here = max(len(parts.get("oneOf", ())), len(parts.get("anyOf", ())))
    return max(here, *(widest(part, seen) for part in parts.values()), 1)


def makers(alternatives: int) -> Iterator[FromSchema]:
    yield FromSchema(optionals=False)
    yield FromSchema(optionals=True, nulls=True)
    yield FromSchema(optionals=True, unknown=True)
    for turn in range(max(3, alternatives)):
        yield FromSchema(optionals=True, turn=turn)


def alike(back: Any, value: Any) -> bool:
    """The same JSON; an unknown variant may decode as an object without required properties."""
    if value == STRANGE and back == {}:
        return True
    if isinstance(value, dict) and isinstance(back, dict):
        one, other = cast("dict[str, Any]", value), cast("dict[str, Any]", back)
        return one.keys() == other.keys() and all(alike(other[key], one[key]) for key in one)
    if isinstance(value, list) and isinstance(back, list):
        first, second = cast("list[Any]", value), cast("list[Any]", back)  # type: ignore[redundant-cast]
        return len(first) == len(second) and all(map(alike, second, first))
    return same(back, value)


def assert_round_trips(expression: str, schema: Any) -> None:
    for maker in makers(widest(schema, set())):
        value = maker.make(schema)
        body = json.dumps(value).encode()
        back = json.loads(codec.encode(codec.loads(expression, body, strict=True)))
        assert alike(back, value), f"{expression}: {value!r} came back as {back!r}"


def expression_of(schema: str) -> str:
    """Classes start with a capital; a schema named like the base of all models gets a suffix."""
    domain, _, name = schema.partition(".")
    expression = f"{domain}.{name[:1].upper()}{name[1:]}"
    return f"{expression}Schema" if codec.resolve(expression) is Model else expression


def schemas() -> list[str]:
    return sorted(document()["components"]["schemas"]) if DOCUMENT else []


@pytest.mark.parametrize("domain", sorted({name.removeprefix(PREFIX).partition(".")[0] for name in schemas()}) or ["-"])
def test_every_schema_round_trips(domain: str) -> None:
    for name in schemas():
        short = name.removeprefix(PREFIX)
        if short.partition(".")[0] == domain:
            assert_round_trips(expression_of(short), document()["components"]["schemas"][name])


def answers(group: str) -> Iterator[tuple[str, Any]]:
    """Type expression and schema of every documented JSON success of a tag."""
    from mittwald_async.operations import OPERATIONS

    for path in document()["paths"].values():
        for described in path.values():
            if not isinstance(described, dict) or group not in cast("dict[str, Any]", described).get("tags", ()):
                continue
            facts = cast("dict[str, Any]", described)
            if "operationId" not in facts:
                continue
            for result in OPERATIONS[facts["operationId"]].results:
                content = flat(facts["responses"][str(result.status)]).get("content", {})
                schema = content.get("application/json", {}).get("schema")
                if schema and result.content_type == "application/json" and result.type != "None":
                    yield result.type, schema


def tags() -> list[str]:
    paths = document()["paths"].values() if DOCUMENT else ()
    return sorted({tag for path in paths for facts in path.values() if "tags" in facts for tag in facts["tags"]})


@pytest.mark.parametrize("tag", tags() or ["-"])
def test_every_response_round_trips(tag: str) -> None:
    for expression, schema in answers(tag):
        assert_round_trips(expression, schema)
