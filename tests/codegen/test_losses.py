"""No part of a response is lost: small documents that once lost something, and random values of all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.codegen.config import Config, Correction
from mittwald_async.codegen.load import Document
from mittwald_async.runtime import codec

from ..support.openapi_documents import INT, TEXT, Json, Package, body, compiled, document, obj, ok, operation, ref
from .roundtrip import RandomJson, round_trip, same


class Models:
    """The models of some schemas, all in the domain `a`."""

    def __init__(self, schemas: Json, folder: Path, **rest: Any) -> None:
        self.root = document({f"a.{name}": schema for name, schema in schemas.items()}, **rest)
        self.package = Package(self.root, folder)

    def comes_back(self, name: str, value: object) -> Any:
        made = codec.loads(f"a.{name}", json.dumps(value).encode(), models=f"{self.package.name}.models")
        assert json.loads(codec.encode(made)) == value
        return made

    def text(self) -> str:
        return self.package.made.files["models/a.py"]


def test_an_all_of_part_that_only_allows_null_makes_the_whole_nullable(tmp_path: Path) -> None:
    described: Json = {"nullable": True, "description": "or nothing"}
    bare: Json = {"nullable": True}
    for number, part in enumerate((described, bare)):
        parts: list[Json] = [ref("a.File"), part]
        models = Models({"File": obj(id=TEXT), "Upload": obj(file={"allOf": parts})}, tmp_path / str(number))
        models.comes_back("Upload", {"file": None})
        models.comes_back("Upload", {"file": {"id": "x"}})
        models.comes_back("Upload", {})


def test_a_union_variant_may_constrain_its_elements(tmp_path: Path) -> None:
    models = Models(
        {"X": obj(v={"oneOf": [TEXT, {"type": "array", "items": {"type": "string", "minLength": 1}}]})}, tmp_path
    )
    models.comes_back("X", {"v": "one"})
    models.comes_back("X", {"v": ["one", "two"]})


def test_objects_with_the_same_keys_may_differ_inside(tmp_path: Path) -> None:
    models = Models(
        {"X": obj(v={"oneOf": [obj(["d"], d=obj(p=INT)), obj(["d"], d=obj(q=INT)), obj(["d"], d=obj(r=INT, s=INT))]})},
        tmp_path,
    )
    for inner in ({"p": 1}, {"q": 1}, {"r": 1}, {"s": 1, "r": 2}, {}):
        models.comes_back("X", {"v": {"d": inner}})


def test_the_narrower_enum_counts_and_keeps_the_tag(tmp_path: Path) -> None:
    kinds: Json = {"type": "string", "enum": ["cat", "dog", "fish"]}
    base = obj(["kind"], kind=kinds, name=TEXT)

    def child(kind: str, order: int, **more: Json) -> Json:
        parts = [ref("a.Base"), obj(kind={"enum": [kind]}, **more)]
        return {"allOf": parts[::order]}

    schemas: Json = {
        "Base": base, "Cat": child("cat", 1, lives=INT), "Dog": child("dog", -1, tricks=INT),
        "Pet": {"oneOf": [ref("a.Cat"), ref("a.Dog")]}, "Pets": obj(all={"type": "array", "items": ref("a.Pet")}),
    }  # fmt: skip
    models = Models(schemas, tmp_path)
    made = models.comes_back(
        "Pets", {"all": [{"kind": "dog"}, {"kind": "cat", "name": "x"}, {"kind": "dog", "tricks": 2}]}
    )
    assert [type(one).__name__ for one in made.all] == ["Dog", "Cat", "Dog"]
    assert 'kind: Literal["cat"] | str' in models.text()


def test_a_discriminator_selects_the_variant(tmp_path: Path) -> None:
    """The variants look alike, one does not declare the property, and the values are not the schema names."""
    union: Json = {
        "oneOf": [ref("a.Card"), ref("a.Cash"), ref("a.Voucher")],
        "discriminator": {
            "propertyName": "by",
            "mapping": {"c": "#/components/schemas/a.Card", "m": "a.Cash", "M": "a.Cash"},
        },
    }
    schemas: Json = {
        "Card": obj(by=TEXT, amount=INT), "Cash": obj(amount=INT), "Voucher": obj(by=TEXT, amount=INT),
        "Payment": obj(["how"], how=union),
    }  # fmt: skip
    models = Models(schemas, tmp_path)
    names = {}
    for value in ("c", "m", "M", "a.Voucher"):
        names[value] = type(models.comes_back("Payment", {"how": {"by": value, "amount": 1}}).how).__name__
    assert names == {"c": "Card", "m": "Cash", "M": "Cash", "a.Voucher": "Voucher"}
    assert type(models.comes_back("Payment", {"how": {"by": "new", "x": 1}}).how).__name__ == "Unknown"


def test_a_discriminator_reaches_into_nested_unions(tmp_path: Path) -> None:
    """The alternative is itself only a choice of schemas, which do not declare the property."""
    wrapper: Json = {"oneOf": [ref("a.Bare")]}
    union: Json = {"oneOf": [ref("a.Wrapper"), ref("a.Told")], "discriminator": {"propertyName": "type"}}
    schemas: Json = {
        "Bare": obj(["value"], value=TEXT), "Wrapper": wrapper, "Told": obj(["type"], type=TEXT),
        "Item": obj(["one"], one=union),
    }  # fmt: skip
    models = Models(schemas, tmp_path)
    made = models.comes_back("Item", {"one": {"type": "a.Wrapper", "value": "x"}})
    assert type(made.one).__name__ == "Bare"


def test_a_discriminator_with_a_name_no_field_can_have_still_selects() -> None:
    union: Json = {"oneOf": [ref("a.A"), ref("a.B")], "discriminator": {"propertyName": 'ki"nd'}}
    made = compiled(document({"a.A": obj(p=INT), "a.B": obj(q=INT), "a.U": union}))
    assert '("const", \'ki"nd\', ("a.A",))' in made.files["models/a.py"]


def test_a_base_with_a_discriminator_stands_for_its_children(tmp_path: Path) -> None:
    schemas: Json = {
        "Pet": {**obj(["kind"], kind=TEXT), "discriminator": {"propertyName": "kind", "mapping": {"cat": "a.Cat"}}},
        "Cat": {"allOf": [ref("a.Pet"), obj(lives=INT)]},
        "Lion": {"allOf": [ref("a.Cat")], "properties": {"pride": TEXT}},
        "Zoo": obj(pets={"type": "array", "items": ref("a.Pet")}, star={"allOf": [ref("a.Pet")], "nullable": True}),
    }
    models = Models(schemas, tmp_path)
    value = [{"kind": "cat", "lives": 9}, {"kind": "Lion", "pride": "x", "lives": 1}, {"kind": "a.Pet"}]
    made = models.comes_back("Zoo", {"pets": value[:2], "star": {"kind": "cat", "lives": 3}})
    assert [type(one).__name__ for one in made.pets] == ["Cat", "Lion"]
    models.comes_back("Zoo", {"star": None})


def test_a_base_that_lists_its_children_shares_its_properties(tmp_path: Path) -> None:
    schemas: Json = {
        "Pet": {**obj(["kind"], kind=TEXT, name=TEXT), "oneOf": [ref("a.Cat"), ref("a.Fish")],
                "discriminator": {"propertyName": "kind"}},
        "Middle": {"allOf": [ref("a.Pet")]},
        "Cat": {"allOf": [ref("a.Middle"), obj(lives=INT)]},
        "Fish": {"allOf": [ref("a.Pet"), obj(fins=INT)]},
        "Home": obj(pet=ref("a.Pet")),
    }  # fmt: skip
    models = Models(schemas, tmp_path)
    models.comes_back("Home", {"pet": {"kind": "a.Cat", "name": "x", "lives": 9}})
    models.comes_back("Home", {"pet": {"kind": "a.Fish", "name": "y", "fins": 2}})
    models.comes_back("Cat", {"kind": "a.Cat", "name": "x", "lives": 9})


def test_read_only_properties_are_not_required_in_requests(tmp_path: Path) -> None:
    read_only, write_only = {**INT, "readOnly": True}, {**TEXT, "writeOnly": True}
    line = obj(["id", "article"], id=read_only, article=TEXT)
    order = obj(
        ["id", "lines", "secret"], id=read_only, lines={"type": "array", "items": ref("a.Line")}, secret=write_only
    )
    paths: Json = {
        "/orders": {"post": operation("shop-order", requestBody=body(ref("a.Order")), responses=ok(ref("a.Order")))}
    }
    models = Models({"Line": line, "Order": order}, tmp_path, paths=paths)
    api = models.package.made.files["api/shop.py"]
    assert "lines: Sequence[a.Line]" in api
    assert "secret: str" in api
    assert "id: int | None = None" in api
    models.package.models("a").Line(article="x")
    models.comes_back("Order", {"id": 1, "lines": [{"id": 2, "article": "x"}]})
    assert len(models.package.findings("direction")) == 2


@pytest.mark.parametrize(
    "name", ['a"b', "a\\b", "a\nb", "\x01", "$x", "__class__", "class", "list", "", "1st", "größe", "self"]
)
def test_properties_with_any_name_round_trip(tmp_path: Path, name: str) -> None:
    models = Models({"X": obj([name], **{name: INT, "list": {"type": "array", "items": INT}})}, tmp_path)
    value = {"list": [1], name: 3} if name != "list" else {"list": [1]}
    models.comes_back("X", {"list": [1]} if name == "list" else value)


def test_declared_and_free_properties_together(tmp_path: Path) -> None:
    models = Models({"X": {**obj(a=INT), "additionalProperties": INT}}, tmp_path)
    models.comes_back("X", {"a": 1, "b": 2})


def test_free_properties_are_kept_where_configured(tmp_path: Path) -> None:
    root = document({"a.X": {**obj(a=INT), "additionalProperties": True}})
    assert "class X(Model" in compiled(root).files["models/a.py"]
    package = Package(root, tmp_path, Config(free_properties="keep"))
    value = {"a": 1, "b": ["x"]}
    made = codec.loads("a.X", json.dumps(value).encode(), models=f"{package.name}.models")
    assert json.loads(codec.encode(made)) == value


def test_bytes_inside_json_are_text(tmp_path: Path) -> None:
    models = Models({"X": obj(raw={"type": "string", "format": "binary"})}, tmp_path)
    models.comes_back("X", {"raw": "not base64!"})


def everything() -> Json:
    """Every construct that was ever lost."""
    pet = {**obj(["kind"], kind=TEXT), "discriminator": {"propertyName": "kind"}}
    schemas: Json = {
        "Pet": pet,
        "Cat": {"allOf": [ref("Pet"), obj(lives=INT, friends={"type": "array", "items": ref("Pet")})]},
        "Either": {
            "oneOf": [obj(["d"], d=obj(p=INT)), obj(["d"], d=obj(q=INT)), TEXT, {"type": "array", "items": INT}]
        },
        "Tree": {**obj(v={"type": "number"}, next=ref("Tree"), either=ref("Either")), "nullable": True},
        "Free": {"type": "object", "additionalProperties": ref("Either")},
        "Times": obj(
            at={"type": "string", "format": "date-time", "nullable": True}, day={"type": "string", "format": "date"}
        ),
        "Narrow": {"allOf": [obj(kind={"enum": ["a", "b"]}), obj(kind={"enum": ["b", "c"]}, n={"enum": [1, 2, None]})]},
    }
    return document(schemas)


def test_random_values_of_everything_round_trip(tmp_path: Path) -> None:
    root = everything()
    package = Package(root, tmp_path)
    outcome = round_trip(Document(root, "0"), package.name, package.made, 1500)
    assert outcome.tried > 1000
    assert outcome.lost == {}, outcome.examples
    assert outcome.drifted == {}, outcome.examples


def test_random_values_fit_their_schema_and_losses_are_detected() -> None:
    source = RandomJson(Document(everything(), "0"), seed=3)
    kinds = {json.dumps(source.value("Narrow", everything()).get("kind")) for _ in range(60)}
    assert kinds == {'"b"', "null"}
    assert not same({"a": 1}, {})
    assert not same([1], [1, 2])
    assert not same({"a": True}, {"a": 1})
    assert same({"a": "2026-01-02T03:04:05Z"}, {"a": "2026-01-02T03:04:05+00:00"})


def test_corrections_reach_into_lists() -> None:
    root = document({"a.X": {"allOf": [obj(p=TEXT), obj(["p"], q=INT)]}})
    at = "#/components/schemas/a.X/allOf"
    corrections = (
        Correction(f"{at}/0/properties/p/type", "set", "a number", "integer"),
        Correction(f"{at}/1/required/0", "remove", "not sent"),
        Correction(f"{at}/-", "set", "one more part", obj(r=INT)),
        Correction(f"{at}/9", "remove", "not there"),
    )
    made = compiled(root, Config(corrections=corrections))
    text = made.files["models/a.py"]
    assert all(f"    {name}: int | None = None" in text for name in "pqr")
    kinds = [finding.kind for finding in made.findings]
    assert kinds.count("corrected") == 3
    assert kinds.count("correction") == 1
