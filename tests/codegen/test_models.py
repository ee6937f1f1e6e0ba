"""Schemas of made-up documents become structs that keep their JSON."""

from __future__ import annotations

import json
import typing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mittwald_async.codec import dump
from mittwald_async.runtime.schema.unions import hook
from mittwald_async.runtime.structs import UNSET, Constraints, Unknown, stand_in_for

from ..support.openapi_documents import INT, TEXT, Json, Package, document, obj, ref


def decode(kind: Any, value: Any) -> Any:
    return msgspec.json.decode(json.dumps(value).encode(), type=kind, dec_hook=hook)


def comes_back(kind: Any, value: Any) -> Any:
    decoded = decode(kind, value)
    assert dump(decoded) == value
    return decoded


def test_a_small_document(tmp_path: Path) -> None:
    schemas = {
        "shop.order.Order": obj(
            ["id", "createdAt", "lines"],
            id={"type": "string", "format": "uuid"},
            createdAt={"type": "string", "format": "date-time"},
            lines={"type": "array", "items": ref("shop.order.Line")},
            note={"type": "string", "nullable": True},
            customer=ref("shop.people.Customer"),
        ),
        "shop.order.Line": obj(["amount"], amount={"type": "integer", "minimum": 1}, price={"type": "number"}),
        "shop.people.Customer": obj(
            born={"type": "string", "format": "date"}, orders={"type": "array", "items": ref("shop.order.Order")}
        ),
    }
    package = Package(document(schemas), tmp_path)
    order = package.models("order")
    value: Json = {
        "id": "x", "createdAt": "2026-01-02T03:04:05Z", "lines": [{"amount": 2, "price": 5}, {"amount": 1, "price": 5.5}],
        "customer": {"born": "2000-02-29", "orders": []},
    }  # fmt: skip
    decoded = comes_back(order.Order, value)
    assert isinstance(decoded.created_at, datetime)
    assert decoded.customer.born == date(2000, 2, 29)
    assert (decoded.lines[0].price, decoded.lines[1].price) == (5, 5.5)
    assert decoded.note is UNSET
    assert comes_back(order.Order, value | {"note": None}).note is None


def test_constraints_of_a_property_are_on_its_type(tmp_path: Path) -> None:
    schemas = {
        "a.Thing": obj(
            amount={"type": "integer", "minimum": 1, "maximum": 9},
            code={"type": "string", "pattern": '^["\\d]+$', "minLength": 2, "maxLength": 3},
            mail={"allOf": [ref("a.Mail")], "nullable": True},
        ),
        "a.Mail": {"type": "string", "format": "email"},
    }
    thing = Package(document(schemas), tmp_path).models("a").Thing
    hints = typing.get_type_hints(thing, include_extras=True)
    facts = {
        name: [part for one in typing.get_args(hint) for part in getattr(one, "__metadata__", ())]
        for name, hint in hints.items()
    }
    assert facts["amount"] == [Constraints(minimum=1, maximum=9)]
    assert facts["code"] == [Constraints(pattern='^["\\d]+$', min_length=2, max_length=3)]
    assert facts["mail"] == [Constraints(format="email")]


def test_names_reserved_by_python_or_the_module(tmp_path: Path) -> None:
    properties: Json = dict.fromkeys(
        ("class", "import", "self", "str", "field", "Any", "datetime", "1st", "$id", "a-b", "order"), TEXT
    )
    properties |= {
        "date": {"type": "string", "format": "date"},
        "list": {"type": "array", "items": INT},
        "other": ref("order.Order"),
    }
    schemas = {
        "a.Model": obj(list(properties), **properties),
        "a.Unknown": obj(x=INT),
        "order.Order": obj(["order"], order=INT),
    }
    package = Package(document(schemas), tmp_path)
    value = dict.fromkeys(properties, "text") | {"date": "2026-01-02", "list": [1], "other": {"order": 4}}
    decoded = comes_back(package.models("a").Model, value)
    assert (decoded.class_, decoded.self_, decoded.n1st, decoded.list, decoded.other.order) == (
        "text",
        "text",
        "text",
        [1],
        4,
    )


def test_properties_with_the_same_snake_case_name_are_distinguished(tmp_path: Path) -> None:
    schemas = {
        "a.Thing": obj(
            friendlyURL={"type": "string", "deprecated": True},
            friendlyUrl=TEXT,
            sizeKB={"allOf": [INT, {"deprecated": True}]},
            sizeKb=INT,
            size_kb=INT,
        )
    }
    thing = Package(document(schemas), tmp_path).models("a").Thing
    value = {"friendlyURL": "old", "friendlyUrl": "new", "sizeKB": 1, "sizeKb": 2, "size_kb": 3}
    decoded = comes_back(thing, value)
    assert (decoded.friendly_url, decoded.friendly_url_deprecated) == ("new", "old")
    assert len(thing.__struct_fields__) == 5


def test_recursion_of_every_kind(tmp_path: Path) -> None:
    schemas = {
        "a.Tree": obj(["name"], name=TEXT, children={"type": "array", "items": ref("a.Tree")}),
        "a.Ping": obj(pong=ref("b.Pong")),
        "b.Pong": obj(ping=ref("a.Ping")),
        "a.Nested": {"type": "array", "items": ref("a.Nested")},
        "a.Either": {"oneOf": [obj(["left"], left=ref("a.Either")), obj(["end"], end=TEXT)]},
    }
    package = Package(document(schemas), tmp_path)
    comes_back(package.models("a").Tree, {"name": "a", "children": [{"name": "b", "children": []}]})
    comes_back(package.models("a").Ping, {"pong": {"ping": {"pong": {}}}})
    comes_back(stand_in_for(package.models("a"), "Nested"), [[], [[]]])
    comes_back(stand_in_for(package.models("a"), "Either"), {"left": {"left": {"end": "x"}}})


def test_enums_are_open(tmp_path: Path) -> None:
    schemas = {
        "a.Status": {"type": "string", "enum": ["ready", "it's", 'say "x"', "a\\b"]},
        "a.Thing": obj(
            ["status", "level", "on", "mixed"],
            status=ref("a.Status"),
            level={"type": "integer", "enum": [0, 1]},
            on={"type": "boolean", "enum": [True]},
            mixed={"enum": ["a", 1]},
            maybe={"type": "string", "nullable": True, "enum": ["x", None]},
            nothing={"enum": [None]},
            long={"type": "string", "enum": [f"a-very-long-value-{number}" for number in range(9)]},
        ),
    }
    package = Package(document(schemas), tmp_path)
    models = package.models("a")
    assert typing.get_args(typing.get_args(models.Status)[0]) == ("ready", "it's", 'say "x"', "a\\b")
    value: Json = {"status": "brand new", "level": 7, "on": False, "mixed": 1, "maybe": None, "long": "short"}
    comes_back(models.Thing, value)
    assert models.ThingLong
    assert package.findings("enum")


def test_all_of_becomes_one_struct(tmp_path: Path) -> None:
    schemas = {
        "a.Base": obj(["id"], id=TEXT, kind=TEXT),
        "a.Child": {"allOf": [ref("a.Base"), obj(["extra"], extra=INT), {"required": ["kind"]}]},
        "a.Grandchild": {"allOf": [ref("a.Child")], "properties": {"more": INT}, "required": ["more"]},
        "a.Renamed": {"allOf": [ref("a.Base"), {"type": "object", "deprecated": True}]},
        "a.Variants": {"allOf": [ref("a.Base"), {"oneOf": [obj(["left"], left=INT), ref("a.Right")]}]},
        "a.Right": obj(["right"], right=INT),
        "a.Text": {"allOf": [{"type": "string"}, {"minLength": 2}]},
        "a.Beside": {
            "type": "object",
            "properties": {"common": INT},
            "anyOf": [obj(["up"], up=INT), obj(["down"], down=INT)],
        },
        "a.Twice": {"allOf": [obj(x=TEXT), obj(x=INT)]},
        "a.Both": {"oneOf": [obj(["p"], p=INT), obj(["q"], q=INT)], "anyOf": [obj(["r"], r=INT), obj(["s"], s=INT)]},
    }
    package = Package(document(schemas), tmp_path)
    models = package.models("a")
    assert set(models.Grandchild.__struct_fields__) == {"id", "kind", "extra", "more"}
    comes_back(models.Grandchild, {"id": "a", "kind": "b", "extra": 1, "more": 2})
    with pytest.raises(msgspec.ValidationError):
        decode(models.Child, {"id": "a", "extra": 1})
    for value in ({"id": "1", "left": 1}, {"id": "1", "right": 1}):
        assert not isinstance(comes_back(stand_in_for(models, "Variants"), value), Unknown)
    assert not isinstance(comes_back(stand_in_for(models, "Beside"), {"common": 1, "up": 2}), Unknown)
    assert package.findings("allOf")
    comes_back(models.Twice, {"x": 3})
    comes_back(stand_in_for(models, "Both"), {"q": 1, "s": 2})


def test_null_at_every_position(tmp_path: Path) -> None:
    schemas = {
        "a.Inner": obj(x=INT),
        "a.Maybe": {"type": "object", "nullable": True, "properties": {"y": INT}},
        "a.Thing": obj(
            ["needed", "named"],
            needed={"type": "string", "nullable": True},
            named=ref("a.Maybe"),
            wrapped={"allOf": [ref("a.Inner")], "nullable": True},
            beside={"$ref": "#/components/schemas/a.Inner", "nullable": True},
            union={"oneOf": [ref("a.Inner"), {"type": "string"}, {"nullable": True}]},
            primitive={"anyOf": [{"type": "integer", "nullable": True}, {"type": "string", "format": "date"}]},
            items={"type": "array", "items": {"type": "integer", "nullable": True}},
            anything={},
        ),
    }
    thing = Package(document(schemas), tmp_path).models("a").Thing
    value: Json = {"needed": None, "named": None}
    comes_back(thing, value)
    optional = dict.fromkeys(("wrapped", "beside", "union", "primitive", "anything"))
    comes_back(thing, value | optional | {"items": [1, None]})
    comes_back(thing, value | {"union": "text", "primitive": 3, "anything": {"a": [None]}})
    assert decode(thing, value).wrapped is UNSET


def test_free_properties(tmp_path: Path) -> None:
    schemas: Json = {
        "a.Free": {"type": "object"},
        "a.Counts": {"type": "object", "additionalProperties": INT},
        "a.Mixed": {"type": "object", "properties": {"known": TEXT}, "additionalProperties": {"type": "string"}},
        "a.Closed": {"type": "object", "properties": {}, "additionalProperties": False},
        "a.Objects": {"type": "object", "additionalProperties": obj(["x"], x=INT)},
        "a.Any": {},
        "a.Holder": obj(
            free=ref("a.Free"),
            counts=ref("a.Counts"),
            mixed=ref("a.Mixed"),
            closed=ref("a.Closed"),
            objects=ref("a.Objects"),
            any=ref("a.Any"),
        ),
    }
    package = Package(document(schemas), tmp_path)
    holder = package.models("a").Holder
    decoded = comes_back(
        holder,
        {
            "free": {"a": 1},
            "counts": {"b": 2},
            "mixed": {"known": "c", "more": "d"},
            "closed": {},
            "objects": {"e": {"x": 1}},
            "any": [1],
        },
    )
    assert decoded.objects["e"].x == 1
    assert package.findings("mixed")


def test_inline_objects_are_named_after_owner_and_property(tmp_path: Path) -> None:
    inner = obj(["x"], x=INT)
    schemas = {
        "a.Owner": obj(
            single=inner,
            entries={"type": "array", "items": inner},
            byName={"type": "object", "additionalProperties": inner},
        ),
        "a.OwnerSingle": obj(taken=TEXT),
        "a.List": {"type": "array", "items": inner},
    }
    models = Package(document(schemas), tmp_path).models("a")
    for name in ("OwnerSingleInline", "OwnerEntry", "OwnerByName", "ListItem"):
        assert getattr(models, name)(x=1).x == 1
    assert models.OwnerSingle(taken="t").taken == "t"


def test_approximations_are_listed(tmp_path: Path) -> None:
    schemas = {
        "a.Thing": obj(
            ["gone"],
            negated={"type": "string", "not": {"enum": ["x"]}},
            odd={"type": "unknown"},
            dated={"format": "date-time"},
            listed={"items": INT},
            any={"oneOf": [{}, TEXT]},
        )
    }
    package = Package(document(schemas), tmp_path)
    comes_back(
        package.models("a").Thing, {"negated": "x", "odd": 1, "dated": "2026-01-02T03:04:05Z", "listed": [1], "any": 5}
    )
    assert {finding.kind for finding in package.made.findings} == {"not", "required", "type", "union"}
    assert package.findings("required") == [
        "[required] #/components/schemas/a.Thing: 'gone' is required but declared nowhere: left out"
    ]


def test_schemas_without_a_dot_get_a_domain_too(tmp_path: Path) -> None:
    package = Package(document({"Thing": obj(x=INT), "deep.er.Thing": obj(y=INT)}), tmp_path)
    comes_back(package.models("common").Thing, {"x": 1})
    comes_back(package.models("deep_er").Thing, {"y": 1})


def test_constraints_of_elements_and_values_are_on_their_type(tmp_path: Path) -> None:
    mail: Json = {"type": "string", "format": "email", "nullable": True}
    fields = obj(
        ["mails"],
        mails={"type": "array", "items": mail, "maxItems": 3},
        ports={"type": "object", "additionalProperties": {"type": "integer", "maximum": 65535}},
        long={"type": "array", "items": {"type": "string", "pattern": "^" + "[a-z0-9.-]+" * 9 + "$"}},
    )
    package = Package(document({"shop.a.X": fields}), tmp_path)
    made = package.models("a").X
    hints = typing.get_type_hints(made, include_extras=True)
    (items, whole) = typing.get_args(hints["mails"])
    (element, _) = typing.get_args(typing.get_args(items)[0])
    assert (whole, element.__metadata__) == (Constraints(max_length=3), (Constraints(format="email"),))
    (values, _) = typing.get_args(hints["ports"])
    assert typing.get_args(values)[1].__metadata__ == (Constraints(maximum=65535),)
    comes_back(made, {"mails": ["a@example.org", None], "ports": {"x": 99999}, "long": ["a"]})
