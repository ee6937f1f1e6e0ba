"""JSON → value → JSON yields the same JSON for every struct and every union of every domain."""

from __future__ import annotations

import json
from itertools import count
from types import GenericAlias
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mittwald_async import codec
from mittwald_async.runtime._accel.compiled_unions import owning_hook
from mittwald_async.runtime.schema.types import variants_of
from mittwald_async.runtime.schema.unions import hook
from mittwald_async.runtime.structs import Model, UnionStandIn

from ..support.json_samples import Maker, domains, of_kind, same

STRUCTS = [(module, cls) for module in domains() for cls in of_kind(module, Model) if cls is not Model]
UNIONS = [(module, cls) for module in domains() for cls in of_kind(module, UnionStandIn) if cls is not UnionStandIn]

_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def through(expected: Any, value: Any) -> Any:
    """Decode strictly and encode again."""
    if expected not in _decoders:
        _decoders[expected] = msgspec.json.Decoder(expected, dec_hook=owning_hook)
    return json.loads(codec.encode(_decoders[expected].decode(json.dumps(value).encode())))


def check(expected: Any, value: Any) -> None:
    back = through(expected, value)
    assert same(back, value), f"{expected}: {value!r} came back as {back!r}"


def turns() -> Maker:
    """Chooses the next alternative on each call."""
    numbers = count()
    return Maker(lambda n: next(numbers) % n, optionals=True)


@pytest.mark.parametrize("module", domains())
def test_every_struct_with_all_optionals_without_with_nulls_and_with_unknowns(module: str) -> None:
    for cls in of_kind(module, Model):
        for _ in range(3):
            check(cls, turns().make(cls))
        for maker in (
            Maker(lambda n: 0, optionals=False),
            Maker(lambda n: 0, optionals=True),
            Maker(lambda n: n - 1, optionals=True),  # `None` is last in a union: null wherever it is allowed
            Maker(lambda n: min(1, n - 1), optionals=True, unknown=True),
        ):
            check(cls, maker.make(cls))


@pytest.mark.parametrize("module", domains())
def test_every_variant_of_every_union(module: str) -> None:
    for stand_in in of_kind(module, UnionStandIn):
        for index, _variant in enumerate(variants_of(stand_in)):
            for maker in (Maker(lambda n: 0, optionals=False), Maker(lambda n: n - 1, optionals=True), turns()):
                value = maker.variant(stand_in, index)
                check(stand_in, value)
                check(GenericAlias(list, (stand_in,)), [value, value])


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_struct_with_arbitrary_values(data: st.DataObject) -> None:
    _, cls = data.draw(st.sampled_from(STRUCTS))
    maker = Maker(lambda n: data.draw(st.integers(0, n - 1)), unknown=data.draw(st.booleans()))
    check(cls, maker.make(cls))


@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_decoder_shortcuts_agree_with_the_plan(data: st.DataObject) -> None:
    _, stand_in = data.draw(st.sampled_from(UNIONS))
    value = Maker(lambda n: data.draw(st.integers(0, n - 1))).make_variant(stand_in, 0)
    swift = msgspec.json.Decoder(stand_in, dec_hook=owning_hook).decode(json.dumps(value))
    planned = msgspec.convert(value, stand_in, dec_hook=hook)
    assert swift == planned
    assert type(swift) is type(planned)
