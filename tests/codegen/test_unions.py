"""Which variant a union's plan selects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mittwald_async.codec import dump
from mittwald_async.codegen import ir
from mittwald_async.codegen.errors import Findings
from mittwald_async.codegen.unions import Planner
from mittwald_async.runtime.schema.unions import hook
from mittwald_async.runtime.structs import Unknown, stand_in_for

from ..support.openapi_documents import INT, TEXT, Json, Package, document, obj, ref


def const(value: Any) -> Json:
    return {"type": "boolean" if isinstance(value, bool) else "string", "enum": [value]}


class Taken:
    """One union of made-up variants, decoded through its generated stand-in."""

    def __init__(self, directory: Path, word: str = "oneOf", **variants: Json) -> None:
        schemas = {f"a.{name}": schema for name, schema in variants.items()}
        schemas["a.Union"] = {word: [ref(f"a.{name}") for name in variants]}
        self.package = Package(document(schemas), directory)
        self.union = stand_in_for(self.package.models("a"), "Union")

    def name(self, value: Any) -> str:
        """The name of the selected class; the JSON must round-trip."""
        decoded = msgspec.json.decode(json.dumps(value).encode(), type=self.union, dec_hook=hook)
        assert dump(decoded) == value
        return type(decoded).__name__


def test_a_property_with_distinct_values_selects(tmp_path: Path) -> None:
    taken = Taken(
        tmp_path,
        Cat=obj(["kind", "name"], kind=const("cat"), name=TEXT),
        Dog=obj(["kind", "name"], kind=const("dog"), name=TEXT),
        Other=obj(["kind"], kind=TEXT, name=TEXT),
    )
    assert taken.name({"kind": "dog", "name": "x"}) == "Dog"
    assert taken.name({"kind": "cat", "name": "x"}) == "Cat"
    assert taken.name({"kind": "fish", "name": "x"}) == "Other"
    assert taken.name({"name": "x"}) == "Unknown"


def test_true_and_false_select_as_well(tmp_path: Path) -> None:
    taken = Taken(
        tmp_path,
        "anyOf",
        Out=obj(["published", "at"], published=const(True), at=TEXT),
        In=obj(["draft"], published=const(False), draft=TEXT),
    )
    assert taken.name({"published": True, "at": "x"}) == "Out"
    assert taken.name({"published": False, "draft": "x"}) == "In"
    assert taken.name({"draft": "x"}) == "In"


def test_a_boolean_that_another_variant_may_share_does_not_select(tmp_path: Path) -> None:
    taken = Taken(
        tmp_path,
        "anyOf",
        Off=obj(["disabled"], disabled=const(True)),
        Server=obj(["command"], command=TEXT, disabled={"type": "boolean"}),
    )
    assert taken.name({"disabled": True}) == "Off"
    assert taken.name({"disabled": True, "command": "x"}) == "Server"
    assert taken.name({"disabled": False, "command": "x"}) == "Server"
    assert taken.name({"command": "x"}) == "Server"


def test_the_most_demanding_variant_comes_first(tmp_path: Path) -> None:
    taken = Taken(
        tmp_path,
        Nothing={"type": "object", "properties": {}, "additionalProperties": False},
        Small=obj(["a"], a=INT),
        Big=obj(["a", "b"], a=INT, b=INT),
    )
    assert taken.name({}) == "Nothing"
    assert taken.name({"a": 1}) == "Small"
    assert taken.name({"a": 1, "b": 2}) == "Big"
    assert taken.name({"c": 3}) == "Unknown"


def test_a_variant_that_can_resemble_another_comes_before_it(tmp_path: Path) -> None:
    taken = Taken(
        tmp_path,
        Mail=obj(["host", "weight"], host=TEXT, weight=INT),
        Service=obj(["host", "port"], host=TEXT, port=INT, weight=INT),
    )
    assert taken.name({"host": "x", "weight": 1}) == "Mail"
    assert taken.name({"host": "x", "port": 1, "weight": 1}) == "Service"


def test_optional_keys_select_where_nothing_is_required(tmp_path: Path) -> None:
    taken = Taken(tmp_path, Machine=obj(machine=TEXT), Hardware=obj(ram=INT, cpu=INT))
    assert taken.name({"machine": "x"}) == "Machine"
    assert taken.name({"ram": 1}) == "Hardware"
    assert taken.name({}) == "Machine"
    assert taken.name({"disk": 1}) == "Unknown"
    assert taken.package.findings("ambiguous") == [
        "[ambiguous] #/components/schemas/a.Union: variants 1 and 2 can look alike:"
        " the one that knows every key wins, else variant 1"
    ]


def test_variants_of_equal_shape_lose_nothing(tmp_path: Path) -> None:
    taken = Taken(tmp_path, One=obj(["x"], x=INT), Same=obj(["x"], x=INT))
    assert taken.name({"x": 1}) == "One"
    assert "the one that keeps more of the value wins" in taken.package.findings("ambiguous")[0]


def test_the_contents_of_a_common_property_select(tmp_path: Path) -> None:
    mail, service = (
        obj(["host", "weight"], host=TEXT, weight=INT),
        obj(["host", "port"], host=TEXT, port=INT, weight=INT),
    )
    taken = Taken(
        tmp_path,
        Mails=obj(["records"], records={"type": "array", "items": mail}),
        Services=obj(["records"], records={"type": "array", "items": service}),
        Single=obj(["records"], records=obj(["flag"], flag=INT)),
    )
    assert taken.name({"records": [{"host": "x", "weight": 1}]}) == "Mails"
    assert taken.name({"records": [{"host": "x", "port": 1, "weight": 1}]}) == "Services"
    assert taken.name({"records": {"flag": 1}}) == "Single"
    assert taken.name({"records": []}) == "Mails"


def test_json_types_select_last(tmp_path: Path) -> None:
    taken = Taken(
        tmp_path,
        Thing=obj(["x"], x=INT),
        Text={"type": "string"},
        Number={"type": "number"},
        Flag={"type": "boolean"},
        Many={"type": "array", "items": obj(["y"], y=INT)},
    )
    assert taken.name({"x": 1}) == "Thing"
    assert taken.name("x") == "str"
    assert taken.name(2) == "int"
    assert taken.name(2.5) == "float"
    assert taken.name(True) == "bool"
    assert taken.name([{"y": 1}]) == "list"
    assert taken.name({"z": 1}) == "Unknown"


def test_free_mappings_take_the_rest(tmp_path: Path) -> None:
    taken = Taken(tmp_path, Hooks=obj(["a", "b"], a=TEXT, b=TEXT), Free={"type": "object"})
    assert taken.name({"a": "x", "b": "y"}) == "Hooks"
    assert taken.name({"a": "x", "c": "y"}) == "dict"


def test_a_union_inside_a_union(tmp_path: Path) -> None:
    taken = Taken(
        tmp_path,
        Message=obj(["type"], type=const("MESSAGE"), text=TEXT),
        Update={
            "oneOf": [
                obj(["type", "old"], type=const("UPDATE"), old=INT),
                obj(["type", "new"], type=const("UPDATE"), new=INT),
            ]
        },
    )
    assert taken.name({"type": "MESSAGE", "text": "x"}) == "Message"
    assert taken.name({"type": "UPDATE", "new": 1}) == "UpdateNew"
    assert taken.name({"type": "UPDATE", "old": 1}) == "UpdateOld"
    assert taken.name({"type": "LATER"}) == "Unknown"


def test_unions_of_primitives_need_no_plan(tmp_path: Path) -> None:
    schemas = {
        "a.Ttl": {"oneOf": [INT, {"type": "string", "enum": ["auto"]}]},
        "a.When": {"anyOf": [{"type": "string", "format": "date"}, TEXT]},
        "a.Size": {"anyOf": [INT, {"type": "number"}]},
        "a.Holder": obj(ttl=ref("a.Ttl"), when=ref("a.When"), size=ref("a.Size")),
    }
    holder = Package(document(schemas), tmp_path).models("a").Holder
    for value in (
        {"ttl": 1, "when": "x", "size": 2},
        {"ttl": "auto", "when": "2026-01-02", "size": 2.5},
        {"ttl": "new"},
    ):
        assert dump(msgspec.convert(value, holder)) == value


def test_a_single_alternative_still_becomes_a_union(tmp_path: Path) -> None:
    schemas = {
        "a.Only": obj(["x"], x=INT),
        "a.Ref": {"oneOf": [ref("a.Only")]},
        "a.Inline": {"oneOf": [obj(["y"], y=INT)]},
    }
    models = Package(document(schemas), tmp_path).models("a")
    assert msgspec.json.decode(b'{"x": 1}', type=stand_in_for(models, "Ref"), dec_hook=hook) == models.Only(x=1)
    assert msgspec.json.decode(b'{"z": 1}', type=stand_in_for(models, "Ref"), dec_hook=hook) == Unknown({"z": 1})
    assert models.Inline(y=1).y == 1


def test_inline_variants_are_named_after_their_distinctive_property(tmp_path: Path) -> None:
    schemas = {
        "a.ByKey": {"oneOf": [obj(["text"], text=TEXT), obj(["url"], url=TEXT)]},
        "a.ByValue": {"oneOf": [obj(["kind"], kind=const("a-b")), obj(["kind"], kind=const("c"))]},
        "a.ByFlag": {"oneOf": [obj(["on"], on=const(True)), obj(["on"], on=const(False))]},
        "a.Alike": {"oneOf": [obj(["x"], x=INT), obj(["x"], x=TEXT)]},
        "a.Same": {
            "oneOf": [
                obj(["k", "v"], k=TEXT, v=const("a")),
                obj(["k", "v"], k=INT, v=const("a")),
                obj(["k"], k=TEXT, m=INT),
            ]
        },
    }
    models = Package(document(schemas), tmp_path).models("a")
    for name in (
        "ByKeyText",
        "ByKeyUrl",
        "ByValueAB",
        "ByValueC",
        "ByFlagOnTrue",
        "ByFlagOnFalse",
        "AlikeObject1",
        "AlikeObject2",
    ):
        assert isinstance(getattr(models, name), type), name


def test_several_array_variants_are_reported_as_ambiguous() -> None:
    findings = Findings()
    plan = Planner({}, findings).plan([ir.ListOf(ir.INT), ir.ListOf(ir.STR)], "#/x")
    assert plan == ((0, ("kind", "array")), (1, ("kind", "array")))
    assert (
        str(findings.sorted()[0])
        == "[ambiguous] #/x: several variants are of type array: of those that convert, the one that keeps most wins"
    )


@pytest.mark.parametrize(
    ("made", "kinds"),
    [
        (ir.Nullable(ir.INT), {"integer", "null"}),
        (ir.Either((ir.INT, ir.Enum(("a",), "str"))), {"integer", "string"}),
        (ir.ANY, {"any"}),
        (ir.Enum((1,), "int"), {"integer"}),
    ],
)
def test_type_profiles_know_the_json_types(made: ir.Type, kinds: set[str]) -> None:
    assert Planner({}, Findings()).profile(made).kinds == kinds
