"""For any input the codec returns a value or raises `ResponseDecodeError`, and nothing else."""

from __future__ import annotations

import contextlib
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mittwald_async import codec
from mittwald_async.errors import DriftWarning, ResponseDecodeError

from ..support.decoding import operation
from ..support.json_samples import Maker, same

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
    "list[made_up.AnyPreview]",
    "made_up.Owner | made_up.Auto",
    "int | float",
    "datetime",
)
CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


def json_with(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Any JSON whose objects have the given keys."""
    return st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


JSON = json_with(st.sampled_from(["id", "type", "record", "ttl", "auto", "entries"]) | st.text(max_size=4))
STRANGE = json_with(st.text(max_size=4).map(lambda text: "?" + text))
"""With properties that no struct has; these may be lost."""
QUIET = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def survive(expression: str, body: bytes) -> None:
    """Decode tolerantly and strictly. A decoded value must encode again."""
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


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every position in JSON: the object or array, and the key or index."""
    places: list[tuple[Any, Any]] = []
    waiting: list[Any] = [value]
    while waiting:
        part = waiting.pop()
        for key in _keys(part):
            places.append((part, key))
            waiting.append(part[key])
    return places


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_bodies_that_once_caused_failures(path: Path) -> None:
    for expression in EXPRESSIONS:
        survive(expression, path.read_bytes())


@given(st.sampled_from(EXPRESSIONS), st.binary(max_size=60))
@example("made_up.Zone", b"\xef\xbb\xbf{}")
@QUIET
def test_arbitrary_bytes(expression: str, body: bytes) -> None:
    survive(expression, body)


CHARSETS = (
    "utf-8",
    "latin-1",
    "utf-16",
    "idna",
    "punycode",
    "undefined",
    "hex",
    "rot13",
    "unicode_escape",
    "utf-7",
    "\0",
)


@given(
    st.sampled_from([*EXPRESSIONS, "str", "bytes", "None", "Any"]),
    st.none() | st.text(max_size=30) | st.sampled_from(CHARSETS).map(lambda name: f"text/plain; charset={name}"),
    st.binary(max_size=60) | st.sampled_from([b"\\d\\x", b"xn--\xff", b"+AAA-"]),
    st.sampled_from([200, 201, 204, 299]),
)
@QUIET
def test_arbitrary_content_types(expression: str, content_type: str | None, body: bytes, status: int) -> None:
    for strict in (False, True):
        with warnings.catch_warnings(), contextlib.suppress(ResponseDecodeError):
            warnings.simplefilter("ignore", DriftWarning)
            codec.decode(operation(expression), status, content_type, body, strict=strict)


@given(st.sampled_from(EXPRESSIONS), JSON)
@QUIET
def test_arbitrary_json(expression: str, value: Any) -> None:
    survive(expression, json.dumps(value).encode())


@given(st.data())
@QUIET
def test_fitting_json_with_one_value_replaced(data: st.DataObject) -> None:
    expression = data.draw(st.sampled_from(EXPRESSIONS))
    value = Maker(lambda n: data.draw(st.integers(0, n - 1))).make(codec.resolve(expression))
    places = _places(value)
    if places:
        owner, key = data.draw(st.sampled_from(places))
        owner[key] = data.draw(JSON)
    survive(expression, json.dumps(value).encode())


def assert_nothing_lost(came: Any, back: Any) -> None:
    """Everything received is present, except `null` of optional properties, unknown properties, and notation."""
    if came.__class__ is dict and back.__class__ is dict:
        assert back.keys() <= came.keys()
        for key, part in came.items():
            if key in back:
                assert_nothing_lost(part, back[key])
            else:
                assert part is None or key.startswith("?"), f"{key}: {part!r} is lost"
    elif came.__class__ is list and back.__class__ is list:
        assert len(came) == len(back)
        for part, other in zip(came, back, strict=True):
            assert_nothing_lost(part, other)
    else:
        assert same(came, back)


@given(st.data())
@QUIET
def test_replacing_one_value_loses_nothing(data: st.DataObject) -> None:
    expression = data.draw(st.sampled_from(EXPRESSIONS))
    whole = [Maker(lambda n: data.draw(st.integers(0, n - 1))).make(codec.resolve(expression))]
    owner, key = data.draw(st.sampled_from(_places(whole)))
    owner[key] = data.draw(STRANGE)
    body = json.dumps(whole[0]).encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DriftWarning)
        value = codec.loads(expression, body)
        converted = codec.convert(expression, json.loads(body))
    assert repr(converted) == repr(value)
    assert_nothing_lost(whole[0], json.loads(codec.encode(value)))


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
