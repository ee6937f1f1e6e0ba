"""What is wrong with a document is told with the place where it is wrong."""

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

from .documents import INT, TEXT, Json, body, compiled, document, obj, ok, operation, parameter, ref

HERE = "#/components/schemas/a.X"
GET = "#/paths/~1x/get"


def schema(found: Any) -> Json:
    return document({"a.X": found})


def get(path: str = "/x", **rest: Any) -> Json:
    return document(paths={path: {"get": operation("shop-x", **rest)}})


def cases() -> Iterator[tuple[Json, str, str]]:
    """Document, pointer, part of the message."""
    yield schema(3), HERE, "an object is needed"
    yield schema({"const": 1}), HERE, "keyword 'const' is not part of OpenAPI 3.0"
    yield schema({"properties": []}), f"{HERE}/properties", "an object is needed"
    yield schema({"properties": {"x": []}}), f"{HERE}/properties/x", "an object is needed"
    yield schema({"required": [1]}), f"{HERE}/required/0", "a text is needed"
    yield schema({"required": "x"}), f"{HERE}/required", "an array is needed"
    yield schema({"oneOf": [1]}), f"{HERE}/oneOf/0", "an object is needed"
    yield schema({"oneOf": []}), f"{HERE}/oneOf", "without alternatives"
    yield schema({"items": 1, "type": "array"}), f"{HERE}/items", "an object is needed"
    yield schema(obj(x={"type": "integer", "minimum": "1"})), f"{HERE}/properties/x/minimum", "a number is needed"
    yield schema(obj(x={"type": "string", "pattern": 1})), f"{HERE}/properties/x/pattern", "a text is needed"
    yield schema(ref("a.Y")), HERE, "unresolved $ref '#/components/schemas/a.Y'"
    yield schema({"$ref": "other.json#/X"}), HERE, "cannot resolve $ref 'other.json#/X'"
    yield schema({"allOf": [ref("a.X"), obj(x=INT)]}), HERE, "leads back to itself"
    yield schema({"$ref": "#/components/schemas/a.X"}), HERE, "leads to itself"
    yield document({"a.X": INT, "a.x": INT}), "#/components/schemas/a.x", "schemas 'a.X' and 'a.x' are both called a.X"
    yield document(paths={"x": {}}), "#/paths/x", "must begin with /"
    yield document(paths={"/x": {"git": {}}}), "#/paths/~1x", "'git' is no method"
    yield document(paths={"/x": {"get": []}}), GET, "an object is needed"
    yield get(responses={}), GET, "needs responses"
    yield get(responses=[]), f"{GET}/responses", "an object is needed"
    yield get(responses={"200": {"$ref": "#/components/responses/Nowhere"}}), f"{GET}/responses/200", "unresolved $ref"
    yield get(responses={"200": {"$ref": "elsewhere.json"}}), f"{GET}/responses/200", "leads out of the document"
    yield get(operationId=5), GET, "must be a text"
    yield get(parameters=[parameter("x", "nowhere")]), f"{GET}/parameters/0", "a parameter needs a name"
    yield get(parameters=[{"in": "query"}]), f"{GET}/parameters/0", "a parameter needs a name"
    yield get("/x/{y}"), "#/paths/~1x~1{y}/get", "the path needs ['y'], the parameters declare []"
    yield get(parameters=[parameter("y", "path")]), GET, "the path needs [], the parameters declare ['y']"
    yield get(parameters=[parameter("t", "header"), parameter("t", "cookie")]), GET, "header and a cookie parameter 't'"
    yield get(requestBody={}), f"{GET}/requestBody", "without content"
    yield get(requestBody=body(ref("a.Z"))), f"{GET}/requestBody/content/application~1json/schema", "unresolved"
    yield get(responses=ok(ref("a.Z"))), f"{GET}/responses/200/content/application~1json/schema", "unresolved"
    twice = document(paths={"/x": {"get": operation("a-b")}, "/y": {"get": operation("a-b")}})
    yield twice, "#/paths/~1y/get", f"operationId 'a-b' is used twice, also at {GET}"
    alike = document(paths={"/x": {"get": operation("shop-a-b")}, "/y": {"get": operation("shop-aB")}})
    yield alike, "#/paths/~1y/get", "operations 'shop-a-b' and 'shop-aB' are both called shop.a_b"
    tags = document(paths={"/x": {"get": operation("a", "My Shop")}, "/y": {"get": operation("b", "my-shop")}})
    yield tags, "#/paths/~1y/get", "tags 'My Shop' and 'my-shop' are both called my_shop"
    loop = get(parameters=[{"$ref": "#/components/parameters/A"}])
    loop["components"]["parameters"] = {"A": {"$ref": "#/components/parameters/A"}}
    yield loop, f"{GET}/parameters/0", "leads to itself"


@pytest.mark.parametrize(("root", "pointer", "message"), list(cases()), ids=[case[2][:40] for case in cases()])
def test_the_mistake_and_its_place_are_told(root: Json, pointer: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        compiled(root)
    assert message in caught.value.problem
    assert caught.value.pointer == pointer
    assert "\n" not in str(caught.value)


def test_a_group_called_like_a_package_file_is_refused() -> None:
    with pytest.raises(DocumentError, match="group 'groups'"):
        compiled(document(paths={"/x": {"get": operation("a", "Groups")}}))


def test_output_that_would_be_no_python_is_never_written() -> None:
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
    """A document with something of everything."""
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
def test_junk_anywhere_gives_output_or_a_clear_message(junk: Any) -> None:
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
