"""Every fault in a document is reported with its location."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any

import pytest

from mittwald_async.codegen.compiler import compile_document
from mittwald_async.codegen.config import Config
from mittwald_async.codegen.errors import DocumentError, escaped, pointer_of, unescaped
from mittwald_async.codegen.json_access import is_array, is_object
from mittwald_async.codegen.load import Document

from ..support.openapi_documents import INT, TEXT, Json, body, compiled, document, obj, ok, operation, parameter, ref

HERE = "#/components/schemas/a.X"
GET = "#/paths/~1x/get"


def schema(found: Any) -> Json:
    return document({"a.X": found})


def get(path: str = "/x", **rest: Any) -> Json:
    return document(paths={path: {"get": operation("shop-x", **rest)}})


def cases() -> Iterator[tuple[Json, str, str]]:
    """Document, pointer, and part of the finding."""
    yield schema(3), HERE, "a schema must be an object, got int"
    yield schema({"unheardOf": 1}), HERE, "'unheardOf' is not understood and ignored"
    yield schema({"properties": []}), f"{HERE}/properties", "must be an object"
    yield schema({"properties": {"x": []}}), f"{HERE}/properties/x", "must be an object, got list"
    yield schema({"required": [1]}), f"{HERE}/required", "an array of texts"
    yield schema(obj(x={"type": "string", "required": True})), f"{HERE}/properties/x/required", "an array of texts"
    yield schema({"oneOf": [1]}), f"{HERE}/oneOf/0", "must be an object"
    yield schema({"oneOf": []}), f"{HERE}/oneOf", "at least one schema"
    yield schema({"items": 1, "type": "array"}), f"{HERE}/items", "must be an object"
    yield schema(obj(x={"type": "integer", "minimum": "1"})), f"{HERE}/properties/x/minimum", "must be a number"
    yield schema(obj(x={"type": "string", "pattern": 1})), f"{HERE}/properties/x/pattern", "must be text"
    yield schema(ref("a.Y")), HERE, "the $ref '#/components/schemas/a.Y' leads nowhere"
    yield schema({"$ref": "other.json#/X"}), HERE, "not read from a file or URL"
    yield schema({"allOf": [ref("a.X"), obj(x=INT)]}), HERE, "leads back to itself"
    yield schema({"$ref": "#/components/schemas/a.X"}), HERE, "leads back to itself"
    yield document({"a.X": INT, "a.x": INT}), "#/components/schemas/a.x", "called a.XSchema: 'a.X' is called a.X"
    yield document(paths={"x": {}}), "#/paths/x", "must begin with /"
    yield document(paths={"/x": {"git": {}}}), "#/paths/~1x", "'git' is not a method"
    yield document(paths={"/x": {"get": []}}), GET, "an object is needed"
    yield get(responses={}), GET, "no responses are documented"
    yield get(responses=[]), f"{GET}/responses", "an object is needed"
    yield get(responses={"200": {"$ref": "#/components/responses/Nowhere"}}), f"{GET}/responses/200", "leads nowhere"
    yield get(responses={"900": {}}), f"{GET}/responses/900", "not an HTTP status"
    yield get(operationId=5), GET, "must be text"
    yield get(parameters=[parameter("x", "nowhere")]), f"{GET}/parameters/0", "a parameter needs a name"
    yield get(parameters=[{"in": "query"}]), f"{GET}/parameters/0", "a parameter needs a name"
    yield get("/x/{y}"), "#/paths/~1x~1{y}/get", "{y} of the path is not described"
    yield get(parameters=[parameter("y", "path")]), GET, "the path has no {y}"
    yield get(parameters=[parameter("t", "header"), parameter("t", "cookie")]), f"{GET}/parameters/1", "called cookie_t"
    yield get(requestBody={}), f"{GET}/requestBody", "without content"
    yield get(requestBody=body(ref("a.Z"))), f"{GET}/requestBody/content/application~1json/schema", "leads nowhere"
    yield get(responses=ok(ref("a.Z"))), f"{GET}/responses/200/content/application~1json/schema", "leads nowhere"
    twice = document(paths={"/x": {"get": operation("a-b")}, "/y": {"get": operation("a-b")}})
    yield twice, "#/paths/~1y/get", f"called a-b2: {GET} has the operationId 'a-b' too"
    alike = document(paths={"/x": {"get": operation("shop-a-b")}, "/y": {"get": operation("shop-aB")}})
    yield alike, "#/paths/~1y/get", "called shop.shop_a_b: 'shop-a-b' is called a_b already"
    tags = document(paths={"/x": {"get": operation("a", "My Shop")}, "/y": {"get": operation("b", "my-shop")}})
    yield tags, "#/paths/~1y/get", "the tag 'my-shop' is called my_shop_group"
    groups = document(paths={"/x": {"get": operation("a", "Groups")}})
    yield groups, GET, "the group of the tag 'Groups' is called groups_group"
    loop = get(parameters=[{"$ref": "#/components/parameters/A"}])
    loop["components"]["parameters"] = {"A": {"$ref": "#/components/parameters/A"}}
    yield loop, f"{GET}/parameters/0", "leads in a circle"
    yield {**get(), "webhooks": {"made": {"post": operation("made")}}}, "#/webhooks", "they become no methods"


@pytest.mark.parametrize(("root", "pointer", "message"), list(cases()), ids=[case[2][:40] for case in cases()])
def test_one_fault_is_a_finding_and_the_rest_is_generated(root: Json, pointer: str, message: str) -> None:
    root["paths"]["/sound"] = {"get": operation("shop-sound")}
    made = compiled(root)
    received = [finding.note for finding in made.findings if finding.pointer == pointer]
    assert any(message in note for note in received), (received, made.findings)
    assert "\n" not in "".join(received)
    assert "async def sound" in made.files["api/shop.py"]


def test_a_document_without_paths_yields_models_only() -> None:
    root = schema(INT)
    del root["paths"]
    made = compiled(root)
    assert [str(finding) for finding in made.findings] == [
        "[paths] #/paths: the document has no paths: there are models only"
    ]
    assert "X: TypeAlias = int" in made.files["models/a.py"]


def test_output_that_is_not_python_is_never_written() -> None:
    config = Config(runtime="no package")
    root = get()
    with pytest.raises(DocumentError, match=r"operations\.py would not be valid Python, line \d+"):
        compile_document(Document(root, "0"), config)


def test_texts_of_the_document_cannot_break_out_of_literals() -> None:
    evil = '"""\n\\x\' + boom()#"\\'
    schemas = {"a.X": obj(x={"type": "string", "enum": [evil, "y"], "pattern": evil})}
    schemas["a.X"]["properties"][evil] = TEXT
    parameters = [
        parameter(evil),
        parameter("p", schema={"type": "string", "pattern": evil, "default": evil, "enum": [evil]}),
    ]
    paths: Json = {"/x": {"get": operation(evil, evil, parameters=parameters)}, "/" + evil: {"get": operation("b")}}
    for path, text in compiled(document(schemas, paths)).files.items():
        calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        assert "boom" not in calls, path


def everywhere(node: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield way
    parts: list[tuple[str | int, Any]] = []
    if is_object(node):
        parts = list(node.items())
    elif is_array(node):
        parts = list(enumerate(node))
    for key, part in parts:
        yield from everywhere(part, (*way, key))


def complete() -> Json:
    """A document that uses every feature."""
    thing = obj(
        ["x"], x=TEXT, y={"type": "string", "enum": ["a"], "maxLength": 3}, z={"type": "array", "items": obj(q=INT)}
    )
    schemas: Json = {
        "a.X": thing,
        "a.U": {"oneOf": [ref("a.X"), obj(["k"], k=INT), TEXT]},
        "a.A": {"allOf": [ref("a.X"), obj(m=INT)], "nullable": True},
        "a.D": {"type": "object", "additionalProperties": ref("a.X")},
    }
    limit = parameter("limit", schema={"type": "integer", "default": 3, "maximum": 9})
    paths: Json = {
        "/x/{id}": {
            "parameters": [parameter("id", "path", required=True)],
            "get": operation("shop-get", parameters=[limit], responses=ok({"type": "array", "items": ref("a.X")})),
            "post": operation("shop-post", requestBody=body(ref("a.U")), security=[{"key": []}]),
            "put": operation("shop-put", requestBody=body(ref("a.X")), responses={"201": ok(ref("a.A"))["200"]}),
        }
    }
    return document(schemas, paths)


@pytest.mark.parametrize("junk", [None, 1.5, "text", True, [], {}, [1], {"a": 1}, {"$ref": 3}, ref("a.X")], ids=str)
def test_junk_at_any_location_gives_output_or_a_clear_message(junk: Any) -> None:
    for way in everywhere(complete()):
        if way:
            root = copy.deepcopy(complete())  # parts of it are shared with other tests
            holder: Any = root
            for key in way[:-1]:
                holder = holder[key]
            holder[way[-1]] = copy.deepcopy(junk)
            try:
                compiled(root)
            except DocumentError as error:
                assert str(error)  # noqa: PT017  either outcome is right


def test_pointers() -> None:
    assert pointer_of("paths", "/a~b", 0) == "#/paths/~1a~0b/0"
    assert unescaped(escaped("/~1")) == "/~1"
    assert str(DocumentError("bad")) == "bad"
