"""Request bodies: what is encoded, and what is refused because the server would misread it."""

from __future__ import annotations

import json
from collections import ChainMap, OrderedDict, UserDict, UserList, UserString, deque
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, cast
from uuid import UUID

import pytest

from mittwald_async import codec
from mittwald_async.errors import InvalidArgumentError
from mittwald_async.runtime.structs import UNSET, Unknown

from ..support import sample_models as m

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
def test_values_are_encoded(value: Any, text: str) -> None:
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
def test_ambiguous_values_are_refused(value: Any, parameter: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        codec.encode(value)
    assert caught.value.parameter == parameter


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidArgumentError, match="contains itself"):
        codec.encode({"loop": loop})


def test_the_given_value_is_not_changed() -> None:
    body = {"a": UNSET, "b": {"c": UNSET}}
    codec.encode(body)
    assert body == {"a": UNSET, "b": {"c": UNSET}}


def test_builtins_match_the_json() -> None:
    zone = m.Zone(id="z", record=m.Mail(entries=["a"], ttl=Unknown({"weeks": 1})), spec=m.Machine())
    assert codec.dump(zone) == json.loads(codec.encode(zone))
    assert codec.dump({"site": SITE, "none": UNSET, "all": (SITE, UNSET)})["all"] == [json.loads(codec.encode(SITE))]


def test_a_number_keeps_its_form_from_response_to_request() -> None:
    body = b'{"id":"s","createdAt":"2026-01-02T03:04:05Z","status":"ready","share":%s}'
    for number in (b"5", b"5.5", b"5.0", b"-0.0", b"123456789012345678901234567890"):
        assert codec.encode(codec.loads("made_up.Site", body % number)) == body % number


def test_builtins_of_an_unencodable_value_are_an_error() -> None:
    circle: list[Any] = []
    circle.append(circle)
    for value in (object(), [UNSET, object()], circle, [UNSET, circle]):
        with pytest.raises(InvalidArgumentError):
            codec.dump(value)


def test_builtins_work_to_the_depth_that_can_be_decoded() -> None:
    deep: Any = {}
    for _ in range(400):
        deep = {"folders": [deep], "none": None}
    assert codec.dump(deep) == deep


class Moment(datetime):
    """A subclass as in date-time libraries."""


class Day(date):
    pass


class Name(str):
    __slots__ = ()


class Count(int):
    pass


class Share(float):
    pass


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Words(StrEnum):
    YES = "yes"


SOON = Moment(2026, 1, 2, 3, 4, 5, 600, tzinfo=timezone(timedelta(hours=2)))

SITE_TEXT = '{"id":"s","createdAt":"2026-01-02T03:04:05.000600Z","status":"x"}'
SUBCLASSES: list[tuple[Any, str]] = [
    (SOON, '"2026-01-02T03:04:05.000600+02:00"'),
    (Day(2026, 1, 2), '"2026-01-02"'),
    (Name("n"), '"n"'),
    (UserString("n"), '"n"'),
    (Count(3), "3"),
    (Share(1.5), "1.5"),
    (Colour.RED, '"red"'),
    (Level.LOW, "1"),
    (Words.YES, '"yes"'),
    (MappingProxyType({"a": SOON.date()}), '{"a":"2026-01-02"}'),
    (UserDict({Name("a"): Name("b")}), '{"a":"b"}'),
    (ChainMap({"a": 1}, {"b": 2}), '{"b":2,"a":1}'),
    (OrderedDict(a=UNSET, b=1), '{"b":1}'),
    ({Name("k"): 1, Words.YES: 2}, '{"k":1,"yes":2}'),
    (deque([1, UNSET, Count(2)]), "[1,2]"),
    (UserList([Name("a")]), '["a"]'),
    (range(3), "[0,1,2]"),
    ({"a": 1}.keys(), '["a"]'),
    (frozenset({Name("a")}), '["a"]'),
    (m.Owner(id=Name("o")), '{"id":"o"}'),
    (
        m.Message(type="MESSAGE", text="", at=SOON),
        '{"type":"MESSAGE","text":"","at":"2026-01-02T03:04:05.000600+02:00"}',
    ),
]


@pytest.mark.parametrize(("value", "text"), SUBCLASSES, ids=lambda value: type(value).__name__)
def test_subclasses_mappings_and_sequences_are_encoded_by_their_base(value: Any, text: str) -> None:
    """pydantic-extra-types#169: date-times of other libraries, str enums and read-only mappings, at any position."""
    wrapped: list[tuple[Any, str]] = [
        (value, "%s"),
        ({"deep": [{"x": value}]}, '{"deep":[{"x":%s}]}'),
        (MappingProxyType({"x": (value,)}), '{"x":[%s]}'),
        (Unknown({"x": value}), '{"x":%s}'),
        (m.Site(id="s", created_at=WHEN, status="x", extra=value), SITE_TEXT.replace("}", ',"extra":%s}')),
    ]
    for whole, around in wrapped:
        assert codec.encode(whole).decode() == around % text
        assert codec.dump(whole) == json.loads(around % text)


@pytest.mark.parametrize(
    ("value", "parameter"),
    [
        ({"at": Moment(2026, 1, 2)}, "at"),
        (MappingProxyType({"a": deque([datetime(2026, 1, 2)])}), "a[0]"),
        (UserDict({"n": Share("nan")}), "n"),
        (m.Message(type="MESSAGE", text="", at=Moment(2026, 1, 2)), "at"),
        ({"a": MappingProxyType({"b": object()})}, "a.b"),
    ],
)
def test_subclasses_follow_the_same_rules(value: Any, parameter: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        codec.encode(value)
    assert caught.value.parameter == parameter
