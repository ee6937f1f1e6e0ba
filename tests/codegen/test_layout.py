"""Generated code matches the project's formatter."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mittwald_async.codegen.__main__ import PACKAGE
from mittwald_async.codegen.config import Config
from mittwald_async.codegen.layout import WIDTH, Bracket, assigned, call, flat, lay, literal, named, quoted, union
from mittwald_async.codegen.location import place_of

from ..support.openapi_documents import INT, TEXT, Json, body, compiled, document, obj, ok, operation, parameter, ref

RUFF = shutil.which("ruff") or shutil.which("ruff", path=str(Path(sys.executable).parent))

LONG = "x" * 70
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ITEMS = ["a" * 30, "b" * 30, "c" * 30]


def test_short_code_stays_on_one_line() -> None:
    assert lay(call("f", "a", named("b", literal((1,))))) == "f(a, b=(1,))"
    assert lay(Bracket("", [], brackets="{}"), before="x = ") == "x = {}"


def test_long_code_has_one_element_per_line() -> None:
    assert (
        lay(call("f", *ITEMS, *ITEMS), 1, before="x = ")
        == "    x = f(\n" + "".join(f"        {item},\n" for item in ITEMS * 2) + "    )"
    )


def test_long_left_sides_are_broken_first() -> None:
    value = call("Operation", "a=1")
    assert assigned("X", Bracket("O", ["int"], brackets="[]"), value) == "X: O[int] = Operation(a=1)"
    assert assigned("X" * 40, Bracket("Operation", [LONG], brackets="[]"), value).startswith(
        f"{'X' * 40}: Operation[\n    {LONG}\n] = "
    )
    name = "X" * 20
    assert assigned(name, Bracket("O", [LONG + "y" * 16], brackets="[]"), value).splitlines() == [
        f"{name}: O[{LONG}{'y' * 16}] = (",
        "    Operation(a=1)",
        ")",
    ]


def test_unions_break_at_their_bars() -> None:
    assert union("X = ", ["A", "B"]) == "X = A | B"
    assert union("X = ", [LONG]) == f"X = {LONG}"
    assert union("X" * 60 + " = ", ["A" * 30, "B" * 40]) == f"{'X' * 60} = (\n    {'A' * 30} | {'B' * 40}\n)"
    assert union("X = ", [LONG, LONG], 1) == f"    X = (\n        {LONG}\n        | {LONG}\n    )"
    assert lay(f"name: a[{LONG} | b] | {LONG} | None = None", 2, after=",") == (
        f"        name: a[{LONG} | b]\n        | {LONG}\n        | None = None,"
    )


@PATIENT
@given(st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False))
def test_literals_evaluate_to_their_values(value: object) -> None:
    assert ast.literal_eval(quoted(value)) == value


@PATIENT
@given(
    st.recursive(
        st.text(max_size=9) | st.integers(), lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=9
    )
)
def test_wrapped_literals_evaluate_to_their_values(value: object) -> None:
    node = literal(value)
    text = lay(node, before="x = ")
    assert ast.literal_eval(text.removeprefix("x = ")) == value
    assert ast.literal_eval(flat(node)) == value
    assert max(map(len, text.splitlines())) <= WIDTH or len(flat(node)) > WIDTH - 4 or "\n" not in text


@pytest.mark.parametrize(
    ("schema", "pointer", "sentence"),
    [
        ("a.X", "#/components/schemas/a.X", "Schema `a.X`."),
        (None, "#/components/schemas/a.X/properties/b~1c/items/properties/d", "In schema `a.X`: `b/c[].d`."),
        (None, "#/components/schemas/a.X/additionalProperties/oneOf/1", "In schema `a.X`: `*.variant 2`."),
        (None, "#/components/schemas/a.X/items", "In schema `a.X`: `[]`."),
        (None, "#/paths/~1x/get/responses/200/content/a~1b/schema/items", "In `GET /x`: result 200, `[]`."),
        (None, "#/paths/~1x/put/requestBody/content/a~1b/schema/anyOf/0", "In `PUT /x`: body, `variant 1`."),
        (None, "#/paths/~1x/get/parameters/0/schema", "In `GET /x`: parameter."),
        (None, "#/paths/~1x/parameters/0", "At `#/paths/~1x/parameters/0`."),
        (None, "#/other/x", "At `#/other/x`."),
    ],
)
def test_docstrings_name_the_source_of_an_object(schema: str | None, pointer: str, sentence: str) -> None:
    assert place_of(schema, pointer) == sentence


@pytest.mark.skipif(RUFF is None, reason="ruff is not installed: the layout of generated files is not compared with it")
def test_the_formatter_changes_nothing(tmp_path: Path) -> None:
    """A made-up document with names and values of every critical length."""
    enum: Json = {"type": "string", "enum": [f"value-{number}" for number in range(30)]}
    schemas: Json = {
        "a.Enum": enum,
        "a.Literal": {"type": "integer", "enum": list(range(60))},
        "list.Str": obj(list={"type": "array", "items": TEXT}),
    }
    paths: Json = {}
    for length in range(1, 60, 5):
        name = "n" * length
        schemas[f"a.M{name}"] = obj(
            [name],
            **{
                name: TEXT,
                f"{name}X": {**TEXT, "nullable": True},
                "Date": {"type": "string", "format": "date"},
                "date": enum,
            },
        )
        schemas[f"a.U{name}"] = {"oneOf": [ref(f"a.M{name}"), obj(["text"], text=INT), TEXT]}
        schemas[f"b.L{name}"] = {"type": "array", "items": ref(f"a.M{name}")}
        paths[f"/{name}"] = {
            "put": operation(f"shop-{name}", parameters=[parameter(name, schema=enum)], requestBody=body(obj(**{name: {**ref(f"a.M{name}"), "nullable": True}})), responses=ok(ref(f"a.M{name}"))),
            "get": operation(f"shop-list-{name}", deprecated=True, responses=ok({"type": "array", "items": ref(f"a.U{name}")})),
            "post": operation(f"shop-send-{name}", requestBody=body(ref(f"a.U{name}")), responses={**ok(ref(f"a.M{name}")), "202": ok(INT)["200"]}),
            "delete": {"responses": {"308": {}}},
        }  # fmt: skip
    package = tmp_path / "made"
    for path, text in compiled(document(schemas, paths), Config()).files.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text(text, encoding="utf-8")
    settings = str(PACKAGE.parent / "pyproject.toml")
    for arguments in (["format", "--diff"], ["check", "--no-cache", "--ignore", "TID252"]):
        command = [str(RUFF), *arguments, "--config", settings, str(package)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
