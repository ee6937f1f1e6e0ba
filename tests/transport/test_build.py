"""How arguments are encoded, and which are refused before anything is sent."""

from __future__ import annotations

import enum
import math
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from mittwald_async import UNSET
from mittwald_async.errors import InvalidArgumentError
from mittwald_async.runtime.operation import Operation, Parameter, Result
from mittwald_async.runtime.transport.compiled_operation import CompiledOperation
from mittwald_async.runtime.transport.encoding import (
    Content,
    arguments,
    cookie_header,
    form,
    header_values,
    query_pairs,
    scalar,
    segment,
    spread,
)

OPERATION: Operation[None] = Operation(
    operation_id="thing-get",
    method="GET",
    path="/v2/things/{thingId}/parts/{partId}",
    group="thing",
    name="get",
    tag="Thing",
    parameters=(
        Parameter(name="thing_id", wire="thingId", where="path", type="str", required=True),
        Parameter(name="part_id", wire="partId", where="path", type="str", required=True),
        Parameter(name="search_term", wire="searchTerm", where="query", type="str", required=True),
        Parameter(name="if_match", wire="If-Match", where="header", type="str"),
        Parameter(name="session", wire="session", where="cookie", type="str"),
    ),
    results=(Result(status=200, type="None"),),
)


class Color(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("p-4x8k2q", "p-4x8k2q"),
        ("a/b", "a%2Fb"),
        ("a b?c#d%e", "a%20b%3Fc%23d%25e"),
        ("me@example.org", "me%40example.org"),
        ("ü", "%C3%BC"),
        ("..x", "..x"),
        (7, "7"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Color.RED, "red"),
    ],
)
def test_a_path_segment_is_encoded(value: object, sent: str) -> None:
    assert segment(value, "x") == sent


@pytest.mark.parametrize("value", ["", ".", "..", "a\0b", "\ud800", None, b"x", ["a"], object()])
def test_values_that_would_change_the_path_are_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match="project_id") as caught:
        segment(value, "project_id")
    assert caught.value.parameter == "project_id"


@given(st.text(min_size=1).filter(lambda t: t not in (".", "..") and "\0" not in t and t.isprintable()))
def test_any_text_arrives_as_one_segment(text: str) -> None:
    url = URL("http://h/v2/things/" + segment(text, "x") + "/end", encoded=True)
    assert url.raw_path.count("/") == 4
    assert url.parts[-2] == text


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (10**22, "10000000000000000000000"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (5.0, "5"),
        (-0.1, "-0.1"),
        (Decimal("1E+3"), "1000"),
        (datetime(2024, 5, 1, 10, tzinfo=UTC), "2024-05-01T10:00:00Z"),
        (datetime(2024, 5, 1, 10, tzinfo=timezone(timedelta(hours=2))), "2024-05-01T10:00:00+02:00"),
        (date(2024, 5, 1), "2024-05-01"),
        (Color.RED, "red"),
    ],
)
def test_scalars_are_written_as_in_the_document(value: object, sent: str) -> None:
    assert scalar(value, "x") == sent


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, Decimal("NaN"), datetime(2024, 5, 1), {}, b""])
def test_ambiguous_scalars_are_refused(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^x: "):
        scalar(value, "x")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_sent_without_an_exponent_and_keeps_its_value(value: float) -> None:
    text = scalar(value, "x")
    assert "e" not in text.lower()
    assert float(text) == value


def test_lists_are_repeated_and_absent_values_omitted() -> None:
    query = {"a": ["x", 2, True], "b": None, "c": UNSET, "d": "y z", "e": (), "f": {"k": 1}}
    assert query_pairs(query, {}) == [("a", "x"), ("a", "2"), ("a", "true"), ("d", "y z"), ("f", '{"k":1}')]


def test_a_target_has_its_path_and_query_encoded() -> None:
    plan = CompiledOperation(OPERATION)
    assert plan.target(("t", "p/q"), {"searchTerm": "a&b=c", "n": 5, "tags": ["x", "y"], "no": None, "none": []}) == (
        "/v2/things/t/parts/p%2Fq?searchTerm=a%26b%3Dc&n=5&tags=x&tags=y"
    )
    assert plan.target(("t", "p"), {"searchTerm": None}) == "/v2/things/t/parts/p"
    with pytest.raises(InvalidArgumentError, match="part_id"):
        plan.target(("t",), None)
    with pytest.raises(InvalidArgumentError, match="search_term"):
        plan.target(("t", "p"), {"searchTerm": "\ud800"})


def test_header_values_cannot_add_headers() -> None:
    known = {"if-match": OPERATION.parameters[3]}
    assert header_values({"If-Match": "x", "n": 5, "list": ["a", "b"], "gone": None}, known) == {
        "If-Match": "x",
        "n": "5",
        "list": "a, b",
    }
    for bad in ("a\r\nX-Evil: 1", "a\nb", "a\0b"):
        with pytest.raises(InvalidArgumentError, match="if_match"):
            header_values({"If-Match": bad}, known)
    with pytest.raises(InvalidArgumentError, match="header name"):
        header_values({"bad name": "x"}, known)


def test_cookie_values_cannot_add_cookies() -> None:
    assert cookie_header({"session": "a;b=c", "n": 1}) == "session=a%3Bb%3Dc; n=1"


def test_flat_bodies_keep_null_only_where_null_is_a_value() -> None:
    assert spread({"a": None, "b": None, "c": UNSET, "d": 0}, frozenset(("b",))) == {"b": None, "d": 0}


def test_form_bodies() -> None:
    assert form({"grant": "code x", "scopes": ["a", "b"]}) == b"grant=code+x&scopes=a&scopes=b"


def test_the_accept_header_lists_the_documented_types() -> None:
    def accept(*kinds: str | None) -> str:
        results = tuple(Result(status=200, type="Any", content_type=kind) for kind in kinds)
        return CompiledOperation(
            Operation(operation_id="x", method="GET", path="/", group="x", name="x", tag="x", results=results)
        ).accept

    assert accept("application/json", "text/csv") == "application/json"
    assert accept() == accept(None) == ""  # nothing is documented: the profile's default applies
    assert accept("text/plain") == "text/plain, application/json;q=0.9"


def test_an_unknown_argument_gets_a_suggestion() -> None:
    with pytest.raises(InvalidArgumentError, match="did you mean thingId"):
        arguments(OPERATION, {"thingID": "1", "partId": "2"}, {}, {})
    with pytest.raises(InvalidArgumentError, match="no such query parameter; did you mean searchTerm"):
        arguments(OPERATION, {"thingId": "1", "partId": "2"}, {"serchTerm": "x"}, {})
    with pytest.raises(InvalidArgumentError, match="searchTerm: thing-get needs this query parameter"):
        arguments(OPERATION, {"thingId": "1", "partId": "2"}, {}, {})
    with pytest.raises(InvalidArgumentError, match="partId: thing-get needs this path parameter"):
        arguments(OPERATION, {"thingId": "1"}, {"searchTerm": "x"}, {})
    found = arguments(OPERATION, {"partId": "2", "thingId": "1"}, {"searchTerm": "x"}, {"X-Any": "1", "IF-MATCH": "y"})
    assert found == ("1", "2")


async def test_a_stream_is_opened_when_its_first_byte_is_needed() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    content = Content("x/y", open=parts, repeatable=False)
    payload = content.payload()
    assert not content.started
    assert not isinstance(payload, bytes)
    assert [part async for part in payload] == [b"a", b"b"]
    assert content.started
    assert Content("x/y", b"z").payload() == b"z"
