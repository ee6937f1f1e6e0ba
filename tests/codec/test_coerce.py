"""How a single deviating value is coerced: every type, with the exact words of the note."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any, Literal

import msgspec
import pytest

from mittwald_async.errors import DriftWarning
from mittwald_async.runtime.codec.tolerant import coerce, render
from mittwald_async.runtime.structs import Date, DateTime, UnsetType

from ..support import sample_models as m
from ..support.decoding import decode
from ..support.json_samples import same


class Thing(msgspec.Struct, frozen=True):
    name: str


def noted(expected: Any, value: Any) -> tuple[Any, list[str]]:
    made, notes = coerce(expected, value)
    return made, [f"{render(path)}: {problem}" for path, problem in notes]


@pytest.mark.parametrize(
    ("expected", "value", "words"),
    [
        (str, 1, "string, got number"),
        (bool, 1, "boolean, got number"),
        (int, "1", "integer, got string"),
        (int, 2.5, "integer, got number"),
        (int, True, "integer, got boolean"),
        (float, "2.5", "number, got string"),
        (float, False, "number, got boolean"),
        (type(None), [], "null, got array"),
        (list[int], {}, "array, got object"),
        (dict[str, int], [], "object, got array"),
        (Thing, "x", "object, got string"),
        (DateTime, 5, "date-time, got number"),
        (DateTime, "soon", "date-time, got string"),
        (Date, "soon", "date, got string"),
        (Literal["a", 2], "b", "one of 'a', 2, got string"),
        (int | str, [], "integer or string, got array"),
        (int | float, "5", "integer or number, got string"),
        (dict[str, int] | int, "x", "integer or object, got string"),
        (list[int] | None, "x", "array or null, got string"),
        (Thing | int, "x", "Thing or integer, got string"),
        (DateTime | None, "soon", "date-time or null, got string"),
        (Date | None, "soon", "date or null, got string"),
        (Literal["a"] | None, "b", "null or one of 'a', got string"),
        (int | UnsetType, "x", "integer, got string"),
    ],
    ids=str,
)
def test_a_deviating_value_is_kept_and_noted(expected: Any, value: Any, words: str) -> None:
    made, notes = noted(expected, value)
    assert same(made, value)
    assert notes == [f"$: expected {words}"]


@pytest.mark.parametrize(
    ("expected", "value", "made"),
    [
        (str, "x", "x"),
        (bool, True, True),
        (int, 5, 5),
        (int, 5.0, 5),
        (float, 5, 5.0),
        (float, 5.5, 5.5),
        (int | float, 5.0, 5.0),
        (int | float, 5, 5),
        (int | str, 5.0, 5),
        (float | str, "x", "x"),
        (type(None), None, None),
        (Date, "2026-01-02", date(2026, 1, 2)),
        (DateTime, "2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, timezone.utc)),  # noqa: UP017
        (list[int], [1, 2.0], [1, 2]),
        (dict[str, int], {"a": 1.0}, {"a": 1}),
        (Literal["a", 2], 2, 2),
    ],
    ids=str,
)
def test_a_fitting_value_has_its_type_and_no_note(expected: Any, value: Any, made: Any) -> None:
    found, notes = noted(expected, value)
    assert same(found, made)
    assert type(found) is type(made)
    assert notes == []


def test_a_time_without_a_zone_stays_text_with_its_reason_in_unions_too() -> None:
    for expected in (DateTime, DateTime | None, DateTime | int):
        assert noted(expected, "2026-01-02T03:04:05") == ("2026-01-02T03:04:05", ["$: date-time without time zone"])


def test_a_union_keeps_the_closest_variant() -> None:
    made, notes = noted(Thing | int | None, {"name": 5})
    assert (type(made), notes) == (Thing, ["$.name: expected string, got number"])
    made, notes = noted(list[int] | dict[str, int], {"a": 1, "b c": "x"})
    assert (made, notes) == ({"a": 1, "b c": "x"}, ["$['b c']: expected integer, got string"])


def test_of_two_fitting_variants_the_one_that_keeps_more_is_chosen() -> None:
    for value, kept in (({"box": {"name": "n", "wide": 1}}, m.BoxTwo), ({"box": {"name": "n"}}, m.BoxOne)):
        made, notes = noted(m._Box, value)  # pyright: ignore[reportPrivateUsage] - what fields of the models are typed with
        assert (type(made), notes) == (kept, [])


def test_the_first_flaw_of_the_intended_variant_is_noted() -> None:
    value = {"entries": 5, "ttl": {"auto": "x"}}
    made, notes = noted(m._Record, value)  # pyright: ignore[reportPrivateUsage] - what fields of the models are typed with
    assert codec_value(made) == value
    assert notes == ["$.entries: expected array, got number"]


def codec_value(made: Any) -> Any:
    return made.value if hasattr(made, "value") else msgspec.to_builtins(made)


def test_a_deviation_reported_before_does_not_hide_the_next() -> None:
    value = {"id": 5, "createdAt": "2026-01-02T03:04:05Z", "status": "ready"}
    with pytest.warns(DriftWarning, match=r"\$\.id"):
        decode("made_up.Site", value)
    with pytest.warns(DriftWarning) as caught:
        decode("made_up.Site", {**value, "note": 5})
    assert [str(warning.message).split(": ")[1] for warning in caught] == ["$.note"]
