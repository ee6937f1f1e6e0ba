"""Lists and objects in the parameter styles of OpenAPI, as in its table of examples."""

from __future__ import annotations

from typing import Any

import pytest

from mittwald_async.runtime.errors import InvalidArgumentError
from mittwald_async.runtime.form_fields import FormField
from mittwald_async.runtime.operation import Body, Location, Operation, Parameter
from mittwald_async.runtime.structs import Model
from mittwald_async.runtime.transport.compiled_operation import CompiledOperation
from mittwald_async.runtime.transport.encoding import (
    cookie_header,
    form,
    header_values,
    parts_of_form,
)

COLORS = ["blue", "black", "brown"]
RGB = {"R": 100, "G": 200, "B": 150}


def parameter(where: Location, style: str | None, explode: bool | None = None, **rest: Any) -> Parameter:
    facts: dict[str, Any] = {"name": "color", "wire": "color", "type": "Any", **rest}
    return Parameter(where=where, style=style, explode=explode, **facts)


def compiled(*parameters: Parameter, path: str = "/x") -> CompiledOperation:
    return CompiledOperation(
        Operation(operation_id="x", method="GET", path=path, group="g", name="x", tag="g", parameters=parameters)
    )


@pytest.mark.parametrize(
    ("style", "explode", "value", "text"),
    [
        ("form", True, COLORS, "color=blue&color=black&color=brown"),
        ("form", False, COLORS, "color=blue,black,brown"),
        ("spaceDelimited", False, COLORS, "color=blue%20black%20brown"),
        ("pipeDelimited", False, COLORS, "color=blue%7Cblack%7Cbrown"),
        ("form", True, RGB, "R=100&G=200&B=150"),
        ("form", False, RGB, "color=R,100,G,200,B,150"),
        ("deepObject", True, RGB, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ("deepObject", True, {"a": {"b": [1, True]}}, "color%5Ba%5D%5Bb%5D%5B0%5D=1&color%5Ba%5D%5Bb%5D%5B1%5D=true"),
        ("form", False, ["a,b", "ü&"], "color=a%2Cb,%C3%BC%26"),
        ("form", False, "one", "color=one"),
        ("form", False, [], ""),
        ("form", True, {"R": None}, ""),
        ("form", False, {"a": [1]}, "color=a,%5B1%5D"),
    ],
)
def test_queries(style: str, explode: bool, value: object, text: str) -> None:
    plan = compiled(parameter("query", style, explode))
    assert plan.target((), {"color": value}) == (f"/x?{text}" if text else "/x")


@pytest.mark.parametrize(
    ("style", "explode", "value", "text"),
    [
        ("simple", False, COLORS, "blue,black,brown"),
        ("simple", True, RGB, "R=100,G=200,B=150"),
        ("simple", False, RGB, "R,100,G,200,B,150"),
        ("label", False, "blue", ".blue"),
        ("label", False, COLORS, ".blue,black,brown"),
        ("label", True, COLORS, ".blue.black.brown"),
        ("label", True, RGB, ".R=100.G=200.B=150"),
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, COLORS, ";color=blue,black,brown"),
        ("matrix", True, COLORS, ";color=blue;color=black;color=brown"),
        ("matrix", False, RGB, ";color=R,100,G,200,B,150"),
        ("matrix", True, RGB, ";R=100;G=200;B=150"),
        ("simple", False, ["a/b", "c,d"], "a%2Fb,c%2Cd"),
    ],
)
def test_paths(style: str, explode: bool, value: object, text: str) -> None:
    assert compiled(parameter("path", style, explode), path="/x/{color}/y").target((value,), None) == f"/x/{text}/y"


@pytest.mark.parametrize("value", [[], "", ["."], [".."], {}])
def test_a_list_cannot_produce_a_segment_that_changes_the_path(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match="cannot be part of a path"):
        compiled(parameter("path", "simple", False), path="/x/{color}").target((value,), None)


def test_headers_and_cookies() -> None:
    plan = compiled(
        parameter("header", "simple", False),
        parameter("cookie", "form", False),
        parameter("cookie", "form", True, wire="flags"),
    )
    assert header_values({"color": RGB}, plan.headers) == {"color": "R,100,G,200,B,150"}
    exploded = compiled(parameter("header", "simple", True))
    assert header_values({"color": RGB}, exploded.headers) == {"color": "R=100,G=200,B=150"}
    with pytest.raises(InvalidArgumentError):
        header_values({"color": ["a\nb"]}, compiled(parameter("header", "simple", False)).headers)
    # one of each name: the cookie shows which
    assert list(plan.cookies) == ["color (cookie)", "flags"]
    assert cookie_header({"color (cookie)": [1, 2], "flags": "a;b"}, plan.cookies) == "color=1%2C2; flags=a%3Bb"


class Filter(Model, frozen=True, kw_only=True):
    since: int
    kinds: list[str] | None = None


def test_a_model_is_an_object_and_json_is_json() -> None:
    plan = compiled(parameter("query", "deepObject", True))
    assert plan.target((), {"color": Filter(since=3)}) == "/x?color%5Bsince%5D=3"
    plan = compiled(parameter("query", None, content_type="application/json"))
    assert plan.target((), {"color": Filter(since=3)}) == "/x?color=%7B%22since%22%3A3%7D"


def test_names_are_encoded_too() -> None:
    plan = compiled(parameter("query", None, wire="filter[x]&y"))
    assert plan.target((), {"filter[x]&y": 3}) == "/x?filter%5Bx%5D%26y=3"
    assert compiled(parameter("query", None), path="/x?fixed=1").target((), {"color": 3}) == "/x?fixed=1&color=3"


def test_forms() -> None:
    known = {
        "tags": parameter("body", "form", False, wire="tags"),
        "address": parameter("body", "deepObject", True, wire="address"),
        "plain": parameter("body", None, wire="plain"),
    }
    sent = form({"tags": ["a", "b c"], "address": {"city": "x"}, "plain": ["1", "2"], "none": None}, known)
    assert sent == b"tags=a,b%20c&address%5Bcity%5D=x&plain=1&plain=2"


def test_multipart_fields_that_are_not_files_are_text() -> None:
    known = {
        "file": parameter("body", None, type="bytes"),
        "count": parameter("body", None, type="int"),
        "name": parameter("body", None, type="str"),
        "tags": parameter("body", None, type="list[str]"),
        "meta": parameter("body", None, type="shop.Meta"),
        "note": parameter("body", None, type="str", content_type="text/markdown"),
    }
    body = {"file": b"x", "count": 3, "name": "/etc/hosts", "tags": ["a", "b"], "meta": Filter(since=1), "note": "#"}
    assert parts_of_form(body, known) == {
        "file": b"x",
        "count": FormField(b"3"),
        "name": FormField(b"/etc/hosts"),
        "tags": [FormField(b"a"), FormField(b"b")],
        "meta": FormField(b'{"since":1}', "application/json"),
        "note": FormField(b"#", "text/markdown"),
    }


async def test_a_multipart_body_has_files_and_fields() -> None:
    from mittwald_async.runtime.files import multipart

    body = await multipart({"file": b"content", "count": FormField(b"3"), "tags": [FormField(b"a"), FormField(b"b")]})
    raw = b"".join([chunk async for chunk in body.open()])
    assert len(raw) == body.size
    assert b'name="count"\r\n\r\n3\r\n' in raw
    assert raw.count(b'name="tags"') == 2
    assert b'name="file"; filename="file"' in raw


def test_bodies_of_generated_operations_know_their_properties() -> None:
    properties = (parameter("body", "form", False, wire="tags"),)
    operation: Operation[Any] = Operation(
        operation_id="x", method="POST", path="/x", group="g", name="x", tag="g",
        body=Body(content_type="application/x-www-form-urlencoded", type="Any", flat=True, properties=properties),
    )  # fmt: skip
    assert CompiledOperation(operation).body_names["tags"].styled
