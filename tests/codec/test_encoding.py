"""Request bodies: what is written, and what is refused instead of being misread."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, cast
from uuid import UUID

import pytest

from mittwald_async import codec
from mittwald_async.errors import InvalidArgumentError
from mittwald_async.runtime.structs import UNSET, Unknown

from . import made_up as m

WHEN = datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC)
SITE = m.Site(id="s", created_at=WHEN, status="ready")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1, "b": UNSET, "c": None}, '{"a":1,"c":null}'),
        ({"a": {"b": UNSET}, "c": [{"d": UNSET}, UNSET, 1]}, '{"a":{},"c":[{},1]}'),
        ((1, UNSET), "[1]"),
        (m.Owner(id="ü"), '{"id":"ü"}'),
        ([m.Auto(auto=True)], '[{"auto":true}]'),
        ({"at": WHEN}, '{"at":"2026-01-02T03:04:05.000600Z"}'),
        ({"at": WHEN.astimezone(timezone(timedelta(hours=2)))}, '{"at":"2026-01-02T05:04:05.000600+02:00"}'),
        ({"on": date(2026, 1, 2)}, '{"on":"2026-01-02"}'),
        (UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
        (Unknown({"x": [1, 2.5]}), '{"x":[1,2.5]}'),
        ({"n": [5, 5.5, 5.0, True, 2**64]}, '{"n":[5,5.5,5.0,true,18446744073709551616]}'),
        (SITE, '{"id":"s","createdAt":"2026-01-02T03:04:05.000600Z","status":"ready"}'),
        (m.Site(id="s", created_at=WHEN, status="x", note=None, share=5).note, "null"),
        (None, "null"),
        ("text", '"text"'),
    ],
)
def test_what_is_written(value: Any, text: str) -> None:
    assert codec.encode(value) == text.encode()


@pytest.mark.parametrize(
    ("value", "parameter"),
    [
        (datetime(2026, 1, 2), "body"),
        ({"expiresAt": datetime(2026, 1, 2)}, "expiresAt"),
        ({"list": [{"at": datetime(2026, 1, 2)}]}, "list[0].at"),
        (m.Site(id="s", created_at=datetime(2026, 1, 2), status="x"), "createdAt"),
        ({"site": m.Site(id="s", created_at=WHEN, status="x", extra=[datetime(2026, 1, 2)])}, "site.extra[0]"),
        ([m.Message(type="MESSAGE", text="", at=datetime(2026, 1, 2))], "[0].at"),
        ({"n": float("nan")}, "n"),
        ({"n": float("inf")}, "n"),
        (m.Site(id="s", created_at=WHEN, status="x", share=float("nan")), "share"),
        (Unknown({"n": float("nan")}), "n"),
        (UNSET, "body"),
        (object(), "body"),
        ({"x": object()}, "x"),
        ({"a": UNSET, "x": {1: {(1, 2): 3}}}, "x.1"),
        ([UNSET, 1, {"at": (2, 3j)}], "[2].at[1]"),
        ({"site": m.Site(id=cast("Any", object()), created_at=WHEN, status="x")}, "site.id"),
    ],
)
def test_what_is_refused(value: Any, parameter: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        codec.encode(value)
    assert caught.value.parameter == parameter


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidArgumentError, match="contains itself"):
        codec.encode({"loop": loop})


def test_the_value_given_is_not_changed() -> None:
    body = {"a": UNSET, "b": {"c": UNSET}}
    codec.encode(body)
    assert body == {"a": UNSET, "b": {"c": UNSET}}


def test_builtins_of_a_value_are_what_its_json_says() -> None:
    zone = m.Zone(id="z", record=m.Mail(entries=["a"], ttl=Unknown({"weeks": 1})), spec=m.Machine())
    assert codec.dump(zone) == json.loads(codec.encode(zone))
    assert codec.dump({"site": SITE, "none": UNSET, "all": (SITE, UNSET)})["all"] == [json.loads(codec.encode(SITE))]


def test_a_number_keeps_its_form_from_answer_to_request() -> None:
    body = b'{"id":"s","createdAt":"2026-01-02T03:04:05Z","status":"ready","share":%s}'
    for number in (b"5", b"5.5", b"5.0", b"-0.0", b"123456789012345678901234567890"):
        assert codec.encode(codec.loads("made_up.Site", body % number)) == body % number


def test_builtins_of_what_has_no_form_in_json_are_an_error_too() -> None:
    circle: list[Any] = []
    circle.append(circle)
    for value in (object(), [UNSET, object()], circle, [UNSET, circle]):
        with pytest.raises(InvalidArgumentError):
            codec.dump(value)


def test_builtins_are_had_of_values_kept_from_as_deep_as_they_can_be_read() -> None:
    deep: Any = {}
    for _ in range(400):
        deep = {"folders": [deep], "none": None}
    assert codec.dump(deep) == deep
