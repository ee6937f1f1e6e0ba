"""Unions without a discriminator: every value becomes the right variant, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mittwald_async import codec
from mittwald_async.errors import ConfigurationError, DriftWarning, ResponseDecodeError
from mittwald_async.runtime._accel import compiled_unions
from mittwald_async.runtime.operation import Result
from mittwald_async.runtime.schema import unions
from mittwald_async.runtime.schema.unions import compile_test
from mittwald_async.runtime.structs import Unknown

from ..support import sample_models as m
from ..support.decoding import again, decode, operation


@pytest.mark.parametrize(
    ("expression", "value", "variant"),
    [
        ("made_up.Ttl", {"auto": True}, m.Auto),
        ("made_up.Ttl", {"seconds": 5}, m.Seconds),
        ("made_up.Record", {}, m.Unset),
        ("made_up.Record", {"entries": ["a"], "ttl": {"auto": True}}, m.Mail),
        ("made_up.Record", {"managed": True, "seconds": 3}, m.Managed),
        ("made_up.Event", {"type": "MESSAGE", "text": "hi", "at": "2026-01-02T03:04:05Z"}, m.Message),
        ("made_up.Event", {"type": "UPDATE", "reason": "created", "who": {"id": "u"}}, m.Changed),
        ("made_up.Event", {"type": "UPDATE", "reason": "else"}, m.Other),
        ("made_up.Spec", {"machine": "big"}, m.Machine),
        ("made_up.Spec", {"ram": 2}, m.Lower),
        ("made_up.Spec", {}, m.Lower),
        ("made_up.Mixed", {"id": "o"}, m.Owner),
        ("made_up.Mixed", [{"id": "o"}], list),
        ("made_up.Mixed", "o", str),
        ("made_up.Graded", {"level": 1}, m.Level),
        ("made_up.Graded", {"level": True}, m.Flag),
        ("made_up.Boxed", [{"seconds": 1}], list),
        ("made_up.Tree", {"left": {"leaf": 1}, "more": [{"leaf": 2}], "named": {"a": {"leaf": 3}}}, m.Branch),
        ("made_up.Tree", {"left": {"left": {"leaf": 1}, "folder": {"name": "n", "tree": {"leaf": 4}}}}, m.Branch),
        ("made_up.Tree", {"hub": {"name": "a", "next": {"name": "b", "tree": {"leaf": 1}}}}, m.Hub),
        ("made_up.Couple", {"first": {"first": {"leaf": 1}, "second": {"leaf": 2}}}, m.Pair),
        ("made_up.Ttl | made_up.Owner", {"id": "o"}, m.Owner),
        ("made_up.Ttl | made_up.Owner", {"seconds": 1}, m.Seconds),
        ("made_up.Wide", {"kind": "also first", "ttl": {"auto": False}}, m.Kind),
        ("made_up.Wide", {"kind": "moment", "on": True}, m.Switched),
        ("made_up.Wide", {"kind": "of tomorrow", "rest": 1}, m.Rest),
        ("made_up.Inside", {"hub": {"name": "n"}}, m.Hub),
        ("made_up.Inside", {"left": {"leaf": 1}, "more": [{"leaf": 1}]}, m.Branch),
    ],
)
@pytest.mark.filterwarnings("error")
def test_each_variant_is_recognised_and_round_trips(expression: str, value: Any, variant: type) -> None:
    assert type(decode(expression, value, strict=True)) is variant
    assert again(expression, value, strict=True) == value
    assert type(decode(f"list[{expression}]", [value, value], strict=True)[1]) is variant


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("made_up.Ttl", {"weeks": 2}),
        ("made_up.Ttl", "auto"),
        ("made_up.Ttl", None),
        ("made_up.Ttl", [1, {"a": None}]),
        ("made_up.Record", {"alias": {"of": "x", "parts": [1, 2.5, None]}}),
        ("made_up.Event", {"type": "POLL", "question": "?"}),
        ("made_up.Event", {"type": {"not": "hashable"}}),
        ("made_up.Event", 7),
        ("made_up.Mixed", 7),
        ("made_up.Graded", {"level": 3}),
        ("made_up.Spec", True),
        ("made_up.Wide", {"kind": "of tomorrow"}),
        ("made_up.Wide", {"kind": ["no", "constant"]}),
        ("made_up.Wide", "kind"),
        ("made_up.Wide", {"kind": "moment", "weeks": 1}),
        ("made_up.Inside", {"more": []}),
        ("made_up.Inside", {"hub": 1}),
        ("made_up.Inside", []),
    ],
)
def test_an_unclaimed_value_is_unknown_and_keeps_its_json_even_when_strict(expression: str, value: Any) -> None:
    assert decode(expression, value, strict=True) == Unknown(value)
    assert again(expression, value) == value
    assert decode(f"list[{expression}]", [value], strict=True) == [Unknown(value)]
    assert codec.convert(expression, value, strict=True) == Unknown(value)


def test_a_union_nested_in_a_variant_nested_in_a_struct() -> None:
    zone: Any = {"id": "z", "record": {"entries": [], "ttl": {"seconds": 60}}, "spec": {"machine": "m"}}
    assert decode("made_up.Zone", zone) == m.Zone(
        id="z", record=m.Mail(entries=[], ttl=m.Seconds(seconds=60)), spec=m.Machine(machine="m")
    )
    assert again("list[made_up.Zone]", [zone, zone]) == [zone, zone]


def test_a_variant_recognised_by_its_constant_is_kept_with_its_deviation() -> None:
    with pytest.warns(DriftWarning, match=r"\$\.at: expected date-time, got number"):
        message = decode("made_up.Event", {"type": "MESSAGE", "text": "hi", "at": 5})
    assert type(message) is m.Message
    assert message.at == 5
    with pytest.raises(ResponseDecodeError) as caught:
        decode("list[made_up.Event]", [{"type": "MESSAGE", "text": "hi", "at": 5}], strict=True)
    assert caught.value.json_path == "$[0].at"


def test_a_value_that_only_has_a_variants_keys_is_kept_whole() -> None:
    odd = {"seconds": "many", "jitter": 3}
    with pytest.warns(DriftWarning, match=r"\$\.seconds: expected integer, got string"):
        assert decode("made_up.Ttl", odd) == Unknown(odd)
    with pytest.raises(ResponseDecodeError) as caught:
        decode("made_up.Zone", {"id": "z", "record": {}, "ttl": odd}, strict=True)
    assert caught.value.json_path == "$.ttl.seconds"


def test_a_variant_that_fails_to_convert_falls_through_to_the_next() -> None:
    # Without a key of the first variant: no other variant claims `entries` alone, so all of it is kept.
    assert decode("made_up.Record", {"entries": []}) == Unknown({"entries": []})
    assert decode("made_up.Update", {"type": "UPDATE", "reason": "created"}) == m.Other(type="UPDATE", reason="created")


def test_no_later_variant_wins_by_ignoring_the_keys_that_identified_an_earlier_one() -> None:
    odd = {"auto": "yes", "seconds": 3}
    with pytest.warns(DriftWarning, match=r"\$\.auto: expected boolean, got string"):
        assert decode("made_up.Ttl", odd) == Unknown(odd)
    with pytest.raises(ResponseDecodeError, match="expected boolean"):
        decode("made_up.Ttl", odd, strict=True)
    with pytest.raises(ResponseDecodeError, match="expected boolean"):
        codec.convert("made_up.Ttl", odd, strict=True)
    named = {"type": "UPDATE", "reason": "created", "who": {"id": 5}}
    with pytest.warns(DriftWarning, match=r"\$\.who\.id: expected string, got number"):
        assert again("made_up.Update", named) == named


def test_different_success_types_are_chosen_by_status() -> None:
    both = operation(
        Result(status=200, type="made_up.Auto", content_type="application/json"),
        Result(status=202, type="made_up.Seconds", content_type="application/json"),
        Result(status=204, type="None"),
    )
    assert codec.decode(both, 200, "application/json", b'{"auto":true,"seconds":1}') == m.Auto(auto=True)
    assert codec.decode(both, 202, "application/json", b'{"auto":true,"seconds":1}') == m.Seconds(seconds=1)
    assert codec.decode(both, 204, None, b"") is None
    assert codec.decode(both, 201, "application/json", b'{"auto":true}') == m.Auto(auto=True)
    assert codec.decode(both, 205, None, b"") is None


def test_a_union_without_a_plan_tries_the_most_demanding_variant_first() -> None:
    expression = "list[made_up.Other | made_up.Changed | made_up.Unset | None]"
    values = [{"type": "UPDATE", "reason": "created", "who": {"id": "u"}}, {"type": "UPDATE", "reason": "x"}, {}, None]
    kinds: list[Any] = [type(value) for value in decode(expression, values)]
    assert kinds == [m.Changed, m.Other, m.Unset, type(None)]
    assert json.loads(codec.encode(decode(expression, values))) == values


def test_an_unknown_test_in_a_plan_is_an_error() -> None:
    with pytest.raises(ValueError, match="is not a test of a union plan"):
        compile_test(("guess", ("a",)))
    with pytest.raises(ValueError, match="is not a test of a union plan"):
        compile_test(("kind", "date"))


def test_an_undecodable_type_is_an_error() -> None:
    for hook in (unions.hook, compiled_unions.owning_hook):
        with pytest.raises(ConfigurationError, match="not a type that JSON can become"):
            hook(complex, 1)


def test_recursive_unions_are_bounded_by_depth_only() -> None:
    tree: Any = {"leaf": 1}
    for _ in range(50):
        tree = {"left": tree, "more": [{"leaf": 0}]}
    assert again("made_up.Tree", tree, strict=True) == tree
    deep = b'{"left":' * 20_000 + b"{}" + b"}" * 20_000
    with pytest.raises(ResponseDecodeError, match="nested too deeply"):
        codec.loads("made_up.Tree", deep)


def test_equal_unknown_values_have_the_same_hash() -> None:
    one, other = Unknown({"a": 1, "b": [{"c": 2}]}), Unknown({"b": [{"c": 2.0}], "a": 1})
    assert one == other
    assert len({one, other, Unknown({"a": 1}), Unknown([1])}) == 3


def test_unknown_values_compare_as_json() -> None:
    assert Unknown({"a": [True, None]}) == Unknown({"a": [True, None]})
    for one, other in (
        (True, 1),
        ({"a": [0]}, {"a": [False]}),
        ([1], [1, 2]),
        ({"a": 1}, {"b": 1}),
        ({"a": None}, {}),
        ("1", 1),
        ([], {}),
    ):
        assert Unknown(one) != Unknown(other)
        assert Unknown([other]) != Unknown([one])
    assert Unknown(1) != 1
