"""Documents as people write them: YAML, several files, OpenAPI 3.1."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.codegen.compiler import Compiled, compile_document
from mittwald_async.codegen.config import Config
from mittwald_async.codegen.errors import DocumentError
from mittwald_async.codegen.load import Document, load, parse
from mittwald_async.codegen.yaml_text import scalar
from mittwald_async.runtime import codec

from ..support.openapi_documents import (
    INT,
    TEXT,
    Json,
    Package,
    body,
    compiled,
    document,
    obj,
    ok,
    operation,
    parameter,
    ref,
)

YAML = """
openapi: 3.0.3
info: {title: Shop, version: 2020-01-02}
paths:
  /orders:
    get: &list
      operationId: listOrders
      tags: [Shop]
      responses:
        200:
          description: fine
          content:
            application/json:
              schema: {type: array, items: {$ref: '#/components/schemas/Order'}}
components:
  schemas:
    Base: &base
      type: object
      properties: {id: {type: string}}
    Order:
      <<: *base
      required: [id]
    Flag: {type: boolean, default: true, example: [1, 2.5, null, 'true']}
    Country: {type: string, enum: [NO, off, "yes", 2020-01-02, "3", 1.0.0]}
"""


def findings(made: Compiled, kind: str) -> list[str]:
    return [str(finding) for finding in made.findings if finding.kind == kind]


def test_yaml_is_read_like_json() -> None:
    pytest.importorskip("yaml")
    found = parse(YAML.encode(), "shop.yaml")
    assert found.root["info"]["version"] == "2020-01-02"
    assert found.root["components"]["schemas"]["Country"]["enum"] == ["NO", "off", "yes", "2020-01-02", "3", "1.0.0"]
    assert found.root["components"]["schemas"]["Flag"] == {
        "type": "boolean", "default": True, "example": [1, 2.5, None, "true"],
    }  # fmt: skip
    assert list(found.root["paths"]["/orders"]["get"]["responses"]) == ["200"]
    assert found.root["components"]["schemas"]["Order"] == {
        "type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"],
    }  # fmt: skip
    files = compile_document(found, Config()).files
    assert "id: str" in files["models/common.py"]
    assert "def list_orders(self) -> Pages[common.Order]:" in files["api/shop.py"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None), ("", None), ("true", True), ("False", False), ("12", 12), ("-3", -3), ("0o17", 15), ("0x1F", 31),
        ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), (".inf", ".inf"), ("1e999", "1e999"), ("1_000", "1_000"), ("no", "no"),
        ("2020-01-02", "2020-01-02"), ("12:30", "12:30"), ("9" * 500, "9" * 500),
    ],
)  # fmt: skip
def test_yaml_scalars(text: str, value: Any) -> None:
    found = scalar(text)
    assert (found, type(found)) == (value, type(value))
    assert scalar(text, plain=False) == text


def test_duplicate_keys_and_recursive_aliases_are_findings() -> None:
    pytest.importorskip("yaml")
    twice = parse(b"openapi: 3.0.0\npaths: {}\npaths: {}\nx: &a [*a]\n", "shop.yaml")
    assert twice.notes == (
        "shop.yaml, line 3: the key 'paths' is given twice; the last one counts",
        "shop.yaml, line 4: an alias inside what it names is null",
    )
    assert findings(compile_document(twice, Config()), "duplicate")
    assert "twice" in parse(b'{"openapi": "3.0.0", "paths": {}, "paths": {}}', "shop.json").notes[0]


def test_exponential_aliases_are_refused() -> None:
    pytest.importorskip("yaml")
    lines = ["openapi: 3.0.0", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(DocumentError, match="grows to more than 20000000 values"):
        parse("\n".join(lines).encode(), "bomb.yaml")


def test_without_pyyaml_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(
        DocumentError, match=r"shop.yaml looks like YAML, which needs PyYAML: pip install .*\[codegen\]"
    ):
        parse(YAML.encode(), "shop.yaml")


# ---- several files ----


def write(folder: Path, **files: Json) -> Path:
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(json.dumps(content))
    return folder / "openapi.json"


def test_references_lead_into_other_files_and_to_nested_schemas(tmp_path: Path) -> None:
    operations: Json = {
        "get": operation("shop-get", responses={"200": {"$ref": "../common.json#/responses/Order"}}),
        "parameters": [{"$ref": "../common.json#/parameters/0"}],
    }
    root = document(
        {
            "Order": {"$ref": "common.json#/definitions/Order"},
            "Address": {"allOf": [obj(street=TEXT), obj(city=TEXT)]},
            "Town": {"$ref": "#/components/schemas/Address/allOf/1"},
            "Line": obj(article=obj(price=INT), same={"$ref": "#/components/schemas/Line/properties/article"}),
        },
        {"/orders/{id}": {"$ref": "paths/order.json"}},
    )
    common: Json = {
        "definitions": {
            "Order": obj(["id"], id=TEXT, buyer={"$ref": "people.json"}, next={"$ref": "#/definitions/Order"})
        },
        "responses": {"Order": ok({"$ref": "#/definitions/Order"})["200"]},
        "parameters": [parameter("id", "path", required=True)],
    }
    people = obj(name=TEXT, orders={"type": "array", "items": {"$ref": "common.json#/definitions/Order"}})
    made = compile_document(
        load(str(write(tmp_path, openapi=root, common=common, people=people, paths__order=operations))), Config()
    )
    assert made.findings == []
    models = made.files["models/common.py"]
    assert "buyer: People | None = None" in models  # named after its file
    assert "next: Order | None = None" in models
    assert "orders: list[Order] | None = None" in models
    assert "article: LineArticle | None = None" in models
    assert "same: LineArticle | None = None" in models
    assert "async def get(self, id: str) -> common.Order:" in made.files["api/shop.py"]


def test_an_unresolvable_reference_is_any_value(tmp_path: Path) -> None:
    root = document(
        {"X": obj(a={"$ref": "nowhere.json"}, b={"$ref": "https://example.com/x.json"}, c={"$ref": "a\0b"})}
    )
    made = compile_document(load(str(write(tmp_path, openapi=root))), Config())
    reported = findings(made, "reference")
    assert len(reported) == 3
    assert "No such file" in reported[0]
    assert all(f"{name}: Any = UNSET" in made.files["models/common.py"] for name in "abc")


# ---- OpenAPI 3.1 ----


def newer(schemas: Json) -> Json:
    return {**document({f"a.{name}": schema for name, schema in schemas.items()}), "openapi": "3.1.0"}


@pytest.mark.parametrize(
    ("schema", "annotation"),
    [
        ({"type": ["string", "null"]}, "str | UnsetType | None = UNSET"),
        ({"type": ["string", None]}, "str | UnsetType | None = UNSET"),
        ({"type": ["string", "integer"]}, "str | int | None = None"),
        ({"type": "null"}, "UnsetType | None = UNSET"),
        ({"const": "one"}, 'Literal["one"] | str | None = None'),
        ({"anyOf": [TEXT, {"type": "null"}]}, "str | UnsetType | None = UNSET"),
        ({"oneOf": [ref("a.Other"), {"type": "null"}]}, "Other | UnsetType | None = UNSET"),
        ({"type": "array", "prefixItems": [TEXT, INT], "items": False}, "list[str | int] | None = None"),
        ({"type": "object", "patternProperties": {"^x": INT}}, "dict[str, int] | None = None"),
        (True, "Any = UNSET"),
        ({"type": "integer", "exclusiveMinimum": 3}, "Annotated[int, Constraints(minimum=4)] | None = None"),
        ({"type": "string", "contentEncoding": "base64"}, "str | None = None"),
        ({**ref("a.Other"), "description": "beside a reference"}, "Other | None = None"),
        ({"type": "array", "items": TEXT, "examples": [["x"]], "$comment": "x"}, "list[str] | None = None"),
    ],
    ids=str,
)
def test_openapi_3_1_keywords(schema: Any, annotation: str) -> None:
    made = compiled(newer({"X": {"type": "object", "properties": {"p": schema}}, "Other": obj(q=TEXT)}))
    assert f"    p: {annotation}\n" in made.files["models/a.py"]


def test_keywords_beside_a_reference_count_only_in_3_1() -> None:
    schemas: Json = {"X": {**ref("a.Other"), "required": ["q"]}, "Other": obj(q=TEXT)}
    assert "class X(Model" in compiled(newer(schemas)).files["models/a.py"]
    older = compiled({**newer(schemas), "openapi": "3.0.3"})
    assert "class X(Model" not in older.files["models/a.py"]
    assert findings(older, "reference")


def test_nested_definitions_and_anchors_are_resolved() -> None:
    tree: Json = {
        **obj(left={"$ref": "#node"}, right={"$ref": "#/components/schemas/a.X/$defs/Leaf"}),
        "$defs": {"Node": {**obj(v=INT), "$anchor": "node"}, "Leaf": obj(w=INT)},
    }
    made = compiled(newer({"X": tree}))
    assert not findings(made, "reference")
    assert "class Leaf(Model" in made.files["models/common.py"]


def test_conditional_properties_are_optional(tmp_path: Path) -> None:
    schema: Json = {**obj(kind=TEXT), "if": obj(kind={"const": "x"}), "then": obj(["extra"], extra=INT)}
    package = Package(newer({"X": schema}), tmp_path)
    made = codec.loads("a.X", b'{"kind":"x","extra":3}', models=f"{package.name}.models")
    assert codec.encode(made) == b'{"kind":"x","extra":3}'


def test_binary_content_of_3_1_is_an_upload() -> None:
    form = obj(["file"], file={"type": "string", "contentMediaType": "image/png"}, note=TEXT)
    paths: Json = {"/x": {"post": operation("shop-send", requestBody=body(form, "multipart/form-data"))}}
    made = compiled({**document(paths=paths), "openapi": "3.1.0"})
    assert "file: Upload" in made.files["api/shop.py"]
    assert "note: str | None = None" in made.files["api/shop.py"]


def test_a_version_that_yaml_reads_as_a_number_is_accepted() -> None:
    assert parse(b'{"openapi": 3.1, "paths": {}}', "x").root["openapi"] == 3.1
    made = compile_document(Document({"openapi": 3.1, "paths": {}}, "0"), Config())
    assert "OPERATIONS" in made.files["operations.py"]
