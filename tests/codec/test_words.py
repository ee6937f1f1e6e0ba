"""Open enums: known words are shared, new ones pass, and the annotations stay what the model says."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from enum import EnumMeta
from threading import Barrier
from types import GenericAlias
from typing import Any, Literal, TypeAlias, get_args, get_type_hints

import msgspec
import pytest

from mittwald_async import codec
from mittwald_async.errors import DriftWarning
from mittwald_async.runtime._accel import interned_enums as words
from mittwald_async.runtime._accel.interned_enums import share_words
from mittwald_async.runtime.structs import UNSET, Model, UnsetType

from . import made_up
from .support import decode

Color: TypeAlias = Literal["red", "green"] | str


class Paint(Model, frozen=True):
    color: Color
    others: list[Color] | None = None
    by_name: dict[str, Color] | None = None
    last: Color | UnsetType | None = UNSET
    size: Literal["s", "m"] | int | str = 0
    kind: Literal["paint"] = "paint"
    weight: Literal[1, 2] | int = 1
    mixed: list[Paint] | None = None


SITE = {"id": "s", "createdAt": "2026-01-02T03:04:05Z", "status": "ready"}


def painted(cls: type[Any], *values: dict[str, Any]) -> list[Any]:
    """Decode as the codec does, with a class that is no model."""
    share_words(GenericAlias(list, (cls,)))
    made: list[Any] = msgspec.json.Decoder(GenericAlias(list, (cls,))).decode(json.dumps(values).encode())
    return made


def test_a_known_word_is_one_string_however_often_it_comes() -> None:
    one, other = decode("list[made_up.Site]", [SITE, SITE])
    assert one.status == "ready"
    assert one.status is other.status
    assert one.id is not other.id


def test_a_new_word_passes_as_a_plain_string_and_nobody_warns() -> None:
    made = decode("made_up.Site", {**SITE, "status": "grün \U0001f33f"}, strict=True)
    assert made.status == "grün \U0001f33f"
    assert type(made.status) is str


def test_words_are_shared_wherever_a_property_has_them() -> None:
    value: dict[str, Any] = {
        "color": "red",
        "others": ["red", "blue"],
        "by_name": {"wall": "red"},
        "last": "red",
        "size": "m",
        "mixed": [{"color": "red", "last": None}],
    }
    one, other = painted(Paint, value, {"color": "red", "size": 7})
    assert one.others == ["red", "blue"]
    assert one.color is other.color is one.others[0] is one.by_name["wall"] is one.last is one.mixed[0].color
    assert (one.size, other.size, other.last, one.mixed[0].last) == ("m", 7, UNSET, None)
    assert json.loads(codec.encode(one)) == value


def test_what_is_no_open_enum_of_words_is_as_strict_as_before() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"'brush' - at `\$\[0\].kind`|Invalid enum value 'brush'"):
        painted(Paint, {"color": "red", "kind": "brush"})
    assert painted(Paint, {"color": "red", "weight": 3})[0].weight == 3


def test_a_value_that_is_no_word_at_all_is_drift_as_ever() -> None:
    with pytest.warns(DriftWarning, match=r"\$.status: expected .*, got number"):
        made = decode("made_up.Site", {**SITE, "status": 5})
    assert made.status == 5


def test_whoever_reads_the_annotations_finds_the_known_words() -> None:
    painted(Paint, {"color": "red"})
    assert Paint.__annotations__["color"] == "Color"
    assert get_type_hints(Paint)["color"] == Color
    assert {field.name: field.type for field in msgspec.structs.fields(Paint)}["color"] == Color
    assert get_args(get_args(get_type_hints(made_up.Site)["status"])[0]) == ("pending", "ready")


def test_threads_that_decode_a_model_for_the_first_time_at_once_leave_it_as_it_was() -> None:
    class Fresh(Model, frozen=True):
        color: Color

    together = Barrier(4)

    def first(_: int) -> str:
        together.wait()
        made: str = painted(Fresh, {"color": "red"})[0].color
        return made

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(first, range(4))) == ["red"] * 4
    assert Fresh.__annotations__ == {"color": "Color"}


@pytest.mark.parametrize("broken", [{"_value2member_map_": 7}, {"_value2member_map_": {"known": 1}}, {}])
def test_an_msgspec_that_reads_enums_in_another_way_decodes_without_sharing(
    monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any]
) -> None:
    class Plain(Model, frozen=True):
        color: Color

    def strange(known: tuple[str, ...]) -> Any:
        return type.__new__(EnumMeta, "Words", (), dict(broken))

    words._as_meant.cache_clear()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(words, "_enum_of", strange)
    try:
        made = painted(Plain, {"color": "red"}, {"color": "blue"})
    finally:
        words._as_meant.cache_clear()  # pyright: ignore[reportPrivateUsage]
    assert [paint.color for paint in made] == ["red", "blue"]
