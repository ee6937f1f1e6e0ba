"""What `--check` reports of a new version: every difference that users meet, and which ones break their code."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest

from mittwald_async.codegen.changes import compare
from mittwald_async.codegen.directions import uses

from ..support.openapi_documents import INT, TEXT, Json, body, compiled, document, obj, ok, operation, parameter, ref

BREAKING, OTHER = "breaking for users (1):", "other changes (1):"


def changes(old: Json, new: Json) -> list[str]:
    made = compiled(new)
    return compare(compiled(old).files, made.files, uses(made.surface.declarations, made.surface.operations))


def sent(part: Json, name: str = "x") -> Json:
    """A document whose requests contain the model `a.M` with one property."""
    paths: Json = {"/x": {"post": operation("shop-x", requestBody=body({"type": "array", "items": ref("a.M")}))}}
    return document({"a.M": obj(["x"] if part.pop("required!", False) else [], **{name: part})}, paths)


def received(part: Json) -> Json:
    paths: Json = {"/x": {"get": operation("shop-x", responses=ok(ref("a.M")))}}
    return document({"a.M": obj(["x"] if part.pop("required!", False) else [], x=part)}, paths)


def test_nothing_changed() -> None:
    assert changes(sent(dict(TEXT)), sent(dict(TEXT))) == []


NEEDED: Json = {"required!": True}
NULL: Json = {"nullable": True}
LIST: Json = {"type": "array", "items": TEXT}
VALUES: Json = {"enum": ["a", "b"]}


@pytest.mark.parametrize(
    ("old", "new", "said", "hurts_sender", "hurts_reader"),
    [
        (TEXT, TEXT | NEEDED, "x: now required", True, False),
        (TEXT | NEEDED, TEXT, "x: no longer required", False, True),
        (TEXT, TEXT | NULL, "x: may be null now", False, True),
        (TEXT | NULL, TEXT, "x: no longer null", True, False),
        (TEXT, INT, "x: type str -> int", True, True),
        (TEXT | VALUES, TEXT | {"enum": ["a"]}, "x: values removed: 'b'", False, False),
        (TEXT | VALUES, TEXT | {"enum": ["b", "]|'", "a"]}, 'x: values added: "]|\'"', False, False),
        (TEXT | {"maxLength": 9}, TEXT | {"maxLength": 8}, "x: max_length: 9 -> 8", False, False),
        (TEXT, TEXT | {"format": "uuid"}, "x: format: none -> uuid", False, False),
        (LIST, {"type": "array", "items": TEXT | {"maxLength": 8}}, "x: max_length of each: none -> 8", False, False),
    ],
)
def test_a_change_breaks_senders_or_receivers(
    old: Json, new: Json, said: str, hurts_sender: bool, hurts_reader: bool
) -> None:
    """A request model needs every required property; a response model must keep what was promised."""
    line = f"~ model a.M: {said}"
    assert changes(sent(dict(old)), sent(dict(new))) == [BREAKING if hurts_sender else OTHER, line]
    assert changes(received(dict(old)), received(dict(new))) == [BREAKING if hurts_reader else OTHER, line]


def test_models_nested_in_requests_count_as_sent() -> None:
    def nested(inner: Json) -> Json:
        schemas = {"a.Outer": obj(rows={"type": "array", "items": ref("b.Row")}), "b.Row": inner}
        return document(schemas, {"/x": {"post": operation("shop-x", requestBody=body(ref("a.Outer")))}})

    assert changes(nested(obj(a=INT)), nested(obj(["b"], a=INT, b=INT))) == [
        BREAKING,
        "~ model b.Row: + b: int, required",
    ]


def get(path: str = "/x", operation_id: str = "shop-x", /, **rest: Any) -> Json:
    return document(paths={path: {"get": operation(operation_id, **rest)}})


def test_an_operation_that_only_changed_its_id_is_reported_as_renamed() -> None:
    assert changes(get(), get("/x", "shop-y")) == [
        BREAKING,
        "- operation shop-x: shop.x, GET /x, now shop-y",
        OTHER,
        "+ operation shop-y: shop.y, GET /x",
    ]
    assert changes(get(), get("/y")) == [BREAKING, "~ operation shop-x: route: GET /x -> GET /y"]


OPERATIONS: list[tuple[Json, Json, list[str]]] = [
    ({}, {"deprecated": True}, [OTHER, "deprecated"]),
    ({"security": [{"key": []}]}, {}, [OTHER, "needs no token"]),
    ({}, {"tags": ["Other"]}, [BREAKING, "method: shop.x -> other.shop_x"]),
    ({}, {"parameters": [parameter("q", required=True)]}, [BREAKING, "+ query q: str, required"]),
    ({}, {"parameters": [parameter("q")]}, [OTHER, "+ query q: str"]),
    ({"parameters": [parameter("q")]}, {}, [BREAKING, "- query q"]),
    ({}, {"responses": ok(also={"404": {}})}, [OTHER, "documented errors added: 404"]),
    ({}, {"responses": ok(also={"202": {}})}, [BREAKING, "+ result 202: None"]),
]


@pytest.mark.parametrize(("old", "new", "said"), OPERATIONS)
def test_changes_of_an_operation(old: Json, new: Json, said: list[str]) -> None:
    heading, what = said
    assert changes(get(**old), get(**new))[:2] == [heading, f"~ operation shop-x: {what}"]


def test_bodies_and_paging_are_compared() -> None:
    def post(content: str, limit: int) -> Json:
        parameters = [parameter("limit", schema={"type": "integer", "default": limit}), parameter("skip", schema=INT)]
        responses = ok({"type": "array", "items": TEXT})
        wanted = operation("shop-x", requestBody=body(TEXT, content), parameters=parameters, responses=responses)
        return document(paths={"/x": {"post": wanted}})

    assert changes(post("text/plain", 10), post("text/csv", 20)) == [
        BREAKING,
        "~ operation shop-x: body: content_type: text/plain -> text/csv",
        "other changes (2):",
        "~ operation shop-x: paging: default_limit: 10 -> 20",
        "~ operation shop-x: query limit: default: 10 -> 20",
    ]


def test_changes_of_union_variants() -> None:
    """A new variant breaks nothing: readers of a union must expect unknown values."""

    def union(*names: str) -> Json:
        return document({"a.U": {"oneOf": [obj([name], **{name: INT}) for name in names]}})

    assert changes(union("left", "right"), union("left", "right", "up")) == [
        "other changes (2):",
        "~ model a.U: variant UUp added",
        "+ model a.UUp",
    ]
    assert changes(union("left", "right", "up"), union("left", "right")) == [
        "breaking for users (2):",
        "~ model a.U: variant UUp removed",
        "- model a.UUp",
    ]


def test_redirects_are_compared() -> None:
    stub: Json = {"tags": ["Shop"], "responses": {"308": {"description": "moved"}}}
    assert changes(get(), {**get(), "paths": {**get()["paths"], "/old": {"get": stub}}}) == [
        OTHER,
        "+ redirect GET /old",
    ]
    assert changes({**get(), "paths": {**get()["paths"], "/old": {"get": stub}}}, get()) == [
        BREAKING,
        "- redirect GET /old",
    ]


def test_a_property_with_a_new_wire_name() -> None:
    old, new = sent(dict(INT), "fooBar"), sent(dict(INT), "foo_bar")
    assert changes(old, new)[1] == "~ model a.M: foo_bar: name on the wire: fooBar -> none"


def test_unchanged_files_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing a package of thousands of models takes longer than generating it."""
    schemas: Json = {f"a.M{number}": obj(x=TEXT) for number in range(50)}
    paths: Json = {
        f"/{number}": {"get": operation(f"shop-{number}", responses=ok(ref(f"a.M{number}")))} for number in range(50)
    }
    parsed: list[str] = []
    parse: Callable[[str], ast.Module] = ast.parse

    def counted(source: str) -> ast.Module:
        parsed.append(source)
        return parse(source)

    monkeypatch.setattr(ast, "parse", counted)
    said = changes(document(schemas, paths), document(schemas | {"a.M7": obj(["x"], x=TEXT)}, paths))
    assert said == [OTHER, "~ model a.M7: x: now required"]
    assert len(parsed) == 2
