"""Shapes that a later version of a document may have: each generates, imports and round-trips."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mittwald_async.codec import convert, dump
from mittwald_async.codegen.compiler import compile_document
from mittwald_async.codegen.errors import DocumentError
from mittwald_async.codegen.load import Document
from mittwald_async.runtime.schema.types import resolve
from mittwald_async.runtime.schema.unions import hook
from mittwald_async.runtime.structs import UNSET

from ..support.openapi_documents import (
    CONFIG,
    INT,
    TEXT,
    Json,
    Package,
    Recorder,
    body,
    compiled,
    document,
    given,
    obj,
    ok,
    operation,
    ref,
)


class Shapes:
    """Schemas in the domain `a`, generated and imported."""

    def __init__(self, schemas: Json, folder: Path) -> None:
        self.package = Package(document({f"a.{name}": schema for name, schema in schemas.items()}), folder)
        self.module = self.package.models("a")

    def comes_back(self, name: str, value: Any) -> Any:
        """Decode JSON, check that it round-trips, and return the value."""
        made = msgspec.convert(value, resolve(name, module=self.module.__name__), dec_hook=hook)
        assert json.dumps(dump(made), sort_keys=True) == json.dumps(value, sort_keys=True)
        return made

    def annotation(self, model: str, name: str) -> str:
        found: str = getattr(self.module, model).__annotations__[name]
        return found


def test_an_all_of_part_may_refer_to_the_whole(tmp_path: Path) -> None:
    """Its properties are copied from the schema it extends, including the one that extends it."""
    node = obj(["id"], id=TEXT, child={"allOf": [ref("a.Node"), obj(extra=INT)]})
    shapes = Shapes({"Node": node}, tmp_path)
    value = {"id": "1", "child": {"id": "2", "extra": 2, "child": {"id": "3", "extra": 3}}}
    made = shapes.comes_back("Node", value)
    assert type(made.child.child) is type(made.child)


def test_an_all_of_part_with_a_union_may_refer_to_the_whole(tmp_path: Path) -> None:
    either: Json = {"oneOf": [obj(["x"], x=INT), obj(["y"], y=INT)]}
    node = obj(
        ["id"], id=TEXT, next={"allOf": [ref("a.Node"), either]}, rows={"allOf": [ref("a.Rows"), {"minItems": 1}]}
    )
    rows: Json = {"type": "array", "items": obj(rows={"allOf": [ref("a.Rows"), {"minItems": 1}]})}
    shapes = Shapes({"Node": node, "Rows": rows}, tmp_path)
    shapes.comes_back("Node", {"id": "1", "next": {"id": "2", "y": 1, "next": {"id": "3", "x": 1}}})
    shapes.comes_back("Node", {"id": "1", "rows": [{"rows": [{"rows": []}]}]})


@pytest.mark.parametrize(
    "schemas",
    [
        {"A": {"oneOf": [ref("a.A"), TEXT]}},
        {"A": {"oneOf": [ref("a.B"), obj(["x"], x=INT)]}, "B": {"anyOf": [ref("a.A"), obj(["y"], y=INT)]}},
        {"Outer": obj(x=ref("a.A")), "A": ref("a.B"), "B": ref("a.A")},
    ],
)
def test_a_schema_that_only_refers_to_itself_is_any_value_and_a_finding(schemas: Json) -> None:
    made = compiled(document({f"a.{name}": schema for name, schema in schemas.items()}))
    reported = [finding for finding in made.findings if finding.kind == "reference"]
    assert reported
    assert all("leads back to itself" in str(finding) or "leads in a circle" in str(finding) for finding in reported)
    assert all(finding.pointer.startswith("#/components/schemas/a.") for finding in reported)


def test_excessive_nesting_is_refused() -> None:
    deep: Json = TEXT
    for _ in range(2000):
        deep = {"type": "array", "items": deep}
    with pytest.raises(DocumentError, match="nested too deeply"):
        compile_document(Document(document({"a.Deep": deep}), "0"), CONFIG)


def test_null_survives_in_a_nullable_recursive_schema(tmp_path: Path) -> None:
    shapes = Shapes({"Tree": {**obj(["left"], left=ref("a.Tree"), right=ref("a.Tree")), "nullable": True}}, tmp_path)
    shapes.comes_back("Tree", {"left": None, "right": {"left": None}})
    shapes.comes_back("Tree", {"left": {"left": None, "right": None}})


def test_null_survives_where_any_value_is_allowed(tmp_path: Path) -> None:
    names = {"Any": {}, "Same": ref("a.Any"), "Null": {"enum": [None], "nullable": True}}
    fields = obj(any=ref("a.Any"), same=ref("a.Same"), null=ref("a.Null"), some={"oneOf": [{"nullable": True}]})
    shapes = Shapes({**names, "X": fields}, tmp_path)
    shapes.comes_back("X", {"any": None, "same": None, "null": None, "some": None})
    assert shapes.comes_back("X", {}).null is UNSET
    shapes.comes_back("Same", {"free": [None]})


async def test_a_property_that_can_only_be_null_is_sent_if_given(tmp_path: Path) -> None:
    wanted = operation("shop-x", requestBody=body(obj(reset={"enum": [None], "nullable": True})))
    package = Package(document(paths={"/x": {"post": wanted}}), tmp_path)
    recorder = Recorder()
    await package.group("shop", recorder).x(reset=None)
    assert recorder.body == {"reset": None}
    assert recorder.operation.body.properties[0].nullable
    await package.group("shop", recorder).x()
    assert given(recorder.body) == {}


def test_enum_integers_may_be_negative_but_not_huge(tmp_path: Path) -> None:
    """msgspec compares integers of 64 bits; a longer one is in the docstring but not in the type."""
    fields = obj(low={"type": "integer", "enum": [-1, 0]}, huge={"type": "integer", "enum": [1, 10**20]})
    shapes = Shapes({"X": fields}, tmp_path)
    assert shapes.annotation("X", "low") == "Literal[-1, 0] | int | None"
    assert shapes.annotation("X", "huge") == "int | None"
    assert len(shapes.package.findings("enum")) == 1
    shapes.comes_back("X", {"low": -7, "huge": 10**20})
    assert convert("Literal[-1] | int", -1) == -1


def test_long_unions_of_awkward_texts_are_wrapped(tmp_path: Path) -> None:
    """Bars, brackets and quotes inside literals are not syntax."""
    awkward = ['qu"ote', "it's", "a|b", "[", "back\\slash", "line\nbreak", "x" * 70]
    values: Json = {"type": "string", "enum": awkward}
    wide: Json = {"oneOf": [values, obj(["k"], k=INT), {"type": "array", "items": ref("a.Wide")}]}
    array: Json = {"type": "array", "items": {"type": "string", "enum": awkward[:-1]}, "minItems": 1, "nullable": True}
    shapes = Shapes({"Wide": wide, "X": obj(["x"], x=values, a_rather_long_name_of_a_property=array)}, tmp_path)
    for value in (*awkward, {"k": 1}, [awkward[0], {"k": 2}]):
        shapes.comes_back("Wide", value)
    assert "a_rather_long_name_of_a_property" in shapes.module.X.__annotations__


def test_free_properties_beside_declared_ones(tmp_path: Path) -> None:
    """A model with untyped further properties stays a struct. Typed further properties are data and are all kept."""
    declared = obj(["x"], x=TEXT)
    schemas: Json = {
        "Said": {**declared, "additionalProperties": True},
        "Texts": {**declared, "additionalProperties": TEXT},
        "Mixed": {**obj(x=TEXT, y=INT), "additionalProperties": TEXT},
        "Nulls": {**declared, "additionalProperties": {"type": "string", "nullable": True}},
    }
    shapes = Shapes({**schemas, "All": obj(**{name.lower(): ref(f"a.{name}") for name in schemas})}, tmp_path)
    assert shapes.annotation("All", "said") == "Said | None"
    assert shapes.annotation("All", "texts") == "dict[str, str] | None"
    assert shapes.annotation("All", "mixed") == "dict[str, Any] | None"
    shapes.comes_back("All", {"texts": {"x": "1", "y": "2"}, "mixed": {"x": "1", "y": 2}, "nulls": {"z": None}})
    assert len(shapes.package.findings("free")) == 1
    assert len(shapes.package.findings("mixed")) == 3


def test_contradictory_all_of_parts_are_reported() -> None:
    made = compiled(document({"a.X": {"allOf": [{"type": "string"}, {"type": "integer"}]}}))
    assert "[allOf] #/components/schemas/a.X: 'type' is stated twice: the last one counts" in map(str, made.findings)


def test_names_starting_with_a_digit_become_class_names(tmp_path: Path) -> None:
    shapes = Shapes({"2fa": obj(["10min"], **{"10min": obj(x=INT)})}, tmp_path)
    assert {name for name in vars(shapes.module) if name.startswith("N")} == {"N2fa", "N2faN10min"}
    shapes.comes_back("N2fa", {"10min": {"x": 1}})


def test_a_group_without_type_checking_imports_has_no_block_for_them(tmp_path: Path) -> None:
    text = compiled(document(paths={"/x": {"get": operation("shop-x", responses=ok({}))}})).files["api/shop.py"]
    assert "TYPE_CHECKING" not in text
    package = Package(document(paths={"/x": {"get": operation("shop-x", responses=ok({}))}}), tmp_path)
    assert typing.get_type_hints(package.api("shop").ShopGroup.x)["return"] is Any
