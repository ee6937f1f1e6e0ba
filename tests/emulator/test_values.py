"""Validation and generation of values: every constraint that models and operations state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import msgspec
import pytest

from mittwald_async.emulator.clock import midnight
from mittwald_async.emulator.generate import Generator
from mittwald_async.emulator.handlers import UploadedPart
from mittwald_async.emulator.replies import Fail, Issue
from mittwald_async.emulator.routes import Route
from mittwald_async.emulator.shapes import (
    Choice,
    Field,
    Fixed,
    FreeObject,
    Many,
    Scalar,
    Shape,
    Shapes,
    Words,
    words_of,
)
from mittwald_async.emulator.validate import Checker, check
from mittwald_async.runtime.operation import Body, Operation, Parameter
from mittwald_async.runtime.structs import UNSET, Constraints

from ..support.valid_requests import multipart

SHAPES = Shapes()
EPOCH = midnight(date(2026, 1, 1))
TEXT, WHOLE, NUMBER, FLAG, NULL = (Scalar(kind) for kind in ("str", "int", "float", "bool", "null"))


def problems(shape: Shape, value: Any) -> list[tuple[str, str]]:
    issues: list[Issue] = []
    check(shape, value, "", issues)
    return [(issue.path, issue.type) for issue in issues]


@pytest.mark.parametrize(
    ("shape", "right", "wrong", "rule"),
    [
        (TEXT, "a", 1, "type"),
        (WHOLE, 1, 1.5, "type"),
        (WHOLE, 1.0, True, "type"),
        (NUMBER, 1, "1", "type"),
        (FLAG, True, 1, "type"),
        (NULL, None, 0, "type"),
        (Scalar("bytes"), UploadedPart(b"x"), 3, "type"),
        (Scalar("any"), object(), None, ""),
        (Words(("a", "b")), "a", "c", "enum"),
        (Words((1, 2)), 1, True, "enum"),
        (Many(TEXT), ["a"], "a", "type"),
        (Many(TEXT), [], [1], "type"),
        (Many(TEXT, Constraints(min_length=1)), ["a"], [], "minLength"),
        (FreeObject(WHOLE), {"a": 1}, {"a": "x"}, "type"),
        (FreeObject(WHOLE), {}, [], "type"),
        (Choice((TEXT, NULL)), None, 1, "type"),
        (Scalar("str", Constraints(min_length=2)), "ab", "a", "minLength"),
        (Scalar("str", Constraints(max_length=2)), "ab", "abc", "maxLength"),
        (Scalar("str", Constraints(pattern="^[A-Z]{2}$")), "DE", "de", "pattern"),
        (Scalar("str", Constraints(format="uuid")), "0b2f3a9c-0000-4000-8000-000000000000", "0b2f", "format"),
        (
            Scalar("str", Constraints(format="uuid")),
            "0b2f3a9c-0000-4000-8000-000000000000",
            "{0b2f3a9c00004000800000000000000}",
            "format",
        ),
        (Scalar("str", Constraints(format="date-time")), "2026-01-01T00:00:00Z", "2026-01-01", "format"),
        (Scalar("str", Constraints(format="date-time")), "2026-01-01T00:00:00+02:00", "yesterday", "format"),
        (Scalar("str", Constraints(format="date")), "2026-01-01", "2026-13-01", "format"),
        (Scalar("str", Constraints(format="email")), "a@b.example", "a", "format"),
        (Scalar("str", Constraints(format="made-up")), "anything", 1, "type"),
        (Scalar("int", Constraints(minimum=1)), 1, 0, "minimum"),
        (Scalar("float", Constraints(maximum=1.5)), 1.5, 1.6, "maximum"),
        (Fixed({"a": Field("a", TEXT, True)}), {"a": "x"}, {}, "required"),
        (Fixed({"a": Field("a", TEXT, False)}), {}, {"b": 1}, "additionalProperties"),
        (Fixed({}), {}, [], "type"),
    ],
)
def test_constraints(shape: Shape, right: Any, wrong: Any, rule: str) -> None:
    assert problems(shape, right) == []
    assert [found for _, found in problems(shape, wrong)] == ([rule] if rule else [])


def test_issues_name_their_path() -> None:
    shape = Fixed({"a": Field("a", Many(FreeObject(WHOLE)), True)})
    assert problems(shape, {"a": [{}, {"key": "x"}]}) == [("a[1].key", "type")]


def test_of_several_variants_the_closest_one_reports() -> None:
    near = Fixed({"kind": Field("kind", Words(("a",)), True), "size": Field("size", WHOLE, True)})
    far = Fixed({"other": Field("other", TEXT, True)})
    assert problems(Choice((far, near)), {"kind": "a", "size": "x"}) == [("size", "type")]


def test_type_expressions_become_shapes() -> None:
    assert SHAPES.expression("str") == TEXT
    assert SHAPES.expression("list[int]") == Many(WHOLE)
    assert SHAPES.expression("dict[str, float]") == FreeObject(NUMBER)
    assert SHAPES.expression("datetime | None") == Choice((Scalar("str", Constraints(format="date-time")), NULL))
    assert SHAPES.of(Literal["a"] | str) == Words(("a",))
    assert SHAPES.of(complex) == Scalar("any")
    assert SHAPES.of([]) == Scalar("any")
    assert SHAPES.expression("project.Project") is SHAPES.expression("project.Project")
    assert words_of(Choice((Words(("a",)), NULL))) == ("a",)


def parameter(type: str, **facts: Any) -> Parameter:
    return Parameter(name="n", wire="n", where="query", type=type, **facts)


def test_parameters_carry_their_constraints() -> None:
    assert SHAPES.parameter(parameter("int", minimum=1)) == Scalar("int", Constraints(minimum=1))
    assert SHAPES.parameter(parameter("str", enum=("a", "b"))) == Words(("a", "b"))
    assert SHAPES.parameter(parameter("str", nullable=True)) == Choice((TEXT, NULL))
    assert SHAPES.parameter(parameter("str | None", nullable=True)) == Choice((TEXT, NULL))
    listed = SHAPES.parameter(parameter("list[str]", max_length=3, format="uuid"))
    assert listed == Many(Scalar("str", Constraints(format="uuid")), Constraints(max_length=3))
    both = SHAPES.parameter(parameter("int | str", maximum=3))
    assert both == Choice((Scalar("int", Constraints(maximum=3)), Scalar("str", Constraints(maximum=3))))


def route(*parameters: Parameter, body: Body | None = None) -> Route:
    return Route(
        Operation(
            operation_id=f"test {parameters} {body}",
            method="POST",
            path="/",
            group="g",
            name="n",
            tag="T",
            parameters=parameters,
            body=body,
        )
    )


def query(text: str, *parameters: Parameter, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    return Checker(SHAPES).parameters(route(*parameters), {}, text, headers or {})


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        ("int", "n=5", 5),
        ("float", "n=5.5", 5.5),
        ("bool", "n=true", True),
        ("bool", "n=0", False),
        ("str", "n=a%20b", "a b"),
        ("list[int]", "n=1&n=2", [1, 2]),
        ("list[int]", "n=1,2", [1, 2]),
        ("list[str]", "n[]=a&n[]=b", ["a", "b"]),
        ("int | str", "n=7", 7),
        ("int | str", "n=x", "x"),
        ("dict[str, int]", "n=%7B%22a%22%3A1%7D", {"a": 1}),
        ("str", "n=a&n=b", "b"),
    ],
)
def test_queries_are_converted(type: str, text: str, value: Any) -> None:
    assert query(text, parameter(type)) == {"n": value}


@pytest.mark.parametrize(
    ("type", "text"),
    [("int", "n=1.5"), ("float", "n=nan"), ("bool", "n=maybe"), ("dict[str, int]", "n=x"), ("str", "m=1")],
)
def test_queries_that_cannot_be_converted_are_refused(type: str, text: str) -> None:
    with pytest.raises(Fail) as caught:
        query(text, parameter(type))
    assert (caught.value.status, len(caught.value.issues)) == (400, 1)
    assert Checker(SHAPES).parameters(route(parameter(type)), {}, text, {}, strict=False) == {}


def test_query_keywords_may_be_numbers() -> None:
    assert query("n=2", parameter("int", enum=(1, 2))) == {"n": 2}


def test_headers_and_paths_are_checked() -> None:
    needed = Parameter(name="token", wire="Token", where="header", type="str", required=True, format="uuid")
    for headers in ({}, {"token": "x"}):
        with pytest.raises(Fail):
            query("", needed, headers=headers)
    in_path = Parameter(name="n", wire="n", where="path", type="str", format="uuid", required=True)
    with pytest.raises(Fail):
        Checker(SHAPES).parameters(route(in_path), {"n": "x"}, "", {})


def test_bodies_are_read_by_their_content_type() -> None:
    checker = Checker(SHAPES)
    form = Body(content_type="application/x-www-form-urlencoded", type="Any", required=True)
    assert checker.body(route(body=form), b"a=1&b=", "") == {"a": "1", "b": ""}
    raw = Body(content_type="application/octet-stream", type="bytes")
    assert checker.body(route(body=raw), b"\x00", "") == b"\x00"
    assert checker.body(route(body=raw), b"", "") is UNSET
    assert checker.body(route(), b"ignored", "") is UNSET
    with pytest.raises(Fail):
        checker.body(route(body=form), b"", "")
    assert checker.body(route(body=form), b"", "", strict=False) is UNSET
    files = Body(
        content_type="multipart/form-data", type="Any", flat=True, properties=(parameter("Upload", required=True),)
    )
    content_type, data = multipart({"n": b"\x00\xff"})
    value = checker.body(route(body=files), data, content_type)
    assert value["n"] == UploadedPart(b"\x00\xff", "a.bin", "application/octet-stream")
    for wrong in ("text/plain", "multipart/form-data", "multipart/form-data; boundary=other"):
        with pytest.raises(Fail):
            checker.body(route(body=files), data, wrong)


def test_generated_values_are_stable_and_differ_by_seed_and_key() -> None:
    first, same, other = Generator(SHAPES, 1, EPOCH), Generator(Shapes(), 1, EPOCH), Generator(SHAPES, 2, EPOCH)
    assert first.value("project.Project", "a") == same.value("project.Project", "a")
    assert first.value("project.Project", "a") != first.value("project.Project", "b")
    assert first.value("project.Project", "a") != other.value("project.Project", "a")


def test_known_properties_are_echoed_where_the_type_has_them() -> None:
    made = Generator(SHAPES, 1, EPOCH).value("project.Project", "a", known={"id": "me"}, description="mine", nonsense=1)
    assert (made["id"], made["description"], "nonsense" in made) == ("me", "mine", False)
    assert isinstance(Generator(SHAPES, 1, EPOCH).value("str", known={"id": 1}), str)


@pytest.mark.parametrize(
    "limits",
    [
        Constraints(min_length=40),
        Constraints(max_length=3),
        Constraints(pattern="^[A-Z]{2}$"),
        Constraints(pattern="^nothing-fits-this-[0-9]+$", max_length=5),
        *(
            Constraints(format=f)
            for f in (
                "uuid",
                "date-time",
                "date",
                "email",
                "uri",
                "hostname",
                "ipv4",
                "ipv6",
                "byte",
                "made-up",
                "naked-domain",
            )
        ),
    ],
)
def test_generated_texts_satisfy_their_constraints(limits: Constraints) -> None:
    made = Generator(SHAPES, 3, EPOCH).make(Scalar("str", limits), "x")
    fits = limits.pattern is None or "nothing" not in limits.pattern
    assert (problems(Scalar("str", limits), made) == []) is fits


def test_generated_numbers_satisfy_their_constraints() -> None:
    generator = Generator(SHAPES, 3, EPOCH)
    for limits in (
        Constraints(minimum=5, maximum=6),
        Constraints(maximum=-3),
        Constraints(minimum=10),
        Constraints(minimum=0, maximum=1e30),
    ):
        for number in range(20):
            for shape in (Scalar("int", limits), Scalar("float", limits)):
                assert problems(shape, generator.make(shape, str(number))) == []


def test_lists_satisfy_their_lengths_and_bytes_are_text() -> None:
    generator = Generator(SHAPES, 3, EPOCH)
    shape = Many(Words(("a",)), Constraints(min_length=2, max_length=2))
    assert generator.make(shape, "x") == ["a", "a"]
    assert isinstance(generator.make(Scalar("bytes"), "x"), str)


@pytest.mark.parametrize(
    "model", ["backup.ProjectBackupPath", "project.FilesystemDirectoryListing", "storagespace.Statistics"]
)
def test_recursive_models_terminate(model: str) -> None:
    generator = Generator(SHAPES, 0, EPOCH)
    for number in range(20):
        made = generator.value(model, number)
        assert problems(SHAPES.expression(model), made) == []


def test_excessively_nested_bodies_are_refused() -> None:
    shape: Shape = TEXT
    value: Any = "x"
    for _ in range(700):
        shape, value = Many(shape), [value]

    class Deep(Checker):
        def body_shape(self, route: Route) -> Shape | None:
            return shape

    with pytest.raises(Fail) as caught:
        Deep(SHAPES).body(route(body=Body(content_type="application/json", type="Any")), msgspec.json.encode(value), "")
    assert caught.value.issues[0].type in ("depth", "json")
