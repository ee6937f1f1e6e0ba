"""Whatever arrives, the codec gives a value or a `ResponseDecodeError`, and never anything else."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mittwald_async import codec
from mittwald_async.errors import DriftWarning, ResponseDecodeError

from .making import Maker
from .support import operation

EXPRESSIONS = (
    "made_up.Site",
    "list[made_up.Site]",
    "made_up.Zone",
    "list[made_up.Event]",
    "list[made_up.Record]",
    "made_up.Folder",
    "made_up.Graded",
    "made_up.Mixed | None",
    "dict[str, made_up.Ttl]",
    "made_up.Owner | made_up.Auto",
    "int | float",
    "datetime",
)
CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "type", "record", "ttl", "auto", "entries"]) | st.text(max_size=4), inner, max_size=4
        )
    ),
    max_leaves=12,
)
QUIET = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def survive(expression: str, body: bytes) -> None:
    """Decode tolerantly and strictly. What is kept encodes again."""
    for strict in (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DriftWarning)
            refused: ResponseDecodeError | None = None
            try:
                codec.dump(codec.decode(operation(expression), 200, "application/json", body, strict=strict))
            except ResponseDecodeError as error:
                refused = error
            assert refused is None or (refused.json_path.startswith("$") and refused.body == body)


def _keys(part: Any) -> list[Any]:
    if part.__class__ is dict:
        return list(part)
    return list(range(len(part))) if part.__class__ is list else []


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_bodies_that_once_were_trouble(path: Path) -> None:
    for expression in EXPRESSIONS:
        survive(expression, path.read_bytes())


@given(st.sampled_from(EXPRESSIONS), st.binary(max_size=60))
@example("made_up.Zone", b"\xef\xbb\xbf{}")
@QUIET
def test_arbitrary_bytes(expression: str, body: bytes) -> None:
    survive(expression, body)


@given(st.sampled_from(EXPRESSIONS), JSON)
@QUIET
def test_arbitrary_json(expression: str, value: Any) -> None:
    survive(expression, json.dumps(value).encode())


@given(st.data())
@QUIET
def test_fitting_json_with_one_value_replaced(data: st.DataObject) -> None:
    expression = data.draw(st.sampled_from(EXPRESSIONS))
    value = Maker(lambda n: data.draw(st.integers(0, n - 1))).make(codec.resolve(expression))
    places: list[tuple[Any, Any]] = []
    waiting: list[Any] = [value]
    while waiting:
        part = waiting.pop()
        for key in _keys(part):
            places.append((part, key))
            waiting.append(part[key])
    if places:
        owner, key = data.draw(st.sampled_from(places))
        owner[key] = data.draw(JSON)
    survive(expression, json.dumps(value).encode())


@given(st.data())
@QUIET
def test_fitting_json_with_bytes_lost_or_changed(data: st.DataObject) -> None:
    expression = data.draw(st.sampled_from(EXPRESSIONS))
    body = bytearray(
        json.dumps(Maker(lambda n: data.draw(st.integers(0, n - 1))).make(codec.resolve(expression))).encode()
    )
    start = data.draw(st.integers(0, len(body)))
    body[start : start + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=3))
    survive(expression, bytes(body))
